"""A client of a running ComfyUI: what is asked over HTTP, and what a run says over its websocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import wait
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from . import RunError

Result = TypeVar("Result")
Graph = dict[str, Any]
ANSWER_LIMIT = 60  # seconds


class UnreachableError(RunError):
    """Nobody answers, or no longer."""


class RefusedError(RunError):
    """An answer with an HTTP status that is no success; content is what it holds."""

    def __init__(self, status: int, reason: str | None, content: bytes) -> None:
        super().__init__(f"HTTP Error {status}: {reason}")
        self.content = content


class Client:
    """Asks the ComfyUI at address, such as http://127.0.0.1:8188, one thing after the other.

    Every method raises UnreachableError where nothing answers in time, and RefusedError where the answer is no success.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.client_id = uuid.uuid4().hex

    def get(self, path: str, limit: float = ANSWER_LIMIT) -> bytes:
        return self._ask("GET", path, limit)

    def get_json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def post(self, path: str, content: Any = None) -> Any:
        """Post JSON; the answer's JSON, or None where it has none."""
        text = self._ask("POST", path, ANSWER_LIMIT, json={} if content is None else content)
        return json.loads(text) if text[:1] in (b"{", b"[") else None

    def upload(self, picture: Path) -> str:
        """Put a picture into ComfyUI's input folder; the name that LoadImage knows it by."""
        form = aiohttp.FormData()
        form.add_field("image", picture.read_bytes(), filename=f"{uuid.uuid4().hex}{picture.suffix.lower()}")
        try:
            return json.loads(self._ask("POST", "/upload/image", ANSWER_LIMIT, data=form))["name"]
        except RefusedError as error:
            raise RunError(f"ComfyUI did not take the picture {picture} ({error}): is it over 100 MB?") from error

    def image(self, reference: dict[str, str]) -> bytes:
        """The file behind an entry of a history's images: {"filename", "subfolder", "type"}."""
        return self.get(f"/view?{urllib.parse.urlencode(reference)}")

    def queue(self, graph: Graph) -> str:
        """Put an API-format graph into the queue; its prompt id. Raises RunError where ComfyUI refuses any of it."""
        try:
            answer = self.post("/prompt", {"prompt": graph, "client_id": self.client_id})
        except RefusedError as refused:
            answer = json.loads(refused.content)
        errors = [
            f"{reason['message']}: {reason['details']}"
            for node in (answer.get("node_errors") or {}).values()
            for reason in node["errors"]
        ]
        if errors or "prompt_id" not in answer:
            raise RunError("; ".join(errors) or answer["error"]["message"])
        return answer["prompt_id"]

    def run(
        self, graph: Graph, progress: Callable[[str, dict[str, Any]], object] | None = None, limit: float = 600
    ) -> dict[str, Any]:
        """Run an API-format graph to its end; its history entry, with the outputs. Raises RunError with a node's error.

        progress is called with each websocket message's type and data, and may ask further things; limit is the
        longest silence in seconds.
        """
        with _Loop() as loop, loop.closing(_Messages(self.address, self.client_id, limit)) as messages:
            prompt_id = self.queue(graph)
            while (message := loop.result(messages.next())) is not None:
                kind, data = message["type"], message["data"]
                if data.get("prompt_id") != prompt_id:
                    continue
                if progress:
                    progress(kind, data)
                if kind == "execution_error":
                    raise RunError(data["exception_message"].strip())
                if kind == "execution_interrupted":
                    raise RunError("The run was interrupted.")
                # Only now is the history complete.
                if kind == "executing" and data["node"] is None:
                    return self.get_json(f"/history/{prompt_id}")[prompt_id]
        raise UnreachableError(f"ComfyUI at {self.address} ended during the run.")

    def _ask(self, method: str, path: str, limit: float, **content: Any) -> bytes:
        with _Loop() as loop:
            return loop.result(_answer(method, self.address + path, limit, **content))


async def _answer(method: str, address: str, limit: float, **content: Any) -> bytes:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(limit)) as session,
            session.request(method, address, **content) as answer,
        ):
            body = await answer.read()
    except asyncio.TimeoutError as error:
        raise UnreachableError(f"ComfyUI at {address} does not answer within {limit:g} s.") from error
    except aiohttp.ClientError as error:
        raise UnreachableError(f"ComfyUI at {address} does not answer: {error}") from error
    if answer.status >= 400:
        raise RefusedError(answer.status, answer.reason, body)
    return body


class _Messages:
    """What ComfyUI says to the client of this id, decoded; limit is the longest silence in seconds."""

    def __init__(self, address: str, client_id: str, limit: float) -> None:
        self.address, self.limit = f"{address}/ws?clientId={client_id}", limit

    async def __aenter__(self) -> _Messages:
        self._session = aiohttp.ClientSession()
        try:
            self._socket = await self._session.ws_connect(self.address, max_msg_size=0)
        except aiohttp.ClientError as error:
            await self._session.close()
            raise UnreachableError(f"There is no websocket at {self.address}: {error}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def next(self) -> dict[str, Any] | None:
        """The next message of text (previews are binary, and nobody here needs them); None at the end."""
        while True:
            try:
                message = await self._socket.receive(self.limit)
            except asyncio.TimeoutError as error:
                raise RunError(f"ComfyUI at {self.address} has said nothing for {self.limit:g} s.") from error
            if message.type is aiohttp.WSMsgType.TEXT:
                return json.loads(message.data)
            if message.type is not aiohttp.WSMsgType.BINARY:
                return None


class _Loop:
    """Runs coroutines in a thread of its own, so that they may be waited for wherever another loop is at work."""

    def __enter__(self) -> _Loop:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def result(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        # In short turns, as Windows sees Ctrl+C between them only.
        while not wait([future], timeout=0.5).done:
            pass
        return future.result()

    @contextlib.contextmanager
    def closing(self, messages: _Messages) -> Iterator[_Messages]:
        self.result(messages.__aenter__())
        try:
            yield messages
        finally:
            self.result(messages.__aexit__())
