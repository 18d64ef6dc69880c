"""One person of a scene: body shape, outfit and pose, and the posed, dressed mesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import F32, I32
from models.body.open_body import blend_transforms, bone_transforms, forward_kinematics, load_body
from stages.world.bodies.poses import Pose, bone_rotations
from stages.world.clothes.attachments import AttachedMesh, Attachment
from stages.world.clothes.garments import Garment, Outfit
from stages.world.clothes.rest_body import rest_body
from stages.world.clothes.wardrobe import SUNK, RestingMesh, WornMesh

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Shape coefficients (C,), clothes and attachments; constant through a clip.

    `worn` are parts of the wardrobe's garments; `hidden_V` is the skin under them, as `hidden_skin` gives it.
    """

    score_C: F32
    outfit: Outfit
    attachments: tuple[Attachment, ...] = ()
    worn: tuple[WornMesh, ...] = ()
    hidden_V: F32 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """A posed person in the world: vertices, unit normals, the joints of `KEYPOINT_NAMES` and attached meshes.

    Metres, floor at y = 0; `pose`, `yaw`, the root's place and the scores of the shape are those of the vertices.
    """

    vertex_V3: F32
    normal_V3: F32
    keypoint_K3: F32
    pose: Pose
    yaw: float
    root_3: F32
    score_C: F32
    attached_meshes: tuple[AttachedMesh, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DressedBody:
    """A person in rest pose with clothes: vertices, normals, heads of bones, what is not yet posed."""

    vertex_V3: F32
    normal_V3: F32
    head_B3: F32
    score_C: F32
    attachments: tuple[Attachment, ...] = ()
    worn: tuple[RestingMesh, ...] = ()


def dressed_rest_body(person: Person) -> DressedBody:
    """The rest body with the outline, thickness and folds of its garments."""
    vertex, head = load_body().rest(person.score_C)
    rest = rest_body()
    off = np.zeros(len(vertex), np.float32)
    shape, normal = np.zeros_like(vertex), rest.normal_V3
    for garment in person.outfit.garments:
        cover = np.clip(garment.field_V / 0.02, 0, 1)
        off = np.maximum(off, cover * _thickness(garment))
        if garment.outline is not None:
            share = (cover * np.float32(garment.outline_share))[:, None]
            shape = shape + share * (garment.outline.offset_V3 - shape)
            normal = normal + share * (garment.outline.normal_V3 - normal)
    worn = tuple(part.at_rest(vertex) for part in person.worn)
    if person.hidden_V is not None:
        off = off + person.hidden_V * (-SUNK - off)
        shape = (1 - person.hidden_V)[:, None] * shape
    return DressedBody(
        vertex_V3=vertex + shape + off[:, None] * rest.normal_V3, normal_V3=normal, head_B3=head,
        score_C=person.score_C, attachments=person.attachments, worn=worn,
    )


def _thickness(garment: Garment) -> F32 | float:
    """Thickness of a garment at the vertices, with its folds, metres."""
    if garment.folds <= 0:
        return garment.thickness
    x, y, z = rest_body().point_V3.T
    phase = garment.pattern.offset
    return garment.thickness + garment.folds * (np.sin(55 * y + 21 * x + phase) + np.sin(41 * z - 33 * y + 2 * phase))


def pose_person(person: Person, pose: Pose, yaw: float) -> Mesh:
    """The posed mesh on the floor, with its root above the origin."""
    _, head = load_body().rest(person.score_C)
    mesh = pose_at(person, pose, yaw, np.array([0, head[0, 1], 0], np.float32))
    lowest = min([mesh.vertex_V3[:, 1].min(), *(e.vertex_W3[:, 1].min() for e in mesh.attached_meshes if e.carries)])
    return translated(mesh, np.array([0, -lowest, 0], np.float32))


def pose_at(person: Person, pose: Pose, yaw: float, root_3: F32) -> Mesh:
    """The posed mesh with its root at a position in the world."""
    return pose_dressed(dressed_rest_body(person), pose, yaw, root_3)


def pose_dressed(rest: DressedBody, pose: Pose, yaw: float, root_3: F32) -> Mesh:
    """The same for a dressed rest body."""
    body = load_body()
    turned, placed = forward_kinematics(body, rest.head_B3, bone_rotations(body, pose, yaw), root_3)
    transform_B12 = bone_transforms(rest.head_B3, turned, placed)
    blended_V34 = blend_transforms(body.weight_VB, transform_B12)
    posed = np.einsum("vij,vj->vi", blended_V34[:, :, :3], rest.vertex_V3) + blended_V34[:, :, 3]
    normal = np.einsum("vij,vj->vi", blended_V34[:, :, :3], rest.normal_V3)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    mesh = Mesh(
        vertex_V3=posed, normal_V3=normal, keypoint_K3=body.keypoint_KV @ posed, pose=pose, yaw=yaw, root_3=root_3,
        score_C=rest.score_C,
    )
    hanging = tuple(one.on(posed, mesh.keypoint_K3) for one in rest.attachments)
    return replace(mesh, attached_meshes=(*hanging, *(one.posed(transform_B12) for one in rest.worn)))


def moved_on_floor(mesh: Mesh, x: float, z: float) -> Mesh:
    """The mesh moved along the floor, metres."""
    return translated(mesh, np.array([x, 0, z], np.float32))


def translated(mesh: Mesh, direction_3: F32) -> Mesh:
    """The mesh moved by a vector, metres."""
    extras = tuple(replace(extra, vertex_W3=extra.vertex_W3 + direction_3) for extra in mesh.attached_meshes)
    return replace(
        mesh, vertex_V3=mesh.vertex_V3 + direction_3, keypoint_K3=mesh.keypoint_K3 + direction_3,
        root_3=mesh.root_3 + direction_3, attached_meshes=extras,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedMesh:
    """All vertices (V, 3) and faces (F, 3) of several meshes."""

    vertex_V3: F32
    face_F3: I32


def merged_mesh(meshes: Sequence[Mesh]) -> MergedMesh:
    """The meshes of all people, with attached meshes, person after person."""
    body_face = load_body().face_F3
    vertices, faces, count = [], [], 0
    for mesh in meshes:
        for vertex, face in [
            (mesh.vertex_V3, body_face),
            *((e.vertex_W3, e.surface.face_G3) for e in mesh.attached_meshes),
        ]:
            vertices.append(vertex)
            faces.append(face + np.int32(count))
            count += len(vertex)
    return MergedMesh(vertex_V3=np.concatenate(vertices), face_F3=np.concatenate(faces))


def face_owners(meshes: Sequence[Mesh], face_P: I32) -> tuple[I32, I32]:
    """For faces of the merged mesh: the mesh each belongs to, and its number there (the body's faces come first)."""
    body_faces = len(load_body().face_F3)
    count_M = [body_faces + sum(len(extra.surface.face_G3) for extra in mesh.attached_meshes) for mesh in meshes]
    first_M = np.cumsum([0, *count_M[:-1]]).astype(np.int32)
    owner_P = (np.searchsorted(first_M, face_P, side="right") - 1).astype(np.int32)
    return owner_P, face_P - first_M[owner_P]
