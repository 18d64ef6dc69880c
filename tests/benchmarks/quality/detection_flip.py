"""Recall at fixed precision of the light detector, without and with the horizontal flip.

    python -m tests.benchmarks.quality.detection_flip FOLDER [FOLDER ...]

FOLDER is a COCO folder, or Human Dataset v2. Printed for every set: recall of people of at minimum 100 pixels, at the
threshold where detections of at minimum 100 pixels reach each precision.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from models.light.inference.light_network import LightNetwork, open_light
from models.network import NetworkConfig
from models.structures import Detections
from stages.evaluation.coco_truth import FileOptions
from stages.evaluation.protocols import confident_detections, match_boxes_to_people
from stages.evaluation.set_lookup import sets_at_path
from stages.evaluation.shown_counts import shown_counts
from stages.evaluation.synthetic_truth import Worlds
from stages.evaluation.true_images import TrueImage

MIN_HEIGHT = 100.0
MIN_SCORE = 0.03
PRECISIONS = (0.65, 0.7, 0.75, 0.8, 0.85, 0.9)


def recall_precision(images: Sequence[TrueImage], found: Sequence[Detections], score: float) -> tuple[float, float]:
    """Recall of tall people and precision of tall detections, as `-c evaluate` computes them."""
    hits: list[bool] = []
    right = judged = 0
    for image, detections in zip(images, found, strict=True):
        confident = confident_detections(detections, score)
        match_G = match_boxes_to_people(confident.box_N4, confident.score_N, image)
        hits += [match >= 0 for match, one in zip(match_G, image.people, strict=True) if one.height >= MIN_HEIGHT]
        shown = shown_counts(confident.box_N4, match_G, image, MIN_HEIGHT)
        right, judged = right + shown.matched, judged + shown.judged
    return float(np.mean(hits)), right / max(judged, 1)


def show(name: str, network: LightNetwork, images: Sequence[TrueImage]) -> None:
    """Print one line."""
    found = [network.detect(image.rgb_HW3[None])[0][0] for image in images]
    points = [recall_precision(images, found, float(score)) for score in np.arange(MIN_SCORE, 0.6, 0.005)]
    best = [
        max((recall for recall, right in points if right >= minimum), default=float("nan")) for minimum in PRECISIONS
    ]
    at = "  ".join(f"{minimum:.2f}: {value:.3f}" for minimum, value in zip(PRECISIONS, best, strict=True))
    print(f"{name:48s} {at}", flush=True)


def main() -> None:
    """Measure every folder without and with the flip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--weights", default="light")
    options = parser.parse_args()
    network = open_light(NetworkConfig(weights=options.weights, tta="adaptive", score_threshold=MIN_SCORE), 1)
    reading = FileOptions(images="", annotators=(), damage=lambda error: None)
    for folder in options.folders:
        for one in sets_at_path(folder, Worlds(seed=0, scenes=1, frames=1), reading):
            images = list(one.images)
            for name, flip in (("no flip", False), ("flip", True)):
                network.detector.flip = flip
                show(f"{one.name}, {name}", network, images)


if __name__ == "__main__":
    main()
