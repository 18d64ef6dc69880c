"""Joint angles in clinical terms over time: without jumps by full turns, and as a table with contacts of the feet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.arrays import F32, F64, Bool
from models.body.body_motion import HIDDEN, PRESENCES, SEEN, BodyMotion
from models.motion.angle_intervals import half_widths
from models.motion.clinical_angles import CLINICAL_ANGLES, clinical_angles
from models.motion.soles import PATCHES

CONTACTS = tuple(
    f"{'left' if patch.endswith('L') else 'right'}_{patch.partition('.')[0]}_contact" for patch in PATCHES
)
"""Names of the columns of contacts, in the order of `PATCHES`."""
INTERVAL = "_interval"
"""Ending of the names of the columns with half of an interval's width."""
_SWING = tuple(
    tuple(CLINICAL_ANGLES.index(f"{side}_shoulder_{name}") for name in ("flexion", "abduction"))
    for side in ("left", "right")
)
"""Columns of the two parts of an arm's swing, which is one rotation vector."""


def angles_over_time(motion: BodyMotion) -> F32:
    """The angles (T, A) of `CLINICAL_ANGLES` in degrees, as `clinical_angles`, plus full turns: no angle jumps by one.

    The first frame has angles of -180..180.
    """
    angle_TA = np.concatenate([clinical_angles(part) for part in motion.parts()]).astype(np.float64)
    for columns in (list(pair) for pair in _SWING):
        angle_TA[:, columns] = _unwrapped_swing(angle_TA[:, columns])
    others = [a for a in range(len(CLINICAL_ANGLES)) if not any(a in pair for pair in _SWING)]
    angle_TA[:, others] = np.unwrap(angle_TA[:, others], period=360, axis=0)
    return angle_TA.astype(np.float32)


def _unwrapped_swing(swing_T2: F64) -> F64:
    """The parts of an arm's swing plus full turns, degrees. An arm that passes straight up swings by more than 180°.

    There the opposite rotation about the opposite axis, by less than 180°, is the same rotation.
    """
    size_T1 = np.linalg.norm(swing_T2, axis=1, keepdims=True)
    opposite_T2 = np.where(size_T1 > 90, swing_T2 * (1 - 360 / np.maximum(size_T1, 1)), swing_T2)
    result_T2 = swing_T2.copy()
    for t in range(1, len(swing_T2)):
        before_2, either_22 = result_T2[t - 1], np.stack([swing_T2[t], opposite_T2[t]])
        either_22 = either_22 + 360 * np.round((before_2 - either_22) / 360)
        result_T2[t] = either_22[np.linalg.norm(either_22 - before_2, axis=1).argmin()]
    return result_T2


def angle_rows(motion: BodyMotion, contact_TP: Bool | None = None) -> Iterator[list[str]]:
    """A table of the angles: a row of names, then one row for each frame.

    The first columns are seconds and presence (`seen`, `bridged` or `hidden`). After the angles follow the half widths
    of their intervals (`half_widths`), and, where `contact_TP` is given, whether the parts of the soles are in contact
    with the floor (0 or 1). Hidden frames have neither angles nor contacts; bridged frames have no intervals.
    """
    contact_TP = np.zeros((len(motion.second_T), 0), bool) if contact_TP is None else contact_TP
    intervals = [name + INTERVAL for name in CLINICAL_ANGLES]
    yield ["seconds", "presence", *CLINICAL_ANGLES, *intervals, *CONTACTS[: contact_TP.shape[1]]]
    columns = angles_over_time(motion), half_widths(motion.confidence_TJ), contact_TP
    rows = zip(motion.second_T.tolist(), motion.presence_T.tolist(), *(one.tolist() for one in columns), strict=True)
    for second, presence, angle_A, width_A, contact_P in rows:
        widths = [f"{width:.1f}" if presence == SEEN else "" for width in width_A]
        values = [*(f"{angle:.1f}" for angle in angle_A), *widths, *(str(int(contact)) for contact in contact_P)]
        yield [f"{second:.4f}", PRESENCES[presence], *("" if presence == HIDDEN else value for value in values)]
