"""Detects contacts of parts of the soles with the floor, from their speed and height, with hysteresis."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from models.arrays import F64, Bool, Float

SPEEDS = (0.5, 0.9)
"""Metres per second. A contact begins below the first and ends above the second."""
HEIGHTS = (0.12, 0.18)
"""Metres above the floor. A contact begins below the first and ends above the second.

Speeds and heights are chosen on fits to predicted surfaces of rendered videos (docs/motion.md).
"""
ALONG_WEIGHT = 0.2
"""Weight of the speed along the camera's ray, where the errors of a fit are large."""
SMOOTHING_S = 0.035
"""Seconds: standard deviation of the Gaussian that smooths positions before speeds are computed from them."""
SHORTEST_S = 0.1
"""Seconds. Shorter contacts are removed, and shorter breaks in a contact are closed."""

STEP_M, STEP_ALONG_WEIGHT = 0.08, 0.1
"""A contact is split where its two parts have mean positions more than the first number apart, in metres. The second
number is the weight of the distance along the camera's ray."""
STEP_LASTS_S, STEP_BREAK_S = 0.3, 0.1
"""Seconds: minimum duration of each part of a split contact, and the break before and after the split."""


def detected_contacts(patch_TP3: Float, eye_3: Float | None, fps: float) -> Bool:
    """Whether each part of the soles (T, P) is in contact with the floor.

    Args:
        patch_TP3: centres of the parts in upright axes, with the floor at y = 0, metres.
        eye_3: position of the camera: speeds along its rays have less weight. None if no camera is known.
        fps: frames per second.
    """
    smooth_TP3 = gaussian_filter1d(patch_TP3.astype(np.float64), SMOOTHING_S * fps, axis=0, mode="nearest")
    velocity_TP3 = np.gradient(smooth_TP3, 1 / fps, axis=0) if len(smooth_TP3) > 1 else np.zeros_like(smooth_TP3)
    if eye_3 is not None:
        view_TP3 = smooth_TP3 - eye_3
        view_TP3 /= np.linalg.norm(view_TP3, axis=2, keepdims=True)
        along_TP1 = (velocity_TP3 * view_TP3).sum(axis=2, keepdims=True)
        velocity_TP3 = velocity_TP3 - (1 - ALONG_WEIGHT) * along_TP1 * view_TP3
    # The larger of speed and height, each on a scale where a contact begins below 0 and ends above 1.
    lift_TP = np.maximum(_scaled(np.linalg.norm(velocity_TP3, axis=2), SPEEDS), _scaled(smooth_TP3[..., 1], HEIGHTS))
    contact_TP = without_short_runs(np.stack([_hysteresis(lift_T) for lift_T in lift_TP.T], axis=1), fps)
    if eye_3 is not None:
        axis_3 = (smooth_TP3 - eye_3).mean(axis=(0, 1))
        axis_3 /= np.linalg.norm(axis_3)
        smooth_TP3 = smooth_TP3 - (1 - STEP_ALONG_WEIGHT) * (smooth_TP3 @ axis_3)[..., None] * axis_3
    for foot in (slice(0, 2), slice(2, 4)):
        contact_TP[:, foot] &= _without_steps(contact_TP[:, foot], smooth_TP3[:, foot].mean(axis=1), fps)
    return contact_TP


def _without_steps(contact_TP: Bool, place_T3: F64, fps: float) -> Bool:
    """The frames in which the parts of a foot may have contacts (T, 1): those of either part, with breaks at steps.

    The speed of a slow step is too low for a break. So a contact is split into the two parts whose mean positions fit
    best, by least squares, if these means are distant enough.
    """
    least, gap = max(2, round(STEP_LASTS_S * fps)), max(1, round(STEP_BREAK_S * fps))
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
        distance_N = np.linalg.norm(mean_N3 - other_N3, axis=1)
        best = int((distance_N**2 * before_N * (frames - before_N)).argmax())
        if distance_N[best] > STEP_M:
            split = first + int(before_N[best])
            result_T[split - gap : split + gap] = False
            open_runs += [(first, split - gap), (split + gap, last)]
    return result_T[:, None]


def contact_runs(contact_T: Bool) -> list[tuple[int, int]]:
    """The first frame of each contact, and the frame after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], contact_T, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def without_short_runs(contact_TP: Bool, fps: float) -> Bool:
    """Contacts (T, P) after short breaks are closed and then short contacts are removed (see `SHORTEST_S`)."""
    result_TP, shortest = contact_TP.copy(), max(1, round(SHORTEST_S * fps))
    for result_T in result_TP.T:
        for first, last in contact_runs(~result_T):
            if last - first < shortest and first > 0 and last < len(result_T):
                result_T[first:last] = True
        for first, last in contact_runs(result_T):
            if last - first < shortest:
                result_T[first:last] = False
    return result_TP


def _scaled(value: F64, bounds: tuple[float, float]) -> F64:
    """Values on a scale where the first bound is 0 and the second is 1."""
    return (value - bounds[0]) / (bounds[1] - bounds[0])


def _hysteresis(lift_T: F64) -> Bool:
    """Contact in each run of frames below 1, if one of its frames is below 0."""
    contact_T = np.zeros(len(lift_T), bool)
    for first, last in contact_runs(lift_T < 1):
        contact_T[first:last] = bool((lift_T[first:last] < 0).any())
    return contact_T
