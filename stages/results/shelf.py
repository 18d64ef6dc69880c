"""One file a shard: the payloads of its packets, each found again by the number of its first frame.

A ZIP whose members are NumPy arrays and one JSON a packet that says how they make up payloads. Nothing in it is code:
only the classes named in KINDS are ever made, and arrays are read without pickle.
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
from stages.payloads import People, Surface, Surfaces

KINDS: dict[str, Any] = {kind.__name__: kind for kind in (People, Surface, Surfaces)}
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, LookupError, ValueError, TypeError, EOFError, RuntimeError),
    *(OSError, SyntaxError, MemoryError, OverflowError, NotImplementedError),
)
"""What a damaged ZIP makes its reader stumble over (RuntimeError: it claims to be encrypted, or packed otherwise)."""
_FAST = 1


class ShelfWriter:
    """A shard's file while it grows."""

    def __init__(self, path: Path) -> None:
        """Begin a file. Raises OSError where there is no room."""
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST)

    def add(self, first: int, payloads: tuple[Any, ...]) -> None:
        """Keep the payloads of the packet that begins with frame `first`."""
        arrays: list[np.ndarray] = []
        tree = [_packed(payload, arrays) for payload in payloads]
        for number, array in enumerate(arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            self._zip.writestr(f"{first}/{number}.npy", content.getvalue())
        self._zip.writestr(f"{first}/packet.json", json.dumps(tree))

    def close(self) -> None:
        """Write the directory of the file."""
        self._zip.close()


class Shelf:
    """A whole shard's file."""

    def __init__(self, path: Path) -> None:
        """Open a file. Raises StageError where it is none."""
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except DAMAGE as error:
            raise StageError(f"this shard cannot be read ({error})", str(path), "remove it, and run again") from error

    def packet(self, first: int) -> tuple[Any, ...]:
        """The payloads of the packet that begins with frame `first`. Raises StageError where there is none."""
        try:
            tree = parsed_json(self._zip.read(f"{first}/packet.json"))
            return tuple(self._unpacked(branch, first) for branch in tree)
        except DAMAGE as error:
            what = f"this shard has no packet that begins with frame {first}"
            raise StageError(what, str(self._path), "remove it, and run again with the settings it had") from error

    def close(self) -> None:
        """Release the file."""
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
    """A payload as JSON; its arrays go to the list and leave their number."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, tuple):
        return {"items": [_packed(item, arrays) for item in value]}
    if type(value).__name__ in KINDS:
        fields = {spec.name: _packed(getattr(value, spec.name), arrays) for spec in dataclasses.fields(value)}
        return {"kind": type(value).__name__, "fields": fields}
    return value.item() if isinstance(value, np.generic) else value
