"""What the names in a pickle stand for.

A few name a harmless function, which is called; those that only an attack would name are refused, as a warning to the
user. Every other name is inert: nothing looks it up, so it can do no harm, whatever it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import CheckpointError
from . import numpy_arrays, tensors
from .values import Key, Name, Object


class ForbiddenNameError(CheckpointError):
    """A name that only an attack would hold."""


# Whatever is in these modules starts programs, reaches into the system or the network, or loads code.
_FORBIDDEN_MODULES = frozenset(
    "os posix nt subprocess _posixsubprocess sys runpy importlib imp shutil socket _socket ctypes _ctypes pty "
    "webbrowser pickle _pickle cPickle marshal codeop pdb bdb popen2".split()
)
_FORBIDDEN = frozenset(
    "builtins.eval builtins.exec builtins.execfile builtins.compile builtins.open builtins.__import__ "
    "builtins.breakpoint builtins.input builtins.globals io.open _io.open code.interact code.InteractiveInterpreter "
    "code.InteractiveConsole commands.getoutput commands.getstatusoutput pip.main timeit.timeit pydoc.pipepager "
    "platform.popen torch.load torch.hub.load torch.jit.load torch.serialization.load torch.ops.load_library "
    "torch.classes.load_library torch.utils.cpp_extension.load numpy.load numpy.lib.npyio.load "
    "numpy.testing._private.utils.runstring".split()
)
# Methods that write to the disk or delete what is on it.
_FORBIDDEN_OF_PATHS = frozenset(
    "chmod hardlink_to lchmod link_to mkdir open rename replace rmdir symlink_to touch unlink write_bytes "
    "write_text".split()
)
# What functions of these modules give, which stands in honest settings.
_HARMLESS = frozenset(
    "os.stat_result posix.stat_result nt.stat_result os.uname_result posix.uname_result os.times_result "
    "posix.times_result os.terminal_size socket.AddressFamily socket.SocketKind subprocess.CompletedProcess "
    "sys.version_info sys.flags sys.float_info".split()
)
_LONGEST = 1000
# Python 2's names.
_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}


def find(module: str, name: str) -> Name:
    """What a name in a file stands for. Raises ForbiddenNameError for one that only an attack would hold."""
    full = f"{_RENAMED.get(module, module)}.{name}"
    package, last = full.partition(".")[0], full.rpartition(".")[2]
    forbidden = package in _FORBIDDEN_MODULES and full not in _HARMLESS
    if forbidden or full in _FORBIDDEN or (package == "pathlib" and last in _FORBIDDEN_OF_PATHS):
        raise ForbiddenNameError(
            f"names '{full[:80]}', which no model file needs and which may be an attack (nothing was run): get the "
            "file from its authors"
        )
    if full.startswith("joblib.numpy_pickle"):
        raise CheckpointError("was written by joblib, which stores no network: it is no model file of FFCLIP's")
    return Name(full, FUNCTIONS.get(full))


def key(value: Any) -> Any:
    """A dictionary's key; nothing whose hash could take forever."""
    kind = type(value)
    if kind in (str, bytes, float, bool, type(None), Name) or kind is int and value.bit_length() <= 64:
        return value
    return value if kind is Object else Key(value)


def _dictionary(items: Any = ()) -> dict:
    pairs = items.items() if type(items) is dict else items
    return {key(name): value for name, value in pairs}


def _set_of(items: Any = ()) -> set:
    return set(map(key, items))


def _latin1(text: Any, encoding: Any = "latin1") -> bytes:
    """How protocol 2 stores byte strings."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError("of an unknown form")
    return text.encode("latin1")


def _attribute(owner: Any, name: Any, *_default: Any) -> Name:
    """getattr of a name: a name as well. Raises ValueError for what else there could be."""
    if type(owner) is not Name or type(name) is not str or len(owner.name) + len(name) > _LONGEST:
        raise ValueError("no name")
    return find(owner.name, name)


def _list_of(items: Any) -> list:
    return list(items) if type(items) in (tuple, list) else []


def _no_bytes(*arguments: Any) -> bytes:
    """How protocols 0 to 2 store an empty byte string. Raises ValueError for any other."""
    if arguments:
        raise ValueError("of an unknown form")
    return b""


def _size(lengths: Any) -> tuple:
    return tuple(lengths if type(lengths) in (tuple, list) else ())


def _reconstructed(kind: Any, base: Any, state: Any) -> Object:
    """copyreg._reconstructor: how protocols 0 and 1 make an object, perhaps of a class derived from a plain one."""
    result = Object(kind.name, (state,))
    if isinstance(base, Name) and base.name == "builtins.dict" and type(state) is dict:
        result.items = state
    elif isinstance(base, Name) and base.name == "builtins.list" and type(state) is list:
        result.elements = state
    return result


def _tagged(value: Any, *_rest: Any) -> Any:
    return value


def _parameter(*arguments: Any) -> Any:
    return tensors.first(*arguments) if arguments else Object("torch.nn.parameter.Parameter")


# A function that can't take what it is given makes an inert object, as if it were not here.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": tensors.plain,
    "torch._utils._rebuild_tensor_v2": tensors.plain,
    "torch._utils._rebuild_tensor_v3": tensors.of_bytes,
    "torch._utils._rebuild_parameter": tensors.first,
    "torch._utils._rebuild_parameter_with_state": tensors.first,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.nn.parameter.Buffer": _parameter,
    "torch.nn.Parameter": _parameter,
    "torch._utils._rebuild_device_tensor_from_numpy": tensors.of_array,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": tensors.first,
    "torch._utils._rebuild_xla_tensor": tensors.of_array,
    "torch._tensor._rebuild_from_type": tensors.of_type,
    "torch._tensor._rebuild_from_type_v2": tensors.of_type,
    "torch.tensor._rebuild_from_type": tensors.of_type,
    "torch._utils._rebuild_sparse_tensor": tensors.sparse,
    "torch._utils._rebuild_qtensor": tensors.quantised,
    "torch._utils._rebuild_meta_tensor_no_storage": tensors.meta,
    "torch.Size": _size,
    "collections.OrderedDict": _dictionary,
    "collections.Counter": _dictionary,
    "collections.defaultdict": lambda *_: {},
    "_codecs.encode": _latin1,
    "builtins.bytes": _no_bytes,
    "builtins.getattr": _attribute,
    "builtins.set": _set_of,
    "builtins.dict": _dictionary,
    **{f"numpy.{core}.multiarray._reconstruct": numpy_arrays.empty for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": numpy_arrays.scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": numpy_arrays.in_buffer for core in ("core", "_core")},
    "copyreg._reconstructor": _reconstructed,
    "copyreg.__newobj__": lambda kind, *arguments: Object(kind.name, arguments),
    "torch.jit._pickle.restore_type_tag": _tagged,
    **{f"torch.jit._pickle.build_{kind}list": _list_of for kind in ("int", "double", "bool", "tensor")},
}
