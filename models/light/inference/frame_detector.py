"""Detection of people in frames: the detector on the frame, on the flipped frame, and on the frame at two sizes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F32, I64, U8, Float
from models.light.architecture.detector_locations import STRIDES, boxes_from_distances, detector_locations
from models.light.architecture.preprocessing import MEAN, fit_size, resize_rgb
from models.light.inference.batched_network import BatchedComponent, Component
from models.light.inference.calibration import NEUTRAL, Calibration
from models.light.inference.logistic import logistic
from models.structures import Detections

MAX_CANDIDATES = 1000
MIN_SCORE = 0.075
"""Default of `network.min_score` for videos: boxes with lower scores are left out, also as neighbours of others."""
FLIP_ODDS = 1.25
"""Factor of the odds of the mean score of frame and flipped frame. A person who is detected in only one of them has a
lower mean; without this factor one score threshold would not fit large and small frames alike."""
FLIPPED_DISTANCES = [2, 1, 0, 3]
"""Left, top, right and bottom of a box in the flipped frame."""
SMALL, LARGE = 0.2, 0.4
"""Sizes of boxes (root of the area) as shares of the frame's longer side. Boxes up to SMALL count only in the fine
pass, boxes from LARGE on only in the coarse pass, boxes between in both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorTraits:
    """How a detector is used.

    Attributes:
        long_sides: pixels of the longer side of its input, at least and at most. Enlarging small frames finds small
            people, and so does less shrinking of large frames.
        flips: whether a second pass over the flipped frame is worth its time.
        coarse_side: pixels of the longer side of a second input, in which people who fill the frame are as large as in
            the detector's training; None: no second input. A frame whose first input is not larger has none.
        scores: makes the scores of detectors comparable, so that one threshold serves all.
    """

    long_sides: tuple[int, int]
    flips: bool
    coarse_side: int | None = None
    scores: Calibration = NEUTRAL


OPEN_DETECTOR = DetectorTraits(long_sides=(384, 512), flips=True)
YOLOX_DETECTOR = DetectorTraits(long_sides=(384, 576), flips=False, coarse_side=384, scores=Calibration(offset=-0.3))
"""Its scores are lowered, so that a score of either detector means the same probability that a box is right, on photos
that neither was trained on: thresholds on scores then serve both."""


class FrameDetector:
    """Boxes of people in frames, each frame by itself.

    Args:
        component, traits: the detector.
        min_score: boxes have a higher score than this.
        long_side: pixels of the longer side of the detector's only input; None: as its traits say.
        flip: also run the detector on the flipped frame, for frames that are not enlarged, if its traits say so. Scores
            and log-distances are averaged at each location. Small frames are left out: for them the detector is most of
            the work.
    """

    def __init__(
        self, component: Component, traits: DetectorTraits, *, min_score: float, long_side: int | None, flip: bool
    ) -> None:
        self._component = component
        self._min_score = min_score
        self._long_sides = (long_side, long_side) if long_side else traits.long_sides
        self._coarse_side = None if long_side else traits.coarse_side
        self._scores = traits.scores
        self.flip = flip and traits.flips
        self._detectors: dict[tuple[int, int], BatchedComponent] = {}

    def detect(self, rgb_THW3: U8, pixel_aspect: float = 1.0) -> list[Detections]:
        """Boxes in each of some frames (T, H, W, 3) uint8, in pixels, best score first, before NMS.

        `pixel_aspect`: width of a pixel over its height; people keep their proportions in the detector's input.
        """
        height, width = rgb_THW3.shape[1:3]
        long_side = max(height, width * pixel_aspect)
        fine = fit_size(height, width, self._long_sides, pixel_aspect)
        flip = self.flip and long_side > self._long_sides[0]
        if self._coarse_side is None or max(fine) <= self._coarse_side:
            return self._candidates(rgb_THW3, fine, flip=flip)
        coarse = fit_size(height, width, (self._coarse_side, self._coarse_side), pixel_aspect)
        both = [self._candidates(rgb_THW3, size, flip=flip) for size in (fine, coarse)]
        scale = long_side / pixel_aspect**0.5  # sizes are roots of areas, which count in pixels as shown
        return [self._of_both_passes(*pair, scale) for pair in zip(both[0], both[1], strict=True)]

    def _of_both_passes(self, fine: Detections, coarse: Detections, long_side: float) -> Detections:
        """The candidates of both passes over a frame, with the odds that their sizes leave them; best first."""
        box_N4, score_N = np.concatenate([fine.box_N4, coarse.box_N4]), np.concatenate([fine.score_N, coarse.score_N])
        share_N = np.concatenate([fine_share(fine.box_N4, long_side), coarse_share(coarse.box_N4, long_side)])
        score_N = share_N * score_N / (1 - score_N + share_N * score_N)
        order = np.argsort(-score_N, kind="stable")[:MAX_CANDIDATES]
        order = order[score_N[order] > self._min_score]
        return Detections(box_N4=box_N4[order], score_N=score_N[order])

    def _candidates(self, rgb_THW3: U8, size: tuple[int, int], *, flip: bool) -> list[Detections]:
        """Boxes in each frame by a pass at a size (height, width), best score first; `flip`: and a flipped pass."""
        height, width = rgb_THW3.shape[1:3]
        h, w = size
        canvas_THW3 = np.full((len(rgb_THW3), -(-h // 32) * 32, -(-w // 32) * 32, 3), int(MEAN), np.uint8)
        for canvas_HW3, rgb_HW3 in zip(canvas_THW3, rgb_THW3, strict=True):
            canvas_HW3[:h, :w] = resize_rgb(rgb_HW3, w, h)
        scale_4, size_4 = (np.array(pair * 2, np.float32) for pair in ([width / w, height / h], [width, height]))
        centre_P2, stride_P = detector_locations(*canvas_THW3.shape[1:3])
        detections = []
        for given_P, distance_P4 in self._predict(canvas_THW3, flip=flip):
            score_P = self._scores(given_P.astype(np.float32))
            keep = np.flatnonzero(score_P > self._min_score)
            keep = keep[np.argsort(-score_P[keep], kind="stable")][:MAX_CANDIDATES]
            box_K4 = boxes_from_distances(distance_P4[keep], centre_P2[keep], stride_P[keep]) * scale_4
            box_K4 = np.clip(box_K4, 0, size_4).astype(np.float32)
            wide_K = ((box_K4[:, 2:] - box_K4[:, :2]) >= 1).all(1)
            detections.append(Detections(box_N4=box_K4[wide_K], score_N=score_P[keep][wide_K].astype(np.float32)))
        return detections

    def _predict(self, canvas_THW3: U8, *, flip: bool) -> list[tuple[Float, Float]]:
        """Score (P) and log-distances (P,4) at every location of each canvas."""
        size, canvases = canvas_THW3.shape[1:3], list(canvas_THW3)
        detector = self._detectors.setdefault(size, BatchedComponent(self._component, *size))
        if not flip:
            return [(logistic(row_P5[:, 0]), row_P5[:, 1:]) for row_P5 in detector(canvases)]
        flipped_P = flipped_locations(*size)
        rows = detector([*canvases, *(canvas_HW3[:, ::-1] for canvas_HW3 in canvases)])
        flipped_rows = [row_P5[flipped_P] for row_P5 in rows[len(canvases) :]]
        return [_mean(*both) for both in zip(rows[: len(canvases)], flipped_rows, strict=True)]


def _mean(row_P5: F32, flipped_P5: F32) -> tuple[Float, Float]:
    """Score (P) and log-distances (P,4) from the detector's rows for a frame and for the flipped frame."""
    mean_P = (logistic(row_P5[:, 0]) + logistic(flipped_P5[:, 0])) / 2
    score_P = FLIP_ODDS * mean_P / (1 + (FLIP_ODDS - 1) * mean_P)
    return score_P, (row_P5[:, 1:] + flipped_P5[:, 1:][:, FLIPPED_DISTANCES]) / 2


def fine_share(box_N4: F32, long_side: float) -> F32:
    """Factor of the odds of boxes (N, 4) of the fine pass, (N,): 1 up to SMALL, 0 from LARGE on."""
    return np.minimum(1, 2 - 2 * _largeness(box_N4, long_side)).astype(np.float32)


def coarse_share(box_N4: F32, long_side: float) -> F32:
    """Factor of the odds of boxes (N, 4) of the coarse pass, (N,): 0 up to SMALL, 1 from LARGE on."""
    return np.minimum(1, 2 * _largeness(box_N4, long_side)).astype(np.float32)


def _largeness(box_N4: F32, long_side: float) -> Float:
    """0 for boxes up to SMALL, 1 from LARGE on, by the logarithm of their size."""
    size_N = np.sqrt((box_N4[:, 2:] - box_N4[:, :2]).astype(np.float64).prod(1)) / long_side
    return np.clip(np.log(size_N / SMALL) / np.log(LARGE / SMALL), 0, 1)


@cache
def flipped_locations(height: int, width: int) -> I64:
    """For each location of an image (P) the location of the flipped image that sees the same."""
    indices, first = [], 0
    for stride in STRIDES:
        rows, columns = height // stride, width // stride
        indices.append(first + np.arange(rows * columns).reshape(rows, columns)[:, ::-1].reshape(-1))
        first += rows * columns
    return np.concatenate(indices)
