"""What training crops show of other people: boxes and silhouettes, with the errors of a detector and a first pass.

See `models.light.architecture.other_people`.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import F64, U8, Float
from models.box_overlap import areas
from models.light.architecture.other_people import box_corners, box_plane
from stages.training.light.crop_geometry import CropTransform

UNKNOWN = 0.15
"""Share of crops that show nothing of other people."""
MISSED, FALSE = 0.12, 0.2
"""Share of other people whose box is missing, and of crops with one more box: the person's own, found twice."""
JITTER, FALSE_JITTER = 0.06, 0.2
"""Standard deviation of a box's sides, as shares of its size: of true boxes, and of the person's own found twice."""
SCORE, SCORE_SPREAD, FALSE_SCORE = 0.6, 0.25, (0.05, 0.4)
"""Scores of true boxes (mean, standard deviation) and of false ones (range)."""
WITH_SILHOUETTES = 0.5
"""Share of crops that show silhouettes, where they are known."""
MOST_BLUR = 3.0
"""Largest standard deviation, in pixels of the crop, of the blur of silhouettes."""


def other_people_planes(
    view: CropTransform,
    own_4: F64,
    other_K4: Float,
    silhouette_CC: U8 | None,
    side: int,
    random: np.random.Generator,
) -> U8:
    """The two planes (side, side, 2) of a crop, 0..255: boxes, silhouettes.

    Args:
        view: of the crop.
        own_4: the person's box in pixels of the source.
        other_K4: boxes of other people, likewise.
        silhouette_CC: pixels of the crop that show other people (0..255); None where this is unknown.
    """
    planes_2CC = np.zeros((2, side, side), np.uint8)
    if random.random() < UNKNOWN:
        return np.moveaxis(planes_2CC, 0, 2)
    kept_K4 = other_K4[(random.random(len(other_K4)) >= MISSED) & (areas(other_K4) > 0)]
    box_K4 = jittered(kept_K4, JITTER, random)
    score_K = np.clip(random.normal(SCORE, SCORE_SPREAD, len(box_K4)), FALSE_SCORE[0], 1)
    if random.random() < FALSE:
        box_K4 = np.concatenate([box_K4, jittered(own_4[None], FALSE_JITTER, random)])
        score_K = np.append(score_K, random.uniform(*FALSE_SCORE))
    planes_2CC[0] = box_plane(view.to_crop(box_corners(box_K4)), score_K, side)
    if silhouette_CC is not None and random.random() < WITH_SILHOUETTES:
        blur = random.uniform(0.3, MOST_BLUR)
        planes_2CC[1] = cv2.GaussianBlur(silhouette_CC, (0, 0), blur)
    return np.moveaxis(planes_2CC, 0, 2)


def own_plane(view: CropTransform, side: int) -> U8:
    """The plane (side, side) of the person's own box, 0 or 255."""
    return box_plane(view.to_crop(view.box_42)[None], np.ones(1), side)


def jittered(box_K4: Float, share: float, random: np.random.Generator) -> F64:
    """Boxes whose sides are moved at random by shares of their size."""
    size_K2 = box_K4[:, 2:] - box_K4[:, :2]
    return np.asarray(box_K4 + random.normal(0, share, box_K4.shape) * np.tile(size_K2, 2), np.float64)


def with_box_in_front(others_CC2: U8, cover_CC: U8, random: np.random.Generator) -> U8:
    """The planes with the box of one more person, who covers the set pixels (0..255) of the crop."""
    x0, y0, wide, high = cv2.boundingRect((cover_CC > 127).astype(np.uint8))
    if not wide or (not others_CC2.any() and random.random() < UNKNOWN):
        return others_CC2
    value = np.uint8(255 * np.clip(random.normal(SCORE, SCORE_SPREAD), FALSE_SCORE[0], 1))
    made_CC2 = others_CC2.copy()
    part_hw = made_CC2[y0 : y0 + high, x0 : x0 + wide, 0]
    np.maximum(part_hw, value, out=part_hw)
    return made_CC2
