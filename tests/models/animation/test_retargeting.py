"""A rig that this project did not make: three.js carries our animation over to Mixamo's character Xbot."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from models.animation.gltf_writer import gltf_bytes
from tests.models.animation.clips import animated, library_motion
from tests.models.animation.node_packages import node_packages

LIMBS = [
    (f"{side}{first}", f"{side}{second}")
    for side in ("Left", "Right")
    for first, second in (
        *(("Arm", "ForeArm"), ("ForeArm", "Hand"), ("UpLeg", "Leg"), ("Leg", "Foot"), ("HandIndex1", "HandIndex2")),
    )
]


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, list[float]]]]:
    """Places of the bones of our rig and of Xbot, frame by frame."""
    modules, xbot = node_packages("three"), os.environ.get("XBOT_GLB", "")
    if not Path(xbot).is_file():
        pytest.skip("needs three.js's example character: XBOT_GLB=…/Xbot.glb (from examples/models/gltf)")
    folder, motion = tmp_path_factory.mktemp("retargeting"), library_motion(frames=31)
    person = animated("person_1", motion, "mixamo", atlas_png=None)
    (folder / "ours.glb").write_bytes(gltf_bytes([person]))
    script = Path(__file__).with_name("retarget_clip.mjs")
    command = ["node", script, modules / "three", folder / "ours.glb", xbot, folder / "out.json"]
    subprocess.run(command, check=True, capture_output=True)
    return json.loads((folder / "out.json").read_text())


def ways(frames: list[dict[str, dict[str, list[float]]]], rig: str, first: str, second: str) -> np.ndarray:
    """Unit directions (T, 3) from one bone to another."""
    step = np.array([np.subtract(one[rig][f"mixamorig{second}"], one[rig][f"mixamorig{first}"]) for one in frames])
    return step / np.linalg.norm(step, axis=1, keepdims=True)


@pytest.mark.parametrize(("first", "second"), LIMBS)
def test_limbs_point_the_same_way(
    frames: list[dict[str, dict[str, list[float]]]], first: str, second: str
) -> None:
    cosine = np.sum(ways(frames, "source", first, second) * ways(frames, "target", first, second), axis=1)
    angle_T = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    assert np.median(angle_T) < 3, angle_T


def test_hands_are_not_twisted(frames: list[dict[str, dict[str, list[float]]]]) -> None:
    for side in ("Left", "Right"):
        knuckles = (f"{side}HandIndex1", f"{side}HandPinky1")
        cosine = np.sum(ways(frames, "source", *knuckles) * ways(frames, "target", *knuckles), axis=1)
        assert np.degrees(np.arccos(cosine)).max() < 15, "the two hands differ in shape by a few degrees"
