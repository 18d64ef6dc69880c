"""VRM animations, against what the format requires of bones, rest pose and keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.animation.gltf_reader import read_gltf_motions
from models.animation.vrm_animation import EXTENSION, vrm_animation
from models.body.open_body import bones_over_time, load_body
from models.body.skeletal_motion import posed_skeleton
from tests.models.animation.clips import library_motion
from tests.models.animation.test_gltf_writer import document

REQUIRED = {"hips", "spine", "head"} | {
    side + bone
    for side in ("left", "right")
    for bone in ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")
}
"""Bones that VRM 1.0 requires of a humanoid."""


def test_human_bones_stand_in_a_t_pose_and_only_the_hips_go(tmp_path: Path) -> None:
    path = tmp_path / "take.vrma"
    path.write_bytes(vrm_animation("person_1", library_motion(4)))
    found, _ = document(path)
    assert found["extensionsUsed"] == [EXTENSION] and found["extensions"][EXTENSION]["specVersion"] == "1.0"
    bones = {name: one["node"] for name, one in found["extensions"][EXTENSION]["humanoid"]["humanBones"].items()}
    assert set(bones) > REQUIRED and len(bones) == 52 and len(set(bones.values())) == 52
    names = [node["name"] for node in found["nodes"]]
    assert names[bones["leftLowerLeg"]] == "mixamorig:LeftLeg"
    assert names[bones["rightLittleDistal"]] == "mixamorig:RightHandPinky3"
    assert names[bones["leftThumbMetacarpal"]] == "mixamorig:LeftHandThumb1"
    channels = found["animations"][0]["channels"]
    moved = [one["target"]["node"] for one in channels if one["target"]["path"] == "translation"]
    assert moved == [bones["hips"]]
    assert "meshes" not in found and "materials" not in found


def test_the_motion_is_that_of_the_body(tmp_path: Path) -> None:
    motion, path = library_motion(4), tmp_path / "take.vrma"
    path.write_bytes(vrm_animation("person_1", motion))
    read = read_gltf_motions(path, "mixamorig:Hips", 1 / 30)["person_1"]
    _, placed_TJ3 = posed_skeleton(read)
    _, true_TB3 = bones_over_time(motion.rotation_TK33, load_body().rest(motion.shape_C)[1], motion.root_T3)
    for joint, bone in (("LeftHand", "wrist.L"), ("RightFoot", "foot.R")):
        j = read.joint(f"mixamorig:{joint}")
        assert placed_TJ3[:, j] == pytest.approx(np.asarray(true_TB3[:, load_body().bone(bone)]), abs=0.02)
