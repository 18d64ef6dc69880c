"""NumPy's npz files that people give: arrays of numbers, checked against their bytes before memory is spent on them."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.files.image_size import PIXEL_BYTES, max_pixels

KINDS = "biufcU"
"""Numbers, booleans and texts; objects, records and times are none of this project's."""


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """All arrays of a file by name.

    Raises: ValueError for whatever is wrong with it; OSError where it cannot be opened.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_sizes(archive)
            file.seek(0)
            with np.load(file, allow_pickle=False) as held:
                return {name: held[name] for name in held.files}
        except Exception as error:  # damaged zips and headers raise whatever zlib, ast, tokenize and NumPy do
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ValueError(f"no arrays can be read from it: {reason:.120}") from error


def _check_sizes(archive: zipfile.ZipFile) -> None:
    """Raises: ValueError for arrays that are larger than their bytes, or together larger than a picture may be."""
    most = max_pixels() * PIXEL_BYTES
    members = archive.infolist()
    if sum(member.file_size for member in members) > most:
        raise ValueError(f"it holds more than the {most >> 20} MB that are allowed on this machine")
    for member in members:
        if not member.filename.endswith(".npy"):
            raise ValueError(f"it holds {member.filename[:60]}, which is no array")
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            first = version == (1, 0)
            read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            if dtype.kind not in KINDS or math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
                raise ValueError(f"{member.filename[:60]} is larger or smaller than its bytes, or holds no numbers")
