"""Milliseconds against the number of people: Direct DensePose beside the two-stage network, with the same encoder.

    python -m tests.benchmarks.speed.crowd_speed --plot crowd_speed.png
    python -m tests.benchmarks.speed.crowd_speed --film crowd.mp4 --weights direct.safetensors rcnn.safetensors

The first line is for networks with random weights: `network` is the frame and the people's maps or masks, `pixels` also
their surfaces on the pixels of their boxes. Processor time of one thread, the least of some runs. The second times the
whole command on a film of many people, of whom `network.max_people` are taken in each frame.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
import torch
from PIL import Image, ImageDraw

from models.architecture.direct import DirectNet
from models.architecture.rcnn import DensePoseRCNN
from models.arrays import F32
from models.engines.prepared_rcnn import PreparedRCNN
from models.inference.direct_network import DirectNetwork, logits_for
from models.inference.zoo_network import Limits, ZooNetwork
from models.variant import Variant
from pipeline.command.cli import main as main_command

PEOPLE = (1, 2, 5, 10, 20, 50)
FRAME_HW, PERSON_HW = (1080, 1920), (270, 110)
LIMITS = Limits(min_size=512, max_size=912)
COLOURS = ("#c0392b", "#2471a3", "#e59866", "#7fb3d5")
Curves = dict[str, list[float]]


def least_ms(work: Callable[[], Any], runs: int) -> float:
    """Processor time of the fastest run."""
    found = []
    for _ in range(runs):
        start = time.process_time()
        work()
        found.append(1000 * (time.process_time() - start))
    return min(found)


def crowd() -> F32:
    """Boxes of 50 people, standing anywhere in the frame."""
    height, width = PERSON_HW
    corner_N2 = np.random.default_rng(1).uniform(0, [FRAME_HW[1] - width, FRAME_HW[0] - height], (max(PEOPLE), 2))
    return np.concatenate([corner_N2, corner_N2 + np.array([width, height])], axis=1).astype(np.float32)


def measured(network: Any, alone: Callable[[Any, F32], Any], runs: int) -> tuple[list[float], list[float]]:
    """Milliseconds of a frame with each number of people: the network alone, and with the surfaces on pixels."""
    frame, box_N4 = np.random.default_rng(0).integers(0, 255, (1, *FRAME_HW, 3), dtype=np.uint8), crowd()
    _, features = network.detect(frame)
    first = least_ms(lambda: network.detect(frame), runs)
    counts = [box_N4[:count] for count in PEOPLE]
    masks = [first + least_ms(lambda some=some: alone(features[0], some), 2 * runs) for some in counts]
    return masks, [first + least_ms(lambda some=some: network.surfaces(features, [some]), runs) for some in counts]


def networks_alone(backbone: str, stride: int, runs: int) -> Curves:
    """The curves of both networks; `stride`: of Direct DensePose."""
    variant = Variant(backbone=backbone)  # type: ignore[arg-type]
    direct = DirectNetwork(DirectNet(replace(variant, stride=stride)), LIMITS, name="direct", sha256="")
    prepared = PreparedRCNN(
        DensePoseRCNN(variant).eval(), engine="torch", device=torch.device("cpu"), precision="fp32", threads=1
    )
    two_stage = ZooNetwork(prepared, LIMITS, name="rcnn", sha256="", batch=1)

    @torch.inference_mode()
    def masks(features: Any, box_N4: F32) -> Any:
        return logits_for(features, torch.from_numpy(box_N4))

    @torch.inference_mode()
    def maps(features: Any, box_N4: F32) -> Any:
        scale = features.network_hw[0] / features.frame_hw[0]
        pooled = prepared.pool_people(features.levels, [torch.from_numpy(box_N4 * np.float32(scale))])
        return [prepared.predict_surfaces(part) for part in pooled.split(16)]

    curves: Curves = {}
    for name, network, alone in (("direct", direct, masks), ("two-stage", two_stage, maps)):
        curves[f"{name}, network"], curves[f"{name}, pixels"] = measured(network, alone, runs)
    return curves


def command_ms(weights: Path, film: Path) -> list[float]:
    """Milliseconds of processor time a frame of the whole command, by number of people."""
    found = []
    with TemporaryDirectory() as folder:
        words = [str(film), "-o", f"{folder}/a.mp4", "--overwrite", "--serial", "--weights", str(weights)]
        for setting in ("kind=trained", "min_size=512", "max_size=912", "min_score=0.01"):
            words.append(f"--set=network.{setting}")
        with av.open(film) as container:
            frames = container.streams.video[0].frames
        for count in (PEOPLE[0], *PEOPLE):  # the first run loads modules and weights
            start = time.process_time()
            assert main_command([*words, f"--set=network.max_people={count}"]) == 0
            found.append(1000 * (time.process_time() - start) / frames)
            print(f"{weights.parent.name}, {count} people: {found[-1]:.0f} ms", flush=True)
    return found[1:]


def plot(curves: Curves, path: Path) -> None:
    """Draw the curves: people from left to right, milliseconds upwards, both from 0."""
    width, height, left, right, below = 720, 420, 60, 190, 40
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    most = 1.05 * max(max(values) for values in curves.values())

    def place(count: float, value: float) -> tuple[float, float]:
        across = left + (width - left - right) * count / max(PEOPLE)
        return across, height - below - (height - 2 * below) * value / most

    for part in range(6):
        value = most * part / 5
        draw.line([place(0, value), place(max(PEOPLE), value)], fill="#dddddd")
        draw.text((8, place(0, value)[1] - 6), f"{value:.0f}", fill="black")
    for count in PEOPLE:
        draw.text((place(count, 0)[0] - 4, height - below + 6), str(count), fill="black")
    draw.text((left, 10), "milliseconds of processor time a frame, by number of people", fill="black")
    for (name, values), colour in zip(curves.items(), COLOURS, strict=False):
        points = [place(count, value) for count, value in zip(PEOPLE, values, strict=True)]
        draw.line(points, fill=colour, width=3)
        draw.text((points[-1][0] + 8, points[-1][1] - 6), name, fill=colour)
    image.save(path)


def main() -> None:
    """Measure, print a table, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="lite0")
    parser.add_argument("--stride", type=int, default=8, choices=(4, 8), help="of Direct DensePose")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--film", type=Path, help="time the whole command on this film")
    parser.add_argument("--weights", type=Path, nargs="+", default=[], help="of trained networks, for --film")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    curves = (
        {one.parent.name: command_ms(one, asked.film) for one in asked.weights}
        if asked.film
        else networks_alone(asked.backbone, asked.stride, asked.runs)
    )
    print("| ms | " + " | ".join(map(str, PEOPLE)) + " | the 50th, share of the first frame |")
    for name, values in curves.items():
        share = (values[-1] - values[-2]) / (PEOPLE[-1] - PEOPLE[-2]) / values[0]
        print(f"| {name} | " + " | ".join(f"{value:.0f}" for value in values) + f" | {100 * share:.2f} % |")
    if asked.plot:
        plot(curves, asked.plot)


if __name__ == "__main__":
    main()
