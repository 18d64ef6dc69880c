"""Masks and joints from the maps of region heads: against closed forms and the targets of the training's losses."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from models.architecture.roi_pooling import image_index, roi_align
from models.checkpoints.trained_info import TrainedInfo
from models.checkpoints.trained_weights import make_network, write_trained
from models.inference.assembly import assemble_surface
from models.inference.preprocess import network_input
from models.inference.region_heads import decode_keypoints, paste_mask
from models.inference.trained_network import open_trained
from models.losses.keypoints import keypoint_cells, keypoint_term
from models.losses.segmentation import mask_targets, mask_term
from models.network import NetworkConfig
from models.variant import Variant

BOX = np.array([20.3, 11.7, 96.8, 143.2], np.float32)
SIDE = 56


def gaussian_maps(joint_J2: np.ndarray, box_4: np.ndarray, side: int, width: float = 1.5) -> torch.Tensor:
    """Logits (J, side, side) of normal distributions around joints in the frame, `width` in cells."""
    cell = (box_4[2:] - box_4[:2]) / side
    y, x = np.mgrid[:side, :side] + 0.5
    at_J2 = (joint_J2 - box_4[:2]) / cell
    away = (x - at_J2[:, :1, None]) ** 2 + (y - at_J2[:, 1:, None]) ** 2
    return torch.from_numpy(-away / (2 * width**2)).float()


def joints(count: int = 17) -> np.ndarray:
    random = np.random.default_rng(5)
    return BOX[:2] + (BOX[2:] - BOX[:2]) * random.uniform(0.06, 0.94, (count, 2))


@pytest.mark.quick
@pytest.mark.parametrize("box_4", [BOX, np.array([3.2, 4.1, 17.9, 31.6], np.float32)])
def test_joints_are_found_between_cells_in_large_and_small_boxes(box_4: np.ndarray) -> None:
    joint_J2 = box_4[:2] + (box_4[2:] - box_4[:2]) * (joints() - BOX[:2]) / (BOX[2:] - BOX[:2])
    found_J3 = decode_keypoints(gaussian_maps(joint_J2, box_4, SIDE), box_4)
    pixel = np.maximum(1.0, (box_4[2:] - box_4[:2]) / SIDE).max()
    assert found_J3.dtype == np.float32
    assert np.abs(found_J3[:, :2] - joint_J2).max() <= 0.51 * max(pixel, 1.0)
    # A normal distribution with a deviation of 1.5 cells, over a square of 5 cells.
    assert found_J3[:, 2] == pytest.approx(math.erf(2.5 / 1.5 / math.sqrt(2)) ** 2, rel=0.05)


@pytest.mark.quick
def test_a_map_that_knows_nothing_has_the_score_of_few_cells_and_a_sure_one_has_1() -> None:
    logit_JSS = torch.zeros(2, SIDE, SIDE)
    logit_JSS[1, 20, 30] = 40
    found_J3 = decode_keypoints(logit_JSS, BOX)
    assert 0 < found_J3[0, 2] <= 25.01 / SIDE**2
    assert found_J3[1, 2] == pytest.approx(1)
    cell = (BOX[2:] - BOX[:2]) / SIDE
    assert found_J3[1, :2] == pytest.approx(BOX[:2] + cell * (30.5, 20.5), abs=0.51)


@pytest.mark.quick
def test_decoding_inverts_the_cells_that_the_loss_trains() -> None:
    """The place of the cell that `keypoint_term` wants is at most half a cell and half a pixel from the joint."""
    joint_J3 = np.column_stack([joints(), np.full(17, 2)])
    joint_1J3, box_14 = torch.from_numpy(joint_J3).float()[None], torch.from_numpy(BOX)[None]
    cell_1J, counts_1J = keypoint_cells(joint_1J3, box_14, SIDE)
    assert counts_1J.all()
    logit_JP = torch.zeros(17, SIDE * SIDE)
    logit_JP[torch.arange(17), cell_1J[0]] = 30
    logit_JSS = logit_JP.reshape(17, SIDE, SIDE)
    assert float(keypoint_term(logit_JSS[None], joint_1J3, box_14, 1.0).total) < 1e-6
    away_J2 = np.abs(decode_keypoints(logit_JSS, BOX)[:, :2] - joint_J3[:, :2])
    assert (away_J2 <= 0.5 * (BOX[2:] - BOX[:2]) / SIDE + 0.51).all()


@pytest.mark.quick
def test_pasting_inverts_the_targets_that_the_loss_trains() -> None:
    mask_HW = np.zeros((160, 120), bool)
    y, x = np.mgrid[:160, :120] + 0.5
    mask_HW |= ((x - 58) / 33) ** 2 + ((y - 77) / 58) ** 2 < 1
    box_14 = torch.from_numpy(BOX)[None]
    target_1SS = mask_targets(torch.from_numpy(mask_HW)[None], torch.zeros(1, dtype=torch.int64), box_14, SIDE)
    grid = (20, 11, 77, 132)
    found_hw = paste_mask(torch.where(target_1SS[0], 8.0, -8.0), BOX, grid)
    true_hw = mask_HW[11 : 11 + 132, 20 : 20 + 77]
    assert found_hw.shape == true_hw.shape and found_hw.dtype == bool
    iou = (found_hw & true_hw).sum() / (found_hw | true_hw).sum()
    moved = np.roll(found_hw, 2, axis=1)
    assert iou > 0.97 > (moved & true_hw).sum() / (moved | true_hw).sum()


@pytest.mark.quick
def test_surfaces_have_keypoints_and_masks_only_from_networks_with_heads() -> None:
    maps = {"fine_segm": torch.randn(25, 8, 8), "coarse_segm": torch.randn(2, 8, 8)}
    maps |= {name: torch.rand(25, 8, 8) for name in "uv"}
    plain = assemble_surface(maps, BOX)
    assert plain.keypoint_K3 is None and plain.mask_hw is None
    full = assemble_surface(
        {**maps, "keypoints": gaussian_maps(joints(), BOX, SIDE), "mask": torch.full((1, 16, 16), 9.0)}, BOX
    )
    assert np.array_equal(full.labels_hw, plain.labels_hw) and np.array_equal(full.uv_2hw, plain.uv_2hw)
    assert full.keypoint_K3 is not None and np.abs(full.keypoint_K3[:, :2] - joints()).max() < 1.3
    assert full.mask_hw is not None and full.mask_hw.shape == full.labels_hw.shape and full.silhouette_hw.mean() > 0.9


def test_heads_trained_by_the_losses_are_read_where_the_labels_were() -> None:
    """A tiny network learns one person by heart; what it serves is then the person's joints and mask in the frame."""
    torch.manual_seed(0)
    variant = Variant(backbone="nano", mask=True, keypoints=True)
    heads = make_network("rcnn", variant).roi_heads
    pooled = torch.randn(1, variant.sizes.pyramid, variant.sizes.bins, variant.sizes.bins)
    box_14 = torch.from_numpy(BOX)[None]
    joint_1J3 = torch.from_numpy(np.column_stack([joints(), np.full(17, 2)])).float()[None]
    mask_HW = torch.zeros(160, 120, dtype=torch.bool)
    mask_HW[30:120, 40:80] = True
    target_1SS = mask_targets(mask_HW[None], torch.zeros(1, dtype=torch.int64), box_14, 2 * variant.sizes.bins)
    optimiser = torch.optim.Adam(heads.parameters(), 0.01)
    for _ in range(120):
        maps = heads.stages(pooled)[-1]
        terms = (
            keypoint_term(maps["keypoints"], joint_1J3, box_14, 1.0),
            mask_term(maps["mask"], target_1SS, 1.0),
        )
        optimiser.zero_grad()
        sum(term.value() for term in terms).backward()
        optimiser.step()
    with torch.no_grad():
        served = {name: value[0] for name, value in heads.final_maps(pooled).items()}
    person = assemble_surface(served, BOX)
    assert person.keypoint_K3 is not None and person.mask_hw is not None
    cell_2 = (BOX[2:] - BOX[:2]) / (4 * variant.sizes.bins)
    assert (np.abs(person.keypoint_K3[:, :2] - joints()) < 1.5 * cell_2).all()
    assert person.keypoint_K3[:, 2].min() > 0.5
    true_hw = mask_HW.numpy()[11 : 11 + person.mask_hw.shape[0], 20 : 20 + person.mask_hw.shape[1]]
    assert (person.mask_hw & true_hw).sum() > 0.93 * (person.mask_hw | true_hw).sum()


@pytest.mark.parametrize("cascade", [False, True])
def test_a_trained_file_serves_the_heads_of_its_last_stage(tmp_path: Path, cascade: bool) -> None:
    """The surfaces' masks and joints are those of the training's own forward pass in the same boxes."""
    torch.manual_seed(3)
    variant = Variant(backbone="tiny", mask=True, keypoints=True, cascade=cascade)
    network = make_network("rcnn", variant)
    path = tmp_path / "heads.safetensors"
    write_trained(path, network.state_dict(), TrainedInfo(kind="rcnn", variant=variant, min_size=96, max_size=128))
    served = open_trained(NetworkConfig(kind="trained", weights=str(path), engine="torch", precision="fp32"), 1)
    frame = np.random.default_rng(1).integers(0, 255, (1, 96, 128, 3), dtype=np.uint8)
    box_N4 = np.array([[12.0, 9.0, 70.0, 88.0], [40.0, 5.0, 100.0, 60.0]], np.float32)
    _, features = served.detect(frame)
    (people,) = served.surfaces(features, [box_N4])
    with torch.no_grad():
        levels = network.eval().backbone(network_input(frame, (96, 128)).permute(0, 3, 1, 2))
        decoded = network.roi_heads.decoder(levels[:4]).permute(0, 2, 3, 1).contiguous()
        boxes = torch.from_numpy(box_N4)
        pooled = roi_align(decoded, image_index([boxes]), boxes, 1 / 4, network.sizes.bins)
        stages = network.roi_heads.stages(pooled.permute(0, 3, 1, 2))
    assert len(stages) == 1 + cascade
    for index, one in enumerate(people):
        wanted = decode_keypoints(stages[-1]["keypoints"][index], box_N4[index])
        assert one.keypoint_K3 is not None and one.mask_hw is not None
        np.testing.assert_allclose(one.keypoint_K3, wanted, atol=1e-3)
        x0, y0, x1, y1 = box_N4[index].astype(int)
        mask_hw = paste_mask(stages[-1]["mask"][index, 0], box_N4[index], (x0, y0, x1 - x0, y1 - y0))
        assert (one.mask_hw == mask_hw).mean() > 0.999 and 0 < mask_hw.mean() < 1
    if cascade:
        first = decode_keypoints(stages[0]["keypoints"][0], box_N4[0])
        assert np.abs(first - people[0].keypoint_K3).max() > 1
