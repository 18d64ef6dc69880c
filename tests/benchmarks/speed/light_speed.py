"""Milliseconds of the light network: opening, the detector per frame, the surface network per person.

    python tests/benchmarks/speed/light_speed.py [--weights FILE] [--threads N]

Quartiles of 100 calls after a warm-up.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from models.engines.engine import Engine, Precision
from models.light.architecture.detector import PersonDetector
from models.light.architecture.preprocessing import crop_person, crop_region
from models.light.architecture.surface_net import SurfaceNet
from models.light.architecture.weight_files import write_weights
from models.light.architecture.weight_paths import BUILT_IN
from models.light.inference.light_network import LightNetwork, open_light
from models.light.inference.surface_assembly import resample_surface
from models.network import NetworkConfig, TtaLevel

SIZES = ((240, 320), (720, 1280))
CROWDS = (1, 2, 5, 10, 20)
PRECISIONS: dict[Engine, tuple[Precision, ...]] = {"openvino": ("fp32", "bf16", "int8"), "torch": ("fp32", "bf16")}


def quartiles(work: Callable[[], object], calls: int = 100) -> str:
    """Quartiles of the milliseconds of calls."""
    work()
    spent = []
    for _ in range(calls):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return " / ".join(f"{1e3 * value:6.2f}" for value in np.percentile(spent, [25, 50, 75]))


def some_weights() -> Path:
    """The built-in weights, or random ones without them (speed does not depend on them)."""
    if BUILT_IN.is_file():
        return BUILT_IN
    path = Path(tempfile.mkdtemp()) / "random.safetensors"
    write_weights(path, PersonDetector().state_dict(), SurfaceNet().state_dict())
    return path


def frame(network: LightNetwork, rgb_HW3: np.ndarray, boxes_N4: np.ndarray) -> None:
    """All of the network's work on a frame with these people."""
    network.surfaces(network.detect(rgb_HW3[None])[1], [boxes_N4])


def measure(network: LightNetwork, height: int, width: int) -> None:
    """Print one size's table: the detector, and one person half as tall as the frame."""
    rgb_HW3 = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    box_4 = np.array([width * 0.4, height * 0.25, width * 0.4 + height * 0.25, height * 0.75], np.float32)
    features = network.detect(rgb_HW3[None])[1]
    region_4 = crop_region(box_4)
    crop_CC3 = crop_person(rgb_HW3, region_4)[0]
    (maps_LGG,) = network.predictor.surface_network([crop_CC3])
    rows: dict[str, Callable[[], object]] = {
        "detect a frame": lambda: network.detect(rgb_HW3[None]),
        "one person, all": lambda: network.surfaces(features, [box_4[None]]),
        "  of it: crop": lambda: crop_person(rgb_HW3, region_4),
        "  network, once": lambda: network.predictor.surface_network([crop_CC3]),
        "  network, 4 crops": lambda: network.predictor.surface_network([crop_CC3] * 4),
        "  of it: assembly": lambda: resample_surface(maps_LGG, region_4, box_4),
    }
    for people in CROWDS:
        boxes_N4 = box_4 + np.linspace(-width * 0.3, width * 0.3, people, dtype=np.float32)[:, None] * (1, 0, 1, 0)
        rows[f"frame, {people} people"] = partial(frame, network, rgb_HW3, boxes_N4.astype(np.float32))
    for name, work in rows.items():
        print(f"  {width}x{height} {name:18s} {quartiles(work)}")


def main() -> None:
    """Measure every engine and precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tta", default="adaptive_fast", choices=get_args(TtaLevel))
    parser.add_argument("--once", action="store_true", help="no horizontal flips: as live")
    options = parser.parse_args()
    weights = options.weights or str(some_weights())
    flip: Literal["auto", False] = False if options.once else "auto"
    torch.set_num_threads(options.threads)
    for engine, precisions in PRECISIONS.items():
        for precision in precisions:
            began = time.perf_counter()
            config = NetworkConfig(weights=weights, engine=engine, precision=precision, tta=options.tta, flip=flip)
            network = open_light(config, options.threads)
            print(f"{engine} {precision}, {options.threads} threads: opened in {time.perf_counter() - began:.2f} s")
            for height, width in SIZES:
                measure(network, height, width)


if __name__ == "__main__":
    main()
