"""The skeletons of exported animations: names, hierarchy, and which bones of the open body each joint follows.

`own` has the open body's bones. `mixamo`, `unreal` and `cmu` have the names and the hierarchy of Mixamo's rigs, of
Unreal's mannequin (its fifth generation) and of the CMU motions in BVH; their axes are in `joint_axes.py`. `smpl` has
the names and the hierarchy of SMPL's 24 joints (Loper et al., 2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from models.body.open_body import load_body

SkeletonName = Literal["own", "mixamo", "unreal", "cmu", "smpl"]

HIPS = "hips"
"""The position midway between the hip joints. The body has no bone there."""
FLOOR = "floor"
"""The position on the floor under the hips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RigJoint:
    """A joint of a skeleton.

    Attributes:
        name, parent: names; the root's parent is empty.
        place: the bone of the body whose head is the joint's position, or `HIPS`, or `FLOOR`.
        follows: the bone whose orientation the joint has; empty if it never rotates.
        part: `trunk`, `arm`, `thumb`, `leg` or `foot`. It decides the joint's axes.
        side: `L`, `R` or empty.
    """

    name: str
    parent: str
    place: str
    follows: str
    part: str
    side: str


_MIXAMO = """
Hips - hips root trunk
Spine Hips spine05 spine04 trunk
Spine1 Spine spine03 spine02 trunk
Spine2 Spine1 spine01 spine01 trunk
Neck Spine2 neck01 neck02 trunk
Head Neck head head trunk
LeftShoulder Spine2 clavicle.L clavicle.L arm
LeftArm LeftShoulder upperarm01.L upperarm01.L arm
LeftForeArm LeftArm lowerarm01.L lowerarm01.L arm
LeftHand LeftForeArm wrist.L wrist.L arm
LeftHandMiddle1 LeftHand finger3-1.L finger3-1.L arm
LeftHandMiddle2 LeftHandMiddle1 finger3-2.L finger3-2.L arm
LeftHandMiddle3 LeftHandMiddle2 finger3-3.L finger3-3.L arm
LeftHandThumb1 LeftHand finger1-1.L finger1-1.L thumb
LeftHandThumb2 LeftHandThumb1 finger1-2.L finger1-2.L thumb
LeftHandThumb3 LeftHandThumb2 finger1-3.L finger1-3.L thumb
LeftHandIndex1 LeftHand finger2-1.L finger2-1.L arm
LeftHandIndex2 LeftHandIndex1 finger2-2.L finger2-2.L arm
LeftHandIndex3 LeftHandIndex2 finger2-3.L finger2-3.L arm
LeftHandRing1 LeftHand finger4-1.L finger4-1.L arm
LeftHandRing2 LeftHandRing1 finger4-2.L finger4-2.L arm
LeftHandRing3 LeftHandRing2 finger4-3.L finger4-3.L arm
LeftHandPinky1 LeftHand finger5-1.L finger5-1.L arm
LeftHandPinky2 LeftHandPinky1 finger5-2.L finger5-2.L arm
LeftHandPinky3 LeftHandPinky2 finger5-3.L finger5-3.L arm
LeftUpLeg Hips upperleg01.L upperleg01.L leg
LeftLeg LeftUpLeg lowerleg01.L lowerleg01.L leg
LeftFoot LeftLeg foot.L foot.L foot
LeftToeBase LeftFoot toe3-1.L toe1-1.L foot
"""

_UNREAL = """
root - floor - trunk
pelvis root hips root trunk
spine_01 pelvis spine05 spine05 trunk
spine_02 spine_01 spine04 spine04 trunk
spine_03 spine_02 spine03 spine03 trunk
spine_04 spine_03 spine02 spine02 trunk
spine_05 spine_04 spine01 spine01 trunk
neck_01 spine_05 neck01 neck01 trunk
neck_02 neck_01 neck02 neck02 trunk
head neck_02 head head trunk
clavicle_l spine_05 clavicle.L clavicle.L arm
upperarm_l clavicle_l upperarm01.L upperarm01.L arm
lowerarm_l upperarm_l lowerarm01.L lowerarm01.L arm
hand_l lowerarm_l wrist.L wrist.L arm
lowerarm_twist_01_l lowerarm_l lowerarm02.L lowerarm02.L arm
middle_metacarpal_l hand_l metacarpal2.L metacarpal2.L arm
middle_01_l middle_metacarpal_l finger3-1.L finger3-1.L arm
middle_02_l middle_01_l finger3-2.L finger3-2.L arm
middle_03_l middle_02_l finger3-3.L finger3-3.L arm
thumb_01_l hand_l finger1-1.L finger1-1.L thumb
thumb_02_l thumb_01_l finger1-2.L finger1-2.L thumb
thumb_03_l thumb_02_l finger1-3.L finger1-3.L thumb
index_metacarpal_l hand_l metacarpal1.L metacarpal1.L arm
index_01_l index_metacarpal_l finger2-1.L finger2-1.L arm
index_02_l index_01_l finger2-2.L finger2-2.L arm
index_03_l index_02_l finger2-3.L finger2-3.L arm
ring_metacarpal_l hand_l metacarpal3.L metacarpal3.L arm
ring_01_l ring_metacarpal_l finger4-1.L finger4-1.L arm
ring_02_l ring_01_l finger4-2.L finger4-2.L arm
ring_03_l ring_02_l finger4-3.L finger4-3.L arm
pinky_metacarpal_l hand_l metacarpal4.L metacarpal4.L arm
pinky_01_l pinky_metacarpal_l finger5-1.L finger5-1.L arm
pinky_02_l pinky_01_l finger5-2.L finger5-2.L arm
pinky_03_l pinky_02_l finger5-3.L finger5-3.L arm
thigh_l pelvis upperleg01.L upperleg01.L leg
calf_l thigh_l lowerleg01.L lowerleg01.L leg
foot_l calf_l foot.L foot.L foot
ball_l foot_l toe3-1.L toe1-1.L foot
"""

_CMU = """
Hips - root root trunk
LowerBack Hips spine05 spine05 trunk
Spine LowerBack spine04 spine03 trunk
Spine1 Spine spine01 spine01 trunk
Neck Spine1 neck01 neck01 trunk
Neck1 Neck neck02 neck02 trunk
Head Neck1 head head trunk
LeftShoulder Spine1 clavicle.L clavicle.L arm
LeftArm LeftShoulder upperarm01.L upperarm01.L arm
LeftForeArm LeftArm lowerarm01.L lowerarm01.L arm
LeftHand LeftForeArm wrist.L wrist.L arm
LeftFingerBase LeftHand metacarpal2.L metacarpal2.L arm
LeftHandIndex1 LeftFingerBase finger3-1.L finger3-1.L arm
LThumb LeftHand finger1-1.L finger1-1.L thumb
LHipJoint Hips root root leg
LeftUpLeg LHipJoint upperleg01.L upperleg01.L leg
LeftLeg LeftUpLeg lowerleg01.L lowerleg01.L leg
LeftFoot LeftLeg foot.L foot.L foot
LeftToeBase LeftFoot toe3-1.L toe1-1.L foot
"""

_SMPL = """
pelvis - root root trunk
spine1 pelvis spine05 spine04 trunk
spine2 spine1 spine03 spine02 trunk
spine3 spine2 spine01 spine01 trunk
neck spine3 neck01 neck02 trunk
head neck head head trunk
left_hip pelvis upperleg01.L upperleg01.L leg
left_knee left_hip lowerleg01.L lowerleg01.L leg
left_ankle left_knee foot.L foot.L foot
left_foot left_ankle toe3-1.L toe1-1.L foot
left_collar spine3 clavicle.L clavicle.L arm
left_shoulder left_collar upperarm01.L upperarm01.L arm
left_elbow left_shoulder lowerarm01.L lowerarm01.L arm
left_wrist left_elbow wrist.L wrist.L arm
left_hand left_wrist finger3-1.L finger3-1.L arm
"""


def _joints(table: str, prefix: str, other_side: dict[str, str]) -> tuple[RigJoint, ...]:
    """The joints of a table of the middle and the left side, and their mirror images."""
    rows = [row.split() for row in table.split("\n") if row]
    sided = [row for row in rows if row[2].endswith(".L") or row[0].startswith("LHip")]
    mirrored = [[_mirrored(word, other_side) for word in row] for row in sided]
    found = []
    for row in [*rows, *mirrored]:
        name, parent, place, follows, part = row
        side = "R" if row in mirrored else "L" if row in sided else ""
        found.append(
            RigJoint(
                name=prefix + name, parent="" if parent == "-" else prefix + parent, place=place,
                follows="" if follows == "-" else follows, part=part, side=side,
            )
        )
    return tuple(found)


def _mirrored(word: str, other_side: dict[str, str]) -> str:
    if word.endswith(".L"):
        return word[:-1] + "R"
    for left, right in other_side.items():
        if left.startswith("_") and word.endswith(left):
            return word[: -len(left)] + right
        if not left.startswith("_") and word.startswith(left):
            return right + word[len(left) :]
    return word


def _own() -> tuple[RigJoint, ...]:
    """The bones of the open body."""
    body = load_body()
    parents = ["" if parent < 0 else body.bones[parent] for parent in body.parent_B]
    return tuple(
        RigJoint(
            name=name, parent=parent, place=name, follows=name, part="trunk",
            side=name[-1] if name.endswith((".L", ".R")) else "",
        )
        for name, parent in zip(body.bones, parents, strict=True)
    )


@cache
def skeleton_joints(name: SkeletonName) -> tuple[RigJoint, ...]:
    """The joints of a skeleton, parents before their children."""
    if name == "mixamo":
        return _joints(_MIXAMO, "mixamorig:", {"Left": "Right"})
    if name == "unreal":
        return _joints(_UNREAL, "", {"_l": "_r"})
    if name == "smpl":
        return _joints(_SMPL, "", {"left": "right"})
    if name == "cmu":
        return _joints(_CMU, "", {"Left": "Right", "LHip": "RHip", "LThumb": "RThumb"})
    return _own()


@cache
def carrying_joints(name: SkeletonName) -> tuple[int, ...]:
    """For each bone of the body, the index of the joint that carries its skin."""
    body, joints = load_body(), skeleton_joints(name)
    at_place: dict[str, int] = {}
    for j, joint in enumerate(joints):
        at_place.setdefault("root" if joint.place == HIPS else joint.place, j)
    found: list[int] = []
    for b, bone in enumerate(body.bones):
        toe, finger = f"toe3-1{bone[-2:]}", f"finger3-1{bone[-2:]}"
        if bone in at_place:
            found.append(at_place[bone])
        elif bone.startswith("toe"):
            found.append(at_place[toe])
        elif bone.startswith(("finger2-1", "finger4-1", "finger5-1")) and finger in at_place:
            found.append(at_place[finger])
        else:
            found.append(found[int(body.parent_B[b])])
    return tuple(found)
