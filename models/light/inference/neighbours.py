"""The other people of a frame, as the surface network sees them beside the crop of one person.

See `models.light.architecture.other_people`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import F32, U8, Float
from models.light.architecture.other_people import box_corners, box_plane
from models.light.architecture.preprocessing import CROP
from models.light.inference.crop_view import CropView, between_indices
from models.light.inference.logistic import logistic


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSilhouette:
    """The logit of a person in a region x0, y0, x1, y1 of the frame, from a first pass."""

    person_GG: F32
    region_4: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Other people of a frame.

    Attributes:
        box_K4: x0, y0, x1, y1 in pixels of the frame.
        score_K: of the boxes, 0..1.
        silhouette_K: their first passes; empty before these.
    """

    box_K4: Float
    score_K: Float
    silhouette_K: tuple[FirstSilhouette, ...] = ()

    def planes(self, view: CropView) -> U8:
        """The planes (CROP, CROP, 2) of a crop, 0..255: boxes, silhouettes."""
        corner_X2 = box_corners(np.asarray(self.box_K4, np.float64)).reshape(-1, 2)
        at_2X = view.to_square(corner_X2.T)
        planes_CC2 = np.zeros((CROP, CROP, 2), np.uint8)
        planes_CC2[..., 0] = box_plane(at_2X.T.reshape(-1, 4, 2), self.score_K)
        for one in self.silhouette_K:
            np.maximum(planes_CC2[..., 1], _silhouette(one, view), out=planes_CC2[..., 1])
        return planes_CC2


def neighbours_of_each(
    box_N4: Float, score_N: Float, silhouette_N: Sequence[FirstSilhouette] = ()
) -> Iterator[Neighbours]:
    """For each person of a frame all others."""
    for person in range(len(box_N4)):
        yield Neighbours(
            box_K4=np.delete(box_N4, person, 0),
            score_K=np.delete(score_N, person),
            silhouette_K=tuple(one for other, one in enumerate(silhouette_N) if other != person),
        )


def _silhouette(one: FirstSilhouette, view: CropView) -> U8:
    """The probability of a person at the pixels of a view, 0..255."""
    cells = len(one.person_GG)
    grid_33, crop_33 = np.diag([cells, cells, 1.0]), np.diag([CROP, CROP, 1.0])
    source_33 = CropView.of_region(one.region_4).to_square_33
    matrix_23 = between_indices(crop_33 @ view.to_square_33 @ np.linalg.inv(grid_33 @ source_33))
    shown_GG = np.round(255 * logistic(one.person_GG)).astype(np.uint8)
    return np.asarray(cv2.warpAffine(shown_GG, matrix_23, (CROP, CROP), flags=cv2.INTER_LINEAR), np.uint8)
