"""Exact optical flow: where the surface point behind every pixel goes, from the same meshes that drew it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.surface.occlusion import Screen, hidden, screen, turned_to
from models.surface.raster import NEAR, Camera, Hits
from stages.world.drawing import trace
from stages.world.people import Mesh
from stages.world.solids import Solids, together
from stages.world.stage_set import StageSet, distance_along, pixel_rays

F32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]

SKY = 1e5
"""Metres to the sky: far enough that a step of the camera does not move it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A place, the people in it and who looks, at one time; made by `moment`.

    Attributes:
        solids: everyone's faces.
        screen: what they hide.
        point_HW3: the point of the place behind every pixel, metres; the sky is `SKY` away.
        depth_HW: its depth, infinite in the sky.
    """

    place: StageSet
    meshes: tuple[Mesh, ...]
    camera: Camera
    solids: Solids
    screen: Screen
    point_HW3: F32
    depth_HW: F32


def moment(place: StageSet, meshes: tuple[Mesh, ...], camera: Camera) -> Moment:
    """With all that is asked of it more than once: by its own frame and by those before and after."""
    solids = together(meshes)
    eye, ray_HW3 = pixel_rays(camera)
    depth_HW = distance_along(place, eye, ray_HW3)
    return Moment(
        place=place, meshes=meshes, camera=camera, solids=solids,
        screen=screen(camera, camera.to_camera(solids.vertex_V3), solids.face_F3),
        point_HW3=(eye + np.minimum(depth_HW, SKY)[..., None] * ray_HW3).astype(np.float32), depth_HW=depth_HW,
    )


def in_the_open(seen: Moment) -> Hits:
    """The people whom the pixels show; what has sunk into the floor or a wall is not shown."""
    hits = trace(list(seen.meshes), seen.camera)
    kept = np.flatnonzero(hits.depth_P < seen.depth_HW.reshape(-1)[hits.pixel_P])
    return Hits(pixel_P=hits.pixel_P[kept], face_P=hits.face_P[kept], bary_P3=hits.bary_P3[kept],
                depth_P=hits.depth_P[kept])


def depth_everywhere(seen: Moment, hits: Hits) -> F32:
    """Depth of people, floor, walls and sky (infinite), (H, W) metres."""
    depth = seen.depth_HW.copy()
    depth.reshape(-1)[hits.pixel_P] = hits.depth_P
    return depth


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Where everything seen in one moment is in another.

    Attributes:
        way_2HW: way right and down of what each pixel's centre shows, pixels.
        seen_HW: that it is seen there.
        place_2HW: the same way of the place, also where people stand before it.
    """

    way_2HW: F32
    seen_HW: Bool
    place_2HW: F32


def flow(here: Moment, hits: Hits, there: Moment) -> Flow:
    """Exact flow from one moment to another.

    Args:
        hits: what the pixels show here; the people of both moments are the same, in the same order.
    """
    point_P3 = here.point_HW3.reshape(-1, 3).copy()
    camera_P3 = there.camera.to_camera(point_P3)
    pixel_P2 = there.camera.to_pixels(camera_P3)
    place_2HW = _way(here.camera, pixel_P2)
    corner_P3, there_V3 = there.solids.face_F3[hits.face_P], there.solids.vertex_V3
    point_P3[hits.pixel_P] = sum(there_V3[corner_P3[:, k]] * hits.bary_P3[:, k : k + 1] for k in range(3))
    camera_P3[hits.pixel_P] = there.camera.to_camera(point_P3[hits.pixel_P])
    pixel_P2[hits.pixel_P] = there.camera.to_pixels(camera_P3[hits.pixel_P])
    seen_P = _inside(there.camera, pixel_P2) & (camera_P3[:, 2] > NEAR)
    seen_P &= ~hidden(there.screen, pixel_P2, camera_P3[:, 2])
    seen_P &= ~_behind_the_place(there, point_P3, camera_P3[:, 2])
    seen_P[hits.pixel_P] &= turned_to(there.camera, there.camera.to_camera(there_V3), corner_P3)
    return Flow(way_2HW=_way(here.camera, pixel_P2), seen_HW=seen_P.reshape(here.depth_HW.shape), place_2HW=place_2HW)


def _way(camera: Camera, pixel_P2: F32) -> F32:
    """From the centres of a picture's pixels (2, H, W)."""
    column, row = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    return (pixel_P2.T.reshape(2, *column.shape) - np.stack([column, row])).astype(np.float32)


def _inside(camera: Camera, pixel_P2: F32) -> Bool:
    x, y = pixel_P2[:, 0], pixel_P2[:, 1]
    return (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)


def _behind_the_place(there: Moment, point_P3: F32, depth_P: F32) -> Bool:
    """Which points lie behind a wall or under the floor as seen from there."""
    eye = (-there.camera.rotation_33.T @ there.camera.shift_3).astype(np.float32)
    # Rays one metre deep, as the place's own limits are in metres of depth.
    ray_P3 = np.asarray((point_P3 - eye) / np.maximum(depth_P, NEAR)[:, None], np.float32)
    return distance_along(there.place, eye, ray_P3) < 0.999 * depth_P
