"""Boxes of the detectors alone, at equal precision: how many people they find, and how well they enclose them.

    python -m tests.benchmarks.quality.box_quality FOLDER [--detectors open yolox] [--long-sides 0 416 512]

FOLDER is a COCO folder, or Human Dataset v2. For each set, detector and long side of its input (0: its own): recall at
IoU .5 and .75 of people of two ranges of height, at the lowest score that reaches a precision, and the mean IoU of
those that are found; then the difference of recall from the first row, with the interval of its paired bootstrap.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from models.arrays import F32, F64, Bool
from models.box_overlap import iou
from models.light.inference.light_network import SIGMA, open_light
from models.light.inference.nms import hard_then_soft_nms
from models.metrics.bootstrap import Ratio, difference
from models.metrics.person_matching import match_by_iou
from models.network import NetworkConfig
from models.structures import Detections
from stages.evaluation.coco_truth import FileOptions
from stages.evaluation.detection_counts import detection_counts
from stages.evaluation.protocols import confident_detections, match_boxes_to_people
from stages.evaluation.set_lookup import sets_at_path
from stages.evaluation.synthetic_truth import Worlds
from stages.evaluation.true_images import TrueImage
from tests.benchmarks.quality.paired_scores import cell

HEIGHTS = ((100.0, np.inf), (32.0, 100.0))
LEAST_IOUS = (0.5, 0.75)
MIN_SCORE, NMS_THRESHOLD = 0.005, 0.7
SCORES = np.arange(0.01, 0.9, 0.005)
DetectorName = Literal["open", "yolox"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPeople:
    """For each true person of a range of heights (P): whether found at each IoU (P, 2), and the IoU of the match."""

    hit_P2: Bool
    iou_P: F64
    precision: float


def boxes_of(images: Sequence[TrueImage], detector: DetectorName, long_side: int) -> list[Detections]:
    """The detector's boxes in each image after both kinds of NMS, best first."""
    network = open_light(NetworkConfig(detector=detector, max_size=long_side or None, min_score=MIN_SCORE), 1)
    found = []
    for image in images:
        (candidates,) = network.detector.detect(image.rgb_HW3[None])
        kept, score_N = hard_then_soft_nms(
            candidates.box_N4, candidates.score_N, iou_threshold=NMS_THRESHOLD, sigma=SIGMA, min_score=MIN_SCORE
        )
        found.append(Detections(box_N4=candidates.box_N4[kept], score_N=score_N))
    return found


def found_people(
    images: Sequence[TrueImage], found: Sequence[Detections], score: float, heights: tuple[float, float]
) -> FoundPeople:
    """Who is found from a score on. Precision: detections of those heights that match an annotated person."""
    hits: list[list[bool]] = []
    overlaps: list[float] = []
    right = judged = 0
    for image, detections in zip(images, found, strict=True):
        sure = confident_detections(detections, score)
        tall_G = np.array([heights[0] <= person.height < heights[1] for person in image.people], bool)
        iou_DG = iou(sure.box_N4.astype(np.float64), image.boxes.astype(np.float64))
        match_2G = [match_by_iou(iou_DG, sure.score_N, least) >= 0 for least in LEAST_IOUS]
        hits += np.stack(match_2G, 1)[tall_G].tolist()
        overlaps += iou_DG.max(0, initial=0)[tall_G].tolist()
        alike = _of_heights(sure, heights)
        shown = detection_counts(alike.box_N4, match_boxes_to_people(alike.box_N4, alike.score_N, image), image, 0)
        right, judged = right + shown.matched, judged + shown.judged
    return FoundPeople(
        hit_P2=np.array(hits, bool).reshape(-1, 2), iou_P=np.array(overlaps), precision=right / max(judged, 1)
    )


def _of_heights(found: Detections, heights: tuple[float, float]) -> Detections:
    height_N: F32 = found.box_N4[:, 3] - found.box_N4[:, 1]
    kept_N = (height_N >= heights[0]) & (height_N < heights[1])
    return Detections(box_N4=found.box_N4[kept_N], score_N=found.score_N[kept_N])


def at_precision(
    images: Sequence[TrueImage], found: Sequence[Detections], least: float, heights: tuple[float, float]
) -> tuple[float, FoundPeople] | None:
    """The lowest score that reaches a precision, and who is found from there on; None where no score does."""
    for score in SCORES:
        people = found_people(images, found, float(score), heights)
        if people.precision >= least and people.hit_P2.any():
            return float(score), people
    return None


def rows(name: str, images: Sequence[TrueImage], options: argparse.Namespace) -> Iterator[str]:
    """The lines of one set."""
    runs = [(d, s, boxes_of(images, d, s)) for d in options.detectors for s in options.long_sides]
    for heights in HEIGHTS:
        first: FoundPeople | None = None
        for detector, side, found in runs:
            best = at_precision(images, found, options.precision, heights)
            label = f"{name}, {heights[0]:.0f} px on, {detector} {side or ''}"
            if best is None:
                yield f"{label}: precision {options.precision} is never reached"
                continue
            score, people = best
            first = first or people
            one = np.ones(len(people.iou_P))
            recalls = [
                tuple(Ratio(hits_P=each.hit_P2[:, k].astype(np.float64), trials_P=one) for each in (first, people))
                for k in range(len(LEAST_IOUS))
            ]
            changes = ", ".join(cell(difference(*pair), "+.3f") for pair in recalls)
            recall = " / ".join(f"{value:.3f}" for value in people.hit_P2.mean(0))
            mean_iou = people.iou_P[people.hit_P2[:, 0]].mean()
            yield f"{label}: n {len(one)}, score {score:.3f}, recall {recall}, IoU {mean_iou:.3f}, change {changes}"


def main() -> None:
    """Print all lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--detectors", nargs="+", default=list(get_args(DetectorName)))
    parser.add_argument("--long-sides", type=int, nargs="+", default=[0])
    parser.add_argument("--precision", type=float, default=0.75)
    options = parser.parse_args()
    reading = FileOptions(images="", annotators=(), damage=lambda error: None)
    for one in sets_at_path(options.folder, Worlds(seed=0, scenes=1, frames=1), reading):
        print("\n".join(rows(one.name, list(one.images), options)), flush=True)


if __name__ == "__main__":
    main()
