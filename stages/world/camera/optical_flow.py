"""Exact optical flow: where the surface point behind every pixel goes, from the meshes that were rendered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from models.arrays import F32, Bool, Index
from models.surface.occlusion import Occluders, occluded, occluders_of
from models.surface.raster import NEAR, Camera, Hits, blend, facing, nearest_faces
from stages.world.backgrounds.environment import Environment, EnvironmentView, environment_view
from stages.world.bodies.people import MergedMesh, Mesh, merged_mesh

SKY = 1e5
"""Metres to the sky: so far that a translation of the camera does not move it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameGeometry:
    """Environment, people and camera at one time; made by `frame_geometry`.

    Attributes:
        merged: the faces of all people.
        occluders: the people's faces, prepared for occlusion tests.
        view: the environment without people, as the camera sees it.
        point_HW3: the point of the environment behind every pixel, metres; the sky is `SKY` away.
        self_occluding_Q: pixels (row · width + column) whose point the environment itself may hide from another camera.
    """

    environment: Environment
    meshes: tuple[Mesh, ...]
    camera: Camera
    merged: MergedMesh
    occluders: Occluders
    view: EnvironmentView
    point_HW3: F32
    self_occluding_Q: Index


def frame_geometry(environment: Environment, meshes: tuple[Mesh, ...], camera: Camera) -> FrameGeometry:
    """The geometry of one frame, with what this frame and its neighbours need more than once."""
    merged = merged_mesh(meshes)
    view = environment_view(environment, camera)
    point_HW3 = (view.eye_3 + np.minimum(view.depth_HW, SKY)[..., None] * view.ray_HW3).astype(np.float32)
    return FrameGeometry(
        environment=environment, meshes=meshes, camera=camera, merged=merged,
        occluders=occluders_of(facing(camera, camera.to_camera(merged.vertex_V3), merged.face_F3)), view=view,
        point_HW3=point_HW3, self_occluding_Q=np.flatnonzero(environment.may_occlude_itself(point_HW3)),
    )


def visible_hits(frame: FrameGeometry) -> Hits:
    """The visible points of people; points below the floor or behind a wall are left out."""
    hits = nearest_faces(frame.occluders.seen)
    kept = np.flatnonzero(hits.depth_P < frame.view.depth_HW.reshape(-1)[hits.pixel_P])
    return Hits(
        pixel_P=hits.pixel_P[kept], face_P=hits.face_P[kept], bary_P3=hits.bary_P3[kept], depth_P=hits.depth_P[kept]
    )


def depth_map(frame: FrameGeometry, hits: Hits) -> F32:
    """Depth of people, floor and walls in metres (H, W); infinite in the sky."""
    depth = frame.view.depth_HW.copy()
    depth.reshape(-1)[hits.pixel_P] = hits.depth_P
    return depth


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactFlow:
    """Optical flow from one frame to another.

    Attributes:
        flow_2HW: displacement right and down of the point at each pixel centre, pixels.
        visible_HW: whether the point is visible in the other frame.
        background_flow_2HW: the flow of the environment, also where people hide it.
    """

    flow_2HW: F32
    visible_HW: Bool
    background_flow_2HW: F32


def exact_flow(here: FrameGeometry, hits: Hits, there: FrameGeometry) -> ExactFlow:
    """Exact optical flow from the frame `here` to the frame `there`.

    Args:
        hits: visible points of people here. Both frames have the same people in the same order.
    """
    camera, shown_P = there.camera, hits.pixel_P
    environment_P3 = camera.to_camera(here.point_HW3.reshape(-1, 3))
    pixel_P2, depth_P = camera.to_pixels(environment_P3), environment_P3[:, 2].copy()
    background_flow_2HW = _displacement(here.camera, pixel_P2)
    people_Q3 = blend(there.merged.vertex_V3, there.merged.face_F3[hits.face_P], hits.bary_P3)
    seen_Q3 = camera.to_camera(people_Q3)
    pixel_P2[shown_P], depth_P[shown_P] = camera.to_pixels(seen_Q3), seen_Q3[:, 2]
    behind_P = np.zeros(len(depth_P), bool)
    if camera is not here.camera:
        self_occluding_Q3 = here.point_HW3.reshape(-1, 3)[here.self_occluding_Q]
        behind_P[here.self_occluding_Q] = _behind_environment(
            there, self_occluding_Q3, environment_P3[here.self_occluding_Q, 2]
        )
    behind_P[shown_P] = ~there.occluders.seen.turned_F[hits.face_P] | _behind_environment(
        there, people_Q3, seen_Q3[:, 2]
    )
    seen_P = _inside(camera, pixel_P2) & (depth_P > NEAR) & ~behind_P & ~occluded(there.occluders, pixel_P2, depth_P)
    return ExactFlow(
        flow_2HW=_displacement(here.camera, pixel_P2), visible_HW=seen_P.reshape(background_flow_2HW.shape[1:]),
        background_flow_2HW=background_flow_2HW,
    )


def _displacement(camera: Camera, pixel_P2: F32) -> F32:
    """Displacement from the pixel centres (2, H, W)."""
    return pixel_P2.T.reshape(2, camera.height, camera.width) - _centres(camera.height, camera.width)


@lru_cache(maxsize=4)
def _centres(height: int, width: int) -> F32:
    """Positions of the pixel centres, right and down (2, H, W)."""
    return np.mgrid[:height, :width][::-1].astype(np.float32) + np.float32(0.5)


def _inside(camera: Camera, pixel_P2: F32) -> Bool:
    x, y = pixel_P2[:, 0], pixel_P2[:, 1]
    return (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)


def _behind_environment(there: FrameGeometry, point_P3: F32, depth_P: F32) -> Bool:
    """Which points the environment hides from the camera of `there`."""
    # Rays of unit depth, so that the distances of `intersect` are depths in metres.
    ray_P3 = np.asarray((point_P3 - there.view.eye_3) / np.maximum(depth_P, NEAR)[:, None], np.float32)
    return np.asarray(there.environment.intersect(there.view.eye_3, ray_P3)[0] < 0.999 * depth_P)
