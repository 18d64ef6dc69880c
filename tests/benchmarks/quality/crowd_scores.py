"""Direct DensePose against the built-in network in crowds: recall, parts and milliseconds, by height of the people.

    python -m tests.benchmarks.quality.crowd_scores direct.safetensors --sizes 160 240 352

Scenes of `stress_crowd` and frames of `crowd`. Recall at a precision of .8 (IoU .5); parts: right charts among the
pixels of true masks, in true boxes, and with missed people as wrong; milliseconds of processor time of one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from models.box_overlap import iou
from models.inference.open_network import open_network
from models.network import Network, NetworkConfig
from models.structures import SurfaceMap
from stages.synthetic.synthesize import Synthesize, scene_generator
from stages.world.scene import Scene

WORLDS = {"stress_crowd": (60, 1), "crowd": (40, 7)}
"""Number of scenes and step between them."""
HEIGHTS = (0.0, 36.0, 72.0, 120.0, float("inf"))
PRECISION, IOU, LEAST_SCORE = 0.8, 0.5, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A true person: pixels of the mask, right ones in the true box and as found, height, score; -1: not found."""

    pixels: int
    given: int
    found: int
    height: float
    score: float


def right_pixels(surface: SurfaceMap, scene: Scene, number: int) -> int:
    """Pixels of a person's true mask with the right chart."""
    label_HW = np.zeros_like(scene.label_HW)
    height, width = surface.labels_hw.shape
    y0, x0 = max(surface.y0, 0), max(surface.x0, 0)
    shown = label_HW[y0 : max(surface.y0 + height, 0), x0 : max(surface.x0 + width, 0)]
    rows, columns = slice(y0 - surface.y0, None), slice(x0 - surface.x0, None)
    shown[:] = surface.labels_hw[rows, columns][: shown.shape[0], : shown.shape[1]]
    return int(((scene.instance_HW == number) & (label_HW == scene.label_HW)).sum())


def matched(iou_ND: np.ndarray) -> dict[int, int]:
    """True people of detections, which come best first: each takes the free person that it overlaps most."""
    owner: dict[int, int] = {}
    for detection in range(iou_ND.shape[1]):
        free = [person for person in range(len(iou_ND)) if person not in owner.values()]
        best = max(free, key=lambda person: iou_ND[person, detection], default=None)
        if best is not None and iou_ND[best, detection] >= IOU:
            owner[detection] = best
    return owner


def scored(network: Network, scene: Scene) -> tuple[list[PersonRow], list[tuple[float, bool]], float]:
    """The people of a scene, score and verdict of each detection, and seconds of detection and surfaces."""
    start = time.process_time()
    detections, features = network.detect(scene.rgb_HW3[None])
    keep = np.flatnonzero(detections[0].score_N > LEAST_SCORE)
    keep = keep[np.argsort(-detections[0].score_N[keep], kind="stable")]
    box_D4, score_D = detections[0].box_N4[keep], detections[0].score_N[keep]
    found = network.surfaces(features, [box_D4])[0]
    seconds = time.process_time() - start
    given = network.surfaces(features, [scene.box_N4.astype(np.float32)])[0]
    owner = matched(iou(scene.box_N4, box_D4))
    detection_of = {person: detection for detection, person in owner.items()}
    rows = []
    for person, box_4 in enumerate(scene.box_N4):
        detection = detection_of.get(person)
        rows.append(
            PersonRow(
                pixels=int((scene.instance_HW == person + 1).sum()),
                given=right_pixels(given[person], scene, person + 1),
                found=0 if detection is None else right_pixels(found[detection], scene, person + 1),
                height=float(box_4[3] - box_4[1]),
                score=-1.0 if detection is None else float(score_D[detection]),
            )
        )
    return rows, [(float(score), index in owner) for index, score in enumerate(score_D)], seconds


def threshold(verdicts: list[tuple[float, bool]]) -> float:
    """The lowest score down to which the precision is PRECISION."""
    ordered = sorted(verdicts, reverse=True)
    precision = np.cumsum([right for _, right in ordered]) / np.arange(1, len(ordered) + 1)
    good = np.flatnonzero(precision >= PRECISION)
    return ordered[good[-1]][0] if len(good) else float("inf")


def cells(rows: list[PersonRow], least: float) -> str:
    """Recall, parts as found, parts in true boxes."""
    pixels = max(sum(row.pixels for row in rows), 1)
    recall = np.mean([row.score >= least for row in rows]) if rows else float("nan")
    found = sum(row.found for row in rows if row.score >= least) / pixels
    return f"{recall:.3f} | {found:.3f} | {sum(row.given for row in rows) / pixels:.3f}"


def networks(weights: Path, sizes: list[int]) -> Iterator[tuple[str, Network]]:
    """The built-in network, and the other one with images of these shorter sides."""
    yield "built-in", open_network(NetworkConfig(tta="adaptive_fast"), 1)
    for size in sizes:
        config = NetworkConfig(
            kind="trained", weights=str(weights), min_size=size, max_size=2 * size, min_score=LEAST_SCORE
        )
        yield f"direct, {size} px", open_network(config, 1)


def main() -> None:
    """Print a table for each world."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[160, 240, 352])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for world, (count, step) in WORLDS.items():
        generate = scene_generator(Synthesize.Config(world=world, count=count * step, seed=9))
        scenes = [generate(index * step) for index in range(count)]
        print(f"\n{world}\n| network | ms | people | recall | parts found | parts given |")
        for name, network in networks(asked.weights, asked.sizes):
            scored(network, scenes[0])  # compiles and reads what is read once
            results = [scored(network, scene) for scene in scenes]
            rows = [row for people, _, _ in results for row in people]
            least = threshold([verdict for _, verdicts, _ in results for verdict in verdicts])
            ms = 1000 * np.median([seconds for _, _, seconds in results])
            print(f"| {name} | {ms:.0f} | {len(rows)} | {cells(rows, least)} |", flush=True)
            for low, high in pairwise(HEIGHTS):
                some = [row for row in rows if low <= row.height < high]
                print(f"| … {low:.0f} to {high:.0f} px | | {len(some)} | {cells(some, least)} |")


if __name__ == "__main__":
    main()
