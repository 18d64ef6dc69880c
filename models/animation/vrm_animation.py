"""Writes the motion of one person as a VRM animation (`.vrma`): glTF with a table of its nodes' human bones.

Source of the format: VRM Consortium, VRMC_vrm_animation 1.0. The rest pose has level arms; only the hips have position
keys.
"""

from __future__ import annotations

import re

from models.animation.gltf_clip import ClipSpan, GltfClip
from models.animation.gltf_document_writer import GltfDocument
from models.animation.gltf_writer import GENERATOR, AnimatedPerson, add_person_keys, added_person
from models.animation.rig_keys import rig_keys
from models.animation.rig_motion import rig_parts
from models.body.body_motion import BodyMotion

EXTENSION = "VRMC_vrm_animation"
MIDDLE_BONES = {
    "Hips": "hips", "Spine": "spine", "Spine1": "chest", "Spine2": "upperChest", "Neck": "neck", "Head": "head",
}
SIDE_BONES = {
    "Shoulder": "Shoulder", "Arm": "UpperArm", "ForeArm": "LowerArm", "Hand": "Hand",
    "UpLeg": "UpperLeg", "Leg": "LowerLeg", "Foot": "Foot", "ToeBase": "Toes",
}
FINGERS = {"Thumb": "Thumb", "Index": "Index", "Middle": "Middle", "Ring": "Ring", "Pinky": "Little"}
FINGER, THUMB = ("Proximal", "Intermediate", "Distal"), ("Metacarpal", "Proximal", "Distal")


def vrm_animation(name: str, motion: BodyMotion) -> bytes:
    """The bytes of a `.vrma` file."""
    keys = rig_keys(rig_parts(motion, "mixamo", "t"))
    document = GltfDocument(GENERATOR)
    added = added_person(document, AnimatedPerson(name=name, keys=keys, mesh=None), 0)
    span = ClipSpan(name=name, start=float(keys.second_T[0]), end=float(keys.second_T[-1]))
    add_person_keys(GltfClip(document, span), keys, added)
    bones = {human_bone(joint.name): {"node": node} for node, joint in enumerate(keys.rig.joints)}
    document.extensions[EXTENSION] = {"specVersion": "1.0", "humanoid": {"humanBones": bones}}
    return document.binary(added.roots)


def human_bone(joint: str) -> str:
    """VRM's name of a joint of Mixamo's."""
    plain = joint.partition(":")[2]
    if plain in MIDDLE_BONES:
        return MIDDLE_BONES[plain]
    found = re.fullmatch(r"(Left|Right)(?:Hand(Thumb|Index|Middle|Ring|Pinky)([123])|(.+))", plain)
    assert found is not None, joint
    side, finger, number, limb = found.groups()
    if limb is not None:
        return side.lower() + SIDE_BONES[limb]
    parts = THUMB if finger == "Thumb" else FINGER
    return side.lower() + FINGERS[finger] + parts[int(number) - 1]
