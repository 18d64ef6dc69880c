"""Builds a binary glTF 2.0 document: its JSON, and one buffer that contains all arrays.

Source of the format: Khronos, glTF 2.0 specification.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from models.arrays import Float, Int

FLOAT, UNSIGNED_BYTE, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5121, 5123, 5125
VERTICES, INDICES = 34962, 34963
"""Targets of buffer views."""
KINDS = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
MAX_BYTES = 2**32 - 1
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942


class GltfDocument:
    """A glTF document to which objects and arrays are added.

    Attributes:
        asset: generator and version of glTF.
        tables: the document's lists by name, such as `nodes`; `add` appends to them.
        extensions: content of the document's extensions by name.
        uses: names of further extensions that its objects use.
    """

    def __init__(self, generator: str) -> None:
        self.asset = {"version": "2.0", "generator": generator}
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.extensions: dict[str, Any] = {}
        self.uses: set[str] = set()
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, table: str, entry: dict[str, Any]) -> int:
        """Append an object to a list of the document, and return its index."""
        rows = self.tables.setdefault(table, [])
        rows.append(entry)
        return len(rows) - 1

    def numbers(self, values: Float | Int, target: int | None = None, bounds: bool = False) -> int:
        """Store an array (N, …) and return the index of its accessor.

        Floats are stored as float32; whole numbers as given: uint8, uint16 or uint32. Matrices are stored by columns.

        Args:
            target: `VERTICES` or `INDICES`, for arrays of a mesh.
            bounds: whether to write minimum and maximum, which glTF requires of positions and times.
        """
        if values.dtype.kind == "f":
            values = values.astype("<f4")
        packed = np.ascontiguousarray(values.swapaxes(1, 2) if values.ndim == 3 else values)
        sizes = {"f4": FLOAT, "u1": UNSIGNED_BYTE, "u2": UNSIGNED_SHORT, "u4": UNSIGNED_INT}
        entry: dict[str, Any] = {
            "bufferView": self.stored(packed.tobytes(), target), "componentType": sizes[packed.dtype.str[1:]],
            "count": len(packed), "type": KINDS[packed.shape[1:]],
        }
        if bounds:
            flat = packed.reshape(len(packed), -1)
            entry |= {"min": flat.min(axis=0).tolist(), "max": flat.max(axis=0).tolist()}
        return self.add("accessors", entry)

    def stored(self, data: bytes, target: int | None = None) -> int:
        """Store bytes and return the index of their buffer view. They begin at a multiple of four."""
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self._size, "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        padded = data + b"\0" * (-len(data) % 4)
        self._parts.append(padded)
        self._size += len(padded)
        return self.add("bufferViews", view)

    def binary(self, roots: list[int]) -> bytes:
        """The whole file (GLB) with one scene of these root nodes. Raises: ValueError if it exceeds 4 GiB."""
        document: dict[str, Any] = {"asset": self.asset, "scene": 0, "scenes": [{"nodes": roots}], **self.tables}
        if self.extensions:
            document["extensions"] = self.extensions
        if used := [*self.extensions, *sorted(self.uses)]:
            document["extensionsUsed"] = used
        document["buffers"] = [{"byteLength": self._size}]
        text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        length = 12 + 8 + len(text) + 8 + self._size
        if length > MAX_BYTES:
            raise ValueError("a GLB file holds at most 4 GiB")
        head = struct.pack("<4sII", b"glTF", 2, length) + struct.pack("<II", len(text), JSON_CHUNK)
        return b"".join([head, text, struct.pack("<II", self._size, BINARY_CHUNK), *self._parts])
