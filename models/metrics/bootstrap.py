"""How sure a number over people is: the middle 95 % of what it would be with people drawn again (bootstrap)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.surface.geometry import Float, Int

DRAWS = 2000
FEW_DRAWS = 200
MIDDLE = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value and the ends of its interval; nan where there was nothing to measure."""

    value: float
    low: float
    high: float


NOTHING = Estimate(value=float("nan"), low=float("nan"), high=float("nan"))


def ratio(hits_P: Float, trials_P: Float, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """All hits over all trials, with people drawn again with replacement.

    Args:
        hits_P, trials_P: counts per person.
        draws: how often to draw.
        seed: the same seed gives the same interval.
    """
    if not np.sum(trials_P):
        return NOTHING
    pick = np.random.default_rng(seed).integers(0, len(trials_P), (draws, len(trials_P)))
    tried = trials_P[pick].sum(axis=1)
    low, high = np.percentile(hits_P[pick].sum(axis=1)[tried > 0] / tried[tried > 0], MIDDLE)
    return Estimate(value=float(np.sum(hits_P) / np.sum(trials_P)), low=float(low), high=float(high))


def resampled(measure: Callable[[Int], float], count: int, draws: int = FEW_DRAWS, seed: int = 0) -> Estimate:
    """A measure of whole pictures or people (an average precision, a median), these drawn again with replacement.

    Args:
        measure: from how many times each picture or person was drawn, (P,), to a number; nan where it has none.
        count: P, how many pictures or people there are.
        draws, seed: as in `ratio`, but fewer draws, as average precisions rank all detections anew in each.
    """
    value = measure(np.ones(count, np.int64))
    if np.isnan(value):
        return NOTHING
    pick = np.random.default_rng(seed).integers(0, count, (draws, count))
    drawn = np.array([measure(np.bincount(one, minlength=count)) for one in pick])
    low, high = np.percentile(drawn[~np.isnan(drawn)], MIDDLE)
    return Estimate(value=value, low=float(low), high=float(high))
