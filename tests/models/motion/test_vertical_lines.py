"""Up from pictures of poles before a tilted camera."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.arrays import U8
from models.body.camera import default_camera
from models.motion.ground import estimated_ground
from models.motion.vertical_lines import steep_lines, up_from_lines
from tests.models.motion.motions import still_motion
from tests.models.motion.test_ground import before_camera

pytestmark = pytest.mark.quick

HEIGHT, WIDTH = 480, 640


def poles(pitch: float, roll: float) -> tuple[U8, U8]:
    """A picture of ten poles before a tilted camera, angles in degrees, and the camera's up."""
    turn_33 = Rotation.from_euler("zx", [roll, pitch], degrees=True).as_matrix() @ np.diag([1, -1, -1])
    rng, image = np.random.default_rng(1), np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for x in np.linspace(-3, 3, 10):
        ends_23 = np.array([[x, 0, 0], [x, 2.5, 0]]) - [0, 1.2, 5 + rng.uniform(-1, 1)]
        pixel_22 = default_camera(WIDTH, HEIGHT).project((ends_23 @ turn_33.T).astype(np.float32))
        cv2.line(image, *(tuple(one) for one in pixel_22.round().astype(int).tolist()), (230, 230, 230), 3)
    return image, turn_33[:, 1]


def scribble() -> U8:
    """A picture of lines that point anywhere."""
    rng, image = np.random.default_rng(2), np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for _ in range(60):
        at_2, angle = rng.uniform(0, HEIGHT, 2), rng.uniform(-0.7, 0.7)
        end_2 = at_2 + 90 * np.array([np.sin(angle), np.cos(angle)])
        cv2.line(image, tuple(at_2.astype(int).tolist()), tuple(end_2.astype(int).tolist()), (230, 230, 230), 2)
    return image


@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (15, 3), (-20, -2)])
def test_poles_tell_up(pitch: float, roll: float) -> None:
    image, up_3 = poles(pitch, roll)
    found = up_from_lines([steep_lines(image)], default_camera(WIDTH, HEIGHT), np.array([0.0, -1.0, 0.0]))
    assert found is not None
    assert np.degrees(np.arccos(found.up_3 @ up_3)) < 1
    assert found.spread_2[1] >= found.spread_2[0], "where the focal length is wrong, the pitch is wrong with it"


def test_lines_that_point_anywhere_tell_nothing() -> None:
    camera, level_3 = default_camera(WIDTH, HEIGHT), np.array([0.0, -1.0, 0.0])
    assert up_from_lines([steep_lines(scribble())], camera, level_3) is None
    assert up_from_lines([], camera, level_3) is None
    assert up_from_lines([steep_lines(np.zeros((HEIGHT, WIDTH, 3), np.uint8))], camera, level_3) is None


def test_lines_far_off_the_up_that_bodies_tell_are_not_upright() -> None:
    image, up_3 = poles(0, 0)
    lying_3 = Rotation.from_euler("z", 60, degrees=True).apply(up_3)
    assert up_from_lines([steep_lines(image)], default_camera(WIDTH, HEIGHT), lying_3) is None


def test_lines_of_a_large_picture_are_in_its_own_pixels() -> None:
    small, _ = poles(5, 0)
    large = cv2.resize(small, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    lines_N4 = steep_lines(large)
    assert len(lines_N4) and lines_N4[:, 0].max() > WIDTH


def test_somebody_who_leans_before_a_level_house_does_not_tilt_the_floor() -> None:
    motion = still_motion(30)
    motion.rotation_TK33[:, 0] = Rotation.from_euler("x", 20, degrees=True).as_matrix()
    seen = before_camera(motion, 0, 0)
    lines = [steep_lines(poles(0, 0)[0])]
    tilt = [np.degrees(np.arccos(-estimated_ground(seen, one).up_3[1])) for one in ([], lines)]
    assert tilt[0] > 8 and tilt[1] < 3


def test_short_lines_do_not_count() -> None:
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    cv2.line(image, (200, 100), (200, 220), (230, 230, 230), 3)
    cv2.line(image, (400, 100), (400, 115), (230, 230, 230), 3)
    end_N4 = steep_lines(image)
    assert len(end_N4) and np.abs(end_N4[:, [0, 2]] - 200).max() < 5
