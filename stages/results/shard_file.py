"""The file of one shard of a video: the payloads of its packets, by the number of each packet's first frame.

It is a ZIP of NumPy arrays, with one JSON file per packet that lists which arrays form which payload. A file cannot
execute code: the reader creates only the classes named in KINDS and reads arrays without pickle.
"""

from __future__ import annotations

import dataclasses
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from models.files.json_file import parsed_json
from pipeline.stage import StageError
from stages.payloads import People, PersonSurface, Surfaces

KINDS: dict[str, Any] = {"People": People, "Surface": PersonSurface, "Surfaces": Surfaces}
"""The payloads in a file, by their names in it."""
NAMES = {kind: name for name, kind in KINDS.items()}
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, LookupError, ValueError, TypeError, EOFError, RuntimeError),
    *(OSError, SyntaxError, MemoryError, OverflowError, NotImplementedError),
)
"""Errors that reading a damaged ZIP raises. RuntimeError: the header claims encryption or an unknown compression."""
_FAST = 1


class ShardWriter:
    """Writes the file of one shard, packet by packet."""

    def __init__(self, path: Path) -> None:
        """Create the file. Raises OSError if the disk refuses."""
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST)

    def add(self, first: int, payloads: tuple[Any, ...]) -> None:
        """Write the payloads of the packet whose first frame is `first`."""
        arrays: list[np.ndarray] = []
        tree = [_packed(payload, arrays) for payload in payloads]
        for number, array in enumerate(arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            self._zip.writestr(f"{first}/{number}.npy", content.getvalue())
        self._zip.writestr(f"{first}/packet.json", json.dumps(tree))

    def close(self) -> None:
        """Write the directory of the ZIP and close it."""
        self._zip.close()


class ShardReader:
    """Reads the file of one complete shard."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises StageError if it is not a readable ZIP."""
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except DAMAGE as error:
            raise StageError(f"this shard cannot be read ({error})", str(path), "remove it, and run again") from error

    def packet(self, first: int) -> tuple[Any, ...]:
        """The payloads of the packet whose first frame is `first`. Raises StageError if the file has no such packet."""
        try:
            tree = parsed_json(self._zip.read(f"{first}/packet.json"))
            return tuple(self._unpacked(branch, first) for branch in tree)
        except DAMAGE as error:
            what = f"this shard has no packet that begins with frame {first}"
            raise StageError(what, str(self._path), "remove it, and run again with the same settings") from error

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def _unpacked(self, tree: Any, first: int) -> Any:
        if not isinstance(tree, dict):
            return tree
        if "array" in tree:
            content = io.BytesIO(self._zip.read(f"{first}/{tree['array']}.npy"))
            return np.lib.format.read_array(content, allow_pickle=False)
        if "items" in tree:
            return tuple(self._unpacked(item, first) for item in tree["items"])
        return KINDS[tree["kind"]](**{name: self._unpacked(value, first) for name, value in tree["fields"].items()})


def _packed(value: Any, arrays: list[np.ndarray]) -> Any:
    """A payload as JSON. Its arrays are appended to `arrays`; the JSON holds their positions in that list."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, tuple):
        return {"items": [_packed(item, arrays) for item in value]}
    if type(value) in NAMES:
        fields = {spec.name: _packed(getattr(value, spec.name), arrays) for spec in dataclasses.fields(value)}
        return {"kind": NAMES[type(value)], "fields": fields}
    return value.item() if isinstance(value, np.generic) else value
