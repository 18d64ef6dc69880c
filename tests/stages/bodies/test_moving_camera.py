"""Animations of films whose camera turns, zooms or travels: the people's paths, the file's camera, what is said."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.animation.animation_clip import moved_to_origin
from models.animation.bvh_reader import read_bvh
from models.body.body_pose import posed_bones
from models.body.fitted_body import FittedBody
from pipeline.stage import Job
from stages.bodies.animate import Animate
from stages.bodies.background_tracking import BackgroundTracker
from stages.bodies.recorded_bodies import RecordedBodies
from stages.bodies.recorded_clip import ClipSettings, recorded_clip
from stages.payloads import Bodies
from tests.stages.bodies.made_bodies import CAMERA, FOCAL, HEIGHT, WIDTH, grey_frames, made_body, recorded_by
from tests.stages.people.moving_oval import pattern


def before_a_turning_camera(
    yaw_deg_T: np.ndarray, zoom_T: np.ndarray
) -> tuple[np.ndarray, list[list[tuple[int, FittedBody]]]]:
    """Frames (T, H, W, 3) of a far wall before a camera that turns to the right, with somebody who walks 1 m to the
    right in the axes of the first frame; the bodies are fitted as if the focal length were always `FOCAL`."""
    wall_hw3, frames, people = pattern(3, 3 * HEIGHT, 6 * WIDTH), [], []
    lens_33 = np.array([[FOCAL, 0, WIDTH / 2 - 0.5], [0, FOCAL, HEIGHT / 2 - 0.5], [0, 0, 1]])
    to_wall_33 = np.array([[1, 0, 1.5 * WIDTH], [0, 1, HEIGHT], [0, 0, 1.0]])
    for t, (yaw_deg, zoom) in enumerate(zip(yaw_deg_T, zoom_T, strict=True)):
        to_now_33 = Rotation.from_euler("y", -yaw_deg, degrees=True).as_matrix()
        now_33 = lens_33 @ np.diag([zoom, zoom, 1.0]) @ to_now_33 @ np.linalg.inv(lens_33)
        frames.append(cv2.warpPerspective(wall_hw3, now_33 @ np.linalg.inv(to_wall_33), (WIDTH, HEIGHT)))
        body = made_body((t / (len(yaw_deg_T) - 1), 0.1, 4.0))
        root_3 = to_now_33 @ body.pose.root_3 / [1, 1, zoom]
        rotation_B33 = body.pose.rotation_B33.copy()
        rotation_B33[0] = to_now_33 @ rotation_B33[0]
        pose = replace(body.pose, rotation_B33=rotation_B33, root_3=root_3.astype(np.float32))
        people.append([(0, replace(body, pose=pose))])
    return np.stack(frames), people


def walked(
    folder: Path, frames_THW3: np.ndarray, people: list[list[tuple[int, FittedBody]]], **settings: object
) -> tuple[dict[str, object], np.ndarray]:
    """The receipt's facts, and the path (T, 3) of the person, metres."""
    stage, made = Animate(Animate.Config(lock_feet=False, **settings)), Job(
        index=0, input="film.mp4", output=str(folder / "walk.bvh"), stem="film", overwrite=True
    )
    bodies = Bodies.joined([Bodies.of_frame(one) for one in people])
    recorded_by(stage, made, replace(grey_frames(len(people)), rgb_THW3=frames_THW3), bodies)
    again = Animate(stage.config)
    again.restore(stage.state())
    (receipt,) = stage.flush()
    path = folder / "walk.bvh"
    whole, again._job = path.read_bytes(), made
    list(again.flush())
    assert path.read_bytes() == whole, "the state keeps what the camera did"
    return dict(receipt.facts), read_bvh(path).position_T3 / 100


@pytest.mark.parametrize(("turn_deg", "zoom"), [(40, 1.0), (-12, 1.0), (8, 1.5)])
def test_a_rotation_of_the_camera_is_compensated(tmp_path: Path, turn_deg: float, zoom: float) -> None:
    frames_THW3, people = before_a_turning_camera(np.linspace(0, turn_deg, 40), np.geomspace(1, zoom, 40))
    facts, path_T3 = walked(tmp_path, frames_THW3, people)
    (note,) = facts["notes"]
    found = re.fullmatch(r"the camera rotates by up to (\d+)°( and zooms 1.5-fold)?, which is compensated", note)
    assert found is not None and abs(float(found[1]) - abs(turn_deg)) <= 1 and bool(found[2]) == (zoom > 1), note
    assert "warnings" not in facts
    way_T3 = path_T3 - path_T3[0]
    steps_T = np.linalg.norm(np.diff(way_T3[:, ::2], axis=0), axis=1)
    assert np.linalg.norm(way_T3[-1, ::2]) == pytest.approx(1, abs=0.05)
    assert steps_T.sum() == pytest.approx(1, abs=0.08), "a straight way"
    _, taken_still_T3 = walked(tmp_path, frames_THW3, people, camera="still")
    assert abs(np.linalg.norm((taken_still_T3[-1] - taken_still_T3[0])[::2]) - 1) > 0.3


def test_a_rotation_gives_the_focal_length(tmp_path: Path) -> None:
    """Fitted with half the focal length, people are half as far away."""
    frames_THW3, people = before_a_turning_camera(np.linspace(0, 30, 40), np.ones(40))
    lens, near_3 = replace(CAMERA, focal_px=FOCAL / 2), np.array([1, 1, 0.5], np.float32)
    nearer = [
        [(0, replace(body, camera=lens, pose=replace(body.pose, root_3=body.pose.root_3 * near_3)))]
        for ((_, body),) in people
    ]
    facts, path_T3 = walked(tmp_path, frames_THW3, nearer)
    (note,) = facts["notes"]
    found = re.search(r"fit.focal_px=(\d+) ", note)
    assert found is not None and float(found[1]) == pytest.approx(FOCAL, rel=0.03)
    assert np.linalg.norm((path_T3[-1] - path_T3[0])[::2]) == pytest.approx(1, abs=0.08)


def test_the_camera_of_the_file_rotates_as_that_of_the_video(tmp_path: Path) -> None:
    yaw_deg_T = np.linspace(0, 25, 30)
    frames_THW3, people = before_a_turning_camera(yaw_deg_T, np.ones(30))
    recorded, follower = RecordedBodies(width=WIDTH, height=HEIGHT), BackgroundTracker()
    for t, (frame_HW3, here) in enumerate(zip(frames_THW3, people, strict=True)):
        recorded.add_frame(t / 25, here)
        recorded.background.append(follower.match(frame_HW3, []))
    clip = moved_to_origin(recorded_clip(recorded, recorded.people, recorded.cameras(), ClipSettings(lock_feet=False)))
    assert clip.camera is not None and clip.camera.keys is not None
    motion = clip.motion_of["person_0"]
    for t in range(30):
        turn_33 = clip.camera.pose_44[:3, :3] @ clip.camera.keys.rotation_T33[t]
        _, placed_B3 = posed_bones(motion.pose(t))
        seen_B2 = CAMERA.project((placed_B3 - clip.camera.pose_44[:3, 3]) @ turn_33)
        film_B2 = CAMERA.project(posed_bones(people[t][0][1].pose)[1])
        np.testing.assert_allclose(seen_B2, film_B2, atol=1.5, err_msg=f"frame {t}")


def test_a_camera_that_translates_is_reported(tmp_path: Path) -> None:
    """The lower half of the picture is near and passes three times as fast as the upper one."""
    wall, count = pattern(3, HEIGHT, 4 * WIDTH), 40
    frames = []
    for t in range(count):
        frame = wall[:, 2 * t :][:, :WIDTH].copy()
        frame[HEIGHT // 2 :] = wall[HEIGHT // 2 :, 6 * t :][:, :WIDTH]
        frames.append(frame)
    facts, _ = walked(tmp_path, np.stack(frames), [[(0, made_body())]] * count)
    (warning,) = facts["warnings"]
    assert warning.startswith("the camera translates, or its background cannot be tracked"), warning
    assert "animate.in_place=true" in warning and "notes" not in facts


def test_a_still_camera_gives_no_note(tmp_path: Path) -> None:
    """Before it: half of the picture moves, it becomes darker, or it is even."""
    wall, count = pattern(3, HEIGHT, 2 * WIDTH), 30
    moving = [wall[:, :WIDTH].copy() for _ in range(count)]
    for t, frame in enumerate(moving):
        frame[:, : WIDTH // 2] = wall[:, 3 * t :][:, : WIDTH // 2]
    darker = [(wall[:, :WIDTH] * (1 - 0.4 * t / count)).astype(np.uint8) for t in range(count)]
    even = [np.full((HEIGHT, WIDTH, 3), 90 + t, np.uint8) for t in range(count)]
    for film in (moving, darker, even):
        facts, _ = walked(tmp_path, np.stack(film), [[(0, made_body())]] * count)
        assert facts == {"people": 1}
