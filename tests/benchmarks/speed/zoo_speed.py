"""Seconds a frame of the published network, step by step, for 1, 5 and 20 people.

    python -m tests.benchmarks.speed.zoo_speed

The frame is 1116×600, seen by the network as 1344×736. People are given boxes 0.55 of the image high, so that the work
does not depend on random weights; the box head always sees 1000 proposals. Weights are those of the reference's
fixtures. Times are also given in units of a speed probe: the median of 9 runs of a 3×3 convolution, 256 to 256
channels, on a 1×256×184×336 map in float32, before and after. All are given in wall time and in CPU time; where
other programs share the cores, only CPU times can be compared.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from models.architecture.box_head import BINS as BOX_BINS
from models.architecture.box_head import choose_people
from models.architecture.rcnn import empty_rcnn
from models.architecture.roi_pooling import image_index, pool_levels, roi_align
from models.engines.engine import Engine, Precision, cpu_precision
from models.engines.prepared_rcnn import PreparedRCNN, decoder_window
from models.inference.assembly import assemble_surface
from models.inference.preprocess import network_input, network_size
from models.inference.zoo_network import PEOPLE_AT_ONCE, Limits
from models.variant import Variant
from tests.golden.weights_recipe import recipe_weights

FRAME_HW = (600, 1116)
HEIGHT_SHARE = 0.55
PEOPLE = (1, 5, 20)
Seconds = tuple[float, float]
"""Wall and processor time."""


def timed(work: Callable[[], Any]) -> tuple[Seconds, Any]:
    """The time of a call, and its result."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return (time.perf_counter() - wall, time.process_time() - cpu), result


def probe(threads: int) -> Seconds:
    """One unit of convolution work."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(256, 256, 3, padding=1).eval()
    x = torch.randn(1, 256, 184, 336)
    with torch.inference_mode():
        runs = [timed(lambda: conv(x))[0] for _ in range(11)][2:]
    return statistics.median(wall for wall, _ in runs), statistics.median(cpu for _, cpu in runs)


def given_people(count: int) -> np.ndarray:
    """Boxes of a standing person's shape in frame pixels, in rows over the image."""
    height = FRAME_HW[0] * HEIGHT_SHARE
    width = 0.4 * height
    left = np.linspace(60, FRAME_HW[1] - width - 60, count) if count > 1 else np.array([400.0])
    top = np.array([60.0 if index % 2 else 200.0 for index in range(count)])
    return np.stack([left, top, left + width, top + height], axis=1).astype(np.float32)


def load(engine: Engine, precision: Precision, threads: int) -> PreparedRCNN:
    """R50 s1x with the recipe's weights."""
    network = empty_rcnn(Variant())
    weights = recipe_weights({name: tuple(value.shape) for name, value in network.state_dict().items()})
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, assign=True)
    cpu = torch.device("cpu")
    return PreparedRCNN(network, engine=engine, device=cpu, precision=precision, threads=threads)


@torch.inference_mode()
def one_frame(prepared: PreparedRCNN, rgb_HW3: np.ndarray, people: np.ndarray) -> dict[str, Seconds]:
    """Time every stage of one frame."""
    times: dict[str, Seconds] = {}

    def stage(name: str, work: Callable[[], Any]) -> Any:
        times[name], result = timed(work)
        return result

    size_hw = network_size(*FRAME_HW, 800, 1333)
    limits = Limits()
    x = stage("preprocess", lambda: network_input(rgb_HW3[None], size_hw))
    outputs = stage("backbone, FPN, RPN head", lambda: prepared.image_part([x]))
    levels = outputs[:4]
    proposals = stage("proposals", lambda: prepared.select_proposals(outputs, size_hw)[0])
    pooled = stage(
        "box pooling", lambda: pool_levels(levels, image_index([proposals.box_N4]), proposals.box_N4, BOX_BINS)
    )
    judged = stage("box head", lambda: prepared.boxes([pooled]))
    stage("people", lambda: choose_people(*judged, proposals.box_N4, size_hw, limits.min_score, 0.5, 100))
    box = torch.from_numpy(people * np.float32(size_hw[0] / FRAME_HW[0]))
    window, shift = decoder_window(levels, box)
    assert prepared.decoder is not None
    decoder = prepared.decoder
    decoded = stage("decoder", lambda: decoder(window)[0])
    roi = stage("person pooling", lambda: roi_align(decoded, image_index([box]), box - shift, 1 / 4, prepared.bins))
    parts = roi.split(PEOPLE_AT_ONCE)
    maps = stage("DensePose head", lambda: [prepared.predict_surfaces(part) for part in parts])
    stage("assembly", lambda: [assemble_all(part, people) for part in maps])
    return times


def assemble_all(maps: dict[str, torch.Tensor], people: np.ndarray) -> None:
    """Surfaces of the people of one call of the head."""
    for index in range(len(maps["u"])):
        assemble_surface({name: value[index] for name, value in maps.items()}, people[index])


def report(engine: Engine, precision: Precision, threads: int, repeats: int) -> None:
    """Print one table."""
    prepared = load(engine, precision, threads)
    rgb_HW3 = np.random.default_rng(0).integers(0, 255, (*FRAME_HW, 3), dtype=np.uint8)
    before = probe(threads)
    torch.set_num_threads(1 if engine == "openvino" else threads)  # as models.inference.zoo_network does
    runs = {
        count: [one_frame(prepared, rgb_HW3, given_people(count)) for _ in range(repeats + 1)][1:] for count in PEOPLE
    }
    after = probe(threads)
    unit = tuple((a + b) / 2 for a, b in zip(before, after, strict=True))
    print(f"\n### {engine}, {precision}, {threads} threads, median of {repeats}; load {os.getloadavg()[0]:.1f}\n")
    print(
        f"unit {unit[0]:.3f} s wall ({before[0]:.3f} before, {after[0]:.3f} after), {unit[1]:.3f} s processor; ", end=""
    )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB, weights as drawn included\n")
    print("| people |", " | ".join(runs[1][0]), "| **wall s** | **units** | processor s | units |")
    print("|---" * (len(runs[1][0]) + 5) + "|")
    for count, frames in runs.items():
        totals = [tuple(sum(one[i] for one in frame.values()) for i in (0, 1)) for frame in frames]
        wall, cpu = (statistics.median(total[i] for total in totals) for i in (0, 1))
        stages = [f"{statistics.median(frame[name][0] for frame in frames):.3f}" for name in frames[0]]
        print(f"| {count} |", " | ".join(stages), f"| **{wall:.2f}** | **{wall / unit[0]:.1f}** ", end="")
        print(f"| {cpu:.2f} | {cpu / unit[1]:.1f} |", flush=True)


def main() -> None:
    """Print the tables of the given engines and precisions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("openvino", "torch"), nargs="+", default=("openvino", "torch"))
    parser.add_argument("--precision", choices=("fp32", "bf16"), nargs="+", default=("fp32", cpu_precision("auto")))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    for precision in dict.fromkeys(options.precision):
        for engine in options.engine:
            report(engine, precision, options.threads, options.repeats)


if __name__ == "__main__":
    main()
