"""Files of motion capture, read back by other programs' readers or by the rules of the formats."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.animation.animation_clip import AnimationClip
from models.animation.mocap_files import clip_as_mocap
from models.animation.skin_markers import JOINT_MARKERS, marker_motion, skin_markers
from models.animation.smpl_layout import SMPL_JOINTS
from models.body.body_motion import HIDDEN, BodyMotion
from models.body.open_body import load_body, skin
from models.body.rotation_vectors import shortest_rotation
from models.motion.angle_intervals import half_widths
from models.motion.angle_table import CONTACTS, angle_rows, angles_over_time
from models.motion.clinical_angles import CLINICAL_ANGLES, clinical_angles
from models.motion.soles import motion_bones
from tests.models.animation.clips import library_motion

RATE = 30.0
SMPL_PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
"""Of the joints of SMPL (Loper et al., 2015)."""


def hidden_motion() -> BodyMotion:
    """A motion whose person is hidden in the frames 10 to 13."""
    motion = library_motion(fps=RATE)
    motion.presence_T[10:14] = HIDDEN
    return motion


def written(motion: BodyMotion, suffix: str) -> bytes:
    contact_TP = np.zeros((len(motion.second_T), 4), bool)
    contact_TP[3:9, 2] = True
    clip = AnimationClip(motion_of={"person_1": motion}, contact_of={"person_1": contact_TP})
    return clip_as_mocap(clip, suffix, in_place=False)["person_1"]


def test_markers_are_on_the_skin_at_their_places() -> None:
    """Each of the 40 points follows the skin; left and right mirror each other; they lie where their names say."""
    motion, body, (names, vertex_N) = library_motion(), load_body(), skin_markers()
    assert len(names) == len(set(vertex_N.tolist())) == 40
    found = marker_motion(motion)
    assert found.names == (*JOINT_MARKERS, *names)
    vertex_V3, head_B3 = body.rest(motion.shape_C)
    for t in (0, 11, 23):
        turned_TB33, placed_TB3 = motion_bones(motion.part(slice(t, t + 1)))
        skin_V3 = skin(body, vertex_V3, head_B3, turned_TB33[0], placed_TB3[0])
        np.testing.assert_allclose(found.point_TM3[t, len(JOINT_MARKERS) :], skin_V3[vertex_N], atol=1e-4)
    place = dict(zip(names, body.mean_V3[vertex_N], strict=True))
    bone = {name: body.bone_mean_B3[b] for b, name in enumerate(body.bones)}
    for name, place_3 in place.items():
        if name.startswith("L"):
            np.testing.assert_allclose(place["R" + name[1:]], place_3 * [-1, 1, 1], atol=1e-4)
    for outer, inner, joint in (("LKNE", "LKNEM", "lowerleg01.L"), ("LANK", "LANKM", "foot.L")):
        assert place[outer][0] > bone[joint][0] + 0.02 and place[inner][0] < bone[joint][0] - 0.02
        assert max(abs(place[one][1] - bone[joint][1]) for one in (outer, inner)) < 0.03
    assert place["C7"][2] < bone["neck01"][2] < place["CLAV"][2] and place["LHEE"][2] < bone["foot.L"][2] - 0.04
    assert place["LSHO"][1] > bone["upperarm01.L"][1] + 0.02 and place["LASI"][2] > 0.08 > -0.05 > place["LPSI"][2]
    assert place["LWRA"][2] > place["LWRB"][2] + 0.02  # thumbs are in front


def test_c3d_is_read_by_another_library(tmp_path: Path) -> None:
    """Written by `c3d`, read by ezc3d: names, rate, millimetres, and no measurement where the person is hidden."""
    pytest.importorskip("c3d")
    ezc3d = pytest.importorskip("ezc3d")
    motion = hidden_motion()
    (tmp_path / "a.c3d").write_bytes(written(motion, ".c3d"))
    found, markers = ezc3d.c3d(str(tmp_path / "a.c3d")), marker_motion(motion)
    point = found["parameters"]["POINT"]
    assert tuple(point["LABELS"]["value"]) == markers.names and point["RATE"]["value"][0] == RATE
    assert point["UNITS"]["value"][0].strip() == "mm" and found["header"]["points"]["last_frame"] == 23
    point_TM3, shown_T = found["data"]["points"][:3].transpose(2, 1, 0), motion.shown()
    np.testing.assert_allclose(point_TM3[shown_T], 1000 * markers.point_TM3[shown_T], atol=1e-2)
    assert np.isnan(point_TM3[~shown_T]).all() and (~shown_T).sum() == 4


def test_trc_has_the_columns_of_the_format() -> None:
    motion = hidden_motion()
    lines, markers = written(motion, ".trc").decode().split("\n"), marker_motion(motion)
    assert lines[0].split("\t")[:3] == ["PathFileType", "4", "(X/Y/Z)"] and lines[5] == "" and lines[-1] == ""
    header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    assert header["NumMarkers"] == "61" and header["NumFrames"] == "24" and header["Units"] == "mm"
    assert float(header["DataRate"]) == RATE
    names = lines[3].split("\t")
    assert tuple(names[2::3]) == markers.names and {*names[3::3], *names[4::3]} == {""}
    assert lines[4].split("\t")[2:5] == ["X1", "Y1", "Z1"]
    rows = [line.split("\t") for line in lines[6:-1]]
    assert {len(row) for row in rows} == {2 + 3 * 61} and [row[0] for row in rows] == [str(t + 1) for t in range(24)]
    assert float(rows[3][1]) == pytest.approx(0.1)
    for t, row in enumerate(rows):
        if motion.shown()[t]:
            np.testing.assert_allclose(np.array(row[2:], float).reshape(-1, 3), 1000 * markers.point_TM3[t], atol=6e-4)
        else:
            assert set(row[2:]) == {""}


def test_mot_has_opensims_coordinates() -> None:
    """A person who turns left by 500°, goes to the front, and is hidden for four frames."""
    motion = hidden_motion()
    text = written(motion, ".mot").decode()
    head, _, body = text.partition("endheader\n")
    names, *rows = [line.split("\t") for line in body.strip().split("\n")]
    assert head.split("\n")[:2] == ["Coordinates", "version=1"] and "inDegrees=yes" in head
    assert f"nRows={len(rows)}\nnColumns={len(names)}\n" in head and len(rows) == 20
    column = dict(zip(names, np.array(rows, float).T, strict=True))
    assert names[:7] == ["time", "pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz"]
    ours = dict(zip(CLINICAL_ANGLES, clinical_angles(motion)[motion.shown()].T, strict=True))
    np.testing.assert_allclose(column["knee_angle_r"], ours["right_knee_flexion"], atol=1e-3)
    np.testing.assert_allclose(column["hip_adduction_l"], -ours["left_hip_abduction"], atol=1e-3)
    widths = half_widths(motion.confidence_TJ)[motion.shown()]
    assert column["knee_angle_r_interval"] == pytest.approx(widths[:, CLINICAL_ANGLES.index("right_knee_flexion")])
    assert len(names) == 7 + 29 + 32 and names[36] == "pelvis_tilt_interval"
    assert column["pelvis_rotation"].max() - column["pelvis_rotation"].min() > 400
    assert np.abs(np.diff(column["pelvis_rotation"])).max() < 120
    np.testing.assert_allclose(column["pelvis_tx"], motion.root_T3[motion.shown(), 2], atol=1e-5)
    np.testing.assert_allclose(column["pelvis_tz"], -motion.root_T3[motion.shown(), 0], atol=1e-5)


def test_the_pelvis_of_opensim_is_turned_as_ours() -> None:
    """Its joint rotates about z by tilt, x by list, y by rotation, in axes x front, y up, z right."""
    motion = library_motion()
    text = written(motion, ".mot").decode().partition("endheader\n")[2]
    names, *rows = [line.split("\t") for line in text.strip().split("\n")]
    angle_T3 = np.array(rows, float)[:, [names.index(f"pelvis_{name}") for name in ("tilt", "list", "rotation")]]
    to_33 = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    turn_T33 = Rotation.from_euler("ZXY", angle_T3, degrees=True).as_matrix()
    np.testing.assert_allclose(to_33.T @ turn_T33 @ to_33, motion.rotation_TK33[:, 0], atol=1e-4)


def test_npz_has_smpls_joints_and_says_what_it_is() -> None:
    """Forward kinematics of the poses on `rest_joints`, by SMPL's rule, give the joints."""
    motion = hidden_motion()
    with np.load(io.BytesIO(written(motion, ".npz"))) as found:
        arrays = dict(found)
    assert arrays["poses"].shape == (24, 72) and tuple(arrays["joint_names"].tolist()) == SMPL_JOINTS
    assert arrays["parents"].tolist() == SMPL_PARENTS and "not SMPL" in str(arrays["note"])
    assert float(arrays["mocap_framerate"]) == pytest.approx(RATE) and not arrays["betas"].any()
    assert (arrays["presence"] == motion.presence_T).all() and arrays["contacts"].sum() == 6
    rest_J3, turns = arrays["rest_joints"], Rotation.from_rotvec(arrays["poses"].reshape(-1, 3)).as_matrix()
    turn_TJ33 = turns.reshape(24, 24, 3, 3)
    place_TJ3 = np.zeros((24, 24, 3))
    for j, parent in enumerate(SMPL_PARENTS):
        if parent < 0:
            place_TJ3[:, j] = arrays["trans"]
        else:
            offset_T3 = np.einsum("tij,j->ti", turn_TJ33[:, parent], rest_J3[j] - rest_J3[parent])
            place_TJ3[:, j] = place_TJ3[:, parent] + offset_T3
            turn_TJ33[:, j] = turn_TJ33[:, parent] @ turn_TJ33[:, j]
    np.testing.assert_allclose(place_TJ3, arrays["joints"], atol=1e-5)
    body, (_, placed_TB3) = load_body(), motion_bones(motion)
    for name, bone in (("left_wrist", "wrist.L"), ("right_ankle", "foot.R"), ("head", "head")):
        joint_T3 = arrays["joints"][:, SMPL_JOINTS.index(name)]
        assert np.linalg.norm(joint_T3 - placed_TB3[:, body.bone(bone)], axis=1).max() < 0.03
    assert rest_J3[SMPL_JOINTS.index("left_wrist"), 0] > 0.5  # arms are level, the left one at x > 0


def arm_circles() -> BodyMotion:
    """Hanging arms circle twice, past straight up, while the person turns once."""
    frames, body = 96, load_body()
    motion = library_motion(2).part(np.zeros(frames, int))
    rotation_TK33, at_T = np.tile(np.eye(3), (frames, len(body.bones), 1, 1)), np.linspace(0, 1, frames)
    for side in "LR":
        shoulder_3, elbow_3 = (body.bone_mean_B3[body.bone(f"{one}arm01.{side}")] for one in ("upper", "lower"))
        hanging_33 = shortest_rotation(elbow_3 - shoulder_3, np.array([0, -1, 0]))
        turn_T33 = Rotation.from_euler("x", -720 * at_T[:, None], degrees=True).as_matrix()
        rotation_TK33[:, body.bone(f"upperarm01.{side}")] = turn_T33 @ hanging_33
    rotation_TK33[:, 0] = Rotation.from_euler("y", 360 * at_T[:, None], degrees=True).as_matrix()
    return replace(motion, rotation_TK33=rotation_TK33.astype(np.float32), second_T=np.arange(frames) / RATE)


def test_angles_never_jump_by_a_turn() -> None:
    motion = arm_circles()
    raw_TA, found_TA = clinical_angles(motion), angles_over_time(motion)
    assert np.abs(np.diff(raw_TA, axis=0)).max() > 300  # without it they do
    assert np.abs(np.diff(found_TA, axis=0)).max() < 180
    heading = CLINICAL_ANGLES.index("pelvis_rotation")
    assert abs(found_TA[-1, heading] - found_TA[0, heading]) == pytest.approx(360, abs=0.1)
    swung = CLINICAL_ANGLES.index("left_shoulder_flexion")
    assert abs(found_TA[-1, swung] - found_TA[0, swung]) == pytest.approx(720, abs=1)
    same = [a for a, name in enumerate(CLINICAL_ANGLES) if "shoulder" not in name]
    turns_TA = (found_TA - raw_TA)[:, same] / 360
    np.testing.assert_allclose(turns_TA, np.round(turns_TA), atol=1e-4)


def test_the_table_says_which_parts_of_the_feet_stand() -> None:
    motion = hidden_motion()
    contact_TP = np.zeros((24, 4), bool)
    contact_TP[3:12, 2] = True
    head, *rows = list(angle_rows(motion, contact_TP))
    assert head[-4:] == list(CONTACTS) and CONTACTS[2] == "right_heel_contact"
    assert [row[-2] for row in rows[2:10]] == ["0", *["1"] * 7] and rows[10][2:] == [""] * (len(head) - 2)
