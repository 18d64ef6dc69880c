"""Two teachers' joints of a stick figure as one pose."""

from __future__ import annotations

import numpy as np
import pytest

from models.arrays import Float
from models.body.open_body import COCO_KEYPOINTS
from models.light.teachers.pose_teacher import LANDMARKS, TeacherPose
from stages.training.data.fused_pose import fuse_poses, joints_lie_in, posed
from stages.training.data.pose_correction import COCO_JOINTS, trusted

pytestmark = pytest.mark.quick

BOX = np.array([0.0, 0.0, 100.0, 100.0])
NOBODY = np.zeros((0, 4))
LEFT_WRIST, RIGHT_WRIST = COCO_KEYPOINTS.index("left_wrist"), COCO_KEYPOINTS.index("right_wrist")


def blaze(**changes: object) -> TeacherPose:
    """Landmarks on a diagonal of BOX, all seen."""
    parts = {
        "point_K2": np.linspace(5, 95, LANDMARKS)[:, None].repeat(2, 1),
        "flip_gap_K": np.zeros(LANDMARKS),
        "visible_K": np.ones(LANDMARKS),
        "present": 0.9,
        "mask_SS": np.ones((256, 256)),
        "to_image_23": np.eye(2, 3),
    }
    return TeacherPose(**{**parts, **changes})


def moved(shift: float = 0.0, score: float = 0.9) -> Float:
    """MoveNet's joints: BlazePose's, all moved to the right."""
    at_J2 = blaze().point_K2[list(COCO_JOINTS)] + (shift, 0)
    return np.column_stack([at_J2, np.full(17, score)])


def test_agreed_joints_are_known_and_near_ones_seen() -> None:
    """2 pixels of 100 apart: the middle, and seen. 8 apart: MoveNet's place, known. 12 apart: unknown."""
    for shift, place, state in ((2, 1, 2), (8, 8, 3), (12, 12, 0)):
        joint_J3 = fuse_poses(blaze(), moved(shift), BOX, NOBODY).joint_J3
        np.testing.assert_allclose(joint_J3, moved(place, state), atol=1e-4)


def test_hidden_landmarks_are_known_where_both_agree() -> None:
    """BlazePose names hidden joints, too, and says that they are hidden."""
    unseen = blaze(visible_K=np.zeros(LANDMARKS))
    assert (fuse_poses(unseen, moved(2, score=0.3), BOX, NOBODY).joint_J3[:, 2] == 3).all()


@pytest.mark.parametrize(("score", "known"), [(0.5, True), (0.3, False)])
def test_movenet_alone_is_believed_where_it_is_confident(score: float, known: bool) -> None:
    """BlazePose sees nobody: its mask counts nothing, its hands and feet neither."""
    absent = blaze(present=0.1)
    pose, joint_J3 = fuse_poses(absent, moved(20, score), BOX, NOBODY)
    assert (joint_J3[:, 2] == 3 * known).all()
    assert pose is not None and not pose.mask_SS.any()
    landmarks = np.zeros(LANDMARKS, bool)
    landmarks[list(COCO_JOINTS)] = known
    np.testing.assert_array_equal(trusted(pose), landmarks)


def test_a_wrist_in_doubt_takes_its_hand_with_it() -> None:
    """The other hand stays."""
    apart_J3 = moved()
    apart_J3[LEFT_WRIST, 0] += 30
    pose, joint_J3 = fuse_poses(blaze(), apart_J3, BOX, NOBODY)
    assert joint_J3[LEFT_WRIST, 2] == 0 and joint_J3[RIGHT_WRIST, 2] == 2
    assert pose is not None
    trusted_K = trusted(pose)
    assert not trusted_K[[15, 17, 19, 21]].any() and trusted_K[[16, 18, 20, 22]].all()


def test_joints_of_another_person_are_no_labels() -> None:
    """MoveNet names whoever is nearest to the middle: here somebody in a box of their own."""
    other_14 = np.array([[0.0, 0.0, 40.0, 40.0]])
    in_other_J3 = moved()
    in_other_J3[:, :2] *= 0.4
    assert joints_lie_in(in_other_J3, BOX, NOBODY)
    assert not joints_lie_in(in_other_J3, BOX, other_14)
    pose, joint_J3 = fuse_poses(blaze(), in_other_J3, BOX, other_14)
    assert not joint_J3.any()
    assert pose is not None and trusted(pose).all()


def test_no_pose_teacher_no_pose() -> None:
    pose, joint_J3 = posed(None, None, np.zeros((9, 9, 3), np.uint8), BOX, NOBODY)
    assert pose is None and not joint_J3.any()
