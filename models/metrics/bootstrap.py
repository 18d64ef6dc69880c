"""Bootstrap intervals: the middle 95 % of a score over resampled images or people (Efron 1979)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.arrays import Float, Int

DRAWS = 2000
FEW_DRAWS = 200
MIDDLE = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value and the ends of its interval; nan if there was nothing to measure."""

    value: float
    low: float
    high: float


NOTHING = Estimate(value=float("nan"), low=float("nan"), high=float("nan"))


def ratio(hits_P: Float, trials_P: Float, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """The ratio of all hits to all trials, with people resampled.

    Args:
        hits_P, trials_P: counts per person.
        draws: number of bootstrap samples.
        seed: the same seed gives the same interval.
    """
    if not np.sum(trials_P):
        return NOTHING
    pick = np.random.default_rng(seed).integers(0, len(trials_P), (draws, len(trials_P)))
    tried = trials_P[pick].sum(axis=1)
    low, high = np.percentile(hits_P[pick].sum(axis=1)[tried > 0] / tried[tried > 0], MIDDLE)
    return Estimate(value=float(np.sum(hits_P) / np.sum(trials_P)), low=float(low), high=float(high))


def resampled(measure: Callable[[Int], float], count: int, draws: int = FEW_DRAWS, seed: int = 0) -> Estimate:
    """Any measure of images or people, such as average precision or a median, with these resampled.

    Args:
        measure: from the number of times that each image or person was drawn, (P,), to a value; nan: undefined.
        count: P, number of images or people.
        draws, seed: as in `ratio`; fewer draws, because average precision ranks all detections in each.
    """
    value = measure(np.ones(count, np.int64))
    if np.isnan(value):
        return NOTHING
    pick = np.random.default_rng(seed).integers(0, count, (draws, count))
    drawn = np.array([measure(np.bincount(one, minlength=count)) for one in pick])
    low, high = np.percentile(drawn[~np.isnan(drawn)], MIDDLE)
    return Estimate(value=value, low=float(low), high=float(high))
