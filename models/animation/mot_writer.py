"""Writes the joint angles of a motion as OpenSim's motion file (.mot), for models with the coordinates of Rajagopal.

Names and signs are those of the full-body model of Rajagopal et al., 2016. Its ground has x to the front, y up and z to
the right; here the person faces x at the start. Angles of the pelvis, hips, knees, ankles and trunk have the model's
order of axes. Angles of the arm are swing and twist, as in `clinical_angles`: they equal the model's where an arm is
raised about one axis. `pelvis_tx`, `_ty`, `_tz` are the position of our pelvis, metres.
"""

from __future__ import annotations

import numpy as np

from models.arrays import F64
from models.body.body_motion import SEEN, BodyMotion
from models.motion.angle_intervals import half_widths
from models.motion.angle_table import INTERVAL, angles_over_time
from models.motion.clinical_angles import CLINICAL_ANGLES

_MIDDLE = {
    "pelvis_tilt": "-pelvis_tilt", "pelvis_list": "-pelvis_bend", "pelvis_rotation": "pelvis_rotation",
    "lumbar_extension": "-trunk_flexion", "lumbar_bending": "-trunk_bend", "lumbar_rotation": "trunk_rotation",
}
_SIDED = {
    "hip_flexion": "hip_flexion", "hip_adduction": "-hip_abduction", "hip_rotation": "hip_rotation",
    "knee_angle": "knee_flexion", "ankle_angle": "ankle_flexion", "subtalar_angle": "ankle_inversion",
    "arm_flex": "shoulder_flexion", "arm_add": "-shoulder_abduction", "arm_rot": "shoulder_rotation",
    "elbow_flex": "elbow_flexion", "pro_sup": "forearm_pronation", "wrist_flex": "wrist_flexion",
    "wrist_dev": "wrist_deviation",
}
COORDINATES = {
    **_MIDDLE,
    **{f"{name}_{side[0]}": _side for side in ("right", "left") for name, ours in _SIDED.items()
       for _side in [f"-{side}_{ours[1:]}" if ours.startswith("-") else f"{side}_{ours}"]},
}  # fmt: skip
"""OpenSim's coordinates with our angles; a minus sign reverses the angle."""
PLACES = ("pelvis_tx", "pelvis_ty", "pelvis_tz")
UNKNOWN = 180.0
"""Degrees: half of the width of an interval about which nothing is known."""
_TO_OPENSIM_33 = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
"""Our axes, x to the left of who faces z, in those of OpenSim's ground."""


def mot_text(motion: BodyMotion) -> str:
    """The text of a motion file: seconds from the first frame, degrees, metres. Hidden frames are left out.

    The last columns are half of the width of each coordinate's interval (`half_widths`); `UNKNOWN` in bridged frames.

    Args:
        motion: in upright axes, with its first frame facing +z.
    """
    angle_TA = angles_over_time(motion).astype(np.float64)
    seen_T1, half_TA = motion.presence_T[:, None] == SEEN, half_widths(motion.confidence_TJ)
    width_TA: F64 = np.where(seen_T1, half_TA, UNKNOWN).astype(np.float64)
    column, interval = dict[str, F64](), dict[str, F64]()
    for name, ours in COORDINATES.items():
        a = CLINICAL_ANGLES.index(ours.removeprefix("-"))
        angle_T, interval[name + INTERVAL] = angle_TA[:, a], width_TA[:, a]
        column[name] = -angle_T if ours.startswith("-") else angle_T
    place_T3 = motion.root_T3.astype(np.float64) @ _TO_OPENSIM_33.T
    column |= dict(zip(PLACES, place_T3.T, strict=True))
    names = ["time", *list(column)[:3], *PLACES, *(name for name in list(column)[3:] if name not in PLACES)]
    names, column = names + list(interval), column | interval
    column["time"] = motion.second_T - motion.second_T[0]
    rows = np.stack([column[name] for name in names], axis=1)[motion.shown()]
    size = [f"nRows={len(rows)}", f"nColumns={len(names)}"]
    head = ["Coordinates", "version=1", *size, "inDegrees=yes", "endheader"]
    body = ["\t".join(f"{value:.6f}" for value in row) for row in rows.tolist()]
    return "\n".join([*head, "\t".join(names), *body]) + "\n"
