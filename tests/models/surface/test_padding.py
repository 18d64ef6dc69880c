"""Padding moves hair, clothes and shoes; faces, necks and the height of soles stay."""

from __future__ import annotations

import numpy as np
import pytest

from models.arrays import F32
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.body.reduced_pose import driven_bones
from models.surface.padding import padded_skin

pytestmark = pytest.mark.quick

THICK = 0.02
"""Share of height."""


def skins() -> tuple[F32, F32]:
    """The mean body without and with a padding of all bones."""
    body = load_body()
    rest_V3, _ = body.rest(np.zeros(len(body.component_CV3), np.float32))
    padding_D4 = np.zeros((len(driven_bones().bone_D), 4), np.float32)
    padding_D4[:, 0] = THICK
    return rest_V3, padded_skin(rest_V3, padding_D4)


def test_hair_stands_out_and_the_face_stays() -> None:
    before_V3, after_V3 = skins()
    thick = THICK * np.ptp(before_V3[:, 1])
    moved_V = np.linalg.norm(after_V3 - before_V3, axis=1)
    keypoint_KV = load_body().keypoint_KV
    face = [KEYPOINT_NAMES.index(name) for name in ("nose", "left_eye", "right_eye")]
    np.testing.assert_allclose(keypoint_KV[face] @ after_V3, keypoint_KV[face] @ before_V3, atol=1e-5)
    assert after_V3[:, 1].max() - before_V3[:, 1].max() == pytest.approx(thick, rel=0.15)  # the top of the head
    head_V, face_z = before_V3[:, 1] > 1.62, (keypoint_KV @ before_V3)[face[0], 2]
    assert before_V3[head_V, 2].min() - after_V3[head_V, 2].min() == pytest.approx(thick, rel=0.15)
    assert moved_V[head_V & (before_V3[:, 2] > face_z - 0.03) & (before_V3[:, 1] < 1.7)].max() < 1e-5


def test_ears_are_not_torn() -> None:
    """Neighbours on an ear move by nearly the same, though their normals point in all directions."""
    before_V3, after_V3 = skins()
    face_F3 = load_body().face_F3
    corner_F3 = face_F3[(np.abs(before_V3[face_F3, 0]) > 0.078).all(axis=1) & (before_V3[face_F3, 1] > 1.6).all(axis=1)]
    moved_V3 = after_V3 - before_V3
    apart_F = np.linalg.norm(moved_V3[corner_F3[:, 0]] - moved_V3[corner_F3[:, 1]], axis=1)
    assert len(apart_F) > 50 and apart_F.max() < 0.008


def test_shoes_are_wider_and_stand_on_the_floor() -> None:
    before_V3, after_V3 = skins()
    sole_V = (before_V3[:, 1] < 0.01) & (before_V3[:, 0] > 0)
    np.testing.assert_allclose(after_V3[sole_V, 1], before_V3[sole_V, 1], atol=0.01)
    assert after_V3[:, 1].min() == pytest.approx(0, abs=1e-3)
    foot_V = (before_V3[:, 1] < 0.05) & (before_V3[:, 0] > 0)
    wider, longer = np.ptp(after_V3[foot_V], axis=0)[[0, 2]] - np.ptp(before_V3[foot_V], axis=0)[[0, 2]]
    assert wider > 0.03 and longer > 0.03, (wider, longer)
