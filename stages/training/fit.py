"""The training loop: AdamW, cosine schedule, moving average of the weights, exact resume."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.stage import StageError


@dataclass(frozen=True, slots=True, kw_only=True)
class FitConfig:
    """How long and how fast to learn.

    Attributes:
        steps: of the whole training; the learning rate falls to zero there.
        rate, decay: AdamW's learning rate at its highest, and weight decay.
        warmup: steps until the highest rate.
        clip: largest norm of the gradient.
        average: share of the old weights in the moving average, per step.
        save_every_s: seconds between checkpoints.
        bf16: compute the network in bfloat16.
    """

    steps: int
    rate: float = 2e-3
    decay: float = 0.03
    warmup: int = 150
    clip: float = 5.0
    average: float = 0.998
    save_every_s: float = 120.0
    bf16: bool = True


Batch = tuple[torch.Tensor, ...]
Loss = Callable[[nn.Module, Batch], Mapping[str, torch.Tensor]]


class Fit:
    """One network being trained in a folder: `state.pt` (resume), `log.jsonl` (losses).

    Batches depend on the step alone: an interrupted training goes on to the same weights as an uninterrupted one.
    """

    def __init__(self, net: nn.Module, config: FitConfig, folder: Path) -> None:
        """Take up the training where the folder's checkpoint left it, if there is one."""
        self.net = net.to(memory_format=torch.channels_last)
        self.config = config
        self.folder = folder
        self.step = 0
        self.average = {name: value.detach().clone() for name, value in net.state_dict().items()}
        heavy = [p for p in net.parameters() if p.ndim > 1]
        light = [p for p in net.parameters() if p.ndim <= 1]
        groups = [{"params": heavy, "weight_decay": config.decay}, {"params": light, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=config.rate)
        folder.mkdir(parents=True, exist_ok=True)
        if self.path.is_file():
            self._restore()

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self.folder / "state.pt"

    def _restore(self) -> None:
        saved = torch.load(self.path, weights_only=True)
        self.net.load_state_dict(saved["net"])
        self.average = saved["average"]
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step = saved["step"]

    def save(self) -> None:
        """Write the checkpoint whole or not at all."""
        state = {
            "net": self.net.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        partial = self.path.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.path)

    def run(self, batch_of: Callable[[int], Batch], loss_of: Loss, last: int) -> None:
        """Train up to step `last`, saving now and then and at its end.

        Raises:
            StageError: the loss is not a number; the batch is saved beside the checkpoint.
        """
        self.net.train()
        if self.step >= last:
            return
        saved_at = began = time.monotonic()
        sums: dict[str, float] = {}
        waited, steps = 0.0, 0
        while self.step < last:
            asked = time.monotonic()
            batch = batch_of(self.step)
            waited += time.monotonic() - asked
            for name, value in self._advance(batch, loss_of).items():
                sums[name] = sums.get(name, 0.0) + value
            self.step += 1
            steps += 1
            if self.step % 50 == 0:
                spent = time.monotonic() - began
                speed = {"waiting": round(waited / spent, 3), "images_s": round(steps * len(batch[0]) / spent, 1)}
                self._log({name: value / steps for name, value in sums.items()}, speed)
                sums, waited, steps, began = {}, 0.0, 0, time.monotonic()
            if time.monotonic() - saved_at > self.config.save_every_s:
                self.save()
                saved_at = time.monotonic()
        self.save()

    def _advance(self, batch: Batch, loss_of: Loss) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16):
            terms = loss_of(self.net, batch)
        total = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(total):
            torch.save(batch, self.folder / "bad_batch.pt")
            raise StageError(
                f"the loss is {total.item()} at step {self.step}", str(self.folder), "look at bad_batch.pt"
            )
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), self.config.clip)
        self.optimizer.step()
        self._blend()
        return {name: float(value.detach()) for name, value in terms.items()}

    def _rate(self) -> float:
        if self.step < self.config.warmup:
            return self.config.rate * (self.step + 1) / self.config.warmup
        done = (self.step - self.config.warmup) / max(1, self.config.steps - self.config.warmup)
        return self.config.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))

    @torch.no_grad()
    def _blend(self) -> None:
        keep = min(self.config.average, (self.step + 1) / (self.step + 10))
        for name, value in self.net.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].lerp_(value, 1 - keep)
            else:
                self.average[name].copy_(value)

    def _log(self, losses: Mapping[str, float], speed: Mapping[str, Any]) -> None:
        row = {"step": self.step, "rate": round(self._rate(), 6), **speed}
        row.update({name: round(value, 4) for name, value in losses.items()})
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps({**row, "time": round(time.time()), "left": self.config.steps - self.step}) + "\n")
