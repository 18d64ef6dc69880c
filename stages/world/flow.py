"""Exact optical flow: where the surface point behind every pixel goes, from the same meshes that drew it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.surface.occlusion import hidden, turned_to
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
    """A place, the people in it and who looks, at one time."""

    place: StageSet
    meshes: tuple[Mesh, ...]
    camera: Camera

    def solids(self) -> Solids:
        """Everyone's faces."""
        return together(self.meshes)


def in_the_open(moment: Moment) -> Hits:
    """The people whom the pixels show; what has sunk into the floor or a wall is not shown."""
    hits = trace(list(moment.meshes), moment.camera)
    place_P = distance_along(moment.place, *pixel_rays(moment.camera)).reshape(-1)[hits.pixel_P]
    kept = np.flatnonzero(hits.depth_P < place_P)
    return Hits(pixel_P=hits.pixel_P[kept], face_P=hits.face_P[kept], bary_P3=hits.bary_P3[kept],
                depth_P=hits.depth_P[kept])


def depth_everywhere(moment: Moment, hits: Hits) -> F32:
    """Depth of people, floor, walls and sky (infinite), (H, W) metres."""
    depth = distance_along(moment.place, *pixel_rays(moment.camera))
    depth.reshape(-1)[hits.pixel_P] = hits.depth_P
    return depth


def flow(here: Moment, hits: Hits, there: Moment) -> tuple[F32, Bool]:
    """Where everything seen here is there: its way (2, H, W) in pixels, and whether it is seen there (H, W).

    Args:
        hits: what the pixels show here; the people of both moments are the same, in the same order.
    """
    eye, ray_HW3 = pixel_rays(here.camera)
    far = np.minimum(distance_along(here.place, eye, ray_HW3), SKY)
    point_P3 = np.asarray(eye + far[..., None] * ray_HW3, np.float32).reshape(-1, 3)
    solids = there.solids()
    corner_P3, there_V3 = solids.face_F3[hits.face_P], solids.vertex_V3
    point_P3[hits.pixel_P] = sum(there_V3[corner_P3[:, k]] * hits.bary_P3[:, k : k + 1] for k in range(3))
    camera_P3 = there.camera.to_camera(point_P3)
    pixel_P2 = there.camera.to_pixels(camera_P3)
    seen_P = _inside(there.camera, pixel_P2) & (camera_P3[:, 2] > NEAR)
    vertex_V3 = there.camera.to_camera(there_V3)
    seen_P &= ~hidden(there.camera, vertex_V3, solids.face_F3, pixel_P2, camera_P3[:, 2])
    seen_P &= ~_behind_the_place(there, point_P3, camera_P3[:, 2])
    seen_P[hits.pixel_P] &= turned_to(there.camera, vertex_V3, corner_P3)
    height, width = ray_HW3.shape[:2]
    column, row = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    way = pixel_P2.T.reshape(2, height, width) - np.stack([column, row])
    return way.astype(np.float32), seen_P.reshape(height, width)


def _inside(camera: Camera, pixel_P2: F32) -> Bool:
    x, y = pixel_P2[:, 0], pixel_P2[:, 1]
    return (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)


def _behind_the_place(there: Moment, point_P3: F32, depth_P: F32) -> Bool:
    """Which points lie behind a wall or under the floor as seen from there."""
    eye = (-there.camera.rotation_33.T @ there.camera.shift_3).astype(np.float32)
    # Rays one metre deep, as the place's own limits are in metres of depth.
    ray_P3 = np.asarray((point_P3 - eye) / np.maximum(depth_P, NEAR)[:, None], np.float32)
    return distance_along(there.place, eye, ray_P3) < 0.999 * depth_P
