"""Which part of an image a training crop shows: a box as a detector may give it, rotated and flipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.arrays import F32, F64, Float
from models.body.open_body import MIRROR_JOINT
from models.light.architecture.preprocessing import crop_region
from models.light.inference.crop_view import apply_affine
from models.light.inference.ensemble import MIN_PERSON_CELLS
from models.light.inference.roll_alignment import REGIONS, roll_from_centres
from stages.training.light.mixes import CropMix

CORNERS = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
"""Corners of a box from its centre, in halves of its size, in the order of a walk around it."""
CUT_SIDES = (0.33, 0.07, 0.33, 0.27)
"""Probability that a detector's box cuts the left, top, right and bottom of a person; a quarter each of the cut ones
at the left and the right, and few heads, on photos."""
CUT_DEPTH, MOST_CUT = 0.12, 0.4
"""Mean and largest share of the box that is cut off at a side."""
WIDER = 0.4
"""Largest share of the box by which a wider region is larger at a side."""
ROTATED_BOX = 0.9
"""Side of the upright box around a rotated person, relative to that of the rotated box."""
ROLL_ERROR = 9.0
"""Standard deviation, in degrees, of the error of the roll that a first pass estimates."""
LEAST_REGION = 0.005
"""Least share of a person's labelled points in a region of the body that counts in the roll."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropTransform:
    """The linear map from crop (0..1, 0..1) to pixels of the source, at its true aspect ratio.

    Attributes:
        box_42: corners x, y of the person's box as a detector gives it, in pixels of the source.
    """

    origin_2: F64
    axes_22: F64
    flip: bool
    box_42: F64

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
        """Pixels of an array along the longer side of the crop; `scale_2` takes source pixels to its pixels."""
        return float(np.linalg.norm(scale_2[:, None] * self.axes_22, axis=0).max())

    def to_crop(self, xy_X2: Float) -> F64:
        """Places (…, 2) in pixels of the source as places in the crop, 0..1."""
        at_X2 = np.linalg.solve(self.axes_22, (xy_X2.reshape(-1, 2) - self.origin_2).T).T.reshape(xy_X2.shape)
        return np.asarray(at_X2 * (-1, 1) + (1, 0) if self.flip else at_X2, np.float64)

    def to_source(self, at_X2: Float) -> F64:
        """The inverse of `to_crop`."""
        at_X2 = at_X2 * (-1, 1) + (1, 0) if self.flip else at_X2
        return np.asarray(self.origin_2 + at_X2 @ self.axes_22.T, np.float64)

    def joints(self, joint_J3: F32, side: int) -> F32:
        """Joints (J,3; x, y in pixels of the source) in pixels of a crop of `side` pixels, flipped where it is."""
        made_J3 = np.concatenate([side * self.to_crop(joint_J3[:, :2]), joint_J3[:, 2:]], 1).astype(np.float32)
        return made_J3[MIRROR_JOINT] if self.flip else made_J3


def person_crop_transform(
    box_4: F64, points: Callable[[], F64], random: np.random.Generator, mix: CropMix
) -> CropTransform:
    """The crop of a person in a box, or roll-aligned around the labelled points (see `roll_aligned_transform`)."""
    if mix.roll_aligned and random.random() < mix.roll_aligned:
        point_3K = points()
        if point_3K.shape[1] >= MIN_PERSON_CELLS:
            return roll_aligned_transform(point_3K, box_4, random, mix)
    return box_crop_transform(box_4, random, mix)


def box_crop_transform(box_4: F64, random: np.random.Generator, mix: CropMix) -> CropTransform:
    """The crop of a box as a detector may give it: shifted, scaled, stretched, at times rotated and flipped."""
    size = box_4[2:] - box_4[:2]
    centre = (box_4[:2] + box_4[2:]) / 2 + random.normal(0, 0.035, 2) * size
    size = size * np.exp(random.normal(0, 0.07, 2))
    by_any_angle = random.random() < mix.rotated_any
    angle = np.radians(random.normal(0, 17)) if random.random() < mix.rotated else 0.0
    if by_any_angle:
        angle = random.uniform(-np.pi, np.pi)
    turn = rotation_axes(angle)
    if by_any_angle:  # the box of a lying person is not the rotated box of a standing one
        size = ROTATED_BOX * np.abs(turn.T) @ size
    centre, size = cut_box(centre, size, random, mix)
    corner_42 = centre + (CORNERS * size / 2) @ turn.T
    centre, size = wider_region(centre, size, turn, random, mix)
    return _square_around(centre, size, turn, corner_42, random)


def cut_box(centre: F64, size: F64, random: np.random.Generator, mix: CropMix) -> tuple[F64, F64]:
    """Centre and size of a box, at times without a part at one side or two, as a detector cuts arms and legs off."""
    if not mix.cut_boxes or random.random() >= mix.cut_boxes:
        return centre, size
    low_high_22 = np.stack([centre - size / 2, centre + size / 2])
    for side in random.choice(4, 1 + int(random.random() < 0.4), replace=False, p=CUT_SIDES):
        depth = min(random.exponential(CUT_DEPTH), MOST_CUT) * size[side % 2]
        low_high_22[side // 2, side % 2] += depth if side < 2 else -depth
    return low_high_22.mean(0), low_high_22[1] - low_high_22[0]


def wider_region(
    centre: F64, size: F64, turn: F64, random: np.random.Generator, mix: CropMix
) -> tuple[F64, F64]:
    """Centre and size of the region around a box, at times larger at each side by a share of its own."""
    if not mix.wider_regions or random.random() >= mix.wider_regions:
        return centre, size
    more_22 = random.uniform(0, WIDER, (2, 2)) * size
    return centre + turn @ (more_22[1] - more_22[0]) / 2, size + more_22.sum(0)


def roll_aligned_transform(
    point_3K: F64, box_4: F64, random: np.random.Generator, mix: CropMix
) -> CropTransform:
    """The crop in which a person is upright, with the error of the roll that a first pass estimates.

    See `models.light.inference.roll_alignment`.

    Args:
        point_3K: x and y in pixels of the source, and chart 1..24, of the person's labelled points.
        box_4: of the person.
    """
    xy_2K, chart_K = point_3K[:2], point_3K[2]
    least = max(chart_K.size * LEAST_REGION, 1.0)
    parts = (xy_2K[:, np.isin(chart_K, charts)] for charts in REGIONS)
    leaning = roll_from_centres(*(part.mean(1) if part.shape[1] >= least else None for part in parts))
    turn = rotation_axes(np.radians(leaning + random.normal(0, ROLL_ERROR)))
    upright_2K = apply_affine(np.column_stack([turn.T, np.zeros(2)]), xy_2K)  # not by BLAS: bits would hang on threads
    low_2, high_2 = upright_2K.min(1), upright_2K.max(1)
    size = high_2 - low_2
    centre = (low_2 + high_2) / 2 + random.normal(0, 0.035, 2) * size
    size = size * np.exp(random.normal(0, 0.07, 2))
    box_centre, box_size = cut_box((box_4[:2] + box_4[2:]) / 2, box_4[2:] - box_4[:2], random, mix)
    return _square_around(turn @ centre, size, turn, box_centre + CORNERS * box_size / 2, random)


def rotation_axes(angle: float) -> F64:
    """The axes (2,2) of a crop rotated clockwise by an angle in radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _square_around(centre: F64, size: F64, turn: F64, corner_42: F64, random: np.random.Generator) -> CropTransform:
    region = crop_region(np.concatenate([centre - size / 2, centre + size / 2]).astype(np.float32)).astype(np.float64)
    half = (region[2:] - region[:2]) / 2 * np.exp(random.normal(0, 0.06, 2)) * np.exp(random.normal(0, 0.08))
    axes = turn @ np.diag(2 * half)
    flip = bool(random.random() < 0.5)
    return CropTransform(origin_2=centre - axes @ (0.5, 0.5), axes_22=axes, flip=flip, box_42=corner_42)
