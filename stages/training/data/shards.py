"""Read the arrays of an uncompressed npz without loading them: pages come in when touched, and processes share them."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.stage import StageError

_LOCAL_HEADER = struct.Struct("<26xHH")
"""Where a member's local header says how long its name and its extra field are (ZIP specification 4.3.7)."""


def map_shard(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a file that `numpy.savez` wrote, read-only, as memory maps.

    Raises:
        StageError: the file is missing, damaged or compressed.
    """
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise StageError("the shard is compressed", str(path), "remove it, it will be made again")
            return {member.filename.removesuffix(".npy"): _map_member(path, file, member) for member in members}
    except StageError:
        raise
    except Exception as error:  # damaged zips and headers raise whatever ast, struct, tokenize and NumPy do
        raise StageError(
            f"the shard cannot be read ({error})", str(path), "remove it, it will be made again"
        ) from error


def _map_member(path: Path, file: Any, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    file.seek(member.header_offset)
    name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    file.seek(member.header_offset + _LOCAL_HEADER.size + name + extra)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if 0 in shape:
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", file.tell(), shape, "F" if fortran else "C")
