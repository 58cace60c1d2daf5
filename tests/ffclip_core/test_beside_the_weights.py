"""What stands beside a generator's weights, of any library, never decides whether they are read; nothing of it runs."""

from __future__ import annotations

import argparse
import collections
import copyreg
import dataclasses
import datetime
import decimal
import enum
import functools
import io
import pathlib
import pickle
import pickletools
import random
import re
import sys
import types
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile
import layouts
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import CheckpointError, load_generator
from ffclip.ffclip_core.checkpoints.files import read_file
from ffclip.ffclip_core.checkpoints.pickles import (
    Budget,
    Object,
    as_dict,
    as_stored,
    module_state,
    read_pickle,
    settings,
)
from hypothesis import given
from hypothesis import settings as rounds
from hypothesis import strategies as st
from torch import nn
from torch._utils import _rebuild_device_tensor_from_numpy
from trees import UNSIGNED


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Plain:
    x: int = 1


class Slotted:
    __slots__ = ("x", "__dict__")

    def __init__(self) -> None:
        self.x, self.y = 1, 2


class Listed(list):
    pass


class Mapped(dict):
    pass


class Ordered(collections.OrderedDict):
    pass


class Number(int):
    pass


class Keyed(str):
    def __new__(cls, *, text: str) -> Keyed:
        return super().__new__(cls, text)

    def __getnewargs_ex__(self) -> tuple:
        return (), {"text": str(self)}


class Callback:
    """As pytorch-lightning's, by whose class a checkpoint's callbacks are named."""


Pair = collections.namedtuple("Pair", "a b")  # noqa: PYI024


def easy_dict() -> Any:
    """EasyDict of any package: entries that are attributes too."""

    class EasyDict(dict):
        def __init__(self, **content: Any) -> None:
            super().__init__(content)
            self.__dict__.update(content)

    return {"any__package__EasyDict": EasyDict}, lambda: EasyDict(size=16, inner=EasyDict(a=(1, 2)))


def yacs() -> Any:
    class CfgNode(dict):
        def __init__(self, content: dict) -> None:
            super().__init__(content)
            self.__dict__.update(__immutable__=False, __deprecated_keys__=set(), __new_allowed__=False)

    return {"yacs__config__CfgNode": CfgNode}, lambda: CfgNode({"MODEL": CfgNode({"SIZE": 16})})


def omega() -> Any:
    """OmegaConf's nodes, whose metadata name types and enums."""

    class Base:
        def __init__(self, **content: Any) -> None:
            self.__dict__.update(content)

    kinds = {
        f"omegaconf__{place}": type(place.rpartition("__")[2], (Base,), {})
        for place in (
            "dictconfig__DictConfig", "listconfig__ListConfig", "base__ContainerMetadata", "base__Metadata",
            "nodes__AnyNode", "nodes__IntegerNode", "nodes__PathNode", "nodes__EnumNode",
        )
    }  # fmt: skip

    def make() -> Any:
        def made(place: str, **content: Any) -> Any:
            return kinds[f"omegaconf__{place}"](**content)

        meta = made("base__ContainerMetadata", ref_type=Any, object_type=dict, key_type=Any, flags={"struct": True})
        leaf = {"_metadata": made("base__Metadata", ref_type=int, optional=True), "_parent": None}
        nodes = {
            "size": made("nodes__IntegerNode", _val=16, **leaf),
            "path": made("nodes__PathNode", _val=pathlib.Path("/x"), **leaf),
            "colour": made("nodes__EnumNode", _val=Colour.RED, **leaf),
            "list": made("listconfig__ListConfig", _content=[made("nodes__AnyNode", _val="x", **leaf)], _metadata=meta),
        }
        return made("dictconfig__DictConfig", _content=nodes, _metadata=meta, _parent=None)

    return kinds, make


def ml_collections() -> Any:
    class ConfigDict:
        def __init__(self, **content: Any) -> None:
            self.__dict__.update(_fields=content, _locked=True, _type_safe=True, _convert_dict=True)

    return {"ml_collections__config_dict__config_dict__ConfigDict": ConfigDict}, lambda: ConfigDict(size=16)


LIBRARIES = {"EasyDict": easy_dict, "yacs": yacs, "OmegaConf": omega, "ml_collections": ml_collections}
network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.ReLU())
optimiser = torch.optim.Adam(network.parameters())
VALUES: dict[str, Any] = {
    "argparse": argparse.Namespace(size=16, kind=functools.partial(int, "3")),
    "SimpleNamespace": types.SimpleNamespace(a=1),
    "dates": [datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(1), datetime.date(2020, 1, 1)],
    "numbers": [uuid.uuid4(), decimal.Decimal("1.5"), 1 + 2j, 10**3000, -(2**70), Number(3), ..., NotImplemented],
    "expressions": re.compile("x+", re.IGNORECASE),
    "collections": [
        collections.deque([1, 2], maxlen=3), collections.Counter("aab"), collections.ChainMap({1: 2}, {3: 4}),
        collections.defaultdict(functools.partial(collections.defaultdict, list), a={}), collections.UserDict(a=1),
    ],
    "classes": [
        Colour.RED, Plain(), Listed([1]), Mapped(a=1), Ordered(a=1), Pair(1, 2), int,
        Keyed(text="x"),
    ],
    "slots": Slotted(),
    "paths": [pathlib.Path("/x"), pathlib.PureWindowsPath("c:/x")],
    "randomness": [
        random.getstate(), np.random.RandomState(0), np.random.get_state(), np.random.default_rng(0),
        torch.get_rng_state(),
    ],
    "NumPy's numbers": [
        np.float64(1), np.float32(1), np.float16(1), np.longdouble(1), np.int64(1), np.uint64(2**63), np.bool_(True),
        np.str_("x"), np.bytes_(b"x"), np.complex64(1j), np.datetime64("2020-01-01"), np.timedelta64(1, "s"),
    ],
    "NumPy's arrays": [
        np.array([None, 1], object), np.zeros(2, [("a", "f4"), ("b", "i8")]), np.zeros(3, ">f4"), np.zeros(3, "U4"),
        np.zeros(2, "M8[s]"), np.zeros(3, np.longdouble), np.zeros((2, 3), order="F"), np.ma.zeros(3), np.zeros(9_000),
        np.dtype("f4"), np.float32,
    ],
    "names of any kind": {
        (1, 2): 3, frozenset({1}): 2, Colour.RED: 1, int: 2, Callback: {"best": 1.0}, True: 4, b"x": 5, None: 6, 1.5: 7,
        pathlib.Path("x"): 8, torch.float32: 9, Pair(1, 2): 10, np.int64(3): 11, (((1,),),): 12, 2**80: 13, "x": 14,
    },
    "sets": [{1, "x", (1, 2)}, frozenset({1, (2, 3)}), set()],
    "bytes": [bytearray(b"xy"), b"q" * 70_000, slice(1, 2), range(3)],
    "functions": [print, len, getattr, functools.partial(print, "x"), nn.functional.relu, "abc".upper, ValueError("x")],
    "PyTorch's own": [torch.float32, torch.device("cuda:1"), torch.Size([1]), torch.Generator().get_state()],
    "a training": {
        "pytorch-lightning_version": "1.9", "callbacks": {Callback: {"best_model_score": torch.tensor(0.5)}},
        "optimizer": optimiser, "optimizer_state": optimiser.state_dict(),
        "scheduler": torch.optim.lr_scheduler.StepLR(optimiser, 3), "D": network, "loss": nn.L1Loss(),
        "scaler": torch.amp.GradScaler("cpu"), "hyper_parameters": Mapped(lr=1e-3),
    },
    "tensors": [
        nn.Parameter(torch.ones(2)), torch.zeros(1).expand(1000, 1000), torch.zeros([1] * 12), torch.ones(3).storage(),
        torch.zeros(3, device="meta"), torch.eye(3).to_sparse(), torch.eye(3).to_sparse_csr(),
        torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
        *(torch.zeros(2, dtype=kind) for kind in (torch.complex64, UNSIGNED, torch.float8_e5m2, torch.bfloat16)),
    ],
    "many losses": [float(i) for i in range(200_000)],
    "NumPy's losses": [np.float64(i) for i in range(20_000)],
    "steps": [{"step": i, "loss": np.float32(i)} for i in range(2_000)],
}  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> dict[str, torch.Tensor]:
    return hostile.generator().state_dict()


def saved(path: Path, value: Any, how: str, protocol: int = 2) -> None:
    """A generator's file with the value before and after its weights."""
    generator = hostile.generator()
    content = {"first": value, "g_ema": layouts.g_ema(generator), "latent_avg": generator.latent_avg, "last": value}
    if how == "bare":
        path.write_bytes(pickle.dumps(content, protocol))
    else:
        torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=how == "zip")


def reads(path: Path, drawn: dict[str, torch.Tensor]) -> None:
    found = load_generator(path).state_dict()
    assert all(torch.equal(found[key], value) for key, value in drawn.items())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", ["zip", "old"])
@pytest.mark.parametrize("what", VALUES)
def test_a_value_beside_the_weights(what: str, how: str, drawn: dict, tmp_path: Path) -> None:
    saved(tmp_path / "g.pt", VALUES[what], how)
    reads(tmp_path / "g.pt", drawn)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("protocol", range(6))
def test_all_values_in_every_protocol(protocol: int, drawn: dict, tmp_path: Path) -> None:
    """As a bare pickle, which protocols 0 and 1 do not mark as one."""
    # Protocols 0 and 1 have no slots, and torch.save's names of storages are none in protocol 0.
    values = {name: value for name, value in VALUES.items() if "losses" not in name and name != "slots"}
    saved(tmp_path / "g.pkl", values, "bare", protocol)
    reads(tmp_path / "g.pkl", drawn)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_settings_of_any_library(library: str, protocol: int, drawn: dict, tmp_path: Path) -> None:
    classes, make = LIBRARIES[library]()
    with layouts.named(**classes):
        saved(tmp_path / "g.pkl", make(), "bare", protocol)
    reads(tmp_path / "g.pkl", drawn)
    told = settings(read_file(tmp_path / "g.pkl").tree["first"])
    assert settings(told["MODEL"])["SIZE"] == 16 if library == "yacs" else told["size"] == 16


def test_a_key_that_is_a_class_is_no_text_and_keeps_its_value(tmp_path: Path) -> None:
    torch.save({Callback: 1, (1, 2): 2, "x": 3}, tmp_path / "x.pt")
    found = read_file(tmp_path / "x.pt").tree
    assert sorted(found.values()) == [1, 2, 3] and found["x"] == 3


@pytest.mark.parametrize("how", ["zip", "old"])
def test_a_whole_network_gives_its_state_dict(how: str, tmp_path: Path) -> None:
    whole = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Sequential(nn.Linear(3, 3)))
    whole.register_buffer("passing", torch.ones(1), persistent=False)
    torch.save({"G": nn.DataParallel(whole)}, tmp_path / "g.pt", _use_new_zipfile_serialization=how == "zip")
    found = module_state(read_file(tmp_path / "g.pt").tree["G"])
    expected = nn.DataParallel(whole).state_dict()
    assert found is not None and found.keys() == expected.keys()
    assert all(torch.equal(found[key].read(), value) for key, value in expected.items())
    assert module_state({}) is None and module_state(Object("x")) is None


def test_modules_that_hold_each_other_without_end_are_refused() -> None:
    module = Object("m", state={"_parameters": {}, "_buffers": {}, "_modules": {}})
    module.state["_modules"] |= {"a": module, "b": module}
    with pytest.raises(CheckpointError, match="without end"):
        module_state(module)


def test_parameters_of_every_wrapping(tmp_path: Path) -> None:
    class Derived(torch.Tensor):
        pass

    parameter = nn.Parameter(torch.arange(3.0))
    parameter.note = "x"  # pyright: ignore[reportAttributeAccessIssue]  # Then its state is kept too.
    values = {
        "parameter": nn.Parameter(torch.arange(3.0)), "with state": parameter,
        "numpy": np.arange(3, dtype=np.float32), "float64": torch.arange(3.0).double(),
        "half": torch.arange(3.0).half(),
        "bfloat16": torch.arange(3.0).bfloat16(), "float8": torch.arange(3.0).to(torch.float8_e4m3fn),
    }  # fmt: skip
    if hasattr(nn, "Buffer"):  # torch 2.4 has none.
        values["buffer"] = nn.Buffer(torch.arange(3.0))
    with layouts.named(some__package__Derived=Derived):
        torch.save({**values, "derived": torch.arange(3.0).as_subclass(Derived)}, tmp_path / "x.pt")
    found = read_file(tmp_path / "x.pt").tree
    for name in (*values, "derived"):
        tensor = as_stored(found[name])
        assert tensor is not None and torch.equal(tensor.read().float(), torch.arange(3.0)), name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda x: x.to_sparse(), "has sparse tensors"),
        (lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8), "has quantised tensors"),
        (lambda x: x.to("meta"), "was saved without its numbers"),
        (lambda x: x.to(torch.complex64), "stored as torch.complex64"),
        (lambda x: x[:1, :1, :1, :1].expand(x.shape), None),
    ],
)
def test_a_tensor_that_cannot_be_read_matters_where_it_is_needed(
    make: Callable, says: str | None, drawn: dict, tmp_path: Path
) -> None:
    state = layouts.g_ema(hostile.generator())
    torch.save(
        {"g_ema": {**state, "input.input": make(state["input.input"])}, "latent_avg": torch.zeros(16)}, tmp_path / "g"
    )
    if says is None:
        load_generator(tmp_path / "g")
        return
    with pytest.raises(CheckpointError, match=says):
        load_generator(tmp_path / "g")


@pytest.mark.parametrize("name", ["os.system", "posix.system", "builtins.eval", "subprocess.Popen", "shutil.rmtree"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_name_that_only_an_attack_holds_is_refused(name: str, nested: bool, tmp_path: Path) -> None:
    """Even where it would stay inert: as a warning."""
    attack = hostile.call(name, hostile.text(f"touch {tmp_path}/ran"))
    if nested:  # getattr(os, "system")
        module, _, function = name.rpartition(".")
        attack = hostile.call("builtins.getattr", pickle.GLOBAL + f"{module}\n{function}\n".encode(), hostile.text("x"))
    (tmp_path / "g.pt").write_bytes(hostile.archive(hostile.program(attack, key="opts")))
    with pytest.raises(CheckpointError, match=r"which may be an attack \(nothing was run\)"):
        load_generator(tmp_path / "g.pt")
    assert not (tmp_path / "ran").exists()


def test_no_name_is_looked_up(drawn: dict, tmp_path: Path) -> None:
    """The module that a file names is never imported, even where this Python has it."""
    module = tmp_path / "ffclip_named_by_a_file.py"
    module.write_text("class Options: pass\n")
    sys.path.insert(0, str(tmp_path))
    try:
        import ffclip_named_by_a_file  # pyright: ignore[reportMissingImports]

        saved(tmp_path / "g.pt", ffclip_named_by_a_file.Options(), "zip")
        del sys.modules["ffclip_named_by_a_file"]
        reads(tmp_path / "g.pt", drawn)
        assert "ffclip_named_by_a_file" not in sys.modules
    finally:
        sys.path.remove(str(tmp_path))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(-(2**60), 2**60), inner) | st.tuples(inner, inner)
    ),
    max_leaves=30,
)


@rounds(max_examples=60, deadline=None, derandomize=True, database=None)
@given(value=PLAIN, protocol=st.integers(0, 5))
def test_plain_values_are_what_python_reads(value: Any, protocol: int) -> None:
    content = pickle.dumps([value, value], protocol)
    assert read_pickle(io.BytesIO(content), Path("x"), base=None) == pickle.loads(content)


def test_every_instruction_of_this_python_is_known() -> None:
    """The reader stands on the instructions that Python documents; a new one must be looked at."""
    codes = (
        "MARK STOP POP POP_MARK DUP PROTO FRAME NONE NEWTRUE NEWFALSE INT LONG BININT BININT1 BININT2 LONG1 LONG4 "
        "FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE "
        "BINUNICODE SHORT_BINUNICODE BINUNICODE8 EMPTY_LIST EMPTY_TUPLE EMPTY_DICT EMPTY_SET LIST TUPLE TUPLE1 TUPLE2 "
        "TUPLE3 FROZENSET DICT SETITEM SETITEMS APPEND APPENDS ADDITEMS PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET "
        "LONG_BINGET GLOBAL STACK_GLOBAL REDUCE NEWOBJ NEWOBJ_EX INST OBJ BUILD PERSID BINPERSID EXT1 EXT2 EXT4 "
        "NEXT_BUFFER READONLY_BUFFER"
    )
    assert {opcode.name for opcode in pickletools.opcodes} == set(codes.split())
    for opcode in pickletools.opcodes:
        assert getattr(pickle, opcode.name) == opcode.code.encode("latin1")


@pytest.mark.parametrize("make", ["INST", "OBJ", "REDUCE", "_reconstructor", "NEWOBJ", "NEWOBJ_EX"])
def test_every_way_of_making_an_object(make: str) -> None:
    kind = pickle.GLOBAL + b"some.package\nThing\n"
    state = pickle.EMPTY_DICT + hostile.text("x") + pickle.BININT1 + b"\x05" + pickle.SETITEM + pickle.BUILD
    one = pickle.BININT1 + b"\x01"
    made = {
        "INST": pickle.MARK + one + pickle.INST + b"some.package\nThing\n",
        "OBJ": pickle.MARK + kind + one + pickle.OBJ,
        "REDUCE": kind + one + pickle.TUPLE1 + pickle.REDUCE,
        "NEWOBJ": kind + one + pickle.TUPLE1 + pickle.NEWOBJ,
        "NEWOBJ_EX": kind + one + pickle.TUPLE1 + pickle.EMPTY_DICT + pickle.NEWOBJ_EX,
        "_reconstructor": pickle.GLOBAL + f"{copyreg.__name__}\n_reconstructor\n".encode() + kind
        + pickle.GLOBAL + b"builtins\nobject\n" + one + pickle.TUPLE3 + pickle.REDUCE,
    }  # fmt: skip
    found = read_pickle(io.BytesIO(made[make] + state + pickle.STOP), Path("x"), base=None)
    assert isinstance(found, Object) and (found.kind, found.arguments) == ("some.package.Thing", (1,))
    assert as_dict(found) == {"x": 5}


def test_what_a_file_may_ask_for_grows_with_its_size() -> None:
    content = pickle.dumps([float(i) for i in range(300_000)])
    assert len(read_pickle(io.BytesIO(content), Path("x"), base=None, budget=Budget(len(content)))) == 300_000
    budget = Budget(1000)
    budget.left //= 100
    endless = pickle.PROTO + b"\x02" + pickle.EMPTY_LIST * 30_000 + pickle.STOP
    with pytest.raises(CheckpointError, match="would take more than 1"):
        read_pickle(io.BytesIO(endless), Path("x"), base=None, budget=budget)


@pytest.mark.parametrize("value", [b"x" * 9_000, "x" * 9_000, 1 << 72_000], ids=["bytes", "text", "number"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_is_read_into_memory_is_paid_for(value: Any, protocol: int) -> None:
    budget = Budget()
    budget.left = 8_000
    with pytest.raises(CheckpointError, match="MB of memory"):
        read_pickle(io.BytesIO(pickle.dumps(value, protocol)), Path("x"), base=None, budget=budget)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("number", [np.float64(1.5), np.float32(1.5), np.float16(1.5), np.int64(-7), np.uint8(7)])
def test_a_number_of_numpy_is_one_of_pythons(number: Any, protocol: int) -> None:
    found = read_pickle(io.BytesIO(pickle.dumps(number, protocol)), Path("x"), base=None)
    assert found == number.item() and type(found) is type(number.item())


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"'abc'", "abc"),
        (b'"it\'s"', "it's"),
        (b"''", ""),
        (b"'\\x80\\n\\\\'", b"\x80\n\\"),
        (b"'", None),
        (b"", None),
        (b"abc", None),
        (b"'abc", None),
        (b"abc'", None),
        (b"'abc\"", None),
    ],
)
def test_texts_of_python_2s_first_protocol(line: bytes, text: str | bytes | None) -> None:
    """In quotes, with escapes; what is no ASCII stays bytes."""
    file = io.BytesIO(pickle.STRING + line + b"\n" + pickle.STOP)
    if text is not None:
        assert read_pickle(file, Path("x"), base=None) == text
        return
    with pytest.raises(CheckpointError, match="damaged"):
        read_pickle(file, Path("x"), base=None)


def test_what_is_remembered_in_any_place_is_recalled() -> None:
    """Python's own pickles number the places in order; old ones of other programs may leave some empty."""
    put, get = pickle.BINPUT, pickle.BINGET
    one, two, three = (pickle.BININT1 + bytes([value]) for value in (1, 2, 3))
    program = one + put + b"\x05" + two + put + b"\x06" + three + put + b"\x05" + get + b"\x05" + get + b"\x06"
    found = read_pickle(io.BytesIO(pickle.MARK + program + pickle.TUPLE + pickle.STOP), Path("x"), base=None)
    assert found == (1, 2, 3, 3, 2)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [b"", b"\x00\xff"])
def test_byte_strings_of_every_protocol(value: bytes, protocol: int) -> None:
    assert read_pickle(io.BytesIO(pickle.dumps(value, protocol)), Path("x"), base=None) == value


def test_a_tensor_without_numbers_has_its_shape() -> None:
    content = pickle.dumps(torch.zeros(0, 3, device="meta"), 4)
    found = as_stored(read_pickle(io.BytesIO(content), Path("x"), base=None))
    assert found is not None and found.shape == (0, 3)
    with pytest.raises(CheckpointError, match="meta device"):
        found.read()


def test_objects_may_be_keys_and_are_told_apart() -> None:
    days = {datetime.date(2020, 1, day): day for day in (1, 2, 3)}
    found = read_pickle(io.BytesIO(pickle.dumps([days, set(days)], 4)), Path("x"), base=None)
    assert sorted(found[0].values()) == [1, 2, 3] and len(found[1]) == 3
    assert all(isinstance(day, Object) and day.kind == "datetime.date" for day in found[0])


class OnAnotherDevice:
    """What PyTorch writes for a tensor of a device that has no storages: XLA, IPEX, ..."""

    def __reduce__(self) -> tuple:
        return _rebuild_device_tensor_from_numpy, (np.arange(6.0).reshape(2, 3), torch.float64, "x", False)


class Within:
    """A file of torch.save before 1.6 in a byte string, as pickle stores a storage; this one with an array in it."""

    def __init__(self, array: np.ndarray) -> None:
        file = io.BytesIO()
        torch.save({"array": array}, file, _use_new_zipfile_serialization=False, pickle_protocol=4)
        self.content = file.getvalue()

    def __reduce__(self) -> tuple:
        return torch.storage._load_from_bytes, (self.content,)


@pytest.mark.parametrize("base", [0, None])
@pytest.mark.parametrize("count", [10, 20_000])
def test_arrays_in_an_old_file_within_a_file(base: int | None, count: int, tmp_path: Path) -> None:
    """Large ones stay where they are, if that is a place in the file."""
    array = np.arange(count, dtype=np.float64)
    (tmp_path / "x").write_bytes(pickle.dumps({"a": 1, "b": Within(array)}, 4))
    place = tmp_path / ("x" if base == 0 else "nowhere")
    with (tmp_path / "x").open("rb") as file:
        found = as_stored(read_pickle(file, place, base=base)["b"]["array"])
    assert found is not None and np.array_equal(found.read().numpy(), array)


def test_a_tensor_of_another_device_is_its_array() -> None:
    found = read_pickle(io.BytesIO(pickle.dumps(OnAnotherDevice(), 4)), Path("x"), base=None)
    assert found.read().tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_number_of_a_big_endian_machine() -> None:
    """In files of such a machine; NumPy's own pickles of numbers are in the order of the machine."""
    dtype = pickle.GLOBAL + b"numpy\ndtype\n" + hostile.text("i4") + pickle.TUPLE1 + pickle.REDUCE
    state = pickle.MARK + pickle.BININT1 + b"\x03" + hostile.text(">") + pickle.NONE + pickle.TUPLE + pickle.BUILD
    data = pickle.SHORT_BINBYTES + b"\x04" + (77).to_bytes(4, "big")
    scalar = pickle.GLOBAL + b"numpy.core.multiarray\nscalar\n" + dtype + state + data + pickle.TUPLE2 + pickle.REDUCE
    assert read_pickle(io.BytesIO(scalar + pickle.STOP), Path("x"), base=None) == 77


def test_an_old_file_of_a_big_endian_machine(tmp_path: Path) -> None:
    parts = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": False}, {}, [])
    (tmp_path / "x.pt").write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))
    with pytest.raises(CheckpointError, match="big-endian"):
        load_generator(tmp_path / "x.pt")
