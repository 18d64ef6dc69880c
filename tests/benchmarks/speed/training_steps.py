"""Where the CPU time of a training step goes: reading, views, batch, forward, backward, update.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.speed.training_steps study study_fcn study_person

CPU milliseconds an image on one thread, and minutes for 100,000 people once all images are in memory; until then each
is read from its file ("read"). Draws the study's set (runs/study/set) where it is missing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import torch

from models.checkpoints.trained_weights import make_network
from pipeline.configuration.config import load_config
from stages import STAGES
from stages.training.data.annotated_images import AnnotatedImages
from stages.training.data.annotated_sets import prepared
from stages.training.data.augment import Sampler, collate
from stages.training.device import arithmetic
from stages.training.optimizers import make_optimizer
from stages.training.rcnn.train_network import learner_of

STEPS, COLD = 20, 2
"""Measured steps, and warm-up steps before them."""


@dataclass(slots=True, kw_only=True)
class Clock:
    """Seconds of processor time by part."""

    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Counts the time inside as this part."""
        began = time.process_time()
        yield
        self.spent[name] = self.spent.get(name, 0.0) + time.process_time() - began


def measure(name: str) -> str:
    """The line of the table for a training's configuration."""
    config = load_config(name, [], STAGES)
    augment, training = config.stages["augment"], config.stages["train_network"]
    chosen = [one for one in config.stages["annotated_sets"].sets.values() if one.share]
    sampler = Sampler(augment, [AnnotatedImages(prepared(one), augment.cached_images) for one in chosen])
    torch.manual_seed(0)
    learner = learner_of(make_network(augment.kind, training.variant), training.losses)
    learner = learner.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = make_optimizer(learner, training.fit.optimizer, training.fit.learning_rate, training.fit.weight_decay)
    clock, people = Clock(), 0
    for step in range(STEPS + COLD):
        if step == COLD:
            clock, people = Clock(), 0
        plans = [sampler.plan(step, place) for place in range(augment.batch)]
        with clock.part("read"):
            for plan in plans:
                plan.images[plan.index]
        with clock.part("view"):
            views = [sampler.view(plan) for plan in plans]
        canvas_hw = max(plan.size_hw[0] for plan in plans), max(plan.size_hw[1] for plan in plans)
        with clock.part("batch"):
            batch = collate(views, torch.tensor([[0, step, place] for place in range(augment.batch)]), canvas_hw)
        people += sampler.people(step)
        optimizer.zero_grad(set_to_none=True)
        with clock.part("forward"), arithmetic(training.fit.precision, torch.device("cpu")):
            loss = torch.stack(list(learner(batch).values())).sum()
        with clock.part("backward"):
            loss.backward()
        with clock.part("update"):
            torch.nn.utils.clip_grad_norm_(learner.parameters(), training.fit.clip_norm)
            optimizer.step()
    return table_line(name, clock.spent, STEPS * augment.batch, people)


def table_line(name: str, spent: dict[str, float], images: int, people: int) -> str:
    """Milliseconds an image by part, and minutes for 100,000 people once all images are in memory."""
    warm = sum(seconds for part, seconds in spent.items() if part != "read")
    cells = [f"{1000 * seconds / images:.2f}" for seconds in spent.values()]
    return "| " + " | ".join([name, *cells, f"{people / images:.2f}", f"{1e5 * warm / people / 60:.1f}"]) + " |"


def main(names: Sequence[str]) -> int:
    """Measure the configurations."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    parts = ("read", "view", "batch", "forward", "backward", "update")
    print("| | " + " | ".join(parts) + " | people an image | min / 100,000 people |\n|" + "---|" * (len(parts) + 3))
    for name in names or ("study", "study_fcn", "study_person"):
        print(measure(name), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
