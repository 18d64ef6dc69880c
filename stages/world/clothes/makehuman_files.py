"""Reads MakeHuman's clothes: a mesh (.obj) and its binding to the base mesh (.mhclo)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F64, I32
from pipeline.stage import StageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """How each vertex of a garment hangs on the base mesh.

    Attributes:
        base_W3, weight_W3: three vertices of the base mesh and their weights.
        offset_W3: offset from the weighted mean, in the file's own units.
        ends_32, size_3: for x, y and z: two vertices of the base mesh, and their distance along the axis in the file's
            own units. The present distance over this one is the scale of the offsets.
        mesh: name of the garment's .obj file.
    """

    base_W3: I32
    weight_W3: F64
    offset_W3: F64
    ends_32: I32
    size_3: F64
    mesh: str

    def fitted(self, base_V3: F64) -> F64:
        """The garment's vertices (W, 3) on a base mesh (V, 3)."""
        ends = base_V3[self.ends_32]
        scale_3 = np.abs(ends[[0, 1, 2], 0, [0, 1, 2]] - ends[[0, 1, 2], 1, [0, 1, 2]]) / self.size_3
        on_base = np.einsum("wk,wkc->wc", self.weight_W3, base_V3[self.base_W3])
        return np.asarray(on_base + self.offset_W3 * scale_3, np.float64)


def read_mhclo(text: str, name: str) -> Binding:
    """Read a binding. A row of the file has one base vertex, or three with their weights and an offset.

    Raises: StageError naming the file.
    """
    mesh, scales, rows = "", {}, []
    bound = False
    for words in map(str.split, text.splitlines()):
        key = words[0] if words else ""
        if key == "obj_file":
            mesh = words[1]
        elif key in ("x_scale", "y_scale", "z_scale"):
            scales[key[0]] = (int(words[1]), int(words[2]), float(words[3]))
        elif key == "delete_verts":
            break
        elif bound and key.isdigit():
            rows.append(_row(words, name))
        bound = bound or key == "verts"
    if not rows or not mesh or set(scales) != set("xyz"):
        raise StageError("obj_file, a scale or the vertices are missing", name, "use a file of MakeHuman's assets")
    row = np.array(rows, np.float64)
    return Binding(
        base_W3=row[:, :3].astype(np.int32), weight_W3=row[:, 3:6], offset_W3=row[:, 6:],
        ends_32=np.array([scales[axis][:2] for axis in "xyz"], np.int32),
        size_3=np.array([scales[axis][2] for axis in "xyz"]), mesh=mesh,
    )


def _row(words: list[str], name: str) -> list[float]:
    """Three vertices, three weights and an offset. Raises: StageError."""
    numbers = [float(word) for word in words]
    if len(numbers) == 1:
        return [numbers[0]] * 3 + [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    if len(numbers) != 9:
        raise StageError("a vertex has neither one nor nine numbers", name, "use a file of MakeHuman's assets")
    return numbers


def read_obj_faces(text: str) -> tuple[I32, I32]:
    """Triangles (G, 3) as numbers of vertices and of texture coordinates, from 0; larger faces become fans."""
    vertices, textures = [], []
    for words in map(str.split, text.splitlines()):
        if words and words[0] == "f":
            corner = np.array([word.split("/")[:2] for word in words[1:]], np.int32) - 1
            fan = [(0, k, k + 1) for k in range(1, len(corner) - 1)]
            vertices.append(corner[fan, 0])
            textures.append(corner[fan, 1])
    return np.concatenate(vertices), np.concatenate(textures)
