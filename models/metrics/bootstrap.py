"""Bootstrap intervals: the middle 95 % of a score over resampled images or people (Efron 1979)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.arrays import Float, Int

DRAWS = 2000
DEFAULT_DRAWS = 200
MIDDLE = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value and the ends of its interval; nan if there was nothing to measure."""

    value: float
    low: float
    high: float


NOTHING = Estimate(value=float("nan"), low=float("nan"), high=float("nan"))


class Sample(Protocol):
    """A measure of P images or people that can be computed for any draw of them."""

    @property
    def count(self) -> int:
        """P; 0 if the measure cannot be drawn again."""

    @property
    def draws(self) -> int:
        """Number of bootstrap samples for an interval."""

    def at(self, pick_NP: Int) -> Float:
        """The value (N,) for each of N draws of P images or people; nan where it is undefined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A value that cannot be drawn again, with its interval where that is known."""

    estimate: Estimate
    count: int = 0
    draws: int = 0

    def at(self, pick_NP: Int) -> Float:
        """The value, for every draw."""
        return np.full(len(pick_NP), self.estimate.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """The ratio of all hits to all trials, from counts per person (P,)."""

    hits_P: Float
    trials_P: Float
    draws: int = DRAWS

    @property
    def count(self) -> int:
        """Number of people."""
        return len(self.trials_P)

    def at(self, pick_NP: Int) -> Float:
        """The ratio for each draw; nan without trials."""
        tried_N = self.trials_P[pick_NP].sum(axis=1)
        return np.where(tried_N > 0, self.hits_P[pick_NP].sum(axis=1) / np.where(tried_N > 0, tried_N, 1), np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Median:
    """The median of one value per person (P,); people with nan do not count."""

    value_P: Float
    draws: int = DRAWS

    @property
    def count(self) -> int:
        """Number of people, with those that do not count."""
        return len(self.value_P)

    def at(self, pick_NP: Int) -> Float:
        """The median for each draw; nan without people that count."""
        drawn_NP = self.value_P[pick_NP]
        some_N = np.isfinite(drawn_NP).any(axis=1)
        found_N = np.full(len(pick_NP), np.nan)
        found_N[some_N] = np.nanmedian(drawn_NP[some_N], axis=1)
        return found_N


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramMedian:
    """The median over the pixels of all people, from one histogram per person (P, S); step S − 1 is the value 1."""

    pixels_PS: Float
    draws: int = DEFAULT_DRAWS

    @property
    def count(self) -> int:
        """Number of people."""
        return len(self.pixels_PS)

    def at(self, pick_NP: Int) -> Float:
        """The median for each draw; nan without pixels."""
        return np.array([self._median(np.bincount(one, minlength=self.count)) for one in pick_NP])

    def _median(self, weight_P: Int) -> float:
        pixels_S = weight_P @ self.pixels_PS
        if not pixels_S.any():
            return float("nan")
        return float(np.searchsorted(np.cumsum(pixels_S), pixels_S.sum() / 2) / (self.pixels_PS.shape[1] - 1))


def estimate(sample: Sample, seed: int = 0) -> Estimate:
    """The value of a measure and its interval. `seed`: the same seed gives the same interval."""
    if isinstance(sample, Fixed):
        return sample.estimate
    value = whole_value(sample)
    if np.isnan(value):
        return NOTHING
    return _interval(value, sample.at(_picks(sample, seed)))


def difference(before: Sample, after: Sample, seed: int = 0) -> Estimate:
    """`after` minus `before` for the same images or people, with the interval of the paired bootstrap.

    Both are computed for the same draws. Without interval if a measure cannot be drawn again or the numbers of images
    or people differ.
    """
    value = whole_value(after) - whole_value(before)
    if np.isnan(value):
        return NOTHING
    if not before.count or before.count != after.count:
        return Estimate(value=value, low=float("nan"), high=float("nan"))
    pick_NP = _picks(before, seed)
    return _interval(value, after.at(pick_NP) - before.at(pick_NP))


def unpaired_difference(before: Sample, after: Sample, seed: int = 0) -> Estimate:
    """`after` minus `before` for different images or people; each are drawn on their own.

    Without interval where either has fewer than two.
    """
    value = whole_value(after) - whole_value(before)
    if np.isnan(value):
        return NOTHING
    if min(before.count, after.count) < 2:
        return Estimate(value=value, low=float("nan"), high=float("nan"))
    return _interval(value, after.at(_picks(after, seed)) - before.at(_picks(before, seed + 1)))


def whole_value(sample: Sample) -> float:
    """The measure of all images or people, each once."""
    if isinstance(sample, Fixed):
        return sample.estimate.value
    return float(sample.at(np.arange(sample.count)[None])[0]) if sample.count else float("nan")


def _picks(sample: Sample, seed: int) -> Int:
    return np.random.default_rng(seed).integers(0, sample.count, (sample.draws, sample.count))


def _interval(value: float, drawn_N: Float) -> Estimate:
    low, high = np.percentile(drawn_N[~np.isnan(drawn_N)], MIDDLE)
    return Estimate(value=value, low=float(low), high=float(high))


def ratio(hits_P: Float, trials_P: Float, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """The ratio of all hits to all trials, with people resampled.

    Args:
        hits_P, trials_P: counts per person.
        draws: number of bootstrap samples.
        seed: the same seed gives the same interval.

    >>> found = ratio(np.array([9.0, 5.0, 8.0]), np.array([10.0, 10.0, 10.0]))
    >>> round(found.value, 3), found.low < found.value < found.high
    (0.733, True)
    """
    return estimate(Ratio(hits_P=hits_P, trials_P=trials_P, draws=draws), seed)
