"""Reads pickles of NumPy arrays without running code from them. Only numbers; every size is checked."""

from __future__ import annotations

import math
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from models.files.pickle_interpreter import Factory, Unfinished, refused_name, unpickle

NUMBERS = re.compile(r"[<>=|]?(?:[biufc]\d{1,2}|\?)")
"""NumPy's short names of dtypes of numbers; objects, strings, times and records do not match."""
MOST_AXES, LARGEST = 32, 1 << 63


def read_data_pickle(file: BinaryIO) -> Any:
    """Read arrays of numbers in plain containers from the pickle at a file's position.

    Raises: pickle.UnpicklingError for any other content.
    """
    return unpickle(file, data_factory)


def data_factory(module: str, name: str) -> Factory:
    """The factory for a name in pickles of arrays. Raises: pickle.UnpicklingError for other names."""
    package, _, last = module.rpartition(".")
    # NumPy's internal package was called numpy.core before version 2.
    place = f"numpy.{last}" if package in ("numpy.core", "numpy._core") else module
    factory = FACTORIES.get(f"{place}.{name}")
    if factory is None:
        raise refused_name(module, name)
    return factory


def data_of(value: Any) -> bytes | bytearray:
    """The bytes of an array. Raises: pickle.UnpicklingError for other values."""
    if isinstance(value, bytes | bytearray):
        return value
    if isinstance(value, str):  # a string of Python 2, decoded as latin1
        return value.encode("latin1")
    raise pickle.UnpicklingError("it contains an array of objects, not of numbers")


def axes_of(value: Any) -> tuple[int, ...]:
    """A shape. Raises: pickle.UnpicklingError for other values."""
    sizes = value if isinstance(value, tuple | list) else (value,)
    if len(sizes) > MOST_AXES or not all(type(size) is int and 0 <= size < LARGEST for size in sizes):
        raise pickle.UnpicklingError("it contains an array with an impossible shape")
    return tuple(sizes)


class _Kind(Unfinished):
    """A dtype; its byte order follows later in the pickle."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

    def finish(self, state: Any) -> _Kind:
        order = state[1]
        if order not in ("<", ">", "=", "|") or any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("it contains an array of records, not of numbers")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)
        return self


class _Empty(Unfinished):
    """An array; its shape, dtype and bytes follow later in the pickle."""

    def finish(self, state: Any) -> npt.NDArray[Any]:
        shape, kind, fortran, data = state[-4:]
        return _array(data, kind, shape, "F" if fortran else "C")


def _kind(name: Any, *_: Any) -> _Kind:
    text = name.decode("latin1") if isinstance(name, bytes) else name
    if not isinstance(text, str) or not NUMBERS.fullmatch(text):
        raise pickle.UnpicklingError("it contains an array of something other than numbers")
    return _Kind(np.dtype(text))


def _array(data: Any, kind: Any, shape: Any, order: Any) -> npt.NDArray[Any]:
    """An array from its bytes; their number must match the shape."""
    if not isinstance(kind, _Kind) or order not in ("C", "F"):
        raise pickle.UnpicklingError("it contains an array without a dtype")
    content, axes = data_of(data), axes_of(shape)
    if math.prod(axes) * kind.dtype.itemsize != len(content):
        raise pickle.UnpicklingError(f"an array of shape {list(axes)} has {len(content)} bytes")
    if not content:
        return np.zeros(axes, kind.dtype)
    return np.frombuffer(content, kind.dtype).reshape(axes, order=order)


def _scalar(kind: Any, data: Any) -> Any:
    return _array(data, kind, (), "C")[()]


def _ordered(pairs: Iterable[Any] = ()) -> OrderedDict[Any, Any]:
    made: OrderedDict[Any, Any] = OrderedDict()
    for pair in pairs:
        key, value = pair
        if not isinstance(key, str | bytes | int):
            raise pickle.UnpicklingError("it has a key that is neither a string nor an integer")
        made[key] = value
    return made


def _bytes(text: Any, encoding: Any) -> bytes:
    """Byte strings: the oldest protocols store them as a call of `_codecs.encode`."""
    if encoding != "latin1" or not isinstance(text, str):
        raise pickle.UnpicklingError("it uses another encoding than latin1")
    return text.encode("latin1")


def _never(*_: Any) -> Any:
    raise pickle.UnpicklingError("it creates an array without bytes")


_MAKE: Mapping[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
    "numpy.ndarray": _never,
    "numpy.dtype": _kind,
    "numpy.multiarray._reconstruct": lambda *_: _Empty(),
    "numpy.multiarray.scalar": _scalar,
    "numpy.numeric._frombuffer": _array,
    "_codecs.encode": _bytes,
    "__builtin__.bytes": lambda: b"",
}
FACTORIES = {name: Factory(name=name, make=make) for name, make in _MAKE.items()}
"""Factories by name, without NumPy's internal package."""
