"""How the light network finds people: the detector asked of the frame, and of a large one's mirror image, too."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from models.light.architecture.pixels import MEAN, fit_size, resized
from models.light.architecture.places import STRIDES, boxes_at, places
from models.light.inference.logistic import logistic
from models.light.inference.together import Networks, Together
from models.structures import Detections

F32 = npt.NDArray[Any]
U8 = npt.NDArray[Any]

LONG_SIDES = (384, 512)
"""Pixels of the longer side of the picture that the detector sees, at least and at most: enlarging small frames finds
small people, and so does shrinking large ones less. Of COCO's people of 50 to 80 pixels .77 are found at 512, .50 at
384; its AP50 is .66 for .61, that of Human v2's photos .56 for .57."""
MOST_CANDIDATES = 1000
MIRROR_ODDS = 1.25
"""What the odds of a mean of two answers are multiplied by. Who is seen in one of them alone has a lower mean than
answer, so that without it fewer would be found at one threshold for small and large frames. On 346 pictures of COCO
that nothing was learnt from, 398 people from 100 px: recall .807 at a precision of .769 seen once, .809 at .789 in the
mirror, too, and .817 at .766 with this factor."""
MIRROR_DISTANCES = [2, 1, 0, 3]
"""Left, top, right and bottom of a box in the mirror."""


class Finder:
    """Asks the detector where people may be, in each frame alone.

    Args:
        networks: the halves.
        least: score above which there may be somebody.
        long_side: pixels of the longer side that the detector sees; None: as LONG_SIDES say.
        flip: ask for the mirror image, too, of frames that are not enlarged. A place's answers count as one, the mean
            of its scores and of its distances in their logarithms. Small frames, for which the detector is most of the
            work and which are to be fast, would lose a twelfth of the whole pipeline's speed.
    """

    def __init__(self, networks: Networks, *, least: float, long_side: int | None, flip: bool) -> None:
        self._networks = networks
        self._least = least
        self._long_sides = (long_side, long_side) if long_side else LONG_SIDES
        self.flip = flip
        self._asked: dict[tuple[int, int], Together] = {}

    def find(self, rgb_THW3: U8) -> list[Detections]:
        """Boxes inside each of some frames (T, H, W, 3) uint8, in its own pixels, the surest first; many a person."""
        height, width = rgb_THW3.shape[1:3]
        h, w = fit_size(height, width, self._long_sides)
        canvas_THW3 = np.full((len(rgb_THW3), -(-h // 32) * 32, -(-w // 32) * 32, 3), int(MEAN), np.uint8)
        for canvas_HW3, rgb_HW3 in zip(canvas_THW3, rgb_THW3, strict=True):
            canvas_HW3[:h, :w] = resized(rgb_HW3, w, h)
        flip = self.flip and max(height, width) > self._long_sides[0]
        scale_4, size_4 = (np.array(pair * 2, np.float32) for pair in ([width / w, height / h], [width, height]))
        centre_P2, stride_P = places(*canvas_THW3.shape[1:3])
        found = []
        for score_P, distance_P4 in self._answers(canvas_THW3, flip=flip):
            keep = np.flatnonzero(score_P > self._least)
            keep = keep[np.argsort(-score_P[keep], kind="stable")][:MOST_CANDIDATES]
            box_K4 = boxes_at(distance_P4[keep], centre_P2[keep], stride_P[keep]) * scale_4
            box_K4 = np.clip(box_K4, 0, size_4).astype(np.float32)
            wide_K = ((box_K4[:, 2:] - box_K4[:, :2]) >= 1).all(1)
            found.append(Detections(box_N4=box_K4[wide_K], score_N=score_P[keep][wide_K].astype(np.float32)))
        return found

    def _answers(self, canvas_THW3: U8, *, flip: bool) -> list[tuple[F32, F32]]:
        """Score (P) and log-distances (P,4) of every place of each canvas."""
        size, canvases = canvas_THW3.shape[1:3], list(canvas_THW3)
        ask = self._asked.setdefault(size, Together(self._networks, "detector", *size))
        if not flip:
            return [(logistic(seen_P5[:, 0]), seen_P5[:, 1:]) for seen_P5 in ask(canvases)]
        mirror_P = mirror_places(*size)
        seen = ask([*canvases, *(canvas_HW3[:, ::-1] for canvas_HW3 in canvases)])
        turned = [seen_P5[mirror_P] for seen_P5 in seen[len(canvases) :]]
        return [_mean(*both) for both in zip(seen[: len(canvases)], turned, strict=True)]


def _mean(seen_P5: F32, turned_P5: F32) -> tuple[F32, F32]:
    """Score (P) and log-distances (P,4) of places by what is said of them in a picture and in its mirror image."""
    mean_P = (logistic(seen_P5[:, 0]) + logistic(turned_P5[:, 0])) / 2
    score_P = MIRROR_ODDS * mean_P / (1 + (MIRROR_ODDS - 1) * mean_P)
    return score_P, (seen_P5[:, 1:] + turned_P5[:, 1:][:, MIRROR_DISTANCES]) / 2


@cache
def mirror_places(height: int, width: int) -> npt.NDArray[np.int64]:
    """For each place of a picture (P) the place that sees the same in its mirror image."""
    at, first = [], 0
    for stride in STRIDES:
        rows, columns = height // stride, width // stride
        at.append(first + np.arange(rows * columns).reshape(rows, columns)[:, ::-1].reshape(-1))
        first += rows * columns
    return np.concatenate(at)
