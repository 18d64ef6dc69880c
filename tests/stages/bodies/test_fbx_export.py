"""FBX through Blender: which program is taken, what becomes of its failures, and what Blender finds in the file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from models.animation.animation_clip import AnimationClip, RigSettings, clip_as_gltf
from models.animation.rig_motion import rig_motion
from pipeline.stage import StageError
from stages.bodies.animate import Animate
from stages.bodies.fbx_export import blender_command, fbx_of_glb
from tests.models.animation.clips import dressed, library_motion
from tests.models.animation.test_blender import BLENDER, FPS, TO_BLENDER_33, shown_by_blender
from tests.stages.bodies.test_animate import animated, film, job


def program(folder: Path, does: str) -> str:
    """A program in place of Blender: it gets Blender's arguments, and does something with the last three."""
    path = folder / "blender"
    path.write_text(f"#!{sys.executable}\nimport sys\nglb, fbx, rate = sys.argv[-3:]\n{does}\n")
    path.chmod(0o755)
    return str(path)


def test_blender_gets_a_glb_and_gives_the_result(tmp_path: Path) -> None:
    does = "assert sys.argv[1] == '--background' and open(glb, 'rb').read(4) == b'glTF'\nopen(fbx, 'w').write(rate)"
    stage = Animate(Animate.Config(blender=program(tmp_path, does)))
    (receipt,) = animated(stage, job(tmp_path, "dance.fbx"), film())
    assert receipt.path == str(tmp_path / "dance.fbx") and "warnings" not in receipt.facts
    assert float((tmp_path / "dance.fbx").read_text()) == pytest.approx(25)


@pytest.mark.parametrize("does", ["sys.exit('no memory')", "pass"])
def test_where_blender_fails_the_result_is_the_glb(tmp_path: Path, does: str) -> None:
    stage = Animate(Animate.Config(blender=program(tmp_path, does)))
    (receipt,) = animated(stage, job(tmp_path, "dance.fbx"), film())
    assert receipt.path == str(tmp_path / "dance.glb") and (tmp_path / "dance.glb").read_bytes()[:4] == b"glTF"
    (sentence,) = receipt.facts["warnings"]
    assert "glTF instead of FBX: " in sentence and ("no memory" in sentence or does == "pass")
    assert not (tmp_path / "dance.fbx").exists()


def test_which_blender_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = program(tmp_path, "pass")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert blender_command(None) == [found, "--background", "--factory-startup", "--python-exit-code", "1", "--python"]
    assert blender_command(sys.executable) == [sys.executable]
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("stages.bodies.fbx_export.find_spec", lambda name: None)
    assert blender_command(None) is None
    with pytest.raises(StageError, match="there is no program at this path"):
        Animate.check(Animate.Config(blender=str(tmp_path / "none")), job(tmp_path, "dance.fbx"))


@pytest.mark.parametrize("skeleton", ["mixamo", "own"])
def test_fbx_moves_as_the_glb(tmp_path: Path, skeleton: str) -> None:
    """Joints of two people in each frame, in Blender, from the FBX that Blender wrote."""
    if not BLENDER.exists():
        pytest.skip("Blender is not installed: python -m venv .venv/blender && .venv/blender/bin/pip install bpy")
    motion = library_motion(fps=FPS)
    motions = {"person_1": motion, "person_2": motion.moved(np.eye(3), np.array([1.5, 0, 0.5]))}
    clip, settings = AnimationClip(motion_of=motions), RigSettings(skeleton=skeleton)
    glb = clip_as_gltf(dressed(clip), settings)
    (tmp_path / "clip.fbx").write_bytes(fbx_of_glb(glb, [str(BLENDER)], FPS))
    assert b"Icosphere" not in (tmp_path / "clip.fbx").read_bytes(), "Blender draws bones with one"
    found = shown_by_blender(tmp_path, ["clip.fbx"], FPS, 640, 360)["clip.fbx"]
    for owner, moved in enumerate(motions.values()):
        rig, mine = rig_motion(moved, skeleton, "t"), found["owners"] == owner
        names = [joint.name for joint in rig.joints]
        order = [names.index(name) for name in found["names"][mine]]
        assert len(order) == len(rig.joints) and len(found["places"]) == len(rig.second_T)
        ours = rig.place_TJ3[:, order] @ TO_BLENDER_33.T
        np.testing.assert_allclose(found["places"][:, mine], ours, atol=1e-4)
    assert found["sizes"].min() > 1.2  # metres: the skin is there in each frame
