"""When parts of the soles stand on the floor: by speed and height, with hysteresis."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from models.arrays import F64, Bool, Float

SPEEDS = (0.5, 0.9)
"""Metres a second: contact begins below the first, and ends above the second."""

HEIGHTS = (0.12, 0.18)
"""Metres above the floor: contact begins below the first, and ends above the second."""

ALONG = 0.2
"""Weight of the speed along the view, which a fit to an image hardly knows."""

SHORTEST = 0.1
"""Seconds; a shorter contact, or a shorter break in one, does not count."""

STEP, STEP_ALONG, STEP_LASTS, STEP_BREAK = 0.08, 0.1, 0.3, 0.1
"""Metres between two places of a foot that are two contacts; weight of the part along the view; seconds that a foot is
at each of them at least; and seconds before and after the step in which the foot does not stand."""

STEADY = 0.035
"""Seconds: standard deviation over which places are averaged before they give speeds."""


def detected_contacts(patch_TP3: Float, eye_3: Float | None, fps: float) -> Bool:
    """Whether each part of the soles (T, P) is in contact with the floor.

    Args:
        patch_TP3: centres of the parts in upright axes, with the floor at y = 0, metres.
        eye_3: place of the camera, along whose rays speeds count little; None where no camera is known.
    """
    smooth_TP3 = gaussian_filter1d(patch_TP3.astype(np.float64), STEADY * fps, axis=0, mode="nearest")
    velocity_TP3 = np.gradient(smooth_TP3, 1 / fps, axis=0) if len(smooth_TP3) > 1 else np.zeros_like(smooth_TP3)
    if eye_3 is not None:
        view_TP3 = smooth_TP3 - eye_3
        view_TP3 /= np.linalg.norm(view_TP3, axis=2, keepdims=True)
        along_TP1 = (velocity_TP3 * view_TP3).sum(axis=2, keepdims=True)
        velocity_TP3 = velocity_TP3 - (1 - ALONG) * along_TP1 * view_TP3
    # The larger of speed and height, each in units of its thresholds: below 0 contact begins, above 1 it ends.
    doubt_TP = np.maximum(_between(np.linalg.norm(velocity_TP3, axis=2), SPEEDS), _between(smooth_TP3[..., 1], HEIGHTS))
    contact_TP = without_short_runs(np.stack([_hysteresis(doubt_T) for doubt_T in doubt_TP.T], axis=1), fps)
    if eye_3 is not None:
        axis_3 = (smooth_TP3 - eye_3).mean(axis=(0, 1))
        axis_3 /= np.linalg.norm(axis_3)
        smooth_TP3 = smooth_TP3 - (1 - STEP_ALONG) * (smooth_TP3 @ axis_3)[..., None] * axis_3
    for foot in (slice(0, 2), slice(2, 4)):
        contact_TP[:, foot] &= _without_steps(contact_TP[:, foot], smooth_TP3[:, foot].mean(axis=1), fps)
    return contact_TP


def _without_steps(contact_TP: Bool, place_T3: F64, fps: float) -> Bool:
    """Where the parts of a foot may stand (T, 1): contacts of either, with breaks where the foot changes its place.

    That may be slow. A contact is split where its two parts are the most apart for their lengths, by least squares.
    """
    least, gap = max(2, round(STEP_LASTS * fps)), max(1, round(STEP_BREAK * fps))
    result_T: Bool = np.logical_or(contact_TP[:, 0], contact_TP[:, 1])
    open_runs = contact_runs(result_T)
    while open_runs:
        first, last = open_runs.pop()
        frames = last - first
        if frames < 2 * least:
            continue
        sum_T3 = np.cumsum(place_T3[first:last], axis=0)
        before_N = np.arange(least, frames - least + 1)
        mean_N3 = sum_T3[before_N - 1] / before_N[:, None]
        other_N3 = (sum_T3[-1] - sum_T3[before_N - 1]) / (frames - before_N)[:, None]
        apart_N = np.linalg.norm(mean_N3 - other_N3, axis=1)
        best = int((apart_N**2 * before_N * (frames - before_N)).argmax())
        if apart_N[best] > STEP:
            at = first + int(before_N[best])
            result_T[at - gap : at + gap] = False
            open_runs += [(first, at - gap), (at + gap, last)]
    return result_T[:, None]


def contact_runs(contact_T: Bool) -> list[tuple[int, int]]:
    """First frame, and the frame after the last, of each contact."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], contact_T, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def without_short_runs(contact_TP: Bool, fps: float) -> Bool:
    """Contacts (T, P) whose short breaks are closed, and of which short ones are then removed."""
    result_TP, shortest = contact_TP.copy(), max(1, round(SHORTEST * fps))
    for result_T in result_TP.T:
        for first, last in contact_runs(~result_T):
            if last - first < shortest and first > 0 and last < len(result_T):
                result_T[first:last] = True
        for first, last in contact_runs(result_T):
            if last - first < shortest:
                result_T[first:last] = False
    return result_TP


def _between(value: F64, bounds: tuple[float, float]) -> F64:
    return (value - bounds[0]) / (bounds[1] - bounds[0])


def _hysteresis(doubt_T: F64) -> Bool:
    """Contact from the first frame below 0 until a frame above 1, and back to where it came below 1."""
    contact_T = np.zeros(len(doubt_T), bool)
    for first, last in contact_runs(doubt_T < 1):
        contact_T[first:last] = bool((doubt_T[first:last] < 0).any())
    return contact_T
