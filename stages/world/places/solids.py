"""Everyone of a scene as one list of faces: bodies and what hangs on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import F32, I32
from models.surface.body import load_body
from stages.world.bodies.people import Mesh


@dataclass(frozen=True, slots=True, kw_only=True)
class Solids:
    """All vertices (V, 3) and faces (F, 3), mesh after mesh."""

    vertex_V3: F32
    face_F3: I32


def together(meshes: Sequence[Mesh]) -> Solids:
    """Bodies and what hangs on them, person after person."""
    body_face = load_body().face_F3
    vertices, faces, count = [], [], 0
    for mesh in meshes:
        for vertex, face in [(mesh.vertex_V3, body_face), *((e.vertex_W3, e.surface.face_G3) for e in mesh.extras)]:
            vertices.append(vertex)
            faces.append(face + np.int32(count))
            count += len(vertex)
    return Solids(vertex_V3=np.concatenate(vertices), face_F3=np.concatenate(faces))


def owners(meshes: Sequence[Mesh], face_P: I32) -> tuple[I32, I32]:
    """Which mesh each face of theirs `together` belongs to, and which of its faces it is (the body's come first)."""
    body_faces = len(load_body().face_F3)
    count_M = [body_faces + sum(len(extra.surface.face_G3) for extra in mesh.extras) for mesh in meshes]
    first_M = np.cumsum([0, *count_M[:-1]]).astype(np.int32)
    owner_P = (np.searchsorted(first_M, face_P, side="right") - 1).astype(np.int32)
    return owner_P, face_P - first_M[owner_P]
