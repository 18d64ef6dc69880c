"""Pickles carried out by hand: plain data and what a few known makers make of it; nothing else is ever called.

Python's own unpickler follows whatever a file says: its table of remembered objects grows to the largest number in the
file, keys are hashed however deep they are, and what NumPy and torch are told to rebuild they rebuild unchecked.
"""

from __future__ import annotations

import codecs
import io
import pickle
import pickletools
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, cast

MOST_STEPS = 5_000_000
"""Of one pickle: a checkpoint has some thousands."""
OPCODES = {opcode.code.encode("latin1"): opcode for opcode in pickletools.opcodes}
LONGEST_NAME = 200
SPARE_BYTES = 1 << 20
DAMAGE = (
    *(ValueError, LookupError, TypeError, ArithmeticError, AttributeError, struct.error, EOFError, MemoryError),
    RecursionError,
)
"""What a flipped bit makes of reading an argument or doing a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factory:
    """What a name in a pickle stands for: `make` takes the arguments that the pickle gives."""

    name: str
    make: Callable[..., Any]


class Unfinished:
    """What a maker gives where a pickle tells the rest later (BUILD)."""

    def finish(self, state: Any) -> Any:
        """What it is at last; may be itself. Raises: pickle.UnpicklingError."""
        raise NotImplementedError


Globals = Callable[[str, str], Factory]
"""From module and name to a maker; raises pickle.UnpicklingError for what is not known."""


def refused_name(module: str, name: str) -> pickle.UnpicklingError:
    """For names that stand for no data."""
    return pickle.UnpicklingError(f"it asks for {module:.80}.{name:.80}, which is not array data")


def unpickle(file: BinaryIO, known: Globals, stored: Callable[[Any], Any] | None = None) -> Any:
    """The object that the pickle at a file's position describes; the file is left after its end.

    What comes out: None, booleans, numbers, texts, bytes, lists, tuples, dicts with plain keys, and what makers made.

    Args:
        file: seekable.
        known: the names that it may use.
        stored: gives what a persistent id stands for; None: there are no such ids.

    Raises:
        pickle.UnpicklingError: damaged, asking for other things, or for more than the file has.
    """
    machine = _Interpreter(_Bounded(file), known, stored)
    try:
        return machine.run()
    except pickle.UnpicklingError:
        raise
    except DAMAGE as error:
        raise pickle.UnpicklingError(f"damaged at its step {machine.steps}") from error


class _Bounded(io.RawIOBase):
    """A file that is never asked for more than it has: no memory is spent on lengths that are not there."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        here = file.tell()
        self.left = self.size = file.seek(0, io.SEEK_END) - here
        file.seek(here)

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= self.left:
            raise EOFError("it ends too early")
        self.left -= count
        return self._file.read(count)

    def readline(self, limit: int | None = -1) -> bytes:
        line = self._file.readline(self.left)
        self.left -= len(line)
        return line


class _Interpreter:
    """Stack, marks and memory of one pickle."""

    def __init__(self, file: _Bounded, known: Globals, stored: Callable[[Any], Any] | None) -> None:
        self.steps = 0
        self.stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._unfinished: dict[int, list[int]] = {}
        self._budget = 2 * file.size + SPARE_BYTES
        self._file = file
        self._known = known
        self._stored = stored

    def run(self) -> Any:
        """Every step up to STOP."""
        while self.steps < MOST_STEPS:
            self.steps += 1
            opcode = OPCODES[self._file.read(1)]
            if opcode.name == "STOP":
                return self.stack.pop()
            if opcode.name not in STEPS:
                raise pickle.UnpicklingError(f"it asks for {opcode.name}, which no array data need")
            STEPS[opcode.name](self, self._argument(opcode))
        raise pickle.UnpicklingError(f"it has more than {MOST_STEPS} steps")

    def _argument(self, opcode: pickletools.OpcodeInfo) -> Any:
        if opcode.name == "STRING":  # Python 2's; pickletools takes ASCII alone
            return codecs.escape_decode(self._file.readline().strip()[1:-1])[0].decode("latin1")
        return None if opcode.arg is None else opcode.arg.reader(cast(IO[bytes], self._file))

    def expect(self, length: int) -> None:
        """Bytes that are said to follow."""
        if length > self._file.left:
            raise EOFError("it ends too early")

    def mark(self) -> None:
        self._below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self._below.pop()
        return items

    def top(self, count: int) -> tuple[Any, ...]:
        """The last values, taken off."""
        if len(self.stack) < count:
            raise EOFError("its stack is empty")
        taken = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return taken

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.since_mark()

    def remember(self, number: int | None) -> None:
        number = len(self._memo) if number is None else number
        self._memo[number] = self.stack[-1]
        if isinstance(self.stack[-1], Unfinished):
            self._unfinished.setdefault(id(self.stack[-1]), []).append(number)

    def recall(self, number: int) -> None:
        self.stack.append(self._memo[number])

    def name(self, module: Any, name: Any) -> None:
        named = isinstance(module, str) and isinstance(name, str)
        if not named or len(module) + len(name) > LONGEST_NAME:
            raise pickle.UnpicklingError("damaged (a name that is none)")
        self.stack.append(self._known(module, name))

    def call(self, maker: Any, arguments: Any) -> None:
        if not isinstance(maker, Factory) or not isinstance(arguments, tuple | list):
            raise pickle.UnpicklingError("damaged (it calls what is no maker)")
        self._weigh(arguments)
        try:
            self.stack.append(maker.make(*arguments))
        except TypeError as error:
            raise pickle.UnpicklingError(f"damaged (wrong arguments of {maker.name})") from error

    def _weigh(self, parts: Any) -> None:
        """Making may copy what it is given: a file may have everything copied about once, not again and again."""
        self._budget -= sum(len(part) for part in parts if isinstance(part, str | bytes | bytearray | list | tuple))
        if self._budget < 0:
            raise pickle.UnpicklingError("it makes more of its data than a file of its size may")

    def build(self) -> None:
        """A state for what lies on top; whoever remembers the unfinished thing remembers the finished one."""
        (state,) = self.top(1)
        target = self.stack[-1]
        if isinstance(target, OrderedDict):
            return  # attributes of a state dict, such as torch's _metadata
        if not isinstance(target, Unfinished):
            raise pickle.UnpicklingError("damaged (a state for what has none)")
        self._weigh(state if isinstance(state, tuple) else ())
        made = target.finish(state)
        if made is not target:
            self.stack[-1] = made
            for number in self._unfinished.pop(id(target), []):
                if self._memo[number] is target:
                    self._memo[number] = made

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise pickle.UnpicklingError("damaged (items for what is no list)")
        target.extend(items)

    def update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise pickle.UnpicklingError("damaged (entries for what is no dict)")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_plain_key(key)] = value

    def persistent(self, key: Any) -> None:
        if self._stored is None:
            raise pickle.UnpicklingError("it refers to tensors outside of itself, as torch's files do")
        self.stack.append(self._stored(key))


def _plain_key(key: Any) -> Any:
    """Keys are texts and small numbers: what is deep takes for ever to hash."""
    if isinstance(key, str | bytes | None) or (isinstance(key, int) and abs(key) < 1 << 63):
        return key
    raise pickle.UnpicklingError("it has a key that is neither a text nor a whole number")


def _push(machine: _Interpreter, value: Any) -> None:
    machine.stack.append(value)


def _constant(value: Any) -> Callable[[_Interpreter, Any], None]:
    return lambda machine, _: machine.stack.append(value)


def _tuple_of(count: int) -> Callable[[_Interpreter, Any], None]:
    return lambda machine, _: machine.stack.append(machine.top(count))


def _made_since_mark(machine: _Interpreter, _: Any) -> None:
    maker, *arguments = machine.since_mark()
    machine.call(maker, arguments)


def _forget_since_mark(machine: _Interpreter, _: Any) -> None:
    machine.since_mark()


def _instance(machine: _Interpreter, names: str) -> None:
    arguments = machine.since_mark()
    machine.name(*names.split(" ", 1))
    machine.call(machine.stack.pop(), arguments)


def _dict_since_mark(machine: _Interpreter, _: Any) -> None:
    items = machine.since_mark()
    machine.stack.append({})
    machine.update(items)


Step = Callable[[_Interpreter, Any], None]
_VALUES = (
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES "
    "SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8"
)
STEPS: Mapping[str, Step] = {
    **dict.fromkeys(_VALUES.split(), _push),
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, length: machine.expect(length),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), lambda machine, at: machine.remember(at)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, at: machine.recall(at)),
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "EMPTY_TUPLE": _constant(()),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "MARK": lambda machine, _: machine.mark(),
    "POP": lambda machine, _: machine.pop(),
    "POP_MARK": _forget_since_mark,
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "TUPLE": lambda machine, _: _push(machine, tuple(machine.since_mark())),
    "LIST": lambda machine, _: _push(machine, machine.since_mark()),
    "DICT": _dict_since_mark,
    "APPEND": lambda machine, _: machine.extend(list(machine.top(1))),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.update(list(machine.top(2))),
    "SETITEMS": lambda machine, _: machine.update(machine.since_mark()),
    "GLOBAL": lambda machine, names: machine.name(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.name(*machine.top(2)),
    "INST": _instance,
    "OBJ": _made_since_mark,
    "REDUCE": lambda machine, _: machine.call(*machine.top(2)),
    "NEWOBJ": lambda machine, _: machine.call(*machine.top(2)),
    "BUILD": lambda machine, _: machine.build(),
    "PERSID": lambda machine, key: machine.persistent(key),
    "BINPERSID": lambda machine, _: machine.persistent(*machine.top(1)),
}
