"""Repetitions of a movement, such as squats, found in joint angles over time.

Autocorrelation of all angles gives the period; peaks of the main movement (the first principal component of both sides)
give the single repetitions. A repetition goes from rest to its turning point and back; only the last one may be cut off
on its way back. Drift and pauses are no repetitions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from models.arrays import F64, Float

GRID_S = 0.05
"""Angles are resampled to this step, seconds."""
SMOOTH_S, DRIFT_S = 0.1, 3.0
"""Faster changes are noise, slower ones drift, as widths of Gaussians in seconds."""
LEAST_S, LEAST_DEG = 1.0, 20.0
"""Shortest recording, and least range of motion of any joint in a repetition."""
LEAST_SHARE = 0.6
"""A peak with less than this share of the usual height is an incomplete repetition."""
COUNTED_SHARE = 0.4
"""Peaks with less than this share of the highest do not say what height is usual."""
BACK_SHARE = 0.2
"""A repetition that the end cuts off counts if it came back by this share of the usual height. A movement that goes or
comes back by less than this share of the other way is no repetition: the person stays where it ended."""
MOVING_SHARE = 0.06
"""A repetition begins and ends where the movement is this share of its height above rest."""
LEAST_CORRELATION = 0.5
"""Least correlation of a repetition with the median of three or more."""
APART_SHARE = 0.4
"""Peaks are at least this share of the period apart."""
PROFILE = 24
"""Moments at which repetitions are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """One repetition: seconds of its start, its turning point and its end, and whether it came back to rest."""

    start_s: float
    turn_s: float
    end_s: float
    complete: bool = True


def find_repetitions(second_T: Float, angle_TF: Float, weight_F: Float) -> list[Repetition]:
    """The complete repetitions of a recording, in order; empty where no movement repeats or is large enough.

    Args:
        second_T: ascending seconds.
        angle_TF: degrees without jumps by full turns; NaN where unknown.
        weight_F: how much each angle counts, larger for those known more exactly.
    """
    known_F = np.isfinite(angle_TF).sum(axis=0) >= 2
    if len(second_T) < 3 or second_T[-1] - second_T[0] < LEAST_S or not known_F.any():
        return []
    grid_G = np.arange(second_T[0], second_T[-1] + GRID_S / 2, GRID_S)
    angle_GF = on_grid(grid_G, second_T, angle_TF[:, known_F])
    fast_GF = angle_GF - gaussian_filter1d(angle_GF, DRIFT_S / GRID_S, axis=0, mode="nearest")
    signal_G = _main_movement(angle_GF, fast_GF * weight_F[known_F], weight_F[known_F])
    period = _period(fast_GF * weight_F[known_F])
    peaks = _peaks(signal_G, period)
    found = [_around(signal_G, peak, left, right) for peak, left, right in peaks]
    both_ways = [span for span in found if _goes_and_comes(signal_G, *span)]
    large = [span for span in both_ways if np.ptp(angle_GF[span[0] : span[2] + 1], axis=0).max() >= LEAST_DEG]
    alike = _alike(angle_GF * weight_F[known_F], large)
    return [
        Repetition(start_s=grid_G[a], turn_s=grid_G[b], end_s=grid_G[c], complete=_returned(signal_G, a, b, c))
        for a, b, c in alike
    ]


def on_grid(grid_G: Float, second_T: Float, angle_TF: Float) -> F64:
    """Angles at other times, smoothed over `SMOOTH_S`; unknown ones are interpolated."""
    step = grid_G[1] - grid_G[0]
    angle_GF = angles_at(grid_G, second_T, angle_TF)
    return np.asarray(gaussian_filter1d(angle_GF, SMOOTH_S / step, axis=0, mode="nearest"))


def angles_at(at_G: Float, second_T: Float, angle_TF: Float) -> F64:
    """Angles at other times, (G, F), between those that are known; each must be known at one time."""
    columns = []
    for angle_T in np.asarray(angle_TF, np.float64).T:
        known_T = np.isfinite(angle_T)
        columns.append(np.interp(at_G, second_T[known_T], angle_T[known_T]))
    return np.stack(columns, axis=1)


def _main_movement(angle_GF: F64, fast_GF: F64, weight_F: Float) -> F64:
    """The movement along the first principal component, (G,): small at rest, large at the turning point."""
    _, axes_FF = np.linalg.eigh(fast_GF.T @ fast_GF)
    signal_G = (angle_GF * weight_F) @ axes_FF[:, -1]
    low, high = np.percentile(signal_G, (5, 95))
    edge = max(1, round(0.2 / GRID_S))
    votes = [signal_G[:edge].mean(), signal_G[-edge:].mean(), np.median(signal_G)]
    at_rest = sum(float(vote > (low + high) / 2) for vote in votes)
    return np.asarray(-signal_G if at_rest >= 2 else signal_G)


def _period(fast_GF: F64) -> int:
    """Steps of the grid after which the movement is most like itself: the first high peak of autocorrelation, or 0."""
    length = len(fast_GF)
    spectrum_KF = np.fft.rfft(fast_GF, 2 * length, axis=0)
    likeness_G = np.fft.irfft((np.abs(spectrum_KF) ** 2).sum(axis=1))[:length]
    likeness_G = likeness_G / max(likeness_G[0], 1e-12)
    peaks, _ = find_peaks(likeness_G[: length * 2 // 3], prominence=0.1)
    if not len(peaks):
        return 0
    return int(peaks[likeness_G[peaks] >= 0.7 * likeness_G[peaks].max()][0])


def _peaks(signal_G: F64, period: int) -> list[tuple[int, int, int]]:
    """Each turning point, and the lowest points before and after it."""
    peaks, facts = find_peaks(signal_G, prominence=1e-6, plateau_size=1)
    height_P = facts["prominences"]
    if not len(peaks):
        return []
    usual = float(np.median(height_P[height_P >= COUNTED_SHARE * height_P.max()]))
    share = LEAST_SHARE / 2 if _rests_in_the_middle(signal_G) else LEAST_SHARE
    kept = peaks[height_P >= share * usual].tolist()
    least = APART_SHARE * min(period, float(np.median(np.diff(kept))) if len(kept) > 1 else 0)
    apart: list[int] = []
    for peak in kept:
        if apart and peak - apart[-1] < least:
            apart[-1] = max(apart[-1], peak, key=lambda at: signal_G[at])
        else:
            apart.append(peak)
    cut = _cut_by_end(signal_G, apart[-1], usual)
    apart += [] if cut is None else [cut]
    valleys = [_lowest(signal_G, a, b) for a, b in zip([0, *apart], [*apart, len(signal_G) - 1], strict=True)]
    return list(zip(apart, valleys, valleys[1:], strict=False))


def _rests_in_the_middle(signal_G: F64) -> bool:
    """Whether rest is between the turning points, as where left and right move in turn."""
    low, high = np.percentile(signal_G, (2, 98))
    ends_2 = (signal_G[[0, -1]] - low) / max(high - low, 1e-12)
    return bool((np.abs(ends_2 - 0.5) < 0.2).all())


def _cut_by_end(signal_G: F64, last: int, usual: float) -> int | None:
    """The turning point of a last repetition of which the recording shows only part of the way back, if any."""
    valley = _lowest(signal_G, last, len(signal_G) - 1)
    peak = valley + int(signal_G[valley:].argmax())
    went, came = signal_G[peak] - signal_G[valley], signal_G[peak] - signal_G[-1]
    return peak if went >= LEAST_SHARE * usual and came >= BACK_SHARE * usual else None


def _lowest(signal_G: F64, first: int, last: int) -> int:
    return first + int(signal_G[first : last + 1].argmin())


def _around(signal_G: F64, peak: int, left: int, right: int) -> tuple[int, int, int]:
    """Start, turning point and end of a repetition: where the movement leaves rest and returns to it."""
    before_G, after_G = signal_G[left : peak + 1], signal_G[peak : right + 1]
    leaves = before_G <= before_G[0] + MOVING_SHARE * (signal_G[peak] - before_G[0])
    returns = after_G <= after_G[-1] + MOVING_SHARE * (signal_G[peak] - after_G[-1])
    return left + int(np.flatnonzero(leaves)[-1]), peak, peak + int(np.flatnonzero(returns)[0])


def _goes_and_comes(signal_G: F64, start: int, turn: int, end: int) -> bool:
    """Whether neither way is less than `BACK_SHARE` of the other."""
    went, came = signal_G[turn] - signal_G[start], signal_G[turn] - signal_G[end]
    return bool(min(went, came) >= BACK_SHARE * max(went, came))


def _returned(signal_G: F64, start: int, turn: int, end: int) -> bool:
    """Whether a repetition comes back by most of the way that it went."""
    return bool(signal_G[turn] - signal_G[end] >= LEAST_SHARE * (signal_G[turn] - signal_G[start]))


def _alike(angle_GF: F64, spans: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The repetitions that are like the median one; all of them where there are fewer than three."""
    if len(spans) < 3:
        return spans
    profiles = np.stack([_profile(angle_GF, span) for span in spans])
    middle_PF = np.median(profiles, axis=0)
    size_R = np.linalg.norm(profiles, axis=(1, 2)) * np.linalg.norm(middle_PF)
    likeness_R = (profiles * middle_PF).sum(axis=(1, 2)) / np.maximum(size_R, 1e-12)
    return [span for span, likeness in zip(spans, likeness_R, strict=True) if likeness >= LEAST_CORRELATION]


def _profile(angle_GF: F64, span: tuple[int, int, int]) -> F64:
    """The changes of all angles since the start of a repetition, at `PROFILE` moments; its turn is in the middle."""
    half = np.linspace(0, 1, PROFILE // 2, endpoint=False)
    at_P = np.concatenate([span[0] + half * (span[1] - span[0]), span[1] + half * (span[2] - span[1])])
    changes_PF = angle_GF[np.round(at_P).astype(int)]
    return np.asarray(changes_PF - changes_PF[0])
