"""Reads binary glTF files (GLB): nodes, and accessors of floats, with every index and size checked before it is used.

Source of the format: Khronos, glTF 2.0 specification.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import F64
from models.body.skeletal_motion import require_coordinates
from models.files.json_file import parsed_json

MAX_JSON_BYTES, MAX_CHUNKS, MAX_NODES = 16 * 2**20, 64, 10_000
"""Larger documents are refused: parsed JSON takes up to thirty times its bytes in memory."""
MAX_VALUES = 2**25
"""Maximum number of floats that are read from one file: many channels can name the same large accessor."""

JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
FLOAT = 5126
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


@dataclass(slots=True, kw_only=True)
class GlbDocument:
    """The parts of a file.

    Attributes:
        nodes: the nodes, as in the file.
        parents: index of the parent of each node; −1 for none.
        tables: all lists of the document, by name.
        binary: the binary chunk.
        values_left: number of floats that may still be read.
    """

    nodes: list[dict[str, Any]]
    parents: list[int]
    tables: dict[str, Any]
    binary: memoryview
    values_left: int

    def numbers(self, accessor: Any, kind: str) -> F64:
        """The values (N, W) of an accessor of floats of a kind: SCALAR, VEC3 or VEC4.

        Raises: ValueError for one that is not there, reaches beyond the file, or holds something else.
        """
        entry = item_of(self.tables["accessors"], accessor)
        view = item_of(self.tables["bufferViews"], entry.get("bufferView"))
        width, count = WIDTHS[kind], entry_count(entry["count"])
        within, inside = entry_count(view.get("byteOffset", 0)), entry_count(entry.get("byteOffset", 0))
        size = 4 * width * count
        if entry["componentType"] != FLOAT or entry["type"] != kind or view.get("byteStride", 4 * width) != 4 * width:
            raise ValueError(f"an animation is not stored as tightly packed floats of the kind {kind}")
        if "sparse" in entry:
            raise ValueError("an animation is stored as a sparse accessor, which is not read")
        if inside + size > entry_count(view["byteLength"]) or within + inside + size > len(self.binary):
            raise ValueError("an accessor reaches beyond the file")
        self.values_left -= width * count
        if self.values_left < 0:
            raise ValueError(f"its animations have more than {MAX_VALUES} values")
        values = np.frombuffer(self.binary, "<f4", width * count, within + inside).reshape(count, width)
        return require_coordinates(values.astype(np.float64))

    def descendants(self, node: int) -> list[int]:
        """A node and all nodes below it, parents first."""
        order = [node]
        for parent in order:
            order.extend(self.nodes[parent].get("children", ()))
        return order

    def ancestors(self, node: int) -> list[int]:
        """The nodes above a node, its parent first."""
        found = [self.parents[node]]
        while found[-1] >= 0:
            found.append(self.parents[found[-1]])
        return found[:-1]

    def vector(self, node: int, key: str, rest: tuple[float, ...]) -> F64:
        """A node's translation or rotation in the rest pose. Raises: ValueError."""
        value = np.array(self.nodes[node].get(key, rest), np.float64)
        if value.shape != (len(rest),):
            raise ValueError(f"the {key} of a node does not have {len(rest)} numbers")
        return require_coordinates(value)


def item_of(items: Any, index: Any) -> Any:
    """An item of a list of the document. Raises: ValueError where there is none."""
    if not isinstance(items, list) or type(index) is not int or not 0 <= index < len(items):
        raise ValueError("it names an entry that is not there")
    return items[index]


def entry_count(value: Any) -> int:
    """A count or offset. Raises: ValueError for anything else, such as 1e999 or 2.5."""
    if type(value) is not int or value < 0:
        raise ValueError(f"it has {value!r:.40} where a count of bytes or entries stands")
    return value


def parsed_glb(data: bytes) -> GlbDocument:
    """The document of a GLB file.

    Raises: ValueError; struct.error, KeyError, TypeError or AttributeError for another structure than that of glTF.
    """
    magic, version, _ = struct.unpack_from("<4sII", data)
    if magic != b"glTF" or version != 2:
        raise ValueError("it is not binary glTF 2.0")
    chunks = _chunks(data)
    if len(chunks[JSON_CHUNK]) > MAX_JSON_BYTES:
        raise ValueError(f"its JSON is larger than {MAX_JSON_BYTES >> 20} MiB")
    tables = parsed_json(bytes(chunks[JSON_CHUNK]))
    nodes = tables["nodes"]
    if len(nodes) > MAX_NODES:
        raise ValueError(f"it has more than {MAX_NODES} nodes")
    binary = chunks.get(BINARY_CHUNK, memoryview(b""))
    document = GlbDocument(nodes=nodes, parents=_parents(nodes), tables=tables, binary=binary, values_left=MAX_VALUES)
    roots = [number for number, parent in enumerate(document.parents) if parent < 0]
    if sum(len(document.descendants(root)) for root in roots) != len(nodes):
        raise ValueError("a node is below itself")
    return document


def _chunks(data: bytes) -> dict[int, memoryview]:
    """The chunks by kind, as views of the data."""
    chunks, at, whole, count = {}, 12, memoryview(data), 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from("<II", data, at)
        count += 1
        if at + 8 + size > len(data):
            raise ValueError("it ends too early")
        if count > MAX_CHUNKS:
            raise ValueError(f"it has more than {MAX_CHUNKS} chunks")
        chunks[kind] = whole[at + 8 : at + 8 + size]
        at += 8 + size
    return chunks


def _parents(nodes: list[dict[str, Any]]) -> list[int]:
    parents = [-1] * len(nodes)
    for number, node in enumerate(nodes):
        for child in node.get("children", ()):
            item_of(nodes, child)
            if parents[child] >= 0:
                raise ValueError("a node has two parents")
            parents[child] = number
    return parents
