"""Animations of made people: who is animated, where they stand, and which files are written."""

from __future__ import annotations

import base64
import csv
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.animation.bvh_reader import read_bvh
from models.animation.gltf_reader import read_gltf_motions
from models.body.body_pose import posed_bones
from models.body.fitted_body import FittedBody
from models.body.open_body import load_body
from models.body.skeletal_motion import posed_skeleton
from pipeline.stage import Job, StageError
from stages.bodies.animate import Animate
from stages.bodies.body_height import shape_of_height, standing_height
from stages.bodies.recorded_bodies import RecordedBodies
from stages.bodies.recorded_clip import ClipSettings, lasting_people, recorded_clip
from stages.payloads import Bodies, Written
from tests.stages.bodies.made_bodies import grey_frames, made_body, recorded_by

FRAMES = 20


def job(folder: Path, name: str, **changes: object) -> Job:
    return replace(Job(index=0, input=str(folder / "film.mp4"), output=str(folder / name), stem="film"), **changes)


def film(frames: int = FRAMES) -> list[list[tuple[int, FittedBody]]]:
    """Person 4 goes sideways and bends the arms, person 7 stands beside, and is hidden for some frames."""
    found = []
    for t in range(frames):
        people = [(4, made_body((-0.5 + 0.05 * t, 0.1, 3.0), turn_deg=20, bend_deg=3 * t))]
        if not 6 <= t < 10:
            people.append((7, made_body((0.9, 0.1, 3.5))))
        if t == 3:
            people.append((9, made_body((0.2, 0.1, 5.0))))
        found.append(people)
    return found


def animated(stage: Animate, made: Job, people: list[list[tuple[int, FittedBody]]]) -> list[Written]:
    half = len(people) // 2
    for first, part in ((0, people[:half]), (half, people[half:])):
        bodies = Bodies.joined([Bodies.of_frame(one) for one in part])
        recorded_by(stage, made, grey_frames(len(part), first), bodies)
    return list(stage.flush())


def test_a_glb_file_moves_each_lasting_person(tmp_path: Path) -> None:
    stage = Animate(Animate.Config(skeleton="mixamo", lock_feet=False))
    (receipt,) = animated(stage, job(tmp_path, "dance.glb"), film())
    assert receipt.path == str(tmp_path / "dance.glb") and receipt.facts == {"people": 2}
    assert stage.summary()["animated"] == ["person_4", "person_7"], "the third was seen in one frame"
    motion = read_gltf_motions(tmp_path / "dance.glb", "mixamorig:Hips", 1 / 25)["take"]
    turned, placed = posed_skeleton(motion)
    assert len(placed) == FRAMES
    hips = placed[:, 0]
    np.testing.assert_allclose(hips[0, ::2], 0, atol=0.03)
    # It faces +z at the start; 0.05 m a frame in the camera's x become 0.95 m altogether.
    assert turned[0, 0][2, 2] > 0.98
    assert np.linalg.norm(hips[-1, ::2] - hips[0, ::2]) == pytest.approx(0.95, abs=0.05)
    assert np.ptp(hips[:, 1]) < 0.03 and 0.8 < hips[0, 1] < 1.1
    assert list(tmp_path.iterdir()) == [tmp_path / "dance.glb"], "no working folder stays"


def test_bvh_is_one_file_a_person(tmp_path: Path) -> None:
    (receipt,) = animated(Animate(Animate.Config(skeleton="cmu")), job(tmp_path, "dance.bvh"), film())
    written = f"also written: {tmp_path / 'dance.person_7.bvh'}"
    assert [note for note in receipt.facts["notes"] if "floor" not in note] == [written]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dance.bvh", "dance.person_7.bvh"]
    first, second = read_bvh(tmp_path / "dance.bvh"), read_bvh(tmp_path / "dance.person_7.bvh")
    assert first.frame_time == pytest.approx(1 / 25) and len(first.position_T3) == len(second.position_T3) == FRAMES
    # The second stands where the film shows it: 1.4 m to the side of the first one's start, 0.5 m behind.
    apart = np.linalg.norm((second.position_T3 - first.position_T3)[0, ::2]) / 100
    assert apart == pytest.approx(np.hypot(1.4, 0.5), abs=0.08)


def test_vrma_is_one_file_a_person(tmp_path: Path) -> None:
    animated(Animate(Animate.Config()), job(tmp_path, "dance.vrma"), film())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dance.person_7.vrma", "dance.vrma"]


@pytest.mark.parametrize("kind", ["trc", "mot", "npz"])
def test_motion_capture_is_one_file_a_person(tmp_path: Path, kind: str) -> None:
    animated(Animate(Animate.Config()), job(tmp_path, f"dance.{kind}"), film())
    assert {path.name for path in tmp_path.iterdir()} == {f"dance.{kind}", f"dance.person_7.{kind}"}


def test_contacts_of_feet_are_stated_and_in_the_files(tmp_path: Path) -> None:
    """Person 7 stands still: both feet are locked, in the table, in the extras of the GLB, and in the message."""
    (receipt,) = animated(Animate(Animate.Config()), job(tmp_path, "dance.csv"), film())
    (note,) = (note for note in receipt.facts["notes"] if "locked" in note)
    assert note.startswith("a foot is locked to the floor in this share of frames: person_4 ")
    assert note.endswith("person_7 100%")
    with (tmp_path / "dance.person_7.csv").open() as file:
        rows = list(csv.DictReader(file))
    shown = [row for row in rows if row["presence"] != "hidden"]
    assert {row["left_heel_contact"] for row in shown} == {"1"}
    animated(Animate(Animate.Config()), job(tmp_path, "dance.glb"), film())
    chunk = int.from_bytes((tmp_path / "dance.glb").read_bytes()[12:16], "little")
    nodes = json.loads((tmp_path / "dance.glb").read_bytes()[20 : 20 + chunk])["nodes"]
    (extras,) = (node["extras"] for node in nodes if node["name"] == "person_7")
    (first, last), *_ = extras["contacts"]["left_heel_contact"]
    assert first == 0 and last > 0.2
    with pytest.raises(StageError, match="mocap"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("stages.bodies.animate.find_spec", lambda name: None)
        Animate.check(Animate.Config(), job(tmp_path, "walk.c3d"))


def test_bodies_wear_the_atlas_that_is_named(tmp_path: Path) -> None:
    """Its texels are the texture of the GLB, white where it is transparent; the UV fit its tiles."""
    texels = np.random.default_rng(5).integers(0, 255, (6 * 32, 4 * 32, 4)).astype(np.uint8)
    texels[..., 3] = 255
    texels[:32, :32, 3] = 0
    cv2.imwrite(str(tmp_path / "suit.png"), texels[..., [2, 1, 0, 3]])
    settings = Animate.Config(atlas=str(tmp_path / "suit.png"), lock_feet=False)
    Animate.check_settings(settings)
    animated(Animate(settings), job(tmp_path, "dance.glb"), film())
    whole = (tmp_path / "dance.glb").read_bytes()
    picture = cv2.imdecode(np.frombuffer(whole[whole.index(b"\x89PNG") :], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    expected = texels[..., :3].copy()
    expected[:32, :32] = 255
    np.testing.assert_array_equal(picture, expected)
    (tmp_path / "photo.png").write_bytes(cv2.imencode(".png", np.zeros((50, 70, 3), np.uint8))[1].tobytes())
    with pytest.raises(StageError, match=r"animate\.atlas"):
        Animate.check_settings(Animate.Config(atlas=str(tmp_path / "photo.png")))


def test_csv_holds_clinical_angles_of_each_person(tmp_path: Path) -> None:
    animated(Animate(Animate.Config()), job(tmp_path, "dance.csv"), film())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dance.csv", "dance.person_7.csv"]
    with (tmp_path / "dance.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == FRAMES and float(rows[3]["seconds"]) == pytest.approx(3 / 25)
    for t in (2, 10, 17):
        shoulder_3, elbow_3, wrist_3 = (
            posed_bones(film()[t][0][1].pose)[1][load_body().bone(f"{bone}.L")]
            for bone in ("upperarm01", "lowerarm01", "wrist")
        )
        way = (wrist_3 - elbow_3) @ (elbow_3 - shoulder_3)
        bent = np.arccos(way / np.linalg.norm(wrist_3 - elbow_3) / np.linalg.norm(elbow_3 - shoulder_3))
        assert float(rows[t]["left_elbow_flexion"]) == pytest.approx(np.degrees(bent), abs=4)
    assert abs(float(rows[5]["pelvis_bend"])) < 3, "upright axes"


def test_after_a_cut_people_stand_on_a_floor_of_their_own(tmp_path: Path) -> None:
    """The second shot shows somebody 0.7 m lower in the picture; on the first shot's floor they would sink in.

    A restart at the cut changes nothing.
    """
    stage, made = Animate(Animate.Config(lock_feet=False)), job(tmp_path, "dance.bvh")
    shots = (0, 16, (4, made_body((-0.5, 0.1, 3)))), (16, 14, (5, made_body((0.4, 0.8, 4))))
    for first, count, body in shots:
        frames = replace(grey_frames(count, first), starts_shot_T=(np.arange(count) == 0) & (first > 0))
        state, stage = stage.state(), Animate(Animate.Config(lock_feet=False))
        stage.restore(state)
        recorded_by(stage, made, frames, Bodies.joined([Bodies.of_frame([body])] * count))
    (receipt,) = stage.flush()
    assert "1 scene cut: each shot has a floor of its own" in receipt.facts["warnings"][0]
    one, other = read_bvh(tmp_path / "dance.bvh"), read_bvh(tmp_path / "dance.person_5.bvh")
    assert np.abs(one.position_T3[:, 1].mean() - other.position_T3[:, 1].mean()) < 3, "centimetres"


def test_the_page_holds_the_animation_and_the_film(tmp_path: Path) -> None:
    page = tmp_path / "clip.html"
    strange = replace(job(tmp_path, "dance.glb"), stem=os.fsdecode(b"caf\xe9"))  # a name that is no UTF-8
    animated(Animate(Animate.Config(viewer=str(page))), strange, film())
    text = page.read_text()
    assert r"caf\udce9" in text
    found = re.search(r'<script type="application/json" id="take">(.*?)</script>', text, re.S)
    assert found is not None
    clip = json.loads(found[1])
    assert base64.b64decode(clip["glb"]) == (tmp_path / "dance.glb").read_bytes()
    assert [one["second"] for one in clip["pictures"]] == pytest.approx(np.arange(0, FRAMES, 2) / 25)
    assert not re.findall(r'(?:src|href)="https?:', text), "nothing is loaded from elsewhere"


def test_the_state_continues_a_film(tmp_path: Path) -> None:
    whole = Animate(Animate.Config())
    animated(whole, job(tmp_path, "whole.bvh"), film())
    people, first = film(), Animate(Animate.Config())
    start = Bodies.joined([Bodies.of_frame(one) for one in people[:8]])
    recorded_by(first, job(tmp_path, "parts.bvh"), grey_frames(8), start)
    second = Animate(Animate.Config())
    second.restore(first.state())
    first.close()
    rest = Bodies.joined([Bodies.of_frame(one) for one in people[8:]])
    recorded_by(second, job(tmp_path, "parts.bvh"), grey_frames(FRAMES - 8, 8), rest)
    list(second.flush())
    assert (tmp_path / "parts.bvh").read_bytes() == (tmp_path / "whole.bvh").read_bytes()


def test_a_single_image_gives_one_frame(tmp_path: Path) -> None:
    stage = Animate(Animate.Config())
    recorded_by(stage, job(tmp_path, "one.bvh"), grey_frames(1), Bodies.of_frame([(0, made_body())]))
    assert len(list(stage.flush())) == 1 and len(read_bvh(tmp_path / "one.bvh").position_T3) == 1


def test_one_picture_without_identities_asks_for_a_video(tmp_path: Path) -> None:
    stage = Animate(Animate.Config())
    recorded_by(stage, job(tmp_path, "one.glb"), grey_frames(1), Bodies.of_frame([(-1, made_body())]))
    with pytest.raises(StageError, match="one picture shows no motion"):
        list(stage.flush())


def test_nobody_is_one_plain_error(tmp_path: Path) -> None:
    stage = Animate(Animate.Config())
    recorded_by(stage, job(tmp_path, "none.glb"), grey_frames(5), Bodies.joined([]))
    with pytest.raises(StageError, match=r"nobody was seen for 0\.5 s"):
        list(stage.flush())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["dance.obj", "dance"])
def test_other_files_are_refused_before_the_start(tmp_path: Path, name: str) -> None:
    kinds = ".glb, .fbx, .usdz, .bvh, .vrma, .csv, .trc, .c3d, .mot, .npz or .html"
    with pytest.raises(StageError, match=re.escape(kinds)):
        Animate.check(Animate.Config(), job(tmp_path, name))


def test_an_existing_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "clip.html").write_text("mine")
    with pytest.raises(StageError, match="exists already"):
        Animate.check(Animate.Config(viewer=str(tmp_path / "clip.html")), job(tmp_path, "dance.glb"))


def test_a_file_that_a_further_person_may_need_is_refused_before_the_start(tmp_path: Path) -> None:
    """Whoever the film shows: nothing of the user's is replaced, and no work is lost at the end."""
    mine = tmp_path / "dance.person_2.bvh"
    mine.write_text("mine")
    (tmp_path / "dance.personal.bvh").write_text("another name")
    with pytest.raises(StageError, match=r"dance\.person_2\.bvh: this file exists already, and a person of"):
        Animate.check(Animate.Config(), job(tmp_path, "dance.bvh"))
    for name, changes in (("dance.glb", {}), ("other.bvh", {}), ("dance.csv", {}), ("dance.bvh", {"overwrite": True})):
        Animate.check(Animate.Config(), job(tmp_path, name, **changes))
    assert mine.read_text() == "mine"


def test_files_that_appear_during_the_work_stay_and_the_result_is_beside_them(tmp_path: Path) -> None:
    """Made between the two chunks of the film."""
    stage, made = Animate(Animate.Config(viewer=str(tmp_path / "dance.html"))), job(tmp_path, "dance.bvh")
    people, mine = film(), ("dance.bvh", "dance.person_7.bvh", "dance.person_7-2.bvh", "dance.html")
    recorded_by(stage, made, grey_frames(10), Bodies.joined([Bodies.of_frame(one) for one in people[:10]]))
    for name in mine:
        (tmp_path / name).write_text("mine")
    recorded_by(stage, made, grey_frames(10, 10), Bodies.joined([Bodies.of_frame(one) for one in people[10:]]))
    (receipt,) = stage.flush()
    assert all((tmp_path / name).read_text() == "mine" for name in mine)
    assert receipt.path == str(tmp_path / "dance-2.bvh")
    assert len(read_bvh(tmp_path / "dance-2.bvh").position_T3) == FRAMES
    assert len(read_bvh(tmp_path / "dance.person_7-3.bvh").position_T3) == FRAMES
    assert (tmp_path / "dance-2.html").stat().st_size > 10_000
    moved = [text for text in receipt.facts["warnings"] if "was made by something else meanwhile" in text]
    assert len(moved) == 3 and any(f"so the result is {tmp_path / 'dance-2.bvh'}" in text for text in moved)


def test_names_that_are_too_long_for_a_further_person_are_cut(tmp_path: Path) -> None:
    long = "d" * 245 + ".bvh"
    (receipt,) = animated(Animate(Animate.Config()), job(tmp_path, long), film())
    assert receipt.path == str(tmp_path / long)
    assert len([path for path in tmp_path.iterdir() if path.name.endswith(".person_7.bvh")]) == 1


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="least_seconds"):
        Animate.Config(least_seconds=-1)
    with pytest.raises(ValueError, match="html"):
        Animate.Config(viewer="clip.glb")


def test_the_camera_of_a_take_sees_people_where_the_film_shows_them() -> None:
    recorded = RecordedBodies(width=320, height=240)
    for t, people in enumerate(film()):
        recorded.add_frame(t / 25, people)
    clip = recorded_clip(recorded, lasting_people(recorded, ClipSettings()), {}, ClipSettings(lock_feet=False))
    assert clip.camera is not None
    root_T3 = clip.motion_of["person_4"].root_T3
    seen_T3 = (root_T3 - clip.camera.pose_44[:3, 3]) @ clip.camera.pose_44[:3, :3]
    np.testing.assert_allclose(seen_T3, [[-0.5 + 0.05 * t, 0.1, 3.0] for t in range(FRAMES)], atol=0.01)
    assert clip.motion_of["person_7"].second_T.tolist() == pytest.approx(np.arange(FRAMES) / 25), "gaps are bridged"


def test_a_body_of_another_shape_stays_as_large_in_the_picture() -> None:
    recorded = RecordedBodies(width=320, height=240)
    for t, ((identity, body), *_) in enumerate(film()):
        small_C = shape_of_height(body.pose.shape_C, 0.9 * standing_height(body.pose.shape_C))
        pose = replace(body.pose, shape_C=small_C, root_3=(body.pose.root_3 * 0.9).astype(np.float32))
        recorded.add_frame(t / 25, [(identity, body if t >= 5 else replace(body, pose=pose))])
    clip = recorded_clip(recorded, lasting_people(recorded, ClipSettings()), {}, ClipSettings(lock_feet=False))
    assert clip.camera is not None
    root_T3 = clip.motion_of["person_4"].root_T3
    seen_T3 = (root_T3 - clip.camera.pose_44[:3, 3]) @ clip.camera.pose_44[:3, :3]
    np.testing.assert_allclose(seen_T3, [[-0.5 + 0.05 * t, 0.1, 3.0] for t in range(FRAMES)], atol=0.02)


def test_people_tell_up_in_proportion_to_their_size() -> None:
    """A small person in the background, whose fit leans by 15°, is seen a little longer than the one in front."""
    lean_33 = Rotation.from_euler("x", 15, degrees=True).as_matrix()
    recorded = RecordedBodies(width=320, height=240)
    for t in range(FRAMES):
        far = made_body((1.5, -0.3, 12.0))
        rotation_B33 = far.pose.rotation_B33.copy()
        rotation_B33[0] = lean_33 @ rotation_B33[0]
        far = replace(far, pose=replace(far.pose, rotation_B33=rotation_B33.astype(np.float32)))
        recorded.add_frame(t / 25, [(1, far), *([(2, made_body((0.0, 0.1, 3.0)))] if t > 1 else [])])
    clip = recorded_clip(recorded, lasting_people(recorded, ClipSettings()), {}, ClipSettings(lock_feet=False))
    assert list(clip.motion_of) == ["person_1", "person_2"]
    up_3 = clip.motion_of["person_2"].rotation_TK33[5, 0] @ [0, 1, 0]
    assert np.degrees(np.arccos(up_3[1])) < 4
