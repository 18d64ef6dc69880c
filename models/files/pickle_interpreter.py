"""A safe interpreter for pickles: it creates plain data and calls a few known factories, nothing else.

Python's own unpickler can be exploited: its memo grows to the largest index in the file, keys are hashed at any depth,
and NumPy and torch rebuild objects without checks.
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
"""Maximum number of opcodes of one pickle; a checkpoint has some thousands."""
OPCODES = {opcode.code.encode("latin1"): opcode for opcode in pickletools.opcodes}
LONGEST_NAME = 200
SPARE_BYTES = 1 << 20
DAMAGE = (
    *(ValueError, LookupError, TypeError, ArithmeticError, AttributeError, struct.error, EOFError, MemoryError),
    RecursionError,
)
"""Errors that damaged files cause when an argument is read or an opcode is executed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factory:
    """The meaning of a name in a pickle: `make` is called with the pickle's arguments."""

    name: str
    make: Callable[..., Any]


class Unfinished:
    """Result of a factory that needs a state, which the pickle provides later (BUILD)."""

    def finish(self, state: Any) -> Any:
        """The finished object, possibly itself. Raises: pickle.UnpicklingError."""
        raise NotImplementedError


Globals = Callable[[str, str], Factory]
"""From module and name to a factory; raises pickle.UnpicklingError for unknown names."""


def refused_name(module: str, name: str) -> pickle.UnpicklingError:
    """The error for names that are not data."""
    return pickle.UnpicklingError(f"it uses {module:.80}.{name:.80}, which is not array data")


def unpickle(file: BinaryIO, known: Globals, stored: Callable[[Any], Any] | None = None) -> Any:
    """Read the object of the pickle at a file's position. Afterwards the file is positioned at the pickle's end.

    Possible results: None, booleans, numbers, strings, bytes, lists, tuples, dicts with plain keys, and results of
    factories.

    Args:
        file: seekable.
        known: factories of the allowed names.
        stored: returns the object of a persistent id; None: such ids are refused.

    Raises:
        pickle.UnpicklingError: the pickle is damaged, uses unknown names, or refers to more bytes than the file has.
    """
    interpreter = _Interpreter(_Bounded(file), known, stored)
    try:
        return interpreter.run()
    except pickle.UnpicklingError:
        raise
    except DAMAGE as error:
        raise pickle.UnpicklingError(f"damaged at opcode {interpreter.steps}") from error


class _Bounded(io.RawIOBase):
    """A file that refuses to read beyond its end, so no memory is allocated for wrong lengths."""

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
    """Stack, marks and memo of one pickle."""

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
        """Execute all opcodes up to STOP."""
        while self.steps < MOST_STEPS:
            self.steps += 1
            opcode = OPCODES[self._file.read(1)]
            if opcode.name == "STOP":
                return self.stack.pop()
            if opcode.name not in STEPS:
                raise pickle.UnpicklingError(f"it uses the opcode {opcode.name}, which array data do not need")
            STEPS[opcode.name](self, self._argument(opcode))
        raise pickle.UnpicklingError(f"it has more than {MOST_STEPS} opcodes")

    def _argument(self, opcode: pickletools.OpcodeInfo) -> Any:
        if opcode.name == "STRING":  # strings of Python 2; pickletools accepts ASCII only
            return codecs.escape_decode(self._file.readline().strip()[1:-1])[0].decode("latin1")
        return None if opcode.arg is None else opcode.arg.reader(cast(IO[bytes], self._file))

    def expect(self, length: int) -> None:
        """Check that `length` bytes follow."""
        if length > self._file.left:
            raise EOFError("it ends too early")

    def mark(self) -> None:
        self._below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self._below.pop()
        return items

    def top(self, count: int) -> tuple[Any, ...]:
        """Pop the last `count` values."""
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
            raise pickle.UnpicklingError("damaged (an invalid name)")
        self.stack.append(self._known(module, name))

    def call(self, factory: Any, arguments: Any) -> None:
        if not isinstance(factory, Factory) or not isinstance(arguments, tuple | list):
            raise pickle.UnpicklingError("damaged (it calls something that is not a factory)")
        self._weigh(arguments)
        try:
            self.stack.append(factory.make(*arguments))
        except TypeError as error:
            raise pickle.UnpicklingError(f"damaged (wrong arguments of {factory.name})") from error

    def _weigh(self, parts: Any) -> None:
        """Limit the copies that factories make: a file's data may be copied about once, not many times."""
        self._budget -= sum(len(part) for part in parts if isinstance(part, str | bytes | bytearray | list | tuple))
        if self._budget < 0:
            raise pickle.UnpicklingError("its instructions copy more data than its size allows")

    def build(self) -> None:
        """Finish the object on top of the stack with a state, and replace it by the finished one on the stack and in
        the memo."""
        (state,) = self.top(1)
        target = self.stack[-1]
        if isinstance(target, OrderedDict):
            return  # attributes of a state dict, such as torch's _metadata
        if not isinstance(target, Unfinished):
            raise pickle.UnpicklingError("damaged (a state for an object that takes none)")
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
            raise pickle.UnpicklingError("damaged (items for an object that is not a list)")
        target.extend(items)

    def update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise pickle.UnpicklingError("damaged (entries for an object that is not a dict)")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_plain_key(key)] = value

    def persistent(self, key: Any) -> None:
        if self._stored is None:
            raise pickle.UnpicklingError("it refers to tensors outside of the pickle, as torch's files do")
        self.stack.append(self._stored(key))


def _plain_key(key: Any) -> Any:
    """Check a dict key: only strings and small integers are allowed, because nested keys can be slow to hash."""
    if isinstance(key, str | bytes | None) or (isinstance(key, int) and abs(key) < 1 << 63):
        return key
    raise pickle.UnpicklingError("it has a key that is neither a string nor an integer")


def _push(interpreter: _Interpreter, value: Any) -> None:
    interpreter.stack.append(value)


def _constant(value: Any) -> Callable[[_Interpreter, Any], None]:
    return lambda interpreter, _: interpreter.stack.append(value)


def _tuple_of(count: int) -> Callable[[_Interpreter, Any], None]:
    return lambda interpreter, _: interpreter.stack.append(interpreter.top(count))


def _made_since_mark(interpreter: _Interpreter, _: Any) -> None:
    factory, *arguments = interpreter.since_mark()
    interpreter.call(factory, arguments)


def _forget_since_mark(interpreter: _Interpreter, _: Any) -> None:
    interpreter.since_mark()


def _instance(interpreter: _Interpreter, names: str) -> None:
    arguments = interpreter.since_mark()
    interpreter.name(*names.split(" ", 1))
    interpreter.call(interpreter.stack.pop(), arguments)


def _dict_since_mark(interpreter: _Interpreter, _: Any) -> None:
    items = interpreter.since_mark()
    interpreter.stack.append({})
    interpreter.update(items)


Step = Callable[[_Interpreter, Any], None]
_VALUES = (
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES "
    "SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8"
)
STEPS: Mapping[str, Step] = {
    **dict.fromkeys(_VALUES.split(), _push),
    "PROTO": lambda interpreter, _: None,
    "FRAME": lambda interpreter, length: interpreter.expect(length),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), lambda interpreter, at: interpreter.remember(at)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda interpreter, at: interpreter.recall(at)),
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "EMPTY_TUPLE": _constant(()),
    "EMPTY_LIST": lambda interpreter, _: interpreter.stack.append([]),
    "EMPTY_DICT": lambda interpreter, _: interpreter.stack.append({}),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "MARK": lambda interpreter, _: interpreter.mark(),
    "POP": lambda interpreter, _: interpreter.pop(),
    "POP_MARK": _forget_since_mark,
    "DUP": lambda interpreter, _: interpreter.stack.append(interpreter.stack[-1]),
    "TUPLE": lambda interpreter, _: _push(interpreter, tuple(interpreter.since_mark())),
    "LIST": lambda interpreter, _: _push(interpreter, interpreter.since_mark()),
    "DICT": _dict_since_mark,
    "APPEND": lambda interpreter, _: interpreter.extend(list(interpreter.top(1))),
    "APPENDS": lambda interpreter, _: interpreter.extend(interpreter.since_mark()),
    "SETITEM": lambda interpreter, _: interpreter.update(list(interpreter.top(2))),
    "SETITEMS": lambda interpreter, _: interpreter.update(interpreter.since_mark()),
    "GLOBAL": lambda interpreter, names: interpreter.name(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda interpreter, _: interpreter.name(*interpreter.top(2)),
    "INST": _instance,
    "OBJ": _made_since_mark,
    "REDUCE": lambda interpreter, _: interpreter.call(*interpreter.top(2)),
    "NEWOBJ": lambda interpreter, _: interpreter.call(*interpreter.top(2)),
    "BUILD": lambda interpreter, _: interpreter.build(),
    "PERSID": lambda interpreter, key: interpreter.persistent(key),
    "BINPERSID": lambda interpreter, _: interpreter.persistent(*interpreter.top(1)),
}
