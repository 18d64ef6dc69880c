"""Blender itself opens the files: every joint of every frame, and the rest pose."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.animation.animation_clip import RigSettings, clip_as_gltf, moved_to_origin
from models.animation.bvh_writer import bvh_text
from models.animation.gltf_writer import gltf_bytes
from models.animation.rest_poses import rest_pose
from models.animation.rig_motion import RigMotion, rig_motion
from models.body.body_pose import posed_bones
from models.body.camera import PinholeCamera, centred_camera
from models.body.fitted_body import FittedBody
from models.body.open_body import bones_over_time, load_body
from models.motion.camera_estimation import EstimatedCamera
from stages.bodies.recorded_bodies import RecordedBodies
from stages.bodies.recorded_clip import ClipSettings, recorded_clip
from stages.bodies.shot_cameras import ShotCamera
from tests.models.animation.clips import animated, dressed, library_motion
from tests.stages.bodies.made_bodies import made_body

ROOT = Path(__file__).resolve().parents[3]
BLENDER = Path(os.environ.get("BLENDER_PYTHON", ROOT / ".venv" / "blender" / "bin" / "python"))
TO_BLENDER_33 = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""glTF and BVH have y up; Blender has z up, and looks at a figure's front along +y."""
FPS = 24.0
FOUND = ("names", "owners", "places", "turns", "rest", "pixels", "sizes")
LIMBS = [
    (f"{first}.{side}", f"{second}.{side}")
    for side in "LR"
    for first, second in (
        ("upperarm01", "lowerarm01"), ("lowerarm01", "wrist"), ("wrist", "finger3-1"), ("upperleg01", "lowerleg01"),
        ("lowerleg01", "foot"), ("foot", "toe3-1"),
    )
]  # fmt: skip
"""Bones of the body at whose heads a limb begins and ends; every skeleton has joints there."""


def shown_by_blender(
    folder: Path, names: list[str], fps: float, width: int, height: int
) -> dict[str, dict[str, np.ndarray]]:
    """What `blender_joints.py` finds in files of a folder, by their names."""
    if not BLENDER.exists():
        pytest.skip("Blender is not installed: python -m venv .venv/blender && .venv/blender/bin/pip install bpy")
    script = Path(__file__).with_name("blender_joints.py")
    settings = [str(fps), str(width), str(height), str(folder / "out.npz")]
    files = [str(folder / name) for name in names]
    subprocess.run([BLENDER, script, *settings, *files], check=True, capture_output=True)
    with np.load(folder / "out.npz") as found:
        return {
            name: {key: found[f"{number}_{key}"] for key in FOUND}
            for number, name in enumerate(names)
        }


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[RigMotion, dict[str, np.ndarray]]]:
    """By name of the file: the clip that it was made of, and what Blender found in it."""
    folder, clips, motion = tmp_path_factory.mktemp("blender"), {}, library_motion(fps=FPS)
    for skeleton, rest in (("own", "a"), ("mixamo", "t"), ("unreal", "a"), ("cmu", "t")):
        clip = rig_motion(motion, skeleton, rest)
        person = animated("person_1", motion, skeleton, rest)
        (folder / f"{skeleton}.glb").write_bytes(gltf_bytes([person]))
        (folder / f"{skeleton}.bvh").write_text(bvh_text([clip], 1 / FPS))
        clips |= {f"{skeleton}.glb": clip, f"{skeleton}.bvh": clip}
    found = shown_by_blender(folder, list(clips), FPS, 1280, 720)
    return {name: (clip, found[name]) for name, clip in clips.items()}


@pytest.mark.parametrize("kind", ["glb", "bvh"])
@pytest.mark.parametrize("skeleton", ["own", "mixamo", "unreal", "cmu"])
def test_joints_are_within_a_millimetre_of_ours(
    opened: dict[str, tuple[RigMotion, dict[str, np.ndarray]]], skeleton: str, kind: str
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


@pytest.mark.parametrize("kind", ["glb", "bvh"])
@pytest.mark.parametrize("skeleton", ["own", "mixamo", "unreal", "cmu"])
def test_at_rest_figures_stand_upright_and_face_the_front(
    opened: dict[str, tuple[RigMotion, dict[str, np.ndarray]]], skeleton: str, kind: str
) -> None:
    """Blender looks at a figure's front along +y, so its left is +x and its toes point to −y."""
    clip, found = opened[f"{skeleton}.{kind}"]
    place = joints_by_bone(clip, found["names"].tolist(), found["rest"][None])
    assert place["head"][0, 2] - place["foot.L"][0, 2] > 1.2
    assert np.abs(np.mean([place["head"][0], place["neck01"][0]], axis=0)[0]) < 0.01
    for side, sign in (("L", 1), ("R", -1)):
        shin_3 = place[f"foot.{side}"][0] - place[f"lowerleg01.{side}"][0]
        toes_3 = place[f"toe3-1.{side}"][0] - place[f"foot.{side}"][0]
        arm_3 = place[f"wrist.{side}"][0] - place[f"upperarm01.{side}"][0]
        drop = np.radians(45 if clip.rest == "a" else 0)
        assert angle(shin_3, [0, 0, -1]) < 1 and angle(toes_3 * [1, 1, 0], [0, -1, 0]) < 10
        assert angle(arm_3, [sign * np.cos(drop), 0, -np.sin(drop)]) < 1


@pytest.mark.parametrize("kind", ["glb", "bvh"])
@pytest.mark.parametrize("skeleton", ["own", "mixamo", "unreal", "cmu"])
def test_limbs_point_and_turn_as_the_body_does(
    opened: dict[str, tuple[RigMotion, dict[str, np.ndarray]]], skeleton: str, kind: str
) -> None:
    """Directions of the limbs and turns of the limbs' joints about them, against the body itself, in every frame."""
    clip, found = opened[f"{skeleton}.{kind}"]
    motion, body, names = library_motion(fps=FPS), load_body(), found["names"].tolist()
    head_B3 = body.rest(motion.shape_C)[1]
    turned_TB33, placed_TB3 = bones_over_time(motion.rotation_TK33, head_B3, motion.root_T3)
    calm_B33, _ = rest_pose(body, head_B3, clip.rest)
    place = joints_by_bone(clip, names, found["places"])
    for first, second in LIMBS:
        theirs_T3 = place[second] - place[first]
        ours_T3 = (placed_TB3[:, body.bone(second)] - placed_TB3[:, body.bone(first)]) @ TO_BLENDER_33.T
        for t, (theirs_3, ours_3) in enumerate(zip(theirs_T3, ours_T3, strict=True)):
            assert angle(theirs_3, ours_3) < 3, f"{first}, frame {t}"
        b, joint = body.bone(first), names.index(next(j.name for j in clip.joints if j.place == first))
        turn_T33 = TO_BLENDER_33 @ turned_TB33[:, b] @ calm_B33[b].T @ TO_BLENDER_33.T
        apart_T = Rotation.from_matrix(found["turns"][:, joint].swapaxes(1, 2) @ turn_T33).magnitude()
        assert np.degrees(apart_T).max() < 3, f"{first} is twisted"


def joints_by_bone(clip: RigMotion, names: list[str], place_TJ3: np.ndarray) -> dict[str, np.ndarray]:
    """Places (T, 3) of the joints by the bone of the body at whose head they lie."""
    return {joint.place: place_TJ3[:, names.index(joint.name)] for joint in clip.joints if joint.name in names}


def angle(one_3: np.ndarray, other_3: np.ndarray | list[float]) -> float:
    """Degrees between two directions."""
    cosine = one_3 @ np.asarray(other_3) / np.linalg.norm(one_3) / np.linalg.norm(other_3)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


@pytest.mark.parametrize(("width", "height", "turn_deg"), [(640, 360, 0.0), (360, 640, 0.0), (640, 360, 35.0)])
def test_blenders_camera_sees_the_joints_where_the_film_shows_them(
    tmp_path: Path, width: int, height: int, turn_deg: float
) -> None:
    """Two people before a camera that looks down by 15°, leans by 4°, and may turn; the second comes later."""
    camera = centred_camera(520.0, width, height)
    turn_T33 = Rotation.from_euler("y", np.linspace(0, turn_deg, 20)[:, None], degrees=True).as_matrix()
    estimate = EstimatedCamera(
        kind="rotates" if turn_deg else "still", rotation_T33=turn_T33, focal_T=np.full(20, 520.0 / max(width, height)),
        max_degrees=turn_deg, focal_estimated=False,
    )
    seconds = (2 + np.arange(20) / FPS).tolist()
    cameras = {0: ShotCamera(estimate=estimate, second_T=seconds, side_px=max(width, height))}
    tilt_33 = Rotation.from_euler("xz", [15, 4], degrees=True).as_matrix()
    recorded, film = RecordedBodies(width=width, height=height), []
    for t in range(20):
        near = body_before(camera, tilt_33, (-0.4 + 0.03 * t, 0.2, 4.0), bend_deg=4 * t)
        far = body_before(camera, tilt_33, (0.6, 0.2, 5.0 - 0.05 * t), turn_deg=9 * t)
        near, far = (turned_back(body, turn_T33[t]) for body in (near, far))
        film.append({"person_1": near} | ({"person_2": far} if t >= 5 else {}))
        recorded.add_frame(seconds[t], [(1, near), *([(2, far)] if t >= 5 else [])])
    clip = moved_to_origin(recorded_clip(recorded, recorded.people, cameras, ClipSettings(lock_feet=False)))
    (tmp_path / "film.glb").write_bytes(clip_as_gltf(dressed(clip), RigSettings()))
    found = shown_by_blender(tmp_path, ["film.glb"], FPS, width, height)["film.glb"]
    assert len(found["pixels"]) == len(film)
    names = found["names"].tolist()
    for t, people in enumerate(film):
        for person, body in people.items():
            xy_B2 = camera.project(posed_bones(body.pose)[1])
            owner = int(person.removeprefix("person_")) - 1
            order = [joint for joint, of_joint in enumerate(found["owners"].tolist()) if of_joint == owner]
            assert [names[joint] for joint in order] == list(load_body().bones)
            np.testing.assert_allclose(found["pixels"][t, order], xy_B2, atol=2, err_msg=f"{person}, frame {t}")


def turned_back(body: FittedBody, turn_33: np.ndarray) -> FittedBody:
    """A body in the axes of a camera that has turned."""
    rotation_B33 = body.pose.rotation_B33.copy()
    rotation_B33[0] = turn_33.T @ rotation_B33[0]
    root_3 = (turn_33.T @ body.pose.root_3).astype(np.float32)
    return replace(body, pose=replace(body.pose, rotation_B33=rotation_B33, root_3=root_3))


def body_before(
    camera: PinholeCamera, tilt_33: np.ndarray, place: tuple[float, float, float], **pose: float
) -> FittedBody:
    """Somebody upright in a world whose axes a camera at its origin sees turned."""
    body = made_body(place, **pose)
    rotation_B33 = body.pose.rotation_B33.copy()
    rotation_B33[0] = tilt_33 @ rotation_B33[0]
    root_3 = (tilt_33 @ body.pose.root_3).astype(np.float32)
    return replace(body, camera=camera, pose=replace(body.pose, rotation_B33=rotation_B33, root_3=root_3))
