"""Retargeting: the open body's limbs point where those of the source point, measured by its own kinematics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models.animation.bvh_reader import parsed_bvh
from models.arrays import F32
from models.body.deepmimic_reader import COLUMNS, read_deepmimic
from models.body.open_body import forward_kinematics, load_body
from models.body.retarget import RetargetedMotion, retargeted
from models.body.skeletal_motion import SkeletalMotion, posed_skeleton
from models.body.source_skeletons import character_creator, deepmimic_humanoid
from models.errors import ModelError

pytestmark = pytest.mark.quick

LIMBS = {
    "hip": ("knee", "upperleg01", "lowerleg01"),
    "knee": ("ankle", "lowerleg01", "foot"),
    "shoulder": ("elbow", "upperarm01", "lowerarm01"),
    "elbow": ("wrist", "lowerarm01", "wrist"),
}
HINGES = {"knee": ("lowerleg01", -1.0), "elbow": ("lowerarm01", 1.0)}


def standing_row() -> list[float]:
    """DeepMimic's humanoid at rest: every quaternion and angle is neutral."""
    quaternion = [1.0, 0, 0, 0]
    leg, arm = [*quaternion, 0.0, *quaternion], [*quaternion, 0.0]
    return [1 / 30, 0, 0.85, 0, *quaternion * 3, *leg, *arm, *leg, *arm]


def humanoid(path: Path, rows: list[list[float]]) -> SkeletalMotion:
    path.write_text(json.dumps({"Loop": "none", "Frames": rows}))
    return read_deepmimic(path)


def random_rows(rng: np.random.Generator, count: int) -> list[list[float]]:
    rows = []
    for _ in range(count):
        row = np.array(standing_row())
        row[4:] += rng.normal(0, 0.4, COLUMNS - 4)
        rows.append(row.tolist())
    return rows


def body_places(motion: RetargetedMotion, frame: int) -> dict[str, F32]:
    body = load_body()
    _, placed = forward_kinematics(body, body.bone_mean_B3, motion.turn_TB33[frame], motion.root_T3[frame])
    return dict(zip(body.bones, placed, strict=True))


def unit(v: F32) -> F32:
    return v / np.linalg.norm(v)


def test_limbs_point_where_those_of_the_source_point(tmp_path: Path) -> None:
    source = humanoid(tmp_path / "a.txt", random_rows(np.random.default_rng(0), 8))
    motion = retargeted(source, deepmimic_humanoid())
    _, placed = posed_skeleton(source)
    for frame in range(8):
        at = body_places(motion, frame)
        for side, s in (("left", "L"), ("right", "R")):
            for first, (second, bone, child) in LIMBS.items():
                x, y, z = (
                    placed[frame, source.joint(f"{side}_{second}")] - placed[frame, source.joint(f"{side}_{first}")]
                )
                wanted = unit(np.array([-z, y, x]))  # x front, y up, z right → left, up, front
                assert unit(at[f"{child}.{s}"] - at[f"{bone}.{s}"]) @ wanted > np.cos(np.radians(0.1)), (first, side)


def test_a_standing_humanoid_stands_upright_and_faces_the_front(tmp_path: Path) -> None:
    motion = retargeted(humanoid(tmp_path / "a.txt", [standing_row()]), deepmimic_humanoid())
    at = body_places(motion, 0)
    assert unit(at["head"] - at["root"])[1] > 0.98
    assert at["upperarm01.L"][0] > 0.1 > -0.1 > at["upperarm01.R"][0]
    assert at["toe2-1.L"][2] - at["foot.L"][2] > 0.1
    assert abs(at["wrist.L"][0] - at["upperarm01.L"][0]) < 0.01
    foot_33 = np.eye(3)
    for name in ("upperleg01.L", "lowerleg01.L", "foot.L"):
        foot_33 = foot_33 @ motion.turn_TB33[0, load_body().bone(name)]
    np.testing.assert_allclose(foot_33, np.eye(3), atol=1e-5)


@pytest.mark.parametrize("joint", ["knee", "elbow"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_hinges_bend_the_right_way(tmp_path: Path, joint: str, side: str) -> None:
    row = standing_row()
    column = {"right_knee": 20, "right_elbow": 29, "left_knee": 34, "left_elbow": 43}[f"{side}_{joint}"]
    row[column] = HINGES[joint][1]
    motion = retargeted(humanoid(tmp_path / "a.txt", [row]), deepmimic_humanoid())
    at, s = body_places(motion, 0), side[0].upper()
    behind = at[f"foot.{s}"][2] if joint == "knee" else at[f"wrist.{s}"][2]
    assert behind < -0.2 if joint == "knee" else behind > 0.15


def creator_text(angles: dict[str, str]) -> str:
    """A BVH with the joints of Character Creator's rig that the table names, each turned by Z, Y, X degrees."""
    tree = ("Hip", [("Waist", [("Spine01", [("Spine02", [
        ("NeckTwist01", [("NeckTwist02", [("Head", [])])]),
        *[(f"{s}_Clavicle", [(f"{s}_Upperarm", [(f"{s}_Forearm", [(f"{s}_Hand", [])])])]) for s in "LR"],
    ])])]), *[(f"{s}_Thigh", [(f"{s}_Calf", [(f"{s}_Foot", [(f"{s}_ToeBase", [])])])]) for s in "LR"]])  # fmt: skip
    values: list[str] = []

    def block(node: tuple[str, list[tuple[str, list]]], word: str) -> str:  # type: ignore[type-arg]
        name, children = node
        values.append(angles.get(name, "0 0 0"))
        inner = "".join(block(child, "JOINT") for child in children)
        return f"{word} CC_Base_{name}\n{{\nOFFSET 0 40 0\nCHANNELS 3 Zrotation Yrotation Xrotation\n{inner}}}\n"

    text = block(tree, "ROOT")
    return f"HIERARCHY\n{text}MOTION\nFrames: 1\nFrame Time: 0.02\n{' '.join(values)}\n"


def test_a_joint_bends_only_its_own_bone() -> None:
    straight = retargeted(parsed_bvh(creator_text({}).encode()), character_creator()).turn_TB33[0]
    bent = retargeted(parsed_bvh(creator_text({"L_Calf": "0 0 -70"}).encode()), character_creator()).turn_TB33[0]
    body = load_body()
    changed = np.flatnonzero(np.abs(bent - straight).max(axis=(1, 2)) > 1e-4)
    assert [body.bones[b] for b in changed] == ["lowerleg01.L"]
    turn = straight[changed[0]].T @ bent[changed[0]]
    assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(70, abs=0.01)


def test_a_skeleton_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="CC_Base_Hip: the skeleton has no such joint"):
        retargeted(humanoid(tmp_path / "a.txt", [standing_row()]), character_creator())


@pytest.mark.parametrize(
    "document",
    ["[", "[]", '{"Frames": []}', '{"Frames": [[1, 2]]}', json.dumps({"Frames": [["a"] * COLUMNS]}),
     json.dumps({"Frames": [[0.0] * COLUMNS]}), json.dumps({"Frames": [[float("nan")] * COLUMNS]})],
)  # fmt: skip
def test_damaged_motions_of_deepmimic_are_refused(tmp_path: Path, document: str) -> None:
    (tmp_path / "a.txt").write_text(document)
    with pytest.raises(ModelError, match=r"a.txt: this DeepMimic motion cannot be read"):
        read_deepmimic(tmp_path / "a.txt")
