"""People drawn before a background, with the exact surface at every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.surface.body import load_body
from models.surface.raster import Camera, Hits, rasterize
from stages.world.people import Mesh, Person
from stages.world.shading import Lights, shade
from stages.world.shadows import lamp_view

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The rasterised surface before any occluder: maps as in `Scene`, plus depth (0 = nothing)."""

    label_HW: U8
    uv_2HW: F32
    instance_HW: U8
    depth_HW: F32


def draw(picture_HW3: F32, people: list[Person], meshes: list[Mesh], camera: Camera, lights: Lights) -> Truth:
    """Paint the people into the picture, in place; gives the exact maps."""
    hits = trace(meshes, camera)
    paint_people(picture_HW3, hits, people, meshes, camera, lights)
    return maps(hits, camera)


def trace(meshes: list[Mesh], camera: Camera) -> Hits:
    """What every pixel shows; faces of the k-th mesh are counted on from k times the body's."""
    vertices = np.concatenate([mesh.vertex_V3 for mesh in meshes])
    return rasterize(camera, camera.to_camera(vertices), faces_of(len(meshes), len(meshes[0].vertex_V3)))


def faces_of(count: int, vertices: int) -> npt.NDArray[np.int32]:
    """The faces of so many bodies whose vertices lie one after the other."""
    face_F3 = load_body().face_F3
    return np.concatenate([face_F3 + k * vertices for k in range(count)]).astype(np.int32)


def maps(hits: Hits, camera: Camera) -> Truth:
    """The surface at the hits, as pictures."""
    body = load_body()
    height, width = camera.height, camera.width
    owner_P, face_P = np.divmod(hits.face_P, len(body.face_F3))
    label, instance = np.zeros(height * width, np.uint8), np.zeros(height * width, np.uint8)
    uv, depth = np.zeros((2, height * width), np.float32), np.zeros(height * width, np.float32)
    label[hits.pixel_P] = body.chart_F[face_P]
    instance[hits.pixel_P] = owner_P + 1
    uv[:, hits.pixel_P] = (body.corner_uv_F32[face_P] * hits.bary_P3[..., None]).sum(axis=1).T
    depth[hits.pixel_P] = hits.depth_P
    shape = (height, width)
    return Truth(
        label_HW=label.reshape(shape), uv_2HW=uv.reshape(2, *shape), instance_HW=instance.reshape(shape),
        depth_HW=depth.reshape(shape),
    )


def paint_people(
    picture_HW3: F32, hits: Hits, people: list[Person], meshes: list[Mesh], camera: Camera, lights: Lights
) -> None:
    """Paint the people at the hits, in place."""
    owner_P, face_P = np.divmod(hits.face_P, len(load_body().face_F3))
    flat = picture_HW3.reshape(-1, 3)
    eye = -camera.rotation_33.T @ camera.shift_3
    lamp = lamp_view(meshes, lights.toward_L3[0])
    for k, (person, mesh) in enumerate(zip(people, meshes, strict=True)):
        mine = np.flatnonzero(owner_P == k)
        part = Hits(
            pixel_P=hits.pixel_P[mine], face_P=face_P[mine], bary_P3=hits.bary_P3[mine], depth_P=hits.depth_P[mine]
        )
        if len(mine):
            flat[part.pixel_P] = shade(person, mesh, part, eye, lights, lamp)
