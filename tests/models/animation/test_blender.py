"""Blender itself opens the files: every joint of every frame, and the rest pose."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from models.animation.bvh_file import bvh_text
from models.animation.gltf_file import AnimatedPerson, gltf_bytes
from models.animation.rig_clip import RigClip, rig_clip
from models.animation.skinned_mesh import skinned_mesh
from models.surface.atlas import DEFAULT_ATLAS
from tests.models.animation.clips import library_motion

ROOT = Path(__file__).resolve().parents[3]
BLENDER = Path(os.environ.get("BLENDER_PYTHON", ROOT / ".venv" / "blender" / "bin" / "python"))
TO_BLENDER_33 = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""glTF and BVH have y up; Blender has z up, and looks at a figure's front along +y."""
FPS = 24.0


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[RigClip, dict[str, np.ndarray]]]:
    """By name of the file: the clip that it was made of, and what Blender found in it."""
    if not BLENDER.exists():
        pytest.skip("Blender is not installed: python -m venv .venv/blender && .venv/blender/bin/pip install bpy")
    folder, clips, motion = tmp_path_factory.mktemp("blender"), {}, library_motion(fps=FPS)
    for skeleton, rest in (("own", "a"), ("mixamo", "t"), ("unreal", "a"), ("cmu", "t")):
        clip = rig_clip(motion, skeleton, rest)
        person = AnimatedPerson(name="person_1", clip=clip, mesh=skinned_mesh(clip, motion, 200))
        (folder / f"{skeleton}.glb").write_bytes(gltf_bytes([person], DEFAULT_ATLAS.read_bytes()))
        (folder / f"{skeleton}.bvh").write_text(bvh_text(clip, 1 / FPS))
        clips |= {f"{skeleton}.glb": clip, f"{skeleton}.bvh": clip}
    script = Path(__file__).with_name("blender_joints.py")
    files = [str(folder / name) for name in clips]
    subprocess.run([BLENDER, script, str(FPS), folder / "out.npz", *files], check=True, capture_output=True)
    with np.load(folder / "out.npz") as found:
        return {
            name: (clip, {key: found[f"{number}_{key}"] for key in ("names", "places", "rest")})
            for number, (name, clip) in enumerate(clips.items())
        }


@pytest.mark.parametrize("kind", ["glb", "bvh"])
@pytest.mark.parametrize("skeleton", ["own", "mixamo", "unreal", "cmu"])
def test_joints_are_within_a_millimetre_of_ours(
    opened: dict[str, tuple[RigClip, dict[str, np.ndarray]]], skeleton: str, kind: str
) -> None:
    clip, found = opened[f"{skeleton}.{kind}"]
    ours = {joint.name: j for j, joint in enumerate(clip.joints)}
    order = [ours[name] for name in found["names"]]
    assert len(order) == len(clip.joints) - (kind == "bvh" and skeleton == "unreal")
    assert len(found["places"]) == len(clip.second_T)
    np.testing.assert_allclose(found["places"], clip.place_TJ3[:, order] @ TO_BLENDER_33.T, atol=1e-3)
    rest_J3 = clip.rest_J3[order] @ TO_BLENDER_33.T
    # BVH has no place for the height of the hips at rest.
    origin = rest_J3[0] if kind == "bvh" else np.zeros(3)
    np.testing.assert_allclose(found["rest"], rest_J3 - origin, atol=1e-3)
