"""Renders people over a background and gives the exact surface at every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32, I32, U8, Index
from models.body.open_body import load_body
from models.surface.raster import Camera, Hits, blend, rasterize
from stages.world.bodies.people import Mesh, Person, face_owners, merged_mesh
from stages.world.camera.shading import Lights, shade, shade_attachment
from stages.world.camera.shadows import shadow_map


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceMaps:
    """The rendered surface before any occluder: maps as in `Scene`, and depth in metres (0 where nothing is)."""

    label_HW: U8
    uv_2HW: F32
    instance_HW: U8
    depth_HW: F32


def render_people(
    image_HW3: F32, people: list[Person], meshes: list[Mesh], camera: Camera, lights: Lights
) -> SurfaceMaps:
    """Render people over an image, in place, with shadows on each other; returns the exact maps."""
    hits = rasterize_people(meshes, camera)
    paint_people(image_HW3, hits, people, meshes, camera, lights)
    return surface_maps(hits, meshes, camera)


def rasterize_people(meshes: list[Mesh], camera: Camera) -> Hits:
    """The nearest face at every pixel; face numbers are those of `merged_mesh`."""
    merged = merged_mesh(meshes)
    return rasterize(camera, camera.to_camera(merged.vertex_V3), merged.face_F3)


def surface_maps(hits: Hits, meshes: list[Mesh], camera: Camera) -> SurfaceMaps:
    """The surface at the hits as maps. What is not part of the body, as bags (label 0), gives depth only."""
    size = camera.height * camera.width
    label, instance = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    uv, depth = np.zeros((2, size), np.float32), np.zeros(size, np.float32)
    depth[hits.pixel_P] = hits.depth_P
    owner_P, face_P = face_owners(meshes, hits.face_P)
    for k, mesh in enumerate(meshes):
        mine = np.flatnonzero(owner_P == k)
        chart_F, corner_uv_F32 = _charts(mesh)
        chart, pixel = chart_F[face_P[mine]], hits.pixel_P[mine]
        label[pixel] = chart
        instance[pixel] = np.where(chart > 0, k + 1, 0)
        bary_P3 = np.where(chart[:, None] > 0, hits.bary_P3[mine], 0)
        corner_P3 = 3 * face_P[mine, None] + np.arange(3)
        uv[:, pixel] = blend(corner_uv_F32.reshape(-1, 2), corner_P3, bary_P3).T
    shape = (camera.height, camera.width)
    return SurfaceMaps(
        label_HW=label.reshape(shape), uv_2HW=uv.reshape(2, *shape), instance_HW=instance.reshape(shape),
        depth_HW=depth.reshape(shape),
    )


def _charts(mesh: Mesh) -> tuple[U8, F32]:
    """Chart and corner UV of all faces of a person, attached meshes included."""
    body = load_body()
    if not mesh.attached_meshes:
        return body.chart_F, body.corner_uv_F32
    chart = [body.chart_F, *(extra.surface.chart_G for extra in mesh.attached_meshes)]
    uv = [body.corner_uv_F32, *(extra.surface.corner_uv_G32 for extra in mesh.attached_meshes)]
    return np.concatenate(chart), np.concatenate(uv)


def paint_people(
    image_HW3: F32, hits: Hits, people: list[Person], meshes: list[Mesh], camera: Camera, lights: Lights
) -> None:
    """Shade the people at the hits into an image, in place."""
    owner_P, face_P = face_owners(meshes, hits.face_P)
    flat = image_HW3.reshape(-1, 3)
    eye = -camera.rotation_33.T @ camera.shift_3
    lamp = shadow_map(meshes, lights.toward_L3[0])
    for k, (person, mesh) in enumerate(zip(people, meshes, strict=True)):
        first = 0
        for part, extra in enumerate((None, *mesh.attached_meshes)):
            last = first + len(load_body().face_F3 if extra is None else extra.surface.face_G3)
            mine = np.flatnonzero((owner_P == k) & (face_P >= first) & (face_P < last))
            some = _some(hits, mine, face_P[mine] - first)
            if len(mine) and extra is None:
                flat[some.pixel_P] = shade(person, mesh, some, eye, lights, lamp)
            elif len(mine):
                flat[some.pixel_P] = shade_attachment(mesh.attached_meshes[part - 1], some, eye, lights, lamp)
            first = last


def _some(hits: Hits, chosen: Index, face_P: I32) -> Hits:
    return Hits(pixel_P=hits.pixel_P[chosen], face_P=face_P, bary_P3=hits.bary_P3[chosen], depth_P=hits.depth_P[chosen])
