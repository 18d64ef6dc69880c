"""Joints of heat maps: exact places through views, flips and rolls, and several passes as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.body.open_body import COCO_KEYPOINTS, MIRROR_JOINT
from models.light.architecture.output_maps import CANDIDATES, JOINT_ROWS
from models.light.architecture.preprocessing import CROP, CropFormat
from models.light.architecture.surface_net import GRID, JointLogits
from models.light.inference.calibration import NEUTRAL
from models.light.inference.crop_view import CropView, rotation_about
from models.light.inference.joints import JOINT_STRIDE, combine_joints, decode_joints
from models.light.inference.tta import AugmentedPredictor
from models.losses.light_joints import corner_shares, joint_losses

JOINT_CELLS = CROP // JOINT_STRIDE

pytestmark = pytest.mark.quick

SQUARE = CropView.of_region(np.array([0, 0, 1, 1], np.float32))
REGION = np.array([40, 60, 240, 380], np.float32)


def trained_maps(place_J2: np.ndarray, sure: float = 14.0) -> np.ndarray:
    """Logits whose softmax is nearly the target of the training: four cells around each place in the square 0..1."""
    cell_K4, share_K4 = corner_shares(torch.from_numpy(place_J2 * JOINT_CELLS).float(), JOINT_CELLS)
    logit_KP = torch.full((len(place_J2), JOINT_CELLS**2), -sure)
    logit_KP.scatter_(1, cell_K4, (share_K4.clamp(min=1e-7)).log() + sure)
    return logit_KP.reshape(-1, JOINT_CELLS, JOINT_CELLS).numpy()


def places(low: float = 0.1, high: float = 0.9) -> np.ndarray:
    return np.random.default_rng(4).uniform(low, high, (17, 2))


def test_places_between_cells_are_exact_and_sure() -> None:
    found_J3 = decode_joints(trained_maps(places()), SQUARE, flip=False)
    np.testing.assert_allclose(found_J3[:, :2], places(), atol=1e-4)
    np.testing.assert_allclose(found_J3[:, 2], 1, atol=1e-4)


def test_decoding_inverts_the_loss() -> None:
    """The maps that the loss of the training calls right give the joints back; moved joints cost more."""
    joint_1J3 = torch.from_numpy(np.column_stack([places() * CROP, np.full(17, 2)])).float()[None]
    logit_1JSS = torch.from_numpy(trained_maps(places()))[None]
    logits = JointLogits(logit_1JSS, torch.zeros_like(logit_1JSS))
    crop = CropView.of_region(np.array([0, 0, CROP, CROP], np.float32))
    found = decode_joints(logit_1JSS[0].numpy(), crop, flip=False)
    np.testing.assert_allclose(found[:, :2], joint_1J3[0, :, :2].numpy(), atol=0.02)
    moved = joint_1J3 + torch.tensor([6.0, 0, 0])
    assert float(joint_losses(logits, moved, CROP).joint) > 1 + float(joint_losses(logits, joint_1J3, CROP).joint)


def test_a_joint_outside_the_crop_and_one_of_many_places_have_low_scores() -> None:
    maps_JSS = np.full((17, JOINT_CELLS, JOINT_CELLS), -9.0, np.float32)
    maps_JSS[1] = 0
    found_J3 = decode_joints(maps_JSS, SQUARE, flip=False)
    assert found_J3[0, 2] < 0.02  # "not in the crop" is more probable than all cells together
    assert found_J3[1, 2] == pytest.approx(25 / (JOINT_CELLS**2 + 1), rel=1e-4)
    assert np.isfinite(found_J3).all()


def test_a_hill_wins_against_a_lone_peak() -> None:
    maps_JSS = np.full((17, JOINT_CELLS, JOINT_CELLS), -20.0, np.float32)
    maps_JSS[0, 5, 5] = 3.0
    maps_JSS[0, 20:23, 30:33] = 2.5
    found_J3 = decode_joints(maps_JSS, SQUARE, flip=False)
    np.testing.assert_allclose(found_J3[0, :2] * JOINT_CELLS, [31.5, 21.5], atol=0.05)


@pytest.mark.parametrize("angle", [0, 35, -120])
@pytest.mark.parametrize("flip", [False, True])
def test_joints_of_rotated_and_flipped_crops_are_where_they_are_in_the_frame(angle: int, flip: bool) -> None:
    view = CropView.of_region(REGION).of_transformed_frame(rotation_about(np.array([130.0, 200.0]), angle))
    frame_J2 = view.to_frame(places().T).T
    seen_J2 = places()
    if flip:
        seen_J2 = np.column_stack([1 - seen_J2[:, 0], seen_J2[:, 1]])[MIRROR_JOINT]
    found_J3 = decode_joints(trained_maps(seen_J2), view, flip=flip)
    np.testing.assert_allclose(found_J3[:, :2], frame_J2, atol=0.05)


def test_the_joint_of_the_other_side_has_the_other_name() -> None:
    mirrored = np.array(MIRROR_JOINT)
    assert [COCO_KEYPOINTS[k] for k in mirrored[[0, 1, 9, 16]]] == ["nose", "right_eye", "right_wrist", "left_ankle"]
    assert np.array_equal(mirrored[mirrored], np.arange(17))


def test_passes_are_weighted_by_score_and_one_wrong_pass_of_three_changes_little() -> None:
    base_J3 = np.column_stack([places() * 100, np.full(17, 0.8)])
    same = combine_joints([base_J3, base_J3], reach=5)
    np.testing.assert_allclose(same, base_J3, rtol=1e-5)
    weak_J3 = base_J3 + np.array([10, 0, -0.7])
    np.testing.assert_allclose(combine_joints([base_J3, weak_J3], reach=5)[:, :2], base_J3[:, :2], atol=0.2)
    wrong_J3 = base_J3 + np.array([60, 0, 0])
    found = combine_joints([base_J3, wrong_J3, base_J3], reach=5)
    assert np.abs(found[:, :2] - base_J3[:, :2]).max() < 0.1
    assert found[:, 2] == pytest.approx(0.8 * 2 / 3, abs=0.01)


class JointComponent:
    """A network that finds the person's joints at white pixels on grey, and shows no surface."""

    batch_size = 1
    crops = CropFormat()

    def __init__(self, joints: bool) -> None:
        self.joints = joints

    def compiled(self, count: int, height: int, width: int) -> Any:
        assert (count, height, width) == (1, CROP, CROP)
        return lambda blob_N3CC: np.stack([self.predict(image_3CC) for image_3CC in blob_N3CC])

    def predict(self, image_3CC: np.ndarray) -> np.ndarray:
        maps = np.zeros((1 + 4 * CANDIDATES, GRID, GRID), np.float32)
        maps[0, 10:-10, 20:-20], maps[1::4] = 4, 2
        maps[2::4] = maps[3::4] = maps[4::4] = 0.5
        if not self.joints:
            return maps
        white_CC = image_3CC[0].astype(np.float32) - 127
        row, column = np.unravel_index(white_CC.argmax(), white_CC.shape)
        place_J2 = np.tile(np.array([column + 0.5, row + 0.5]) / CROP, (17, 1))
        joint_JSS = np.concatenate([trained_maps(place_J2), np.zeros((4 * JOINT_ROWS - 17, JOINT_CELLS, JOINT_CELLS))])
        packed = torch.nn.functional.pixel_shuffle(torch.from_numpy(joint_JSS)[None], 2)[0].numpy()
        return np.concatenate([maps, packed]).astype(np.float32)


@pytest.mark.parametrize("tta", ["adaptive_fast", "adaptive", "full"])
def test_every_level_gives_the_surfaces_the_joints_of_all_passes(tta: str) -> None:
    frame_HW3 = np.full((300, 400, 3), 60, np.uint8)
    frame_HW3[118:123, 171:176] = 255
    box_4 = np.array([120, 60, 260, 250], np.float32)
    found = {}
    for joints in (True, False):
        component = JointComponent(joints)
        predictor = AugmentedPredictor(component, component.crops, flip=True, roll_align=True, calibration=NEUTRAL)
        (first,) = predictor.run([predictor.first_pass(frame_HW3, box_4)])
        (person,) = predictor.run([predictor.predict(frame_HW3, box_4, first, tta=tta)])  # type: ignore[arg-type]
        found[joints] = person
    keypoint_K3 = found[True].surface.keypoint_K3
    assert keypoint_K3 is not None and keypoint_K3.dtype == np.float32
    assert np.abs(keypoint_K3[:, :2] - (173.5, 120.5)).max() < 2.5
    assert keypoint_K3[:, 2].min() > 0.8
    assert found[False].surface.keypoint_K3 is None
    assert np.array_equal(found[True].surface.labels_hw, found[False].surface.labels_hw)
    assert np.array_equal(found[True].surface.uv_2hw, found[False].surface.uv_2hw)
