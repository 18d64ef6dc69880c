"""CPU milliseconds of a training step of the light surface network, by optimizer.

    python -m tests.benchmarks.speed.light_steps

24 crops of random pixels, a third of each labelled as a body, half with UV; one thread, bfloat16 where the processor
has it, as in `-c train_light_scratch`.
"""

from __future__ import annotations

import sys
import time
from typing import get_args

import torch

from models.body.open_body import COCO_KEYPOINTS
from models.light.architecture.preprocessing import CROP
from models.light.architecture.surface_net import GRID, SurfaceNet
from models.light.architecture.weight_files import read_sizes
from models.light.architecture.weight_paths import BUILT_IN
from models.losses.light_surface import UNKNOWN_UV, body_places
from stages.training.device import arithmetic
from stages.training.light.surface_batches import surface_loss
from stages.training.optimizers import Optimizers, make_optimizer

CROPS, STEPS, COLD = 24, 10, 4
NO_TWINS = torch.zeros(0).long(), torch.zeros(0, GRID, GRID, 2), torch.zeros(0).long(), torch.zeros(0).bool()
SIZES = read_sizes(BUILT_IN).surface


def batch() -> tuple[torch.Tensor, ...]:
    """A batch as `SurfaceBatches` makes them."""
    random = torch.Generator().manual_seed(0)
    crop = torch.randint(0, 255, (CROPS, 6, CROP, CROP), generator=random, dtype=torch.uint8)
    label = torch.zeros(CROPS, GRID, GRID, dtype=torch.long)
    label[:, 10:70, 25:60] = torch.randint(1, 25, (CROPS, 60, 35), generator=random)
    uv = torch.rand(CROPS, 2, GRID, GRID, generator=random)
    uv[1::2] = UNKNOWN_UV
    places = body_places(label, uv)
    joints = torch.zeros(CROPS, len(COCO_KEYPOINTS), 3)
    crop = crop.contiguous(memory_format=torch.channels_last)
    weight, person = torch.ones(label.shape), torch.ones(CROPS).bool()
    return crop, label, (label > 0).long(), weight, uv, joints, person, *NO_TWINS, *places


def measure(kind: Optimizers) -> str:
    """A line of the table for an optimizer."""
    torch.manual_seed(0)
    net = SurfaceNet(SIZES).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = make_optimizer(net, kind, 1e-3, 0.03)
    shown = batch()
    learnt = changed = 0.0
    for step in range(COLD + STEPS):
        if step == COLD:
            learnt = changed = 0.0
        began = time.process_time()
        optimizer.zero_grad(set_to_none=True)
        with arithmetic("auto", torch.device("cpu")):
            loss = torch.stack(list(surface_loss(net, shown).values())).sum()
        loss.backward()
        between = time.process_time()
        optimizer.step()
        learnt, changed = learnt + between - began, changed + time.process_time() - between
    return f"| {kind} | {learnt / STEPS * 1000:.0f} | {changed / STEPS * 1000:.0f} |"


def main() -> int:
    """Print the table."""
    torch.set_num_threads(1)
    print("| optimizer | forward and backward | update |\n|---|---|---|")
    for kind in get_args(Optimizers):
        print(measure(kind), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
