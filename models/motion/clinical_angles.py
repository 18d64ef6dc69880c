"""Joint angles in clinical terms: flexion, abduction, rotation of every main joint, in degrees.

Every segment has axes of its own: x to the person's left, y up along the limb, z to the front, in a person who stands
upright with hanging arms, thumbs forward. The joint's rotation is that of the lower segment's axes in the upper one's.

- Hip, knee, ankle, trunk, neck: turns about x (flexion), z (abduction), y (rotation) in this order, as the
  International Society of Biomechanics recommends (Grood and Suntay, 1983; Wu et al., 2002).
- Shoulder: the swing of the upper arm from hanging, with its parts to the front (flexion) and to the side (abduction),
  and the twist about the arm (rotation). The recommended order is singular for hanging arms; this one is singular only
  for arms that point straight up.
- Forearm and hand: the turn about the forearm (pronation) first, then the wrist's flexion and deviation.

Right joints are measured as the mirror image of left ones. Flexion, abduction, internal rotation, pronation and
inversion are positive; the trunk, the neck and the pelvis are positive forward, to the left, and turned to the left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F32, F64, I32, Bool
from models.body.body_motion import BodyMotion
from models.body.fitted_body import FittedBody
from models.body.open_body import load_body
from models.body.retarget import rest_frames

SIDED_ANGLES = (
    *("hip_flexion", "hip_abduction", "hip_rotation", "knee_flexion", "knee_abduction", "knee_rotation"),
    *("ankle_flexion", "ankle_inversion", "ankle_rotation", "shoulder_flexion", "shoulder_abduction"),
    *("shoulder_rotation", "elbow_flexion", "forearm_pronation", "wrist_flexion", "wrist_deviation"),
)
MIDDLE_ANGLES = (
    *("trunk_flexion", "trunk_bend", "trunk_rotation", "neck_flexion", "neck_bend", "neck_rotation"),
    *("pelvis_tilt", "pelvis_bend", "pelvis_rotation"),
)
CLINICAL_ANGLES = (*(f"{side}_{name}" for side in ("left", "right") for name in SIDED_ANGLES), *MIDDLE_ANGLES)
"""Names of all angles. The pelvis is measured against the motion's own axes, which must be upright.

Ankle: flexion lifts the toes. Knee: abduction moves the foot outwards. Wrist: flexion is towards the palm, deviation
towards the thumb. Rotation of hip, knee, ankle and shoulder is positive inwards.
"""

JOINT_ANGLES = CLINICAL_ANGLES[: -len([name for name in MIDDLE_ANGLES if name.startswith("pelvis")])]
"""The angles between two parts of the body, which need no upright axes."""

LOWER_SEGMENTS = {
    "hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot", "shoulder": "upperarm01", "elbow": "lowerarm01",
    "forearm": "wrist", "wrist": "wrist", "trunk": "spine01", "neck": "head",
}
"""The bone below each joint, without its side."""
MIN_SEEN = 0.05
"""An angle is known if at least this share of the skin of the bone below the joint is visible."""

MIRROR_3 = np.array([-1.0, 1.0, 1.0])


def without_side(angle: str) -> str:
    """The name of an angle without `left_` or `right_`."""
    return angle.removeprefix("left_").removeprefix("right_")


@cache
def segment_axes() -> dict[str, F64]:
    """Axes of the left segments in the rest pose, as columns x, y, z, by the bone; of others they are the body's."""
    frames, axes = rest_frames(), {}
    for bone, left in (("upperleg01.L", 1.0), ("lowerleg01.L", 1.0), ("upperarm01.L", -1.0), ("lowerarm01.L", -1.0)):
        along_3, across_3 = frames[bone][:, 0], left * frames[bone][:, 1]
        axes[bone] = np.stack([across_3, -along_3, np.cross(across_3, -along_3)], axis=1)
    along_3, front_3 = frames["wrist.L"][:, 0], frames["wrist.L"][:, 1]
    axes["wrist.L"] = np.stack([np.cross(-along_3, front_3), -along_3, front_3], axis=1)
    return axes


def clinical_angles(motion: BodyMotion) -> F32:
    """The angles (T, A) of `CLINICAL_ANGLES` in degrees, −180..180."""
    return _angles(motion.all_rotations())


def _angles(rotation_TB33: F32) -> F32:
    """The angles (T, A) of poses."""
    turned = _turned_segments(rotation_TB33)
    columns = [
        angle_T
        for side in ("L", "R")
        for angle_T in _sided_angles(lambda name, side=side: _segment(turned, name, side))  # type: ignore[misc]
    ]
    pelvis, chest, head = (turned[name] for name in ("root", "spine01", "head"))
    for upper_T33, lower_T33 in ((pelvis, chest), (chest, head), (np.eye(3)[None], pelvis)):
        flexion_T, left_T, turned_T = _cardan(_between(upper_T33, lower_T33))
        columns += [flexion_T, -left_T, turned_T]
    return np.stack(columns, axis=1).astype(np.float32)


def _turned_segments(rotation_TB33: F32) -> dict[str, F64]:
    """The rotation (T, 3, 3) of the bone of each segment, by the bone's name, relative to the root's own axes."""
    body = load_body()
    turned: dict[int, F64] = {}
    for b, parent in _chain():
        own_T33 = rotation_TB33[:, b].astype(np.float64)
        turned[b] = own_T33 if parent < 0 else turned[parent] @ own_T33
    return {body.bones[b]: turned_T33 for b, turned_T33 in turned.items()}


@cache
def _chain() -> tuple[tuple[int, int], ...]:
    """The bones of all segments and those above them, each with its parent, parents first."""
    body = load_body()
    sided = {f"{name}.{side}" for name in LOWER_SEGMENTS.values() for side in "LR"} & set(body.bones)
    waiting = [body.bone(name) for name in sided | {"root", "spine01", "head"}]
    parents: dict[int, int] = {}
    while waiting:
        b = waiting.pop()
        if b >= 0 and b not in parents:
            parents[b] = int(body.parent_B[b])
            waiting.append(parents[b])
    return tuple(sorted(parents.items()))


def _segment(turned: Mapping[str, F64], name: str, side: str) -> F64:
    """Axes (T, 3, 3) of a segment. For the side `R` they are mirrored, also those of a segment in the middle."""
    turned_T33 = turned[name if name in turned else f"{name}.{side}"]
    if side == "R":
        turned_T33 = turned_T33 * MIRROR_3[:, None] * MIRROR_3
    return turned_T33 @ segment_axes().get(f"{name}.L", np.eye(3))


def _sided_angles(segment: Callable[[str], F64]) -> list[F64]:
    """`SIDED_ANGLES` of a left side, or of a mirrored right one."""
    thigh, shin, upper_arm, forearm = (
        segment(name) for name in ("upperleg01", "lowerleg01", "upperarm01", "lowerarm01")
    )
    pairs = (segment("root"), thigh), (thigh, shin), (shin, segment("foot")), (upper_arm, forearm)
    hip, knee, ankle, elbow = (_cardan(_between(upper, lower)) for upper, lower in pairs)
    shoulder = _swing_and_twist(segment("spine01"), upper_arm)
    hand = _forearm_and_hand(_between(forearm, segment("wrist")))
    return [
        *(-hip[0], hip[1], -hip[2]),
        *(knee[0], knee[1], -knee[2]),
        *(-ankle[0], -ankle[1], -ankle[2]),
        *shoulder,
        -elbow[0],
        *(-hand[0], -hand[1], -hand[2]),
    ]


def _between(upper_T33: F64, lower_T33: F64) -> F64:
    return np.swapaxes(upper_T33, 1, 2) @ lower_T33


def _cardan(turn_T33: F64) -> F64:
    """Angles (3, T) in degrees about x, z and y, whose product in this order is each rotation."""
    x_T = np.arctan2(turn_T33[:, 2, 1], turn_T33[:, 1, 1])
    z_T = np.arcsin(np.clip(-turn_T33[:, 0, 1], -1, 1))
    y_T = np.arctan2(turn_T33[:, 0, 2], turn_T33[:, 0, 0])
    return np.degrees(np.stack([x_T, z_T, y_T]))


def _forearm_and_hand(turn_T33: F64) -> F64:
    """Angles (3, T) in degrees about y, z and x, whose product in this order is each rotation."""
    y_T = np.arctan2(-turn_T33[:, 2, 0], turn_T33[:, 0, 0])
    z_T = np.arcsin(np.clip(turn_T33[:, 1, 0], -1, 1))
    x_T = np.arctan2(-turn_T33[:, 1, 2], turn_T33[:, 1, 1])
    return np.degrees(np.stack([y_T, z_T, x_T]))


def _swing_and_twist(upper_T33: F64, lower_T33: F64) -> F64:
    """Flexion, abduction and internal rotation (3, T) of an arm, degrees."""
    whole = Rotation.from_matrix(_between(upper_T33, lower_T33))
    _, y, _, w = whole.as_quat().T
    twist_T = 2 * np.arctan2(y, w)
    twist_T = np.mod(twist_T + np.pi, 2 * np.pi) - np.pi
    swing_T3 = (whole * Rotation.from_rotvec(twist_T[:, None] * [0.0, -1.0, 0.0])).as_rotvec()
    return np.degrees(np.stack([-swing_T3[:, 0], swing_T3[:, 2], -twist_T]))


def body_angles(bodies: Sequence[FittedBody | None]) -> tuple[F32, Bool]:
    """`JOINT_ANGLES` (N, A) of N people in degrees, NaN without a body; and whether each is seen."""
    angle_NA = np.full((len(bodies), len(JOINT_ANGLES)), np.nan, np.float32)
    seen_NA = np.zeros(angle_NA.shape, bool)
    fitted = {n: body for n, body in enumerate(bodies) if body is not None}
    if fitted:
        rotation_NB33 = np.stack([body.pose.rotation_B33 for body in fitted.values()])
        angle_NA[list(fitted)] = _angles(rotation_NB33)[:, : len(JOINT_ANGLES)]
        seen_NA[list(fitted)] = np.stack([body.seen_B for body in fitted.values()])[:, _bones_below()] >= MIN_SEEN
    return angle_NA, seen_NA


def seen_angles(bodies: Sequence[FittedBody | None]) -> F32:
    """`JOINT_ANGLES` (N, A) of N people in degrees; NaN without a body, or if the bone below the joint is hidden."""
    angle_NA, seen_NA = body_angles(bodies)
    return np.where(seen_NA, angle_NA, np.float32(np.nan))


@cache
def _bones_below() -> I32:
    """Index of the bone below the joint, for each of `JOINT_ANGLES`."""
    return np.array([load_body().bone(_bone_below(name)) for name in JOINT_ANGLES], np.int32)


def _bone_below(name: str) -> str:
    side, _, rest = name.partition("_")
    if side in ("left", "right"):
        return f"{LOWER_SEGMENTS[rest.partition('_')[0]]}.{side[0].upper()}"
    return LOWER_SEGMENTS[side]
