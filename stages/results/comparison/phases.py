"""Alignment of two performances by phase: repetitions are paired in order, then time is warped inside of a band."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.motion.continuous_angles import unwrapped
from models.motion.repetition_measures import RepetitionMeasures, angle_weights, main_columns, measured_repetitions
from models.motion.repetitions import angles_at
from models.motion.time_warping import aligned_seconds
from models.time_steps import frame_steps
from stages.payloads import F32, Float
from stages.results.comparison.poses import Performance

GRID_S = 0.04
"""Longest step, seconds, at which two performances are compared."""
UNKNOWN_DEG = 20.0
"""Half width of an interval where none is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """For each frame of A the second of B in the same phase, and the repetitions of both."""

    second_T: Float
    of_a: list[RepetitionMeasures]
    of_b: list[RepetitionMeasures]


def phases_of(a: Performance, b: Performance, band_s: float) -> Phases:
    """Align B with A. `band_s`: how far a phase may be from its guess, seconds.

    The guess leads each repetition of A to that of B of the same number; without repetitions, the whole of A to the
    whole of B.
    """
    of_a, of_b = repetitions_of(a), repetitions_of(b)
    guess_T = _guess(a, b, of_a, of_b)
    columns = [k for k in main_columns(a.angle_names) if _known(a)[:, k].any() and _known(b)[:, k].any()]
    if len(b) < 2 or len(a) < 2 or not columns:
        return Phases(second_T=guess_T, of_a=of_a, of_b=of_b)
    second_G, second_U = _even_seconds(a), _even_seconds(b)
    weight_F = np.minimum(*(angle_weights(widths_of(each)[:, columns]) for each in (a, b)))
    a_GF, b_UF = _filled(a, columns, second_G), _filled(b, columns, second_U)
    guess_G = np.interp(second_G, a.second_T, guess_T)
    names = [a.angle_names[k] for k in columns]
    found_G = aligned_seconds(a_GF, b_UF, second_U, guess_G, band_s, weight_F, names)
    return Phases(second_T=np.interp(a.second_T, second_G, found_G), of_a=of_a, of_b=of_b)


def _even_seconds(performance: Performance) -> Float:
    """Times at even steps of at most `GRID_S` that contain those of evenly spaced frames.

    Both performances have such times: a path that needs more steps in one of them would stand still there.
    """
    step = frame_steps(performance.second_T).seconds
    step /= math.ceil(step / GRID_S)
    length = performance.second_T[-1] - performance.second_T[0]
    return np.asarray(performance.second_T[0] + step * np.arange(round(length / step) + 1))


def repetitions_of(performance: Performance) -> list[RepetitionMeasures]:
    """The repetitions of a performance."""
    widths_TA, names = widths_of(performance), performance.angle_names
    return measured_repetitions(performance.second_T, performance.angle_TA, widths_TA, names)


def widths_of(performance: Performance) -> F32:
    """Half widths of the intervals (T, A), degrees; `UNKNOWN_DEG` where none is known."""
    if performance.width_TA is None:
        return np.full(performance.angle_TA.shape, UNKNOWN_DEG, np.float32)
    return performance.width_TA


def _known(performance: Performance) -> np.ndarray:
    return np.isfinite(performance.angle_TA)


def _filled(performance: Performance, columns: list[int], second_U: Float) -> np.ndarray:
    """Angles at other times; unknown ones are interpolated."""
    angle_TF = unwrapped(performance.angle_TA[:, columns], [performance.angle_names[k] for k in columns])
    return angles_at(second_U, performance.second_T, angle_TF)


def _guess(a: Performance, b: Performance, of_a: list[RepetitionMeasures], of_b: list[RepetitionMeasures]) -> Float:
    """The expected second of B for each frame of A: between the moments of repetitions in proportion."""
    pairs = [
        (getattr(one.repetition, name), getattr(other.repetition, name))
        for one, other in zip(of_a, of_b, strict=False)
        for name in ("start_s", "turn_s", "end_s")
        if name != "end_s" or (one.repetition.complete and other.repetition.complete)
    ]
    if not pairs:
        length_a, length_b = (max(float(each.second_T[-1] - each.second_T[0]), 1e-9) for each in (a, b))
        share = length_b / length_a if 0.5 <= length_b / length_a <= 2 else 1.0
        return np.asarray(b.second_T[0] + (a.second_T - a.second_T[0]) * share)
    from_T, to_T = np.array(pairs).T
    before, after = a.second_T < from_T[0], a.second_T > from_T[-1]
    guess_T = np.interp(a.second_T, from_T, to_T)
    guess_T[before] = to_T[0] + a.second_T[before] - from_T[0]
    guess_T[after] = to_T[-1] + a.second_T[after] - from_T[-1]
    return np.asarray(guess_T)
