"""Files that are made to do harm, or are broken: name → bytes. None holds a model that may be loaded."""

from __future__ import annotations

import io
import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import layouts
import numpy as np
import torch
from ffclip.ffclip_core.checkpoints import save_part
from ffclip.ffclip_core.checkpoints.pickles.names import FUNCTIONS
from ffclip.ffclip_core.networks.encoder import Encoder
from ffclip.ffclip_core.networks.generator import Generator
from ffclip.ffclip_core.networks.identity import Identity
from ffclip.ffclip_core.networks.image_encoder import ImageEncoder
from ffclip.ffclip_core.networks.modulation import Modulator
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from safetensors.torch import save, save_file

FORBIDDEN = (
    "os.system", "posix.system", "nt.system", "os.execv", "subprocess.Popen", "subprocess.call", "builtins.eval",
    "builtins.exec", "builtins.compile", "builtins.getattr", "builtins.open", "builtins.__import__", "builtins.print",
    "__builtin__.eval", "importlib.import_module", "runpy.run_path", "pickle.loads", "_pickle.loads", "marshal.loads",
    "types.FunctionType", "functools.partial", "functools.reduce", "operator.attrgetter", "operator.methodcaller",
    "torch.load", "torch.hub.load", "torch.jit.load", "torch.package.PackageImporter", "torch.classes.load_library",
    "torch.ops.load_library", "torch.utils.cpp_extension.load", "torch.serialization._load",
    "torch._utils._rebuild_from_type_v2", "torch._tensor._rebuild_from_type_v2", "numpy.load", "numpy.lib.npyio.load",
    "shutil.rmtree", "pathlib.Path.touch", "webbrowser.open", "socket.socket", "ctypes.CDLL", "sys.exit",
    "code.interact", "asyncio.run", "collections.OrderedDict.__reduce__",
    "collections.OrderedDict.__init__.__globals__",
    "torch.storage._load_from_bytes.__globals__", "_codecs.encode.__self__", "argparse.Namespace.__class__",
    "omegaconf.OmegaConf.create", "dnnlib.util.call_func_by_name", "torch_utils.persistence._src_to_module",
    "numpy.f2py.compile", "timeit.timeit", "copyreg._reconstructor",
)  # fmt: skip

INERT = (
    "argparse.Namespace", "collections.deque", "dnnlib.tflib.network.Network", "numpy.dtype", "numpy.ndarray",
    "omegaconf.dictconfig.DictConfig", "pathlib.PosixPath", "torch.Size", "torch.nn.modules.linear.Linear",
    "torch_utils.persistence._reconstruct_persistent_obj", "__torch__.M",
)  # fmt: skip


def text(value: str) -> bytes:
    data = value.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


def call(name: str, *arguments: bytes) -> bytes:
    """Instructions that call what a name stands for."""
    module, _, function = name.rpartition(".")
    return (
        pickle.GLOBAL
        + f"{module}\n{function}\n".encode()
        + pickle.MARK
        + b"".join(arguments)
        + (pickle.TUPLE + pickle.REDUCE)
    )


def program(*instructions: bytes, key: str = "g_ema") -> bytes:
    """A pickle of {key: what the instructions leave}."""
    body = b"".join(instructions)
    return pickle.PROTO + b"\x02" + pickle.EMPTY_DICT + text(key) + body + pickle.SETITEM + pickle.STOP


def archive(
    pickled: bytes, numbers: dict[str, bytes] | None = None, root: str = "archive", compression: int = 0
) -> bytes:
    """What torch.save writes around a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression, compresslevel=1) as target:
        target.writestr(f"{root}/data.pkl", pickled)
        for key, data in (numbers or {}).items():
            target.writestr(f"{root}/data/{key}", data)
    return file.getvalue()


def number(value: int) -> bytes:
    return pickle.LONG1 + b"\x09" + value.to_bytes(9, "little", signed=True)


def tensor(shape: tuple, strides: tuple, offset: int = 0, count: int = 4, kind: str = "FloatStorage") -> bytes:
    """Instructions for a tensor in the storage "0"."""

    def several(values: tuple) -> bytes:
        return pickle.MARK + b"".join(number(v) if isinstance(v, int) else text(v) for v in values) + pickle.TUPLE

    storage = pickle.MARK + text("storage") + pickle.GLOBAL + f"torch\n{kind}\n".encode()
    storage += text("0") + text("cpu") + number(count) + pickle.TUPLE + pickle.BINPERSID
    return call(
        "torch._utils._rebuild_tensor_v2", storage, number(offset), several(shape), several(strides),
        pickle.NEWFALSE, call("collections.OrderedDict"),
    )  # fmt: skip


def pickled() -> Iterator[tuple[str, bytes]]:
    """Pickles that try to run something, or to take memory or time without end."""
    for name in FORBIDDEN:
        yield f"names {name}", program(call(name, text("touch ran")))
        yield f"names {name} in an archive", archive(program(call(name, text("touch ran")), key="opts"))
    for name in (*sorted(FUNCTIONS), "torch.storage._load_from_bytes", *INERT):
        yield f"calls {name} with nothing", program(call(name))
        yield f"calls {name} with a text", program(call(name, text("touch ran"), text("rot13")))
        nested = pickle.EMPTY_LIST + pickle.EMPTY_LIST + text("x") + pickle.APPEND + pickle.APPEND
        yield f"calls {name} with lists", program(call(name, nested, nested))
    yield "names what a terminal obeys", program(call("os.\x1b[2J\x07"))
    stack = text("os") + text("system") + pickle.STACK_GLOBAL + pickle.MARK + text("touch ran") + pickle.TUPLE
    yield "stack global", program(stack + pickle.REDUCE)
    yield (
        "stack global with a dotted name",
        program(text("collections") + text("OrderedDict.__init__") + pickle.STACK_GLOBAL),
    )
    yield "inst", program(pickle.MARK + text("touch ran") + pickle.INST + b"os\nsystem\n")
    yield "obj", program(pickle.MARK + pickle.GLOBAL + b"argparse\nNamespace\n" + text("touch ran") + pickle.OBJ)
    yield "newobj", program(pickle.GLOBAL + b"collections\nOrderedDict\n" + pickle.EMPTY_TUPLE + pickle.NEWOBJ)
    yield (
        "newobj_ex",
        program(pickle.GLOBAL + b"argparse\nNamespace\n" + pickle.EMPTY_TUPLE + pickle.EMPTY_DICT + pickle.NEWOBJ_EX),
    )
    yield "extension", program(pickle.EXT1 + b"\x01")
    yield "next buffer", program(pickle.NEXT_BUFFER)
    yield "calls a text", program(text("os.system") + pickle.EMPTY_TUPLE + pickle.REDUCE)
    yield (
        "state of a name",
        program(
            pickle.GLOBAL
            + b"argparse\nNamespace\n"
            + pickle.EMPTY_DICT
            + text("x")
            + text("y")
            + pickle.SETITEM
            + pickle.BUILD
        ),
    )
    yield "state of a list", program(pickle.EMPTY_LIST + pickle.EMPTY_DICT + pickle.BUILD)
    yield "append to a dictionary", program(pickle.EMPTY_DICT + text("x") + pickle.APPEND)
    yield "persistent text", program(pickle.PERSID + b"file:///etc/passwd\n")
    yield (
        "persistent outside of an archive",
        program(pickle.MARK + text("storage") + text("x") + pickle.TUPLE + pickle.BINPERSID),
    )
    yield "memo far away", program(text("x") + pickle.LONG_BINPUT + b"\xff\xff\xff\xff")
    yield "memo farther", program(text("x") + pickle.PUT + b"99999999999999999999\n")
    yield "memo that is not there", program(pickle.BINGET + b"\x07")
    huge = (2**62).to_bytes(8, "little")
    for name in ("BINUNICODE8", "BINBYTES8", "BYTEARRAY8", "FRAME"):
        yield f"declares much with {name}", program(getattr(pickle, name) + huge)
    for name in ("BINUNICODE", "BINBYTES", "LONG4", "BINSTRING"):
        yield f"declares much with {name}", program(getattr(pickle, name) + b"\xff\xff\xff\x7f")
    yield (
        "tuples within tuples as a key",
        program(pickle.EMPTY_DICT + pickle.EMPTY_TUPLE + pickle.TUPLE1 * 100_000 + pickle.NONE + pickle.SETITEM),
    )
    deep = pickle.EMPTY_TUPLE + pickle.MEMOIZE
    for _ in range(200):
        deep += pickle.DUP + pickle.TUPLE2
    yield (
        "a set of tuples that are endless to compare",
        program(pickle.EMPTY_SET + pickle.MARK + deep + pickle.ADDITEMS),
    )
    yield "a frozen set of such tuples", program(pickle.MARK + deep + pickle.FROZENSET)
    whole = pickle.LONG4 + struct.pack("<I", 1_000_000) + bytes(999_999) + b"\x01" + pickle.MEMOIZE
    again = pickle.BINGET + b"\x00" + pickle.NONE
    yield (
        "a long number as a key, again and again",
        b"\x80\x02" + whole + pickle.EMPTY_DICT + pickle.MARK + again * 200_000 + pickle.SETITEMS + pickle.STOP,
    )
    numbers = b"".join(
        pickle.LONG1 + b"\x0a" + (i * (2**61 - 1)).to_bytes(10, "little") + pickle.NONE for i in range(60_000)
    )
    yield "keys of one hash", program(pickle.EMPTY_DICT + pickle.MARK + numbers + pickle.SETITEMS)
    chain = pickle.GLOBAL + b"builtins\ngetattr\n" + pickle.MEMOIZE + pickle.GLOBAL + b"some\nthing\n"
    chain += pickle.MEMOIZE + pickle.POP + pickle.POP + text("x" * 900) + pickle.MEMOIZE + pickle.POP
    for i in range(1, 20_000):
        owner = pickle.LONG_BINGET + struct.pack("<I", 1 if i == 1 else i + 1)
        chain += pickle.BINGET + b"\x00" + owner + pickle.BINGET + b"\x02" + pickle.TUPLE2 + pickle.REDUCE
        chain += pickle.MEMOIZE + pickle.POP
    yield "attributes of attributes", program(chain + pickle.NONE)
    yield "numbers in a text without end", program(pickle.INT + b"9" * 3_000_000 + b"\n")
    yield "tuples within tuples", program(pickle.EMPTY_TUPLE + pickle.TUPLE1 * 100_000)
    yield "lists within lists", program(pickle.EMPTY_LIST * 100_000 + pickle.APPEND * 99_999)
    yield (
        "dictionaries within dictionaries",
        program((pickle.EMPTY_DICT + pickle.NONE) * 100_000 + pickle.NONE + pickle.SETITEM * 100_000),
    )
    double = pickle.EMPTY_LIST + pickle.MEMOIZE
    for i in range(60):
        get = pickle.BINGET + bytes([i])
        double += pickle.EMPTY_LIST + pickle.MEMOIZE + pickle.MARK + get * 2 + pickle.APPENDS
    yield "a billion laughs", program(double)
    yield "marks without end", program(pickle.MARK * 1_000_000)
    yield "nothing but stop", pickle.PROTO + b"\x02" + pickle.STOP
    yield "no stop", program(text("x"))[:-1]
    yield "a text that is no utf-8", program(pickle.BINUNICODE + b"\x02\x00\x00\x00\xff\xff")
    yield "an unknown instruction", program(b"\xff")
    yield "protocol 250", b"\x80\xfa" + pickle.EMPTY_DICT + pickle.STOP
    module = call("torch_utils.persistence._reconstruct_persistent_obj", pickle.EMPTY_DICT)
    yield "a generator without a state", program(module, key="G_ema")
    network = pickle.GLOBAL + b"dnnlib.tflib.network\nNetwork\n" + pickle.EMPTY_TUPLE + pickle.NEWOBJ + pickle.MEMOIZE
    cycle = network + pickle.EMPTY_DICT + text("components") + pickle.EMPTY_DICT + text("x") + pickle.BINGET + b"\x00"
    cycle += pickle.SETITEM + pickle.SETITEM + pickle.BUILD
    yield "a network that holds itself", b"\x80\x04" + cycle + b"h\x00h\x00" + pickle.TUPLE3 + pickle.STOP
    yield "a script module that holds itself", archive(
        b"\x80\x02" + pickle.GLOBAL + b"__torch__\nM\n" + pickle.EMPTY_TUPLE + pickle.NEWOBJ + pickle.BINPUT + b"\x00"
        + pickle.EMPTY_DICT + text("visual") + pickle.BINGET + b"\x00" + pickle.SETITEM + pickle.BUILD + pickle.STOP
    )  # fmt: skip


def graphs() -> Iterator[tuple[str, bytes]]:
    """Small pickles that would be large, or endless, for whoever follows every reference in them."""
    put, get = pickle.LONG_BINPUT, pickle.LONG_BINGET

    def at(instruction: bytes, place: int) -> bytes:
        return instruction + struct.pack("<I", place)

    def dictionary(items: dict[str, bytes]) -> bytes:
        return pickle.EMPTY_DICT + b"".join(text(key) + value + pickle.SETITEM for key, value in items.items())

    def module(children: dict[str, bytes], **more: bytes) -> bytes:
        state = dictionary({"_parameters": pickle.EMPTY_DICT, "_modules": dictionary(children), **more})
        return call("torch_utils.persistence._reconstruct_persistent_obj", dictionary({"state": state}))

    body, last = module({}) + at(put, 0), 0
    for level in range(1, 9):
        shared = {f"m{i}": at(get, last) for i in range(20)}
        body += pickle.POP + module(shared) + at(put, level)
        last = level
    yield "a generator whose modules are shared", program(body, key="G_ema")
    for name, value in {
        "c_dim": pickle.EMPTY_LIST, "architecture": pickle.EMPTY_DICT, "conv_clamp": pickle.EMPTY_LIST,
    }.items():  # fmt: skip
        laughs = value + at(put, 0) if name == "conv_clamp" else pickle.EMPTY_LIST + at(put, 0)
        if name != "conv_clamp":
            for i in range(1, 40):
                laughs += (
                    pickle.POP + pickle.EMPTY_LIST + pickle.MARK + at(get, i - 1) * 10 + pickle.APPENDS + at(put, i)
                )
        yield f"a generator whose {name} is a list", program(module({}, **{name: laughs}), key="G_ema")
    network = pickle.GLOBAL + b"dnnlib.tflib.network\nNetwork\n" + pickle.EMPTY_TUPLE + pickle.NEWOBJ
    body = network + at(put, 0)
    for level in range(1, 6):
        shared = {f"n{i}": at(get, level - 1) for i in range(300)}
        body += pickle.POP + network + dictionary({"components": dictionary(shared)}) + pickle.BUILD + at(put, level)
    yield "networks that are shared", b"\x80\x02" + body + at(get, 5) * 2 + pickle.TUPLE3 + pickle.STOP
    script = pickle.GLOBAL + b"__torch__\nM\n" + pickle.EMPTY_TUPLE + pickle.NEWOBJ + at(put, 0)
    script += dictionary({f"m{i}": at(get, 0) for i in range(20)}) + pickle.BUILD
    yield "a script module that holds itself twenty times", archive(b"\x80\x02" + script + pickle.STOP)
    file = io.BytesIO()
    torch.save(torch.zeros(1), file, _use_new_zipfile_serialization=False)
    blob = file.getvalue()
    stored = pickle.BINBYTES + struct.pack("<I", len(blob)) + blob + at(put, 0) + pickle.POP
    opening = pickle.PROTO + b"\x02" + stored + pickle.MARK
    again = pickle.GLOBAL + b"torch.storage\n_load_from_bytes\n" + at(get, 0) + pickle.TUPLE1 + pickle.REDUCE
    yield "a storage that is opened again and again", opening + again * 2_000 + pickle.TUPLE + pickle.STOP
    many = pickle.EMPTY_LIST + pickle.MARK + pickle.NONE * 100_000 + pickle.APPENDS + at(put, 0) + pickle.POP
    for name in ("torch.jit._pickle.build_intlist", "builtins.set", "collections.OrderedDict"):
        module_name, _, function = name.rpartition(".")
        copy = pickle.GLOBAL + f"{module_name}\n{function}\n".encode() + at(get, 0) + pickle.TUPLE1 + pickle.REDUCE
        yield f"copies of {name}", b"\x80\x02" + many + pickle.MARK + copy * 3_000 + pickle.TUPLE + pickle.STOP
    long = text("x" * 500_000) + at(put, 0) + pickle.POP
    copy = pickle.GLOBAL + b"_codecs\nencode\n" + at(get, 0) + text("latin1") + pickle.TUPLE2 + pickle.REDUCE
    yield "copies of a text", b"\x80\x02" + long + pickle.MARK + copy * 3_000 + pickle.TUPLE + pickle.STOP


def archives() -> Iterator[tuple[str, bytes]]:
    """Zip archives that are no checkpoints."""
    numbers = {"0": bytes(16)}
    plain = program(tensor((4,), (1,)))
    for shape, strides, offset, count in (
        ((-4,), (1,), 0, 4), ((4,), (-1,), 3, 4), ((4,), (1,), -1, 4), ((4,), (1,), 1, 4), ((2**40,), (0,), 0, 4),
        ((2**31, 2**31), (0, 0), 0, 4), ((2, 2), (2**60, 1), 0, 4), ((4,), (1, 1), 0, 4), (("x",), (1,), 0, 4),
        ((1,) * 40, (1,) * 40, 0, 4), ((4,), (1,), 0, 2**50), ((4,), (1,), 0, -4), ((4,), (1,), 0, 400),
    ):  # fmt: skip
        yield (
            f"a tensor {shape} {strides} {offset} {count}",
            archive(program(tensor(shape, strides, offset, count)), numbers),
        )
    yield "a storage of an unknown kind", archive(program(tensor((4,), (1,), kind="ComplexDoubleStorage")), numbers)
    yield "a storage that is not there", archive(plain)
    twice = tensor((4,), (1,)) + pickle.POP + tensor((2,), (1,), kind="DoubleStorage", count=2)
    yield "a storage of two kinds", archive(program(twice), numbers)
    yield "a compressed bomb", archive(bytes(200_000_000), compression=zipfile.ZIP_DEFLATED)
    lying = archive(plain, {"0": bytes(37)}, compression=zipfile.ZIP_DEFLATED)
    yield "compressed numbers of a huge size", lying.replace(struct.pack("<I", 37), struct.pack("<I", 2**31 - 1))
    yield "compressed numbers of a size that could be", lying.replace(struct.pack("<I", 37), struct.pack("<I", 4000))
    yield "compressed numbers", archive(plain, numbers, compression=zipfile.ZIP_DEFLATED)
    yield "a pickle without end", archive(b"\x80\x02" + pickle.NONE * 9_000_000)
    for name in ("../../ran/data.pkl", "/ran/data.pkl", "..\\ran/data.pkl", "data.pkl", "a/b/data.pkl", "model.bin"):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as target:
            target.writestr(name, plain)
        yield f"an archive of {name}", file.getvalue()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target.writestr("archive/data.pkl", plain)
        target.writestr("archive/data.pkl", plain)
        target.writestr("archive/data/0", bytes(16))
    yield "one name twice", file.getvalue()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        target.writestr("archive/data.pkl", plain)
        target.writestr("archive/byteorder", "big")
        target.writestr("archive/data/0", bytes(16))
    yield "big-endian", file.getvalue()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        target.writestr(zipfile.ZipInfo("archive/data.pkl"), plain)
        target.writestr("archive/byteorder", bytes(500_000_000))
    yield "a bomb of a byte order", file.getvalue()
    good = archive(plain, numbers)
    yield (
        "a directory that points to nowhere",
        good.replace(b"PK\x03\x04\x14\x00\x00\x00\x00\x00", b"PK\x03\x05" + bytes(6)),
    )
    yield (
        "an encrypted entry",
        good.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"),
    )
    yield "no more than a zip's first bytes", b"PK\x03\x04"


def others() -> Iterator[tuple[str, bytes]]:
    """What is no checkpoint at all, and headers of .safetensors that lie."""
    yield "empty", b""
    yield "a web page", b"<!DOCTYPE html><html>Too many requests</html>"
    yield "a web page after a byte order mark", b"\xef\xbb\xbf\n<html>"
    yield "an error in xml", b"<?xml version='1.0'?><Error/>"
    yield "an error in json", b'{"error": "not found"}'
    yield "a git-lfs pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    yield "a picture", b"\x89PNG\r\n\x1a\n" + bytes(300)
    yield "gzip", b"\x1f\x8b\x08" + bytes(300)
    yield "zeros", bytes(4096)
    yield "one byte", b"\x80"
    yield "a program", b"MZ" + bytes(300)

    def header(content: bytes, length: int | None = None, data: bytes = b"") -> bytes:
        return struct.pack("<Q", len(content) if length is None else length) + content + data

    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    lies = {
        "beyond the end": {**entry, "data_offsets": [0, 800]},
        "backwards": {**entry, "data_offsets": [8, 0]},
        "of another size": {**entry, "shape": [3]},
        "of a huge shape": {**entry, "shape": [2**40, 2**40]},
        "of a negative shape": {**entry, "shape": [-2]},
        "of an unknown kind": {**entry, "dtype": "F7"},
    }
    for name, lie in lies.items():
        yield f"safetensors {name}", header(json.dumps({"input.input": lie}).encode(), data=bytes(8))
    overlap = json.dumps({"a": entry, "b": entry}).encode()
    yield "safetensors that overlap", header(overlap, data=bytes(8))
    yield (
        "safetensors with a name twice",
        header(b'{"a":%s,"a":%s}' % ((json.dumps(entry).encode(),) * 2), data=bytes(8)),
    )
    yield "safetensors whose header never ends", header(b"{" * 100, 2**63 - 1)
    yield "safetensors nested too deep", header(b'{"a":' * 100_000)
    metadata = {"format": "ffclip", "part": "generator", "family": "", "architecture": "[" * 100_000}
    yield "an architecture nested too deep", save({"a": torch.zeros(1)}, metadata)
    for architecture in (
        "{}",
        "[]",
        "null",
        "1e999",
        '{"size": 1e9}',
        '{"size": NaN}',
        '{"size": true, "channels": {}}',
    ):
        told = {**metadata, "architecture": architecture}
        yield f"an architecture of {architecture}", save({"a": torch.zeros(1)}, told)
    yield "an unknown part", save({"a": torch.zeros(1)}, {**metadata, "part": "os.system"})


@cache
def generator() -> Generator:
    return Generator(size=16, channels={4: 8, 8: 8, 16: 8}, latent_dim=16, num_mapping_layers=2)


@cache
def encoder() -> Encoder:
    return Encoder(
        num_layers=6, latent_dim=16, input_size=(64, 64), widths=(16, 24, 32, 48), blocks=(1, 1, 1, 1), pyramid_width=24
    )


def modulator() -> Modulator:
    return Modulator(num_layers=6, latent_dim=16)


@cache
def text_tower() -> TextEncoder:
    return TextEncoder(embed_dim=16, width=64, heads=1, layers=1, vocab_size=50, context_length=8)


@cache
def image_tower() -> ImageEncoder:
    return ImageEncoder(embed_dim=16, image_size=64, width=64, heads=1, layers=1)


@cache
def identity() -> Identity:
    return Identity(embed_dim=8, input_size=16, widths=(16, 18), blocks=(1, 1))


WRITERS: dict[str, Callable[[Path], None]] = {
    "rosinality": lambda path: layouts.rosinality(path, generator()),
    "rosinality, old format": lambda path: layouts.rosinality(path, generator(), training=True, zip=False),
    "nvidia": lambda path: layouts.nvidia(path, generator()),
    "tensorflow": lambda path: layouts.tensorflow(path, generator()),
    "e4e": lambda path: layouts.e4e(path, encoder(), generator(), torch.zeros(6, 16)),
    "ffclip": lambda path: layouts.ffclip(path, modulator(), generator()),
    "clip": lambda path: torch.save(layouts.openai_names(text_tower(), image_tower()), path),
    "clip, TorchScript": lambda path: layouts.clip_openai(path, text_tower(), image_tower()),
    "clip, transformers": lambda path: save_file(layouts.transformers_names(text_tower(), image_tower()), path),
    "arcface": lambda path: layouts.arcface(path, identity()),
    **{
        f"own {kind}": lambda path, network=network: save_part(path, network())
        for kind, network in {
            "generator": generator, "encoder": encoder, "modulator": modulator, "text": text_tower,
            "image": image_tower,
        }.items()
    },
}  # fmt: skip


def models(folder: Path) -> dict[str, bytes]:
    """A small good file of every layout."""
    path, found = folder / "model", {}
    for name, write in WRITERS.items():
        write(path)
        found[name] = path.read_bytes()
    return found


def broken(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Good files that were cut, or whose numbers are none."""
    for name, content in models(folder).items():
        for i in range(1, 16):
            yield f"{name}, cut after {i}/16", content[: len(content) * i // 16]
        yield f"{name}, without its last byte", content[:-1]
    path = folder / "model"
    for name, change in {
        "NaN": lambda state: state["input.input"].fill_(torch.nan),
        "infinite": lambda state: state["input.input"].fill_(torch.inf),
        "whole numbers": lambda state: state.update({"input.input": torch.zeros(1, 8, 4, 4, dtype=torch.int64)}),
        "another shape": lambda state: state.update({"input.input": torch.zeros(1, 8, 4, 5)}),
        "a missing tensor": lambda state: state.pop("conv1.conv.weight"),
        "a layer too many": lambda state: state.update({"convs.9.conv.weight": torch.zeros(1)}),
        "a layer of two lines": lambda state: state.update({"convs.9.one\ntwo": torch.zeros(1)}),
        "another filter": lambda state: state.update({"convs.0.conv.blur.kernel": torch.ones(4, 4)}),
        "no mapping bias": lambda state: state.pop("style.1.bias"),
        "a wide mapping": lambda state: state.update({"style.1.weight": torch.zeros(17, 16)}),
    }.items():
        state = layouts.g_ema(generator())
        state = {key: value.clone() for key, value in state.items()}
        change(state)
        torch.save({"g_ema": state}, path)
        yield f"a generator with {name}", path.read_bytes()
    repeated = {
        "token_embedding.weight": torch.zeros(2, 64), "text_projection": torch.zeros(64, 16),
        **{f"transformer.resblocks.{i}.attn.in_proj_weight": torch.zeros(1).expand(192, 5000) for i in range(100)},
    }  # fmt: skip
    torch.save(repeated, path)
    yield "numbers that are shown again and again", path.read_bytes()
    shared = {"a": np.zeros(250_000, np.float32)}
    path.write_bytes(pickle.dumps({f"x{i}": shared["a"] for i in range(3000)}, 4))
    yield "one array by three thousand names", path.read_bytes()
    tower = layouts.transformers_names(text_tower())
    wrong = "text_model.encoder.layers.0.self_attn.k_proj.weight"
    for name, value in (("shape", torch.zeros(3, 64)), ("kind", torch.zeros(64, 64, dtype=torch.int64))):
        yield f"a key projection of another {name}", save({**tower, wrong: value})
    for name, options in {
        "an unknown kind": {"encoder_type": "BackboneEncoderUsingLastLayerIntoW"},
        "latent_avg of no rows": {"latent_avg": torch.zeros(0, 16)},
    }.items():
        layouts.e4e(path, encoder(), None, options.get("latent_avg", torch.zeros(16)), kind=options.get("encoder_type"))
        yield f"an encoder of {name}", path.read_bytes()
    for kind in ("Linear", "complex"):
        value = torch.nn.Linear(2, 2) if kind == "Linear" else torch.zeros(2, dtype=torch.complex64)
        torch.save({"g_ema": value}, path)
        yield f"torch.save of {kind}", path.read_bytes()


def corpus(folder: Path) -> Iterator[tuple[str, bytes]]:
    """All of them."""
    yield from pickled()
    yield from graphs()
    yield from archives()
    yield from others()
    yield from broken(folder)
