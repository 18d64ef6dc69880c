"""The learning rate over the steps of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

MILESTONES = (0.77, 0.92)
"""Shares of the steps after which the rate of the schedule "step" falls to a tenth (the reference's s1x schedule)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRateSchedule:
    """How the learning rate changes over the steps.

    Attributes:
        kind: "cosine" falls to a hundredth at the last step; "step" falls to a tenth after each share of the steps in
            `MILESTONES`; "constant".
        warmup: steps in which the rate rises to its highest.
        cooldown: last steps of a constant schedule, in which the rate falls linearly to 0 (Hägele et al., *Scaling Laws
            and Compute-Optimal Training Beyond Fixed Training Durations*, NeurIPS 2024): from a
            checkpoint at the full rate, the training can be finished at any time, or made longer.
    """

    kind: Literal["cosine", "step", "constant"] = "cosine"
    warmup: int = 150
    cooldown: int = 0

    def share_at(self, step: int, steps: int) -> float:
        """The learning rate of a step over its highest; `steps`: all steps of the training."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.kind == "constant":
            left = steps - step
            return left / self.cooldown if left < self.cooldown else 1.0
        if self.kind == "step":
            passed: int = sum(step >= share * steps for share in MILESTONES)
            return float(0.1**passed)
        done = (step - self.warmup) / max(1, steps - self.warmup)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))
