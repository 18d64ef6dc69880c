"""The training loop: optimizer, schedule, moving average of the weights, checkpoints, exact resume."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from models.files.atomic_file import atomic_write
from pipeline.stage import StageError
from stages.training.checkpoint import read_checkpoint
from stages.training.device import arithmetic
from stages.training.distributed import is_chief, worker_count
from stages.training.learning_rate_schedule import LearningRateSchedule
from stages.training.optimizers import Optimizers, make_optimizer

LOG_EVERY = 50
CHECKPOINT = "state.pt"
"""The newest checkpoint in the folder of a training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightAverage:
    """The moving average of the weights; it is the average that is exported.

    Attributes:
        decay: share of the old average that stays at each step.
        from_step: step from which all weights count equally in the average (Izmailov et al., *Averaging Weights Leads
            to Wider Optima and Better Generalization*, UAI 2018); 0: exponential to the end.
    """

    decay: float = 0.998
    from_step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """How often the state of a training is written.

    Attributes:
        every_s: seconds between checkpoints.
        keep: older checkpoints that stay beside the newest (`state-STEP.pt`).
    """

    every_s: float = 120.0
    keep: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FitConfig:
    """How long and how fast a network learns.

    Attributes:
        steps: number of steps of the whole training.
        optimizer: "adamw", "muon", or "sgd" with a momentum of 0.9, as in the paper.
        learning_rate: the highest rate of the schedule.
        weight_decay: weight decay; norms and biases have none.
        clip_norm: largest norm of the gradient.
        accumulate: parts of a batch that are computed one after the other before a step; their losses are averaged.
        precision: the arithmetic of the network; "auto" is bfloat16 if the hardware supports it, else float32.
        freeze_statistics: means and variances of batch norms stay as they are. Those of few images are not those of
            all, so a fine-tuning on them would lose accuracy.
        lr_schedule: how the learning rate changes.
        weight_average: how weights are averaged.
        checkpoints: how often they are written.
    """

    steps: int
    optimizer: Optimizers = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.03
    clip_norm: float = 5.0
    accumulate: int = 1
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    freeze_statistics: bool = False
    lr_schedule: LearningRateSchedule = field(default_factory=LearningRateSchedule)
    weight_average: WeightAverage = field(default_factory=WeightAverage)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        cooldown, from_step = self.lr_schedule.cooldown, self.weight_average.from_step
        if self.steps < 1 or self.accumulate < 1:
            raise ValueError("steps and accumulate must be at least 1")
        if self.checkpoints.keep < 0 or from_step < 0:
            raise ValueError("checkpoints.keep and weight_average.from_step must be at least 0")
        if not 0 <= cooldown <= self.steps or (cooldown and self.lr_schedule.kind != "constant"):
            raise ValueError(f"lr_schedule.cooldown needs kind: constant, and at most the {self.steps} steps")
        if from_step >= self.steps:
            raise ValueError(f"weight_average.from_step must be below steps ({self.steps}); 0: exponential average")

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        return self.learning_rate * self.lr_schedule.share_at(step, self.steps)

    def kept_at(self, step: int) -> float:
        """The share of the average that stays when the weights after a step are added to it."""
        if 0 < self.weight_average.from_step <= step:
            counted = step - self.weight_average.from_step
            return counted / (counted + 1)
        return min(self.weight_average.decay, (step + 1) / (step + 10))


Batch = tuple[torch.Tensor, ...]
Loss = Callable[[nn.Module, Batch], Mapping[str, torch.Tensor]]
Row = Mapping[str, Any]


class Fit:
    """One network being trained in a folder: `state.pt` (resume), `log.jsonl` (losses), `best.pt`.

    `best.pt` is a copy of the checkpoint with the lowest mean loss since the checkpoint before it. Batches depend
    on the step alone: an interrupted training ends with the same weights as an uninterrupted one.
    """

    def __init__(
        self,
        net: nn.Module,
        config: FitConfig,
        folder: Path,
        watch: Callable[[Row], None] | None = None,
        join: Callable[[nn.Module], None] | None = None,
    ) -> None:
        """Resume from the folder's checkpoint, if there is one.

        Args:
            watch: is called with every row of the log.
            join: averages gradients over workers, if the network does not average them itself.
        """
        self.net = net.to(memory_format=torch.channels_last)
        self.config = config
        self.folder = folder
        self.step = 0
        self.best = math.inf
        self._watch = watch
        self._join = join
        self._since_saved: list[float] = []
        self.average = {name: value.detach().clone() for name, value in net.state_dict().items()}
        self.optimizer = make_optimizer(self.net, config.optimizer, config.learning_rate, config.weight_decay)
        folder.mkdir(parents=True, exist_ok=True)
        if self.path.is_file():
            self._restore()

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self.folder / CHECKPOINT

    def _restore(self) -> None:
        device = next(self.net.parameters()).device
        saved = read_checkpoint(self.path, device)
        try:
            self.net.load_state_dict(saved["net"])
        except RuntimeError as error:  # torch's error for keys and shapes that differ
            remedy = "train in another folder, or remove this one"
            raise StageError("the checkpoint belongs to a network of other sizes", str(self.path), remedy) from error
        self.average = saved["average"]
        try:
            self.optimizer.load_state_dict(saved["optimizer"])
        except (LookupError, ValueError, TypeError, AttributeError) as error:  # torch's errors for other states
            remedy = "use the optimizer that this training began with, or train in another folder"
            raise StageError("the checkpoint belongs to another optimizer", str(self.path), remedy) from error
        self.step = saved["step"]
        self.best = saved.get("best", math.inf)

    def save(self) -> None:
        """Write the checkpoint atomically; only the first worker writes."""
        mean = sum(self._since_saved) / len(self._since_saved) if self._since_saved else math.inf
        better, self._since_saved = mean < self.best, []
        self.best = min(self.best, mean)
        if not is_chief():
            return
        state = {
            "net": self.net.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "best": self.best,
        }
        with atomic_write(self.path) as draft:
            torch.save(state, draft)
        if self.config.checkpoints.keep:
            self._keep(f"state-{self.step:07d}.pt")
            for old in sorted(self.folder.glob("state-*.pt"))[: -self.config.checkpoints.keep]:
                old.unlink()
            if better:
                self._keep("best.pt")

    def _keep(self, name: str) -> None:
        """Copy the newest checkpoint to another name, atomically."""
        with atomic_write(self.folder / name) as draft:
            shutil.copyfile(self.path, draft)

    def run(self, batch_of: Callable[[int], Batch], loss_of: Loss, last: int) -> None:
        """Train up to step `last`; write checkpoints regularly and at the end.

        Raises:
            StageError: the loss is not a number; the batch is saved beside the checkpoint.
        """
        self.net.train()
        if self.config.freeze_statistics:
            for norm in self.net.modules():
                if isinstance(norm, nn.BatchNorm2d):
                    norm.eval()
        if self.step >= last:
            return
        saved_at = began = time.monotonic()
        worked = time.process_time()
        sums: dict[str, float] = {}
        waited, steps = 0.0, 0
        while self.step < last:
            began_waiting = time.monotonic()
            parts = [batch_of(self.step * self.config.accumulate + part) for part in range(self.config.accumulate)]
            waited += time.monotonic() - began_waiting
            for name, value in self._advance(parts, loss_of).items():
                sums[name] = sums.get(name, 0.0) + value
            self.step += 1
            steps += 1
            if self.step % LOG_EVERY == 0 or self.step == self.config.steps:
                spent = time.monotonic() - began
                shown = steps * worker_count() * sum(len(part[0]) for part in parts)
                speed = {"waiting": round(waited / spent, 3), "images_s": round(shown / spent, 1)}
                speed["cpu_s"] = round(time.process_time() - worked, 2)
                self._log({name: value / steps for name, value in sums.items()}, speed)
                sums, waited, steps, began, worked = {}, 0.0, 0, time.monotonic(), time.process_time()
            if time.monotonic() - saved_at > self.config.checkpoints.every_s:
                self.save()
                saved_at = time.monotonic()
        self.save()

    def _advance(self, parts: list[Batch], loss_of: Loss) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate_at(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        losses: dict[str, float] = {}
        for batch in parts:
            for name, value in self._learn(batch, loss_of, len(parts)).items():
                losses[name] = losses.get(name, 0.0) + value / len(parts)
        if self._join is not None:
            self._join(self.net)
        nn.utils.clip_grad_norm_(self.net.parameters(), self.config.clip_norm)
        self.optimizer.step()
        self._blend()
        self._since_saved.append(sum(losses.values()))
        return losses

    def _learn(self, batch: Batch, loss_of: Loss, parts: int) -> dict[str, float]:
        """Add the gradient of one part of a step's batch. Raises: StageError if the loss is not a number."""
        with arithmetic(self.config.precision, batch[0].device):
            terms = loss_of(self.net, batch)
        values = torch.stack(list(terms.values()))
        total = values.sum()
        (total / parts).backward()
        # All losses are read at once, after all work is queued, because each read waits for the GPU.
        *losses, total_loss = torch.cat([values.detach(), total.detach()[None]]).tolist()
        if not math.isfinite(total_loss):
            torch.save(tuple(part.cpu() for part in batch), self.folder / "bad_batch.pt")
            raise StageError(f"the loss is {total_loss} at step {self.step}", str(self.folder), "look at bad_batch.pt")
        return dict(zip(terms, losses, strict=True))

    @torch.no_grad()
    def _blend(self) -> None:
        keep = self.config.kept_at(self.step)
        values = self.net.state_dict()
        real = [name for name, value in values.items() if value.dtype.is_floating_point]
        torch._foreach_lerp_([self.average[name] for name in real], [values[name] for name in real], 1 - keep)
        if counts := sorted(values.keys() - set(real)):
            torch._foreach_copy_([self.average[name] for name in counts], [values[name] for name in counts])

    def _log(self, losses: Mapping[str, float], speed: Mapping[str, Any]) -> None:
        if not is_chief():
            return
        row: dict[str, Any] = {"step": self.step, "rate": round(self.config.rate_at(self.step), 6), **speed}
        row.update({name: round(value, 4) for name, value in losses.items()})
        row |= {"time": round(time.time()), "left": self.config.steps - self.step}
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(row) + "\n")
        if self._watch is not None:
            self._watch(row)
