"""Reads npz files from users: sizes are checked against the file before memory is allocated."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.files.image_size import PIXEL_BYTES, max_pixels

KINDS = "biufcU"
"""Allowed kinds of NumPy dtypes: numbers, booleans and strings."""


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read all arrays of a file, by name.

    Raises: ValueError if the file is damaged, too large or has other content; OSError if it cannot be opened.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_sizes(archive)
            file.seek(0)
            with np.load(file, allow_pickle=False) as held:
                return {name: held[name] for name in held.files}
        except Exception as error:  # damaged files raise errors of zlib, ast, tokenize and NumPy
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ValueError(f"it cannot be read as arrays: {reason:.120}") from error


def _check_sizes(archive: zipfile.ZipFile) -> None:
    """Raises: ValueError if an array's shape does not match its bytes, or all arrays together exceed the limit."""
    most = max_pixels() * PIXEL_BYTES
    members = archive.infolist()
    if sum(member.file_size for member in members) > most:
        raise ValueError(f"it has more than {most >> 20} MB, the limit on this machine")
    for member in members:
        if not member.filename.endswith(".npy"):
            raise ValueError(f"it contains {member.filename[:60]}, which is not an array")
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            first = version == (1, 0)
            read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            if dtype.kind not in KINDS or math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
                raise ValueError(f"{member.filename[:60]} does not match its size in bytes, or is not of numbers")
