"""How a ComfyUI is driven that dies, says nothing or does not know the pack: small programs stand in its place."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from ffclip.ffclip_core.dev import RunError
from ffclip.ffclip_core.dev.comfyui import Server

# Answers as ComfyUI does at its start; once something is queued, it behaves as the test says.
PROGRAM = """
import asyncio, json, os, sys
from aiohttp import web

def say(kind, prompt="mine", **data):
    return json.dumps({"type": kind, "data": {"prompt_id": prompt, **data}})

async def behave(socket):
    BEHAVIOUR

async def answer(request):
    if request.path == "/ws":
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await queued.wait()
        await behave(socket)
        return socket
    if request.path == "/prompt":
        queued.set()
        return web.json_response({"prompt_id": "mine", "node_errors": {}})
    if request.path == "/refuse":
        raise web.HTTPForbidden()
    if request.path.startswith("/history"):
        return web.json_response({"mine": {"outputs": {}}})
    return web.json_response({"FFCLIPLoadModels": {}} if KNOWN else {})

async def main():
    global queued
    queued = asyncio.Event()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])).start()
    await asyncio.sleep(600)

asyncio.run(main())
"""


def comfyui(folder: Path, behaviour: str = "pass", known: bool = True) -> Server:
    (folder / "main.py").write_text(PROGRAM.replace("BEHAVIOUR", behaviour).replace("KNOWN", str(known)))
    return Server(folder, folder / "base")


def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("raise ImportError('no module of that name')")
    with pytest.raises(RunError, match=r"ended at its start with: ImportError: no module of that name$"):
        Server(tmp_path, tmp_path / "base").__enter__()
    assert not (tmp_path / "base" / "custom_nodes" / "ffclip").exists()


def test_one_that_does_not_load_the_pack_is_ended(tmp_path: Path) -> None:
    server = comfyui(tmp_path, known=False)
    with pytest.raises(RunError, match=r"could not load the FFCLIP nodes .* -m pip install -r .*requirements\.txt"):
        server.__enter__()
    assert server.process.returncode is not None, "it has ended"
    assert not (tmp_path / "base" / "custom_nodes" / "ffclip").exists()


def test_one_that_dies_during_a_run_is_quoted(tmp_path: Path) -> None:
    with comfyui(tmp_path, "print('out of memory', flush=True); os._exit(9)") as server:
        with pytest.raises(RunError, match="ended during the run with: out of memory"):
            server.run({})
        with pytest.raises(RunError, match="does not answer"):
            server.get("/")
        with pytest.raises(RunError, match="ended with: out of memory"):
            server.wait()


def test_silence_ends_a_run(tmp_path: Path) -> None:
    with comfyui(tmp_path, "await asyncio.sleep(60)") as server:
        with pytest.raises(RunError, match=r"has said nothing for 0\.2 s"):
            server.run({}, limit=0.2)


def test_a_run_hears_what_concerns_it_and_ends_with_its_end(tmp_path: Path) -> None:
    behaviour = """
    await socket.send_bytes(b"a preview")
    await socket.send_str(say("executing", "another", node=None))
    await socket.send_str(say("executing", node="1"))
    await socket.send_str(say("progress", node="1", value="long" * 2_000_000))
    await socket.send_str(say("executing", node=None))
    await asyncio.sleep(60)"""
    heard = []
    with comfyui(tmp_path, behaviour) as server:
        # Further things may be asked meanwhile.
        entry = server.run({}, lambda kind, data: heard.append((kind, data["node"], server.get("/") != b"")))
        with pytest.raises(RunError, match="HTTP Error 403: Forbidden"):
            server.post("/refuse")
    assert entry == {"outputs": {}}
    assert heard == [("executing", "1", True), ("progress", "1", True), ("executing", None, True)]


def test_a_proxy_is_not_asked_for_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with comfyui(tmp_path) as server:
        assert server.get_json("/") == {"FFCLIPLoadModels": {}}


def test_a_port_that_somebody_took_meanwhile_is_told(tmp_path: Path) -> None:
    server = comfyui(tmp_path)
    with socket.create_server(("127.0.0.1", int(server.address.rpartition(":")[2]))):
        with pytest.raises(RunError, match="ended at its start with: OSError: "):
            server.__enter__()
