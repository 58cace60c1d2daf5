"""The machine that a pickle is a program for, with every instruction that could reach foreign code made harmless.

It stands on the published instruction codes alone, not on Python's own unpickler: a new Python changes nothing here
but by a new code, which is refused (and a test names it). Source: the module pickletools of Python's library.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from sys import getsizeof
from typing import IO, Any, NoReturn

import torch

from ...errors import CheckpointError
from ..stored import Storage, Stored
from . import names
from .budget import CONTAINER, ENTRY, INSTRUCTION, OBJECT, Budget
from .legacy import is_legacy, read_legacy
from .operands import Operands
from .tensors import storage_dtype
from .values import FileBytes, Name, Object

_MOST_SKIPPED = 4096  # Places in the memo that a file leaves empty.
_MADE = "what the file itself made"  # The kind of an object that a call of anything but a name gives.

_CONTAINERS = (list, tuple, dict, set)

Storages = Callable[[str, int, torch.dtype], Storage]


def read_pickle(
    file: IO[bytes],
    path: Path,
    storages: Storages | None = None,
    base: int | None = 0,
    budget: Budget | None = None,
) -> Any:
    """The pickle that begins at the file's position; storages gives the storages that it names.

    base: where in the file at `path` this file's bytes begin, None if they don't stand there as they are. Raises
    ForbiddenNameError for a name that only an attack would hold, CheckpointError for whatever else is wrong with the
    file, OSError and MemoryError for what is wrong with the machine.
    """
    try:
        return _Machine(file, path, storages, base, budget or Budget()).run()
    except (CheckpointError, OSError, MemoryError):
        raise
    except Exception as error:  # A damaged file can make anything of the machine.
        raise CheckpointError("is damaged or incomplete (its pickle can't be read): download it again") from error


def _work(value: Any) -> int:
    """What copying a value costs."""
    kind = type(value)
    if kind is str or kind is bytes:
        return len(value)
    return ENTRY * len(value) if kind in _CONTAINERS else 0


class _StopError(Exception):
    """The program is at its end."""


class _Machine:
    def __init__(
        self, file: IO[bytes], path: Path, storages: Storages | None, base: int | None, budget: Budget
    ) -> None:
        self.file, self.path, self.storages, self.budget = file, path, storages, budget
        self.operands = Operands(file, path, base, budget)
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: list[Any] = []
        self.known: dict[tuple[str, str], Name] = {}
        self.instructions = {getattr(pickle, name): method for name, method in self._instructions().items()}

    def run(self) -> Any:
        read, instructions, budget = self.file.read, self.instructions, self.budget
        try:
            while True:
                budget.left -= INSTRUCTION
                if budget.left < 0:
                    budget.charge(0)
                code = read(1)
                method = instructions.get(code)
                if method is None:
                    if not code:
                        raise CheckpointError("is incomplete: it ends within its pickle; download it again")
                    self._refuse()
                method()
        except _StopError:
            return self.stack.pop()

    def _instructions(self) -> dict[str, Callable[[], Any]]:
        """What each instruction does, by its name in the module pickle."""
        push, read = self._push, self.operands
        return {
            "MARK": lambda: self.marks.append(len(self.stack)),
            "STOP": self._stop,
            "POP": self._pop,
            "POP_MARK": self._since_mark,
            "DUP": lambda: push(self.stack[-1]),
            "PROTO": self._protocol,
            "FRAME": lambda: read.bytes(8),  # Of no use to a machine that reads a file as it comes.
            # Plain values.
            "NONE": lambda: push(None),
            "NEWTRUE": lambda: push(True),
            "NEWFALSE": lambda: push(False),
            "INT": lambda: push(read.number_in_text()),
            "LONG": lambda: push(read.number_in_text()),
            "BININT": lambda: push(read.signed()),
            "BININT1": lambda: push(read.byte()),
            "BININT2": lambda: push(read.unsigned(2)),
            "LONG1": lambda: push(read.long(1)),
            "LONG4": lambda: push(read.long(4)),
            "FLOAT": lambda: push(float(read.line())),
            "BINFLOAT": lambda: push(read.double()),
            "STRING": lambda: push(read.quoted()),
            "BINSTRING": lambda: push(read.byte_string(4, old=True)),
            "SHORT_BINSTRING": lambda: push(read.byte_string(1, old=True)),
            "BINBYTES": lambda: push(read.byte_string(4)),
            "SHORT_BINBYTES": lambda: push(read.byte_string(1)),
            "BINBYTES8": lambda: push(read.byte_string(8)),
            "BYTEARRAY8": lambda: push(read.byte_string(8)),
            "UNICODE": lambda: push(read.escaped_text()),
            "BINUNICODE": lambda: push(read.text(4)),
            "SHORT_BINUNICODE": lambda: push(read.text(1)),
            "BINUNICODE8": lambda: push(read.text(8)),
            # Containers.
            "EMPTY_LIST": lambda: self._push_container([]),
            "EMPTY_TUPLE": lambda: push(()),
            "EMPTY_DICT": lambda: self._push_container({}),
            "EMPTY_SET": lambda: self._push_container(set()),
            "LIST": lambda: self._push_container(self._since_mark()),
            "TUPLE": lambda: self._push_container(tuple(self._since_mark())),
            "TUPLE1": lambda: self._push_container(tuple(self._last(1))),
            "TUPLE2": lambda: self._push_container(tuple(self._last(2))),
            "TUPLE3": lambda: self._push_container(tuple(self._last(3))),
            "FROZENSET": lambda: self._push_container(frozenset(map(names.key, self._since_mark()))),
            "DICT": self._dict,
            "SETITEM": lambda: self._set_items(self._last(2)),
            "SETITEMS": lambda: self._set_items(self._since_mark()),
            "APPEND": lambda: self._extend(self._last(1)),
            "APPENDS": lambda: self._extend(self._since_mark()),
            "ADDITEMS": self._add_items,
            # What was seen before.
            "PUT": lambda: self._remember(int(read.line())),
            "BINPUT": lambda: self._remember(read.byte()),
            "LONG_BINPUT": lambda: self._remember(read.unsigned(4)),
            "MEMOIZE": lambda: self._remember(len(self.memo)),
            "GET": lambda: self._recall(int(read.line())),
            "BINGET": lambda: self._recall(read.byte()),
            "LONG_BINGET": lambda: self._recall(read.unsigned(4)),
            # Names, and what is made by them.
            "GLOBAL": lambda: push(self._find(read.line().decode(), read.line().decode())),
            "STACK_GLOBAL": lambda: push(self._find(*self._last(2))),
            "REDUCE": lambda: self._call(*self._last(2)),
            "NEWOBJ": lambda: self._call(*self._last(2)),
            "NEWOBJ_EX": self._call_with_names,
            "INST": lambda: self._call(
                self._find(read.line().decode(), read.line().decode()), tuple(self._since_mark())
            ),
            "OBJ": self._call_in_one,
            "BUILD": self._build,
            "PERSID": lambda: push(self._storage(read.line().decode())),
            "BINPERSID": lambda: push(self._storage(self.stack.pop())),
            # What needs a registry, or buffers from outside of the file.
            **dict.fromkeys(("EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"), self._refuse),
        }

    def _stop(self) -> NoReturn:
        raise _StopError

    def _refuse(self) -> NoReturn:
        raise CheckpointError("is damaged, or an attack: its pickle uses an instruction that no model file needs")

    def _protocol(self) -> None:
        if self.operands.unsigned(1) > pickle.HIGHEST_PROTOCOL:
            raise CheckpointError("is damaged, or of a newer Python: its pickle has an unknown protocol")

    # The stack and the memo.

    def _push(self, value: Any) -> None:
        self.stack.append(value)

    def _push_container(self, value: Any) -> None:
        self.budget.charge(CONTAINER + (0 if isinstance(value, (tuple, list)) else ENTRY * len(value)))
        self.stack.append(value)

    def _push_object(self, kind: str, arguments: tuple) -> None:
        self.budget.charge(OBJECT)
        self.stack.append(Object(kind, arguments))

    def _last(self, count: int) -> list:
        if len(self.stack) < count:
            self._refuse()
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def _since_mark(self) -> list:
        at = self.marks.pop()
        values = self.stack[at:]
        del self.stack[at:]
        return values

    def _pop(self) -> None:
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def _remember(self, place: int) -> None:
        skipped = place - len(self.memo)
        if not skipped:
            self.memo.append(self.stack[-1])
            return
        if -len(self.memo) <= skipped < 0:
            self.memo[place] = self.stack[-1]
            return
        if not 0 <= skipped <= _MOST_SKIPPED:
            self._refuse()
        self.budget.charge(8 * skipped)
        self.memo += [None] * skipped
        self.memo.append(self.stack[-1])

    def _recall(self, place: int) -> None:
        if not 0 <= place < len(self.memo):
            self._refuse()
        self.stack.append(self.memo[place])

    # Containers.

    def _dict(self) -> None:
        items = self._since_mark()
        self._push_container({})
        self._set_items(items)

    def _set_items(self, items: list) -> None:
        target = self.stack[-1]
        target = target.items if type(target) is Object else target
        if type(target) is not dict:
            self._refuse()
        self.budget.charge(ENTRY * len(items))
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[names.key(key)] = value

    def _extend(self, values: list) -> None:
        target = self.stack[-1]
        target = target.elements if type(target) is Object else target
        if type(target) is not list:
            self._refuse()
        target.extend(values)

    def _add_items(self) -> None:
        values, target = self._since_mark(), self.stack[-1]
        if type(target) is Object:
            target.elements.extend(values)
            return
        if type(target) is not set:
            self._refuse()
        self.budget.charge(2 * ENTRY * len(values))
        target.update(map(names.key, values))

    # Names, and what is made by them.

    def _find(self, module: Any, name: Any) -> Name:
        if type(module) is not str or type(name) is not str:
            self._refuse()
        if (module, name) not in self.known:
            found = names.find(module, name)
            if found.name == "torch.storage._load_from_bytes":
                found = Name(found.name, self._storage_in_bytes)
            self.budget.charge(OBJECT + 2 * getsizeof(found.name))
            self.known[module, name] = found
        return self.known[module, name]

    def _call(self, callee: Any, arguments: Any) -> None:
        """What a call of a name gives: a function's result, else an inert object that holds the arguments."""
        if type(arguments) is not tuple:
            self._refuse()
        if type(callee) is not Name:
            self._push_object(_MADE, (callee, arguments))
            return
        if callee.function is not None:
            # What is copied is paid for, with the time that it takes.
            self.budget.charge(sum(map(_work, arguments)))
            try:
                result = callee.function(*arguments)
            except (TypeError, ValueError, AttributeError, LookupError, OverflowError):
                pass  # It has not the form that the function takes: of no meaning here.
            else:
                self.budget.charge(2 * OBJECT if isinstance(result, (Stored, Object)) else CONTAINER + _work(result))
                self.stack.append(result)
                return
        self._push_object(callee.name, arguments)

    def _call_with_names(self) -> None:
        callee, arguments, named = self._last(3)
        if type(arguments) is not tuple or type(named) is not dict:
            self._refuse()
        self._push_object(callee.name if type(callee) is Name else _MADE, arguments)
        self.stack[-1].state = named

    def _call_in_one(self) -> None:
        callee, *arguments = self._since_mark()
        self._call(callee, tuple(arguments))

    def _build(self) -> None:
        """Of anything but an object a state says nothing that is needed: of a state dict, it is its versions."""
        state = self.stack.pop()
        if type(self.stack[-1]) is Object:
            self.stack[-1].state = state

    # Storages.

    def _storage(self, pid: Any) -> Any:
        if type(pid) is tuple and len(pid) > 1 and pid[0] == "module":  # A class with its source, in old files.
            return pid[1]
        if self.storages is None or type(pid) is not tuple or len(pid) < 5 or pid[0] != "storage":
            raise CheckpointError("is damaged: it refers to something outside of it")
        _, kind, key, _, count = pid[:5]
        dtype = storage_dtype(kind)
        if type(kind) is not Name or type(key) is not str or type(count) is not int or not 0 <= count < 1 << 48:
            raise CheckpointError("is damaged: it describes a storage of an unknown kind")
        self.budget.charge(2 * OBJECT)
        return Object(kind.name) if dtype is None else self.storages(key, count, dtype)

    def _storage_in_bytes(self, data: Any) -> Any:
        if self.budget.nested or not isinstance(data, (bytes, FileBytes)):
            self._refuse()
        if isinstance(data, bytes):
            return self._legacy(io.BytesIO(data), len(data), data)
        with data.path.open("rb") as file:
            file.seek(data.position)
            return self._legacy(file, data.position + data.length, None)

    def _legacy(self, file: IO[bytes], end: int, inline: bytes | None) -> Any:
        self.budget.nested += 1
        if not is_legacy(read_pickle(file, self.path, base=None, budget=self.budget)):
            self._refuse()
        result = read_legacy(read_pickle, file, self.path, end, self.budget, inline)
        self.budget.nested -= 1
        return result
