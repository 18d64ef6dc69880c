"""Two people in contact touch, and do not penetrate each other."""

from __future__ import annotations

import numpy as np
import pytest

from models.body.open_body import KEYPOINT_NAMES
from stages.world.bodies.body_shapes import human_shape
from stages.world.bodies.contact import CONTACTS, handshake
from stages.world.bodies.people import Person
from stages.world.clothes.garments import random_outfit


def people(rng):
    return tuple(Person(score_C=human_shape(rng, 0.0, 1.0, 0.0), outfit=random_outfit(rng)) for _ in range(2))


def nearest(one_V3, other_V3):
    """The minimum distance between two sets of points, computed in blocks."""
    return min(
        np.linalg.norm(one_V3[start : start + 300, None] - other_V3, axis=2).min()
        for start in range(0, len(one_V3), 300)
    )


@pytest.mark.parametrize("contact", CONTACTS, ids=lambda made: made.__name__)
def test_people_in_contact_touch_and_stand_apart(contact):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        pair = contact(rng, people(rng), float(rng.uniform(-3, 3)))
        assert nearest(pair.first.vertex_V3[::3], pair.second.vertex_V3[::3]) < 0.04
        hips = [mesh.keypoint_K3[[11, 12]].mean(axis=0)[[0, 2]] for mesh in (pair.first, pair.second)]
        assert 0.12 < np.linalg.norm(hips[0] - hips[1]) < 1.5
        assert abs(pair.first.vertex_V3[:, 1].min()) < 1e-4 and abs(pair.second.vertex_V3[:, 1].min()) < 1e-4


def test_a_handshake_is_face_to_face_with_right_hands():
    rng, wrist, nose = np.random.default_rng(5), KEYPOINT_NAMES.index("right_wrist"), KEYPOINT_NAMES.index("nose")
    pair = handshake(rng, people(rng), 0.4)
    first, second = pair.first.keypoint_K3, pair.second.keypoint_K3
    assert np.linalg.norm((first[wrist] - second[wrist])[[0, 2]]) == pytest.approx(0.15, abs=1e-3)
    looks = [points[nose] - points[[3, 4]].mean(axis=0) for points in (first, second)]  # from the ears to the nose
    assert looks[0][[0, 2]] @ looks[1][[0, 2]] < 0
