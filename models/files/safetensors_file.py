"""Reads safetensors files from users; every problem with the content is a ValueError."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors

KINDS = tuple(
    f"torch.{name}"
    for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
)

if TYPE_CHECKING:  # torch takes seconds to import, and metadata does not need it
    import torch


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """All tensors by name. Raises: ValueError for a damaged file or an unsupported dtype."""

    def tensors() -> dict[str, torch.Tensor]:
        from safetensors.torch import load_file

        found = load_file(path)
        for name, value in found.items():
            if str(value.dtype) not in KINDS:
                raise ValueError(f"{name:.60} has the unsupported dtype {value.dtype}")
        return found

    return _read(tensors)


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a file. Raises: ValueError."""

    def metadata() -> dict[str, str]:
        with safetensors.safe_open(path, framework="np") as file:
            return dict(file.metadata() or {})

    return _read(metadata)


def read_names(path: Path) -> list[str]:
    """The names of the tensors in a file. Raises: ValueError."""

    def names() -> list[str]:
        with safetensors.safe_open(path, framework="np") as file:
            return list(file.keys())

    return _read(names)


def _read(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception as error:  # safetensors raises its own error for damaged headers, others for unknown dtypes
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{type(error).__name__}: {reason:.120}") from error
