"""Who is found, frames asked once and in the mirror, too: `python -m tests.benchmarks.finding FOLDER [FOLDER ...]`.

FOLDER is a COCO folder, or Human Dataset v2. Printed of every set: recall of people from 100 pixels at the threshold at
which the precision of detections from 100 pixels is at least so much.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from models.light.inference.light_network import LightNetwork, open_light
from models.network import NetworkConfig
from models.structures import Detections
from stages.evaluation.coco_truth import FileOptions
from stages.evaluation.protocols import confident_detections, match_boxes_to_people, matched_detections
from stages.evaluation.set_lookup import sets_at_path
from stages.evaluation.synthetic_truth import Worlds
from stages.evaluation.true_images import TrueImage

TALL = 100.0
LEAST = 0.03
PRECISIONS = (0.65, 0.7, 0.75, 0.8, 0.85, 0.9)


def recall_precision(pictures: Sequence[TrueImage], found: Sequence[Detections], score: float) -> tuple[float, float]:
    """Of tall people the share that is found, of tall detections the share that is right, as `-c evaluate` counts."""
    hits, right = [], []
    for picture, detections in zip(pictures, found, strict=True):
        sure = confident_detections(detections, score)
        match_G = match_boxes_to_people(sure.box_N4, sure.score_N, picture)
        hits += [answer >= 0 for answer, one in zip(match_G, picture.people, strict=True) if one.height >= TALL]
        right += matched_detections(sure.box_N4, match_G, picture, TALL).tolist()
    return float(np.mean(hits)), float(np.mean(right or [0]))


def show(name: str, network: LightNetwork, pictures: Sequence[TrueImage]) -> None:
    """One line."""
    found = [network.detect(picture.rgb_HW3[None])[0][0] for picture in pictures]
    points = [recall_precision(pictures, found, float(score)) for score in np.arange(LEAST, 0.6, 0.005)]
    best = [max((recall for recall, right in points if right >= least), default=float("nan")) for least in PRECISIONS]
    at = "  ".join(f"{least:.2f}: {value:.3f}" for least, value in zip(PRECISIONS, best, strict=True))
    print(f"{name:48s} {at}", flush=True)


def main() -> None:
    """Ask once and twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--weights", default="light")
    options = parser.parse_args()
    network = open_light(NetworkConfig(weights=options.weights, tta="adaptive", score_threshold=LEAST), 1)
    reading = FileOptions(images="", annotators=(), damage=lambda error: None)
    for folder in options.folders:
        for one in sets_at_path(folder, Worlds(seed=0, scenes=1, frames=1), reading):
            pictures = list(one.images)
            for name, mirror in (("once", False), ("in the mirror, too", True)):
                network.detector.flip = mirror
                show(f"{one.name}, {name}", network, pictures)


if __name__ == "__main__":
    main()
