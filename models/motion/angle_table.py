"""Joint angles in clinical terms over time: without jumps by full turns, and as a table with contacts of the feet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.arrays import F32, Bool
from models.body.body_motion import HIDDEN, PRESENCES, SEEN, BodyMotion
from models.motion.angle_intervals import half_widths
from models.motion.clinical_angles import CLINICAL_ANGLES, clinical_angles
from models.motion.continuous_angles import unwrapped
from models.motion.soles import PATCHES

CONTACTS = tuple(
    f"{'left' if patch.endswith('L') else 'right'}_{patch.partition('.')[0]}_contact" for patch in PATCHES
)
"""Names of the columns of contacts, in the order of `PATCHES`."""
INTERVAL = "_interval"
"""Ending of the names of the columns with half of an interval's width."""


def angles_over_time(motion: BodyMotion) -> F32:
    """The angles (T, A) of `CLINICAL_ANGLES` in degrees, as `clinical_angles`, plus full turns: no angle jumps by one.

    The first frame has angles of -180..180.
    """
    angle_TA = np.concatenate([clinical_angles(part) for part in motion.parts()])
    return unwrapped(angle_TA, CLINICAL_ANGLES).astype(np.float32)


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
