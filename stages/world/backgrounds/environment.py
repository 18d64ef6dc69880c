"""Environments: three-dimensional surroundings of people; what a ray hits, how far away, and its colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.arrays import F32, U8, Bool, Float, Index
from models.surface.raster import Camera

SKY, FLOOR, WALL, OCCLUDER = range(4)
"""Numbers of the parts of an environment: `SKY` is infinitely far away, `FLOOR` receives shadows, `WALL` is upright
behind the people, and occluders have the numbers from `OCCLUDER` on."""


class Environment(Protocol):
    """Three-dimensional surroundings of people, in metres: the floor is at y = 0, the camera at positive z."""

    def intersect(self, eye_3: F32, ray_N3: F32) -> tuple[F32, U8]:
        """For rays (..., 3) from `eye_3`: the distance to what they hit, as a multiple of the ray's length (infinite in
        the sky), and the part that they hit."""

    def paint(self, view: EnvironmentView, spread: float) -> F32:
        """The environment as the camera sees it, (H, W, 3) in 0..1.

        Args:
            spread: pixels over which thin structures are averaged, so that they do not flicker when the camera moves;
                with 0 a pixel has the colour at its centre.
        """

    def may_occlude_itself(self, point_HW3: F32) -> Bool:
        """For each point of the environment: whether another part of the environment may hide it when the camera stands
        elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentView:
    """An environment as a camera sees it; made by `environment_view`.

    Attributes:
        eye_3: position of the camera.
        ray_HW3: a world direction per pixel, of unit depth.
        depth_HW: metres along the camera's axis, infinite in the sky.
        part_HW: the visible part of the environment.
    """

    camera: Camera
    eye_3: F32
    ray_HW3: F32
    depth_HW: F32
    part_HW: U8

    def pixels_of(self, part: int) -> Index:
        """Pixels (row · width + column) that show a part."""
        return np.flatnonzero(self.part_HW == part)


def environment_view(environment: Environment, camera: Camera) -> EnvironmentView:
    """The environment as the camera sees it."""
    eye_3, ray_HW3 = pixel_rays(camera)
    depth_HW, part_HW = environment.intersect(eye_3, ray_HW3)
    return EnvironmentView(camera=camera, eye_3=eye_3, ray_HW3=ray_HW3, depth_HW=depth_HW, part_HW=part_HW)


def pixel_rays(camera: Camera) -> tuple[F32, F32]:
    """The camera's position, and a world direction per pixel with unit depth along the camera's axis."""
    ray = np.ones((camera.height, camera.width, 3), np.float32)
    ray[..., 0] = (np.arange(camera.width) + 0.5 - camera.center_2[0]) / camera.focal
    ray[..., 1] = ((np.arange(camera.height) + 0.5 - camera.center_2[1]) / camera.focal)[:, None]
    return (-camera.rotation_33.T @ camera.shift_3).astype(np.float32), ray @ camera.rotation_33


def distance_to_upright_plane(eye_3: F32, ray_N3: F32, z: float) -> Float:
    """Distances along rays (..., 3) to the plane at `z`, as multiples of the ray's length; infinite where a ray does
    not meet it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(ray_N3[..., 2] < -1e-4, (z - eye_3[2]) / ray_N3[..., 2], np.inf)
