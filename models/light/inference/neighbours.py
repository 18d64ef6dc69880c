"""The other people of a frame, as the surface network sees them beside the crop of one person.

See `models.light.architecture.other_people`. A detector finds some people twice. The second box of a person must not
be shown as somebody else, or the network would leave out the person's own surface.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

import cv2
import numpy as np

from models.arrays import F32, F64, U8, Float
from models.box_overlap import iou
from models.light.architecture.other_people import box_corners, box_plane
from models.light.architecture.preprocessing import CROP
from models.light.inference.crop_view import CropView, between_indices
from models.light.inference.frame_detector import MIN_SCORE
from models.light.inference.logistic import logistic

SAME_PERSON = 0.5
"""IoU, of boxes or of silhouettes, from which the lower score of two detections is the same person found twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSilhouette:
    """The probability of a person, 0..255, in a region x0, y0, x1, y1 of the frame, from a first pass."""

    shown_GG: U8
    region_4: F32

    @classmethod
    def of_logit(cls, person_GG: F32, region_4: F32) -> FirstSilhouette:
        """From the logit of the person."""
        return cls(shown_GG=np.round(255 * logistic(person_GG)).astype(np.uint8), region_4=region_4)


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

    def planes(self, view: CropView, side: int = CROP) -> U8:
        """The planes (side, side, 2) of a crop, 0..255: boxes, silhouettes."""
        corner_X2 = box_corners(np.asarray(self.box_K4, np.float64)).reshape(-1, 2)
        at_2X = view.to_square(corner_X2.T)
        planes_CC2 = np.zeros((side, side, 2), np.uint8)
        planes_CC2[..., 0] = box_plane(at_2X.T.reshape(-1, 4, 2), self.score_K, side)
        for one in self.silhouette_K:
            np.maximum(planes_CC2[..., 1], _silhouette(one, view, side), out=planes_CC2[..., 1])
        return planes_CC2


def neighbours_of_each(
    box_N4: Float, score_N: Float, silhouette_N: Sequence[FirstSilhouette] = ()
) -> Iterator[Neighbours]:
    """For each detection of a frame the other people.

    Not shown are detections of low score, and those that are the same person with a lower score. Such a second
    detection of a person still sees the first one.

    Args:
        box_N4: x0, y0, x1, y1 in pixels of the frame.
        score_N: of the boxes.
        silhouette_N: the first pass over each box; empty before these.
    """
    overlap_NN = iou(box_N4, box_N4)
    if len(silhouette_N):
        overlap_NN = np.maximum(overlap_NN, _silhouette_overlaps(silhouette_N))
    lower_NN = score_N[None] < score_N[:, None]
    other_NN = (score_N >= MIN_SCORE)[None] & ~((overlap_NN > SAME_PERSON) & lower_NN)
    np.fill_diagonal(other_NN, False)
    for other_N in other_NN:
        yield Neighbours(
            box_K4=box_N4[other_N],
            score_K=score_N[other_N],
            silhouette_K=tuple(compress(silhouette_N, other_N)),
        )


def _silhouette_overlaps(silhouette_N: Sequence[FirstSilhouette]) -> F64:
    """IoU (N, N) of all pairs of silhouettes, on a raster over all of them."""
    region_N4 = np.array([one.region_4 for one in silhouette_N], np.float64)
    low_2, high_2 = region_N4[:, :2].min(0), region_N4[:, 2:].max(0)
    side = float((high_2 - low_2).max())
    view = CropView.of_region(np.array([*low_2, *(low_2 + side)], np.float32))
    mask_NP = np.array([_silhouette(one, view) > 127 for one in silhouette_N]).reshape(len(silhouette_N), -1)
    mask_NP = mask_NP.astype(np.float32)
    both_NN = mask_NP @ mask_NP.T
    area_N = mask_NP.sum(1)
    return np.asarray(both_NN / np.maximum(area_N[:, None] + area_N - both_NN, 1), np.float64)


def _silhouette(one: FirstSilhouette, view: CropView, side: int = CROP) -> U8:
    """The probability of a person at the pixels (side, side) of a view, 0..255."""
    cells = len(one.shown_GG)
    grid_33, crop_33 = np.diag([cells, cells, 1.0]), np.diag([side, side, 1.0])
    source_33 = CropView.of_region(one.region_4).to_square_33
    matrix_23 = between_indices(crop_33 @ view.to_square_33 @ np.linalg.inv(grid_33 @ source_33))
    return np.asarray(cv2.warpAffine(one.shown_GG, matrix_23, (side, side), flags=cv2.INTER_LINEAR), np.uint8)
