"""GLB files: read back by the project's reader and by the Khronos validator, and skinned by the specification."""

from __future__ import annotations

import json
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.animation.gltf_reader import read_gltf_motions
from models.animation.gltf_writer import AnimatedPerson, CameraKeys, SceneCamera, gltf_bytes
from models.animation.rest_poses import RestPose
from models.animation.rig_motion import rig_motion
from models.animation.skeletons import SkeletonName, skeleton_joints
from models.animation.viewer_page import viewer_page
from models.body.body_pose import posed_vertices
from models.body.camera import field_of_focal
from models.body.rotation_vectors import continuous_quaternions
from models.body.skeletal_motion import posed_skeleton
from models.errors import ModelError
from tests.models.animation.clips import animated, library_motion
from tests.models.animation.node_packages import node_packages

SECONDS = np.arange(-5, 90) / 24
TURNS = Rotation.from_euler("y", 30 * SECONDS[:, None], degrees=True)
"""30° a second to the right, before the clip, in it and after."""
CAMERA = SceneCamera(
    pose_44=np.diag([1.0, -1, -1, 1]), focal_px=900.0, width=1280, height=720,
    keys=CameraKeys(second_T=SECONDS, rotation_T33=TURNS.as_matrix(), focal_px_T=np.full(95, 900.0)),
)


def written(path: Path, people: list[AnimatedPerson]) -> Path:
    path.write_bytes(gltf_bytes(people, CAMERA))
    return path


def two_people(skeleton: SkeletonName) -> list[AnimatedPerson]:
    beside = np.eye(4)
    beside[0, 3] = 1.2
    motion = library_motion(4)
    other = motion.moved(beside[:3, :3], beside[:3, 3])
    return [animated("person_1", motion, skeleton), animated("person_2", other, skeleton)]


def document(path: Path) -> tuple[dict[str, Any], bytes]:
    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def array(found: dict[str, Any], binary: bytes, number: int) -> np.ndarray:
    entry = found["accessors"][number]
    kind = {5126: "<f4", 5121: "u1", 5123: "<u2"}[entry["componentType"]]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}[entry["type"]]
    start = found["bufferViews"][entry["bufferView"]]["byteOffset"]
    return np.frombuffer(binary, kind, entry["count"] * width, start).reshape(entry["count"], width)


@pytest.mark.parametrize("skeleton", ["own", "mixamo", "cmu"])
def test_every_joint_of_every_frame_is_within_a_millimetre(tmp_path: Path, skeleton: SkeletonName) -> None:
    clip = rig_motion(library_motion(), skeleton, "t")
    path = written(tmp_path / "one.glb", [animated("person_1", library_motion(), skeleton, mesh=False)])
    motion = read_gltf_motions(path, clip.joints[0].name)["person_1"]
    _, placed_TJ3 = posed_skeleton(motion)
    for j, joint in enumerate(clip.joints):
        np.testing.assert_allclose(placed_TJ3[:, motion.joint(joint.name)], clip.place_TJ3[:, j], atol=1e-3)


@pytest.mark.parametrize(("rest", "bound"), [("a", 0.006), ("t", 0.012)])
def test_the_skin_lies_where_the_bodys_own_lies(tmp_path: Path, rest: RestPose, bound: float) -> None:
    """Skinned from the file's numbers alone, as the specification says: Σ weight · joint · inverse bind · vertex.

    The poses are far apart and extreme. Bound to level arms, the shoulders of a linear skin are least exact.
    """
    motion = library_motion()
    one = animated("person_1", motion, "own", rest)
    found, binary = document(written(tmp_path / "one.glb", [one]))
    attributes = found["meshes"][0]["primitives"][0]["attributes"]
    vertex = array(found, binary, attributes["POSITION"])
    weight, joint = array(found, binary, attributes["WEIGHTS_0"]), array(found, binary, attributes["JOINTS_0"])
    bind_J44 = array(found, binary, found["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
    assert np.abs(weight.sum(axis=1) - 1).max() < 1e-6 and weight.shape[1] == 4
    clip, errors = rig_motion(motion, "own", rest), []
    for frame in range(0, 24, 5):
        pose_J44 = np.tile(np.eye(4), (len(clip.joints), 1, 1))
        pose_J44[:, :3, :3] = clip.turn_TJ33[frame] @ clip.axes_J33
        pose_J44[:, :3, 3] = clip.place_TJ3[frame]
        moved_J44 = pose_J44 @ bind_J44
        blended = np.einsum("vk,vkij->vij", weight, moved_J44[joint])
        skinned = np.einsum("vij,vj->vi", blended[:, :3, :3], vertex) + blended[:, :3, 3]
        truth = posed_vertices(motion.pose(frame))[one.mesh.origin_V] if one.mesh else vertex
        errors.append(np.linalg.norm(skinned - truth, axis=1))
    assert np.percentile(errors, 99) < bound and np.mean(errors) < 0.001


def test_each_of_several_people_has_the_joints_names_of_the_skeleton(tmp_path: Path) -> None:
    found, _ = document(written(tmp_path / "two.glb", two_people("unreal")))
    names = [node["name"] for node in found["nodes"]]
    assert names.count("pelvis") == 2 and {"person_1", "person_2", "camera"} <= set(names)
    for skin in found["skins"]:
        of_skin = [names[joint] for joint in skin["joints"]]
        assert of_skin == [joint.name for joint in skeleton_joints("unreal")]
    (animation,) = found["animations"]
    assert animation["name"] == "take", "one clip, because Blender plays only the first"
    assert len(found["images"]) == 1
    paths = [(found["nodes"][c["target"]["node"]]["name"], c["target"]["path"]) for c in animation["channels"]]
    assert sorted(name for name, path in paths if path == "translation") == ["pelvis", "pelvis", "root", "root"]
    assert not [name for name, path in paths if path == "scale"]


def test_quaternions_keep_their_sign(tmp_path: Path) -> None:
    found, binary = document(written(tmp_path / "one.glb", [animated("person_1", library_motion(90), "mixamo")]))
    animation = found["animations"][0]
    for channel in animation["channels"]:
        if channel["target"]["path"] == "rotation":
            keys = array(found, binary, animation["samplers"][channel["sampler"]]["output"]).astype(np.float64)
            np.testing.assert_allclose(np.linalg.norm(keys, axis=1), 1, atol=1e-5)
            assert (np.sum(keys[1:] * keys[:-1], axis=1) > 0).all()
    turned = np.stack([np.cos(np.linspace(0, 9, 50)), np.sin(np.linspace(0, 9, 50))])
    about_z = np.stack([[c, -s, 0, s, c, 0, 0, 0, 1] for c, s in turned.T]).reshape(-1, 3, 3)
    expected = np.sin(np.linspace(0, 4.5, 50))
    np.testing.assert_allclose(continuous_quaternions(about_z)[:, 2], expected, atol=1e-9)


def test_the_camera_sees_what_the_pinhole_sees(tmp_path: Path) -> None:
    found, _ = document(written(tmp_path / "one.glb", [animated("person_1", library_motion(2), "cmu")]))
    lens = found["cameras"][0]["perspective"]
    # A point at the picture's upper edge: y up 360 px above the centre, at depth f.
    assert np.tan(lens["yfov"] / 2) == pytest.approx(360 / 900) and lens["aspectRatio"] == pytest.approx(1280 / 720)
    node = next(node for node in found["nodes"] if node["name"] == "camera")
    np.testing.assert_allclose(np.abs(node["rotation"]), [0, 0, 0, 1], atol=1e-9)


def test_the_camera_turns_while_somebody_is_there(tmp_path: Path) -> None:
    """It looks along −z, with y up; a turn to the right is one about −y."""
    found, binary = document(written(tmp_path / "one.glb", [animated("person_1", library_motion(20), "cmu")]))
    (animation,) = found["animations"]
    (channel,) = (c for c in animation["channels"] if "camera" in found["nodes"][c["target"]["node"]])
    assert channel["target"]["path"] == "rotation"
    sampler = animation["samplers"][channel["sampler"]]
    times = array(found, binary, sampler["input"])[:, 0]
    end = max(array(found, binary, one["input"])[-1, 0] for one in animation["samplers"])
    assert times[0] == 0 and 0 <= end - times[-1] < 1 / 24 and len(times) > 5
    turned = Rotation.from_quat(array(found, binary, sampler["output"]).astype(np.float64))
    expected = Rotation.from_euler("y", -30 * times.astype(np.float64)[:, None], degrees=True)
    assert (turned.inv() * expected).magnitude().max() < 1e-3


def test_a_person_who_comes_after_two_seconds_sees_the_camera_as_it_is_then(tmp_path: Path) -> None:
    """The time of the file is 0 at the person's first frame; keys of the camera before it are left out."""
    motion = library_motion(20)
    late = replace(motion, second_T=motion.second_T - motion.second_T[0] + 2.0)
    second_T = np.arange(101) / 24
    turns = Rotation.from_euler("y", -10 * second_T[:, None], degrees=True)
    keys = CameraKeys(second_T=second_T, rotation_T33=turns.as_matrix(), focal_px_T=600 + 10 * second_T)
    camera = replace(CAMERA, keys=keys)
    path = tmp_path / "late.glb"
    path.write_bytes(gltf_bytes([animated("person_1", late, "cmu", atlas_png=None)], camera))
    found, binary = document(path)
    (animation,) = found["animations"]
    assert animation["extras"] == {"video_seconds": 2.0}, "who has the video can play both together"
    (channel,) = (c for c in animation["channels"] if "camera" in found["nodes"][c["target"]["node"]])
    sampler = animation["samplers"][channel["sampler"]]
    times, seconds = array(found, binary, sampler["input"])[:, 0], late.second_T
    assert times[0] == 0 and times[-1] == pytest.approx(np.floor(seconds[-1] * 24 + 1e-6) / 24 - 2, abs=1e-5)
    turned = Rotation.from_quat(array(found, binary, sampler["output"]).astype(np.float64))
    expected = Rotation.from_matrix(CAMERA.pose_44[:3, :3]) * turns[48 : 48 + len(times)]
    looks = expected * Rotation.from_matrix(np.diag([1.0, -1, -1]))
    assert (turned.inv() * looks).magnitude().max() < 1e-3
    page = viewer_page("late", b"", [], camera, start=2.0)
    fields = json.loads(page.partition('id="take">')[2].partition("</script>")[0])["fields"]
    at_start = min(fields, key=lambda field: abs(field["second"]))
    assert at_start["second"] == pytest.approx(0, abs=1e-6)
    assert at_start["degrees"] == pytest.approx(np.degrees(field_of_focal(620, CAMERA.height)), abs=1e-3)


def test_nobody_is_one_plain_error() -> None:
    with pytest.raises(ModelError, match="no person"):
        gltf_bytes([])


def validated(path: Path) -> dict[str, Any]:
    """The report of the Khronos validator."""
    modules = node_packages("gltf-validator")
    script = (
        "const {validateBytes} = require(process.argv[1]); const fs = require('fs');"
        "validateBytes(new Uint8Array(fs.readFileSync(process.argv[2]))).then(r => console.log(JSON.stringify(r)))"
    )
    done = subprocess.run(
        ["node", "-e", script, str(modules / "gltf-validator"), str(path)], capture_output=True, text=True, check=True
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("skeleton", ["own", "mixamo", "unreal", "cmu"])
def test_the_khronos_validator_finds_nothing_wrong(tmp_path: Path, skeleton: SkeletonName) -> None:
    report = validated(written(tmp_path / "two.glb", two_people(skeleton)))
    assert report["issues"]["numErrors"] == 0, report["issues"]["messages"]
    assert report["issues"]["numWarnings"] == 0, report["issues"]["messages"]
    assert report["info"]["animationCount"] == 1 and report["info"]["totalVertexCount"] > 20_000


def test_the_header_states_the_size_of_the_file(tmp_path: Path) -> None:
    data = written(tmp_path / "a.glb", two_people("own")).read_bytes()
    assert struct.unpack("<4sII", data[:12]) == (b"glTF", 2, len(data))
