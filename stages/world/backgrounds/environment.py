"""Environments: three-dimensional surroundings of people; what a ray hits, how far away, and its colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8
from models.surface.raster import Camera

SKY, FLOOR, WALL, FRONT = range(4)
"""Parts of a place: endlessly far; where shadows fall; upright behind people; from here on what stands before them."""


class Place(Protocol):
    """Somewhere for people to be: floor at y = 0, the viewer where z is positive, metres."""

    def struck(self, eye_3: F32, ray_N3: F32) -> tuple[F32, U8]:
        """How many lengths of each ray (..., 3) lead from the eye to the place, infinite toward the sky; which part."""

    def paint(self, view: Prospect, spread: float) -> F32:
        """The place as it is seen, (H, W, 3) in 0..1.

        Args:
            spread: pixels over which what is thin is averaged, so that it does not flicker as the camera moves; with 0
                a pixel shows what is at its centre.
        """

    def may_hide(self, point_HW3: F32) -> npt.NDArray[np.bool_]:
        """Which points of the place itself may be behind another part of it when seen from elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """A place before a camera; made by `prospect`.

    Attributes:
        eye_3: where the camera is.
        ray_HW3: a world direction per pixel, one metre deep.
        depth_HW: metres along the camera's axis, infinite in the sky.
        part_HW: which part of the place it is.
    """

    camera: Camera
    eye_3: F32
    ray_HW3: F32
    depth_HW: F32
    part_HW: U8

    def of_part(self, part: int) -> npt.NDArray[np.intp]:
        """The pixels (row · width + column) that show a part."""
        return np.flatnonzero(self.part_HW == part)


def prospect(place: Place, camera: Camera) -> Prospect:
    """What the camera sees of a place."""
    eye_3, ray_HW3 = pixel_rays(camera)
    depth_HW, part_HW = place.struck(eye_3, ray_HW3)
    return Prospect(camera=camera, eye_3=eye_3, ray_HW3=ray_HW3, depth_HW=depth_HW, part_HW=part_HW)


def pixel_rays(camera: Camera) -> tuple[F32, F32]:
    """The eye, and a world direction per pixel (unit depth along the camera's axis)."""
    ray = np.ones((camera.height, camera.width, 3), np.float32)
    ray[..., 0] = (np.arange(camera.width) + 0.5 - camera.center_2[0]) / camera.focal
    ray[..., 1] = ((np.arange(camera.height) + 0.5 - camera.center_2[1]) / camera.focal)[:, None]
    return (-camera.rotation_33.T @ camera.shift_3).astype(np.float32), ray @ camera.rotation_33


def upright(eye_3: F32, ray_N3: F32, z: float) -> npt.NDArray[np.floating[Any]]:
    """Lengths of rays (..., 3) to the plane at z across the line of sight, infinite where they don't lead there."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(ray_N3[..., 2] < -1e-4, (z - eye_3[2]) / ray_N3[..., 2], np.inf)
