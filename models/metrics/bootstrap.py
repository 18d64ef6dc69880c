"""How sure a number over people is: the middle 95 % of what it would be with people drawn again (bootstrap)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.surface.geometry import Float, Int

DRAWS = 2000
PICTURE_DRAWS = 200
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


def statistic(
    samples: Sequence[Float], measure: Callable[[Float], float], draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """A measure (a median, say) of the samples of all people together, with people drawn again with replacement.

    Args:
        samples: the samples of each person, (M_p,) each; people without samples count for the drawing only.
        measure: samples to a number.
        draws, seed: as in `ratio`.
    """
    if not sum(len(one) for one in samples):
        return NOTHING
    generator = np.random.default_rng(seed)
    values = []
    for pick in generator.integers(0, len(samples), (draws, len(samples))):
        drawn = np.concatenate([samples[person] for person in pick])
        if len(drawn):
            values.append(measure(drawn))
    low, high = np.percentile(values, MIDDLE)
    return Estimate(value=measure(np.concatenate(list(samples))), low=float(low), high=float(high))


def over_pictures(
    measure: Callable[[Int], float], pictures: int, draws: int = PICTURE_DRAWS, seed: int = 0
) -> Estimate:
    """A measure of whole pictures (an average precision), with pictures drawn again with replacement.

    Args:
        measure: from how many times each picture was drawn, (P,), to a number; nan where it has none.
        pictures: P.
        draws, seed: as in `ratio`, but fewer draws, as each ranks all detections anew.
    """
    value = measure(np.ones(pictures, np.int64))
    if np.isnan(value):
        return NOTHING
    pick = np.random.default_rng(seed).integers(0, pictures, (draws, pictures))
    drawn = np.array([measure(np.bincount(one, minlength=pictures)) for one in pick])
    low, high = np.percentile(drawn[~np.isnan(drawn)], MIDDLE)
    return Estimate(value=value, low=float(low), high=float(high))
