"""Exact optical flow: where the surface point behind every pixel goes, from the meshes that were rendered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from models.arrays import F32, Bool
from models.surface.occlusion import Occluders, occluded, occluders_of
from models.surface.raster import NEAR, Camera, Hits, blend, facing, nearest_faces
from stages.world.backgrounds.environment import Place, Prospect, prospect
from stages.world.bodies.people import Mesh, Solids, together

SKY = 1e5
"""Metres to the sky: far enough that a step of the camera does not move it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A place, the people in it and who looks, at one time; made by `moment`.

    Attributes:
        solids: everyone's faces.
        occluders: faces that hide points behind them.
        view: the place that the pixels show, without people.
        point_HW3: the point of it behind every pixel, metres; the sky is `SKY` away.
        unsure_Q: pixels (row · width + column) that show what the place itself may hide from another eye.
    """

    place: Place
    meshes: tuple[Mesh, ...]
    camera: Camera
    solids: Solids
    occluders: Occluders
    view: Prospect
    point_HW3: F32
    unsure_Q: npt.NDArray[np.intp]


def moment(place: Place, meshes: tuple[Mesh, ...], camera: Camera) -> Moment:
    """With all that is asked of it more than once: by its own frame and by those before and after."""
    solids = together(meshes)
    view = prospect(place, camera)
    point_HW3 = (view.eye_3 + np.minimum(view.depth_HW, SKY)[..., None] * view.ray_HW3).astype(np.float32)
    return Moment(
        place=place, meshes=meshes, camera=camera, solids=solids,
        occluders=occluders_of(facing(camera, camera.to_camera(solids.vertex_V3), solids.face_F3)),
        view=view, point_HW3=point_HW3, unsure_Q=np.flatnonzero(place.may_hide(point_HW3)),
    )


def in_the_open(seen: Moment) -> Hits:
    """The people whom the pixels show; what has sunk into the floor or a wall is not shown."""
    hits = nearest_faces(seen.occluders.seen)
    kept = np.flatnonzero(hits.depth_P < seen.view.depth_HW.reshape(-1)[hits.pixel_P])
    return Hits(pixel_P=hits.pixel_P[kept], face_P=hits.face_P[kept], bary_P3=hits.bary_P3[kept],
                depth_P=hits.depth_P[kept])


def depth_everywhere(seen: Moment, hits: Hits) -> F32:
    """Depth of people, floor, walls and sky (infinite), (H, W) metres."""
    depth = seen.view.depth_HW.copy()
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
    camera, shown_P = there.camera, hits.pixel_P
    place_P3 = camera.to_camera(here.point_HW3.reshape(-1, 3))
    pixel_P2, depth_P = camera.to_pixels(place_P3), place_P3[:, 2].copy()
    place_2HW = _way(here.camera, pixel_P2)
    people_Q3 = blend(there.solids.vertex_V3, there.solids.face_F3[hits.face_P], hits.bary_P3)
    seen_Q3 = camera.to_camera(people_Q3)
    pixel_P2[shown_P], depth_P[shown_P] = camera.to_pixels(seen_Q3), seen_Q3[:, 2]
    behind_P = np.zeros(len(depth_P), bool)
    if camera is not here.camera:
        unsure_Q3 = here.point_HW3.reshape(-1, 3)[here.unsure_Q]
        behind_P[here.unsure_Q] = _behind_the_place(there, unsure_Q3, place_P3[here.unsure_Q, 2])
    behind_P[shown_P] = ~there.occluders.seen.turned_F[hits.face_P] | _behind_the_place(there, people_Q3, seen_Q3[:, 2])
    seen_P = _inside(camera, pixel_P2) & (depth_P > NEAR) & ~behind_P & ~occluded(there.occluders, pixel_P2, depth_P)
    return Flow(
        way_2HW=_way(here.camera, pixel_P2), seen_HW=seen_P.reshape(place_2HW.shape[1:]), place_2HW=place_2HW
    )


def _way(camera: Camera, pixel_P2: F32) -> F32:
    """From the centres of a picture's pixels (2, H, W)."""
    return pixel_P2.T.reshape(2, camera.height, camera.width) - _centres(camera.height, camera.width)


@lru_cache(maxsize=4)
def _centres(height: int, width: int) -> F32:
    """Where the centres of a picture's pixels are, right and down (2, H, W)."""
    return np.mgrid[:height, :width][::-1].astype(np.float32) + np.float32(0.5)


def _inside(camera: Camera, pixel_P2: F32) -> Bool:
    x, y = pixel_P2[:, 0], pixel_P2[:, 1]
    return (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)


def _behind_the_place(there: Moment, point_P3: F32, depth_P: F32) -> Bool:
    """Which points lie behind a wall or under the floor as seen from there."""
    # Rays one metre deep, as the place's own limits are in metres of depth.
    ray_P3 = np.asarray((point_P3 - there.view.eye_3) / np.maximum(depth_P, NEAR)[:, None], np.float32)
    return np.asarray(there.place.struck(there.view.eye_3, ray_P3)[0] < 0.999 * depth_P)
