"""Reads files of `torch.save` without running code from them. Every tensor is checked against its bytes."""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from models.files.data_pickle import axes_of, data_factory
from models.files.pickle_interpreter import DAMAGE, Factory, unpickle

KINDS = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}
MAGIC = 0x1950A86A20F9469CFC6C
"""First number in files of torch before 1.6: these are several pickles, followed by the tensors' bytes."""
ZIP = b"PK\x03\x04"
ORDER = "byteorder"


def read_torch_file(path: Path) -> Any:
    """Read plain data and tensors (on the CPU). Tensors share memory as they did when they were saved.

    Raises:
        pickle.UnpicklingError: the file is damaged or has other content.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        read = _read_zip if file.read(len(ZIP)) == ZIP else _read_stream
        file.seek(0)
        try:
            return read(file)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, *DAMAGE) as error:
            reason = str(error).partition("\n")[0]
            raise pickle.UnpicklingError(f"damaged ({reason:.120})") from error


class _Kind:
    """A storage type; an argument in the pickle that is never called."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype


def _read_zip(file: BinaryIO) -> Any:
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        root = next((name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl")), None)
        if root is None or f"{root}constants.pkl" in members:
            raise pickle.UnpicklingError("it is not a file of torch.save")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
            raise pickle.UnpicklingError("it is compressed, which files of torch.save never are")
        if sum(member.file_size for member in members.values()) > size:
            raise pickle.UnpicklingError("its header states more bytes than the file has")
        if f"{root}{ORDER}" in members and archive.read(f"{root}{ORDER}") != b"little":
            raise pickle.UnpicklingError("it was written on a machine with another byte order")

        def content(key: str, count: int) -> Tensor:
            member = members[f"{root}data/{key}"]
            if member.file_size != count:
                raise pickle.UnpicklingError(f"a tensor of {count} bytes has {member.file_size} bytes in the file")
            with archive.open(member) as data:
                return _filled(data, count)

        return unpickle(io.BytesIO(archive.read(f"{root}data.pkl")), torch_factory, _Storages(content))


def _read_stream(file: BinaryIO) -> Any:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if unpickle(file, data_factory) != MAGIC:
        raise pickle.UnpicklingError("it is not a file of torch.save")
    for _ in ("protocol", "machine"):
        unpickle(file, data_factory)
    waiting: dict[str, Tensor] = {}

    def content(key: str, count: int) -> Tensor:
        if count + sum(one.numel() for one in waiting.values()) > size:
            raise pickle.UnpicklingError("its header states more bytes than the file has")
        waiting[key] = torch.zeros(count, dtype=torch.uint8)
        return waiting[key]

    storages = _Storages(content)
    found = unpickle(file, torch_factory, storages)
    keys = unpickle(file, data_factory)
    if not isinstance(keys, list) or set(map(str, keys)) != set(waiting):
        raise pickle.UnpicklingError("its list of tensors does not match its content")
    for key in map(str, keys):
        count = int.from_bytes(file.read(8), "little") * storages.item_size(key)
        if count != waiting[key].numel():
            raise pickle.UnpicklingError("a tensor's size does not match its bytes")
        waiting[key].copy_(_filled(file, count))
    return found


def _filled(file: Any, count: int) -> Tensor:
    made = torch.empty(count, dtype=torch.uint8)
    view, done = memoryview(made.numpy().data), 0
    while done < count:
        got = file.readinto(view[done:])
        if not got:
            raise pickle.UnpicklingError("it ends inside a tensor")
        done += got
    return made


class _Storages:
    """Returns the flat tensors of persistent ids; each is read once."""

    def __init__(self, content: Callable[[str, int], Tensor]) -> None:
        self._content = content
        self._known: dict[str, Tensor] = {}

    def __call__(self, key: Any) -> Tensor:
        """key: ('storage', type, key, device, number of elements), in older files also None (no view)."""
        word, kind, name, _, count, *view = key
        if isinstance(kind, Factory):
            kind = kind.make()
        if word != "storage" or not isinstance(kind, _Kind) or type(count) is not int or view not in ([], [None]):
            raise pickle.UnpicklingError("it refers to something other than a tensor's storage")
        if not isinstance(name, str):
            raise pickle.UnpicklingError("it refers to a tensor without a name")
        if name not in self._known:
            axes_of(count)
            self._known[name] = self._content(name, count * kind.dtype.itemsize).view(kind.dtype)
        known = self._known[name]
        if known.dtype != kind.dtype or known.numel() != count:
            raise pickle.UnpicklingError("it refers to one tensor with two dtypes")
        return known

    def item_size(self, name: str) -> int:
        """Bytes per element."""
        return self._known[name].dtype.itemsize


def torch_factory(module: str, name: str) -> Factory:
    """The factory for a name in torch's files. Raises: pickle.UnpicklingError for other names."""
    found = FACTORIES.get(f"{module}.{name}")
    return data_factory(module, name) if found is None else found


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    """A view of a storage; it must lie inside the storage."""
    if not isinstance(storage, Tensor) or type(offset) is not int or offset < 0:
        raise pickle.UnpicklingError("it contains a tensor without storage")
    sizes, strides = axes_of(size), axes_of(stride)
    if len(sizes) != len(strides):
        raise pickle.UnpicklingError("it contains a tensor with an impossible shape")
    count = math.prod(sizes)
    last = offset + sum((size - 1) * step for size, step in zip(sizes, strides, strict=True))
    if count and (last >= storage.numel() or count > storage.numel()):
        raise pickle.UnpicklingError(f"a tensor of shape {list(sizes)} exceeds its storage of {storage.numel()}")
    return storage.as_strided(sizes, strides, offset) if count else torch.empty(sizes, dtype=storage.dtype)


def _parameter(value: Any, *_: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise pickle.UnpicklingError("it contains a parameter without a tensor")
    return value


def _size(sizes: Any) -> tuple[int, ...]:
    return axes_of(sizes)


def _storage_kind(dtype: torch.dtype) -> Callable[[], _Kind]:
    return lambda: _Kind(dtype)


_MAKE: Mapping[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.Size": _size,
    "torch.device": lambda *where: "cpu",
    **{f"torch.{kind}Storage": _storage_kind(dtype) for kind, dtype in KINDS.items()},
}
FACTORIES = {name: Factory(name=name, make=make) for name, make in _MAKE.items()}
