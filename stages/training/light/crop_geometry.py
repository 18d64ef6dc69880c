"""Where a training crop of the surface network looks: at a box as a detector may give it, turned and mirrored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.arrays import F32, F64
from models.light.architecture.preprocessing import crop_region
from models.light.inference.crop_view import apply_affine
from models.light.inference.ensemble import MIN_PERSON_CELLS
from models.light.inference.roll_alignment import REGIONS, roll_from_centres
from models.surface.body import MIRROR_JOINT
from stages.training.light.mixes import CropMix

ROUNDED = 0.9
"""A turned person's box against their box turned, in length."""
LEAN_ERROR = 9.0
"""Degrees (a standard deviation) by which people are not turned upright, for the first answer knows it no better."""
LEAST_SEEN = 0.005
"""Of what is seen of somebody, a part without which it says nothing of how they lean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where a crop looks: the linear map from crop (0..1, 0..1) to the source's own pixels (at its true aspect)."""

    origin_2: F64
    axes_22: F64
    flip: bool

    def matrix(self, cells: int, scale_2: F64, offset_2: F64) -> F64:
        """2x3 map from cell (column, row) of a cells x cells raster to pixel (x, y) of an array.

        `scale_2` and `offset_2` take source pixels to coordinates of the array, whose pixel centres are at + 0.5.
        """
        axes = self.axes_22 / cells
        origin = self.origin_2 + axes @ (0.5, 0.5)
        if self.flip:
            origin = origin + axes[:, 0] * (cells - 1)
            axes = axes * (-1.0, 1.0)
        return np.concatenate([scale_2[:, None] * axes, (scale_2 * origin + offset_2 - 0.5)[:, None]], 1)

    def pixels(self, scale_2: F64) -> float:
        """Of an array along the longer side of what is looked at; `scale_2` takes source pixels to its pixels."""
        return float(np.linalg.norm(scale_2[:, None] * self.axes_22, axis=0).max())

    def joints(self, joint_J3: F32, side: int) -> F32:
        """Joints (J,3; x, y in pixels of the source) in those of a crop of `side` pixels, which may mirror them."""
        at_J2 = np.linalg.solve(self.axes_22, (joint_J3[:, :2] - self.origin_2).T).T
        if self.flip:
            at_J2, joint_J3 = (at_J2 * (-1, 1) + (1, 0))[MIRROR_JOINT], joint_J3[MIRROR_JOINT]
        return np.concatenate([side * at_J2, joint_J3[:, 2:]], 1).astype(np.float32)


def person_view(box_4: F64, seen: Callable[[], F64], random: np.random.Generator, mix: CropMix) -> View:
    """A view of somebody in a box, or upright around what is seen of them, if that is anybody: see `upright_view`."""
    if mix.roll_aligned and random.random() < mix.roll_aligned:
        seen_3K = seen()
        if seen_3K.shape[1] >= MIN_PERSON_CELLS:
            return upright_view(seen_3K, random)
    return random_view(box_4, random, mix)


def random_view(box_4: F64, random: np.random.Generator, mix: CropMix) -> View:
    """A view of a box as a detector may give it: shifted, scaled, stretched, now and then turned, half mirrored."""
    size = box_4[2:] - box_4[:2]
    centre = (box_4[:2] + box_4[2:]) / 2 + random.normal(0, 0.035, 2) * size
    size = size * np.exp(random.normal(0, 0.07, 2))
    tumbled = random.random() < mix.rotated_any
    angle = np.radians(random.normal(0, 17)) if random.random() < mix.rotated else 0.0
    if tumbled:
        angle = random.uniform(-np.pi, np.pi)
    turn = turned(angle)
    if tumbled:  # the box of somebody who lies is not the turned box of somebody who stands
        size = ROUNDED * np.abs(turn.T) @ size
    return _around(centre, size, turn, random)


def upright_view(seen_3K: F64, random: np.random.Generator) -> View:
    """A view that shows somebody upright, as `models.light.inference.roll_alignment` finds it by a first
    answer that errs a little.

    Args:
        seen_3K: x, y in the source's pixels, and chart 1..24, of the places where they are seen.
    """
    xy_2K, chart_K = seen_3K[:2], seen_3K[2]
    least = max(chart_K.size * LEAST_SEEN, 1.0)
    parts = (xy_2K[:, np.isin(chart_K, charts)] for charts in REGIONS)
    leaning = roll_from_centres(*(part.mean(1) if part.shape[1] >= least else None for part in parts))
    turn = turned(np.radians(leaning + random.normal(0, LEAN_ERROR)))
    upright_2K = apply_affine(np.column_stack([turn.T, np.zeros(2)]), xy_2K)  # not by BLAS: bits would hang on threads
    low_2, high_2 = upright_2K.min(1), upright_2K.max(1)
    size = high_2 - low_2
    centre = (low_2 + high_2) / 2 + random.normal(0, 0.035, 2) * size
    return _around(turn @ centre, size * np.exp(random.normal(0, 0.07, 2)), turn, random)


def turned(angle: float) -> F64:
    """The axes (2,2) of a crop that is turned clockwise by radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _around(centre: F64, size: F64, turn: F64, random: np.random.Generator) -> View:
    region = crop_region(np.concatenate([centre - size / 2, centre + size / 2]).astype(np.float32)).astype(np.float64)
    half = (region[2:] - region[:2]) / 2 * np.exp(random.normal(0, 0.06, 2)) * np.exp(random.normal(0, 0.08))
    axes = turn @ np.diag(2 * half)
    return View(origin_2=centre - axes @ (0.5, 0.5), axes_22=axes, flip=bool(random.random() < 0.5))
