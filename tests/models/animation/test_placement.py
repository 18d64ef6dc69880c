"""Placement of an animation in space and time, by hand calculation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.animation.placement import resampled, transform_to_origin, without_path
from models.time_steps import frame_steps
from tests.models.animation.clips import library_motion

pytestmark = pytest.mark.quick


def test_irregular_frames_are_resampled_along_the_motion() -> None:
    motion = library_motion(frames=40)
    kept = np.delete(np.arange(40), [7, 8, 21])
    thinned = replace(
        motion,
        rotation_TK33=motion.rotation_TK33[kept],
        root_T3=motion.root_T3[kept],
        second_T=motion.second_T[kept],
        confidence_TJ=motion.confidence_TJ[kept],
        presence_T=motion.presence_T[kept],
    )
    found = resampled(thinned, frame_steps(thinned.second_T).seconds)
    np.testing.assert_allclose(found.second_T, motion.second_T, atol=1e-9)
    np.testing.assert_allclose(found.root_T3, motion.root_T3, atol=1e-5)
    between = Rotation.from_matrix(found.rotation_TK33[:, 0]).inv() * Rotation.from_matrix(motion.rotation_TK33[:, 0])
    assert np.degrees(between.magnitude()).max() < 5
    assert len(found.confidence_TJ) == len(found.presence_T) == 40


def test_a_motion_starts_at_the_origin_and_faces_the_front() -> None:
    motion = library_motion()
    pose_44 = transform_to_origin(motion)
    placed = motion.moved(pose_44[:3, :3], pose_44[:3, 3])
    np.testing.assert_allclose(placed.root_T3[0, ::2], 0, atol=1e-6)
    np.testing.assert_allclose(placed.root_T3[:, 1], motion.root_T3[:, 1], atol=1e-6)
    front_3 = placed.rotation_TK33[0, 0][:, 2]
    assert front_3[2] > 0 and abs(front_3[0]) < 1e-5
    step = np.linalg.norm(np.diff(placed.root_T3, axis=0), axis=1)
    np.testing.assert_allclose(step, np.linalg.norm(np.diff(motion.root_T3, axis=0), axis=1), atol=1e-5)


def test_without_a_path_heights_alone_change() -> None:
    found = without_path(library_motion())
    assert np.ptp(found.root_T3[:, [0, 2]], axis=0).max() == 0
    np.testing.assert_array_equal(found.root_T3[:, 1], library_motion().root_T3[:, 1])
