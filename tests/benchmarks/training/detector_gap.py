"""The light detector's generalisation gap: box AP50 on training photos and on held-out photos.

    python -m tests.benchmarks.training.detector_gap FOLDER --weights light

FOLDER is that of a run of `-c train_light_scratch`. COCO's AP50 of people's boxes on the held-out photos of Human
Dataset v2, and on as many training photos, both from the shards. Ground truth are the boxes as the teacher completed
them; boxes of low confidence are ignored.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.light.inference.light_network import open_light
from models.metrics.coco_ap import CocoFound, CocoTruth, box_ap
from models.network import NetworkConfig
from stages.annotations.image_collections import held_out
from stages.training.data.labelled_photos import PERSON, SIDE, natural_size
from stages.training.data.shards import map_shard

F32 = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A photo without canvas padding, with its boxes in its own pixels."""

    rgb_HW3: npt.NDArray[np.uint8]
    box_M4: F32
    sure_M: npt.NDArray[np.bool_]


def photos(folder: Path, kept_out: bool) -> Iterator[Shown]:
    """The held-out photos of Human Dataset v2 in a run's shards, or its training photos."""
    for path in sorted((folder / "photos").glob("[0-9]*.npz")):
        shard = map_shard(path)
        for index, name in enumerate(map(str, shard["name"])):
            if name.startswith("human_v2/") and held_out(name) == kept_out:
                width, height = natural_size(float(shard["aspect"][index]))
                own = shard["box_photo"] == index
                yield Shown(
                    rgb_HW3=np.asarray(cv2.resize(shard["rgb"][index], (width, height))),
                    box_M4=shard["box"][own] * np.array([width, height] * 2, np.float32) / SIDE,
                    sure_M=shard["box_kind"][own] == PERSON,
                )


def with_sizes(box_N4: F32) -> F32:
    """Corners as COCO's x, y, width, height."""
    return np.concatenate([box_N4[:, :2], box_N4[:, 2:] - box_N4[:, :2]], 1)


def row(name: str, network: Any, shown: list[Shown]) -> str:
    """Print a line of the table."""
    truth, found = [], []
    for one in shown:
        box_M4 = with_sizes(one.box_M4)
        detections = network.detect(one.rgb_HW3[None])[0][0]
        height, width = one.rgb_HW3.shape[:2]
        crowd = (~one.sure_M).tolist()
        area_M = box_M4[:, 2:].prod(1)
        truth.append(CocoTruth(height=height, width=width, box_N4=box_M4, area_N=area_M, crowd_N=crowd))
        found.append(CocoFound(box_N4=with_sizes(detections.box_N4), score_N=detections.score_N))
    people = sum(int(one.sure_M.sum()) for one in shown)
    return f"| {name} | {len(shown)} | {people} | {box_ap(truth, found)['AP50']:.3f} |"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", default="light")
    chosen = parser.parse_args()
    config = NetworkConfig(weights=chosen.weights, precision="fp32", tta="adaptive", score_threshold=0.02)
    network = open_light(config, 1)
    kept_out, learnt = list(photos(chosen.folder, True)), list(photos(chosen.folder, False))
    print("| photos | number | people | AP50 |\n|---|---|---|---|")
    print(row("kept out", network, kept_out), flush=True)
    print(row("trained on", network, learnt[:: len(learnt) // len(kept_out)]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
