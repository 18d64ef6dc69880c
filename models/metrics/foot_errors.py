"""Errors of standing feet: skating, drift, sinking and floating in the contacts of the true motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import Bool, Float
from models.motion.foot_contact import contact_runs

MAX_SPEED, MAX_HEIGHT_M = 0.3, 0.05
"""A part of a true sole is in contact while it moves slower than 0.3 m/s (10 mm per frame at 30 frames per second) and
its centre is lower than 5 cm."""

DRIFT_SECONDS = 0.2
"""The drift is measured in contacts that last at least this long, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FootErrors:
    """Errors of one motion in the contacts of the true motion.

    Attributes:
        skate: mean distance that a part of a sole moves in a contact in 1/30 s, mm.
        drift: mean distance between the first and the last position of a part in a contact, mm.
        sinking, floating: mean depth below the floor, and mean height above it, of a standing foot's lowest point, mm.
        f1: F1 of the motion's own contacts, over parts and frames; NaN if there are none.
        frames: number of pairs of a part and a frame in contact.
    """

    skate: float
    drift: float
    sinking: float
    floating: float
    f1: float
    frames: int


def true_contacts(sole_TPS3: Float, fps: float) -> Bool:
    """Whether each part of the true soles (T, P) stands on the floor. The last frame repeats the one before."""
    step_TP = np.linalg.norm(np.diff(sole_TPS3, axis=0), axis=3).mean(axis=2) * fps
    slow_TP = np.concatenate([step_TP, step_TP[-1:]]) < MAX_SPEED
    return slow_TP & (sole_TPS3[..., 1].mean(axis=2) < MAX_HEIGHT_M)


def foot_errors(sole_TPS3: Float, true_TP: Bool, stated_TP: Bool | None, fps: float) -> FootErrors:
    """The errors of soles in the true contacts.

    Args:
        sole_TPS3: points of the soles in upright axes, with the floor at y = 0, metres.
        true_TP: the true contacts.
        stated_TP: the motion's own contacts, or None.
        fps: frames per second.
    """
    centre_TP3 = sole_TPS3.mean(axis=2)
    both_TP = true_TP[1:] & true_TP[:-1]
    step_TP = np.linalg.norm(np.diff(centre_TP3, axis=0), axis=2) * fps / 30
    drifts = [
        np.linalg.norm(centre_TP3[last - 1, p] - centre_TP3[first, p])
        for p in range(true_TP.shape[1])
        for first, last in contact_runs(true_TP[:, p])
        if last - first >= DRIFT_SECONDS * fps
    ]
    low_TF = np.stack([sole_TPS3[:, p : p + 2, :, 1].min(axis=(1, 2)) for p in (0, 2)], axis=1)
    low_N = low_TF[np.stack([true_TP[:, p : p + 2].any(axis=1) for p in (0, 2)], axis=1)]
    return FootErrors(
        skate=_mean_mm(step_TP[both_TP]),
        drift=_mean_mm(np.array(drifts)),
        sinking=_mean_mm(np.maximum(-low_N, 0)),
        floating=_mean_mm(np.maximum(low_N, 0)),
        f1=_f1(true_TP, stated_TP),
        frames=int(true_TP.sum()),
    )


def _mean_mm(metres: Float) -> float:
    return 1000 * float(metres.mean()) if len(metres) else float("nan")


def _f1(true_TP: Bool, stated_TP: Bool | None) -> float:
    if stated_TP is None or not (true_TP | stated_TP).any():
        return float("nan")
    return 2 * float((true_TP & stated_TP).sum()) / float(true_TP.sum() + stated_TP.sum())
