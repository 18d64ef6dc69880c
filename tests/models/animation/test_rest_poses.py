"""Rest poses: directions that every animator can check by eye."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from models.animation.rest_poses import RestPose, rest_pose
from models.body.open_body import load_body, skin
from models.body.rotation_vectors import shortest_rotation
from tests.models.animation.clips import SHAPE

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(("pose", "drop"), [("t", 0.0), ("a", 45.0)])
def test_limbs_are_straight_and_point_where_the_pose_says(pose: RestPose, drop: float) -> None:
    body = load_body()
    _, head_B3 = body.rest(SHAPE)
    _, place_B3 = rest_pose(body, head_B3, pose)

    def way(first: str, second: str) -> np.ndarray:
        step = place_B3[body.bone(second)] - place_B3[body.bone(first)]
        return step / np.linalg.norm(step)

    for side, sign in (("L", 1), ("R", -1)):
        arm = [sign * np.cos(np.radians(drop)), -np.sin(np.radians(drop)), 0]
        chain = ("upperarm01", "lowerarm01", "wrist", "finger3-1", "finger3-2", "finger3-3")
        for first, second in pairwise(chain):
            np.testing.assert_allclose(way(f"{first}.{side}", f"{second}.{side}"), arm, atol=1e-4)
        for first, second in (("upperleg01", "lowerleg01"), ("lowerleg01", "foot")):
            np.testing.assert_allclose(way(f"{first}.{side}", f"{second}.{side}"), [0, -1, 0], atol=1e-4)


def test_soles_stand_on_the_floor_and_palms_face_down() -> None:
    body = load_body()
    vertex_V3, head_B3 = body.rest(SHAPE)
    turn_B33, place_B3 = rest_pose(body, head_B3, "t")
    posed_V3 = skin(body, vertex_V3, head_B3, turn_B33, place_B3)
    assert abs(posed_V3[:, 1].min()) < 0.003
    for side, sign in (("L", 1), ("R", -1)):
        index, little = (place_B3[body.bone(f"finger{k}-1.{side}")] for k in (2, 5))
        assert index[2] - little[2] > 0.03 and abs(index[1] - little[1]) < 0.03
        # A palm is on the side to which fingers bend; the thumb lies before and below the hand.
        thumb = place_B3[body.bone(f"finger1-3.{side}")] - place_B3[body.bone(f"wrist.{side}")]
        assert thumb[2] > 0.03 and thumb[1] < 0 and sign * thumb[0] > 0


def test_the_two_sides_mirror_each_other() -> None:
    body = load_body()
    _, head_B3 = body.rest(SHAPE)
    _, place_B3 = rest_pose(body, head_B3, "a")
    np.testing.assert_allclose(place_B3[body.twin_B] * [-1, 1, 1], place_B3, atol=1e-4)


def test_the_shortest_turn_takes_one_direction_to_the_other() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 50, 3))
    turned = np.einsum("nij,nj->ni", shortest_rotation(one, other), one)
    np.testing.assert_allclose(np.cross(turned, other), 0, atol=1e-9)
    assert (np.sum(turned * other, axis=1) > 0).all()
    np.testing.assert_allclose(shortest_rotation(one, 3 * one), np.tile(np.eye(3), (50, 1, 1)), atol=1e-7)
