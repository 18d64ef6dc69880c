"""Losses of detection, masks and keypoints against torchvision and closed forms; label assignment; the cascade."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchvision.models.detection.roi_heads import keypointrcnn_loss

from models.architecture.cascade import evidence, evidence_channels
from models.architecture.densepose_head import DensePosePredictor, upsample_maps
from models.architecture.rcnn import DensePoseRCNN
from models.boxes import apply_deltas
from models.checkpoints.trained_info import TrainedInfo
from models.checkpoints.trained_weights import initialise_from, load_trained, make_network, write_trained
from models.inference.single_person import WINDOW, region_maps
from models.learning.label_assignment import (
    BACKGROUND,
    IGNORED_EXAMPLE,
    assign_anchors,
    assign_regions,
    sample_examples,
)
from models.learning.learner import POINT_TERMS, person_target, readable
from models.learning.training_batch import TrainingBatch
from models.losses.detection import box_deltas, box_terms, proposal_terms
from models.losses.keypoints import keypoint_cells, keypoint_term
from models.losses.points import PointWeights, RegionPoints
from models.losses.segmentation import IGNORED, coarse_term, mask_targets, mask_term
from models.variant import Variant, map_channels

pytestmark = pytest.mark.quick


def random_boxes(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=generator) * 40
    return torch.cat([low, low + 8 + torch.rand(count, 2, generator=generator) * 50], dim=1)


def test_keypoint_loss_equals_torchvision() -> None:
    box = random_boxes(6, 1)
    generator = torch.Generator().manual_seed(2)
    place = box[:, None, :2] + torch.rand(6, 17, 2, generator=generator) * 1.2 * (box[:, 2:] - box[:, :2])[:, None]
    state = torch.randint(0, 3, (6, 17, 1), generator=generator).float()
    keypoints = torch.cat([place, state], dim=2)
    keypoints[0, 0] = torch.tensor([*box[0, 2:].tolist(), 2.0])
    score = torch.randn(6, 17, 28, 28, generator=generator)
    expected = keypointrcnn_loss(score, [box], [keypoints], [torch.arange(6)])
    torch.testing.assert_close(keypoint_term(score, keypoints, box, 1.0).value(), expected)
    cell, counts = keypoint_cells(keypoints, box, 28)
    assert counts[0, 0] and cell[0, 0] == 28 * 28 - 1, "the far edge belongs to the last cell"
    assert not counts[keypoints[..., 2] == 0].any() and counts.any()


def test_mask_targets_are_cropped_to_the_region() -> None:
    """Boxes of 28 x 28 pixels at integers: each cell is one pixel, completely inside or outside of the mask."""
    generator = torch.Generator().manual_seed(3)
    mask = (torch.rand(2, 64, 64, generator=generator) > 0.5).to(torch.uint8)
    box = torch.tensor([[4.0, 8.0, 32.0, 36.0], [20.0, 2.0, 48.0, 30.0]])
    owner = torch.tensor([1, 0])
    target = mask_targets(mask, owner, box, 28)
    assert torch.equal(target[0], mask[1, 8:36, 4:32].bool())
    logit = torch.randn(2, 1, 28, 28, generator=generator)
    ours = mask_term(logit, target, 1.0).value()
    cells = torch.nn.functional.binary_cross_entropy_with_logits(logit[:, 0], target.float())
    torch.testing.assert_close(ours, cells)


def test_people_without_masks_are_ignored_in_the_person_target() -> None:
    mask = torch.zeros(2, 4, 6, dtype=torch.uint8)
    mask[0, :2, :2], mask[1, :, 1:4] = 1, 1
    empty, few = torch.zeros(0), torch.zeros(2, dtype=torch.long)
    batch = TrainingBatch(
        torch.zeros(1, 4, 6, 3), few, few, few, empty, mask, torch.tensor([True, False]), *[empty] * 8
    )
    target = person_target(batch)[0]
    assert target.tolist()[0] == [1, 1, IGNORED, IGNORED, 0, 0]
    assert target.tolist()[3] == [0, IGNORED, IGNORED, IGNORED, 0, 0]
    term = coarse_term(torch.zeros(1, 2, 4, 6), target[None], 1.0)
    assert term.value().item() == pytest.approx(math.log(2)) and term.divisor == 24 - 10


def test_detection_losses_equal_closed_forms() -> None:
    logit = torch.tensor([0.0, 2.0, -1.0])
    delta = torch.zeros(3, 4)
    wanted = torch.tensor([True, False, False])
    terms = proposal_terms(logit, delta, wanted, torch.tensor([[0.5, -0.25, 0.0, 1.0]]), 256)
    bce = math.log(2) + math.log1p(math.exp(2)) + math.log1p(math.exp(-1))
    assert terms["objectness"].value().item() == pytest.approx(bce / 256, rel=1e-6)
    assert terms["proposal_box"].value().item() == pytest.approx(1.75 / 256, rel=1e-6)
    person, positive = torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([True, False])
    terms = box_terms(person, torch.zeros(2, 4), positive, torch.tensor([[1.0, 0.0, -1.0, 0.0]]))
    assert terms["class"].value().item() == pytest.approx((math.log1p(math.exp(-1)) + math.log1p(math.exp(3))) / 2)
    assert terms["box"].value().item() == pytest.approx(1.0)


def test_box_deltas_invert_apply_deltas() -> None:
    anchor, wanted, weights = random_boxes(20, 4), random_boxes(20, 5), (10.0, 10.0, 5.0, 5.0)
    torch.testing.assert_close(apply_deltas(box_deltas(anchor, wanted, weights), anchor, weights), wanted)


def test_anchors_are_assigned_by_iou_and_each_person_has_one() -> None:
    person = torch.tensor([[0.0, 0.0, 10.0, 10.0], [100.0, 100.0, 104.0, 104.0]])
    anchor = torch.tensor(
        [
            [0.0, 0.0, 10.0, 10.0],  # the same: IoU 1
            [0.0, 0.0, 10.0, 5.0],  # IoU .5: neither
            [0.0, 0.0, 10.0, 2.0],  # IoU .2: background
            [100.0, 100.0, 120.0, 120.0],  # IoU .04, but the best anchor of the second person
        ]
    )
    assert assign_anchors(anchor, person).tolist() == [0, IGNORED_EXAMPLE, BACKGROUND, 1]
    assert assign_anchors(anchor, person[:0]).tolist() == [BACKGROUND] * 4
    of, iou = assign_regions(anchor, person)
    assert of.tolist() == [0, 0, BACKGROUND, BACKGROUND]
    assert iou.tolist() == pytest.approx([1, 0.5, 0.2, 0.04])


def test_samples_depend_on_the_seed_only_and_keep_the_shares() -> None:
    of = torch.tensor([0] * 30 + [BACKGROUND] * 100 + [IGNORED_EXAMPLE] * 50)
    shown = sample_examples(of, 40, 0.5, np.random.default_rng(7))
    assert torch.equal(shown, sample_examples(of, 40, 0.5, np.random.default_rng(7)))
    assert not torch.equal(shown, sample_examples(of, 40, 0.5, np.random.default_rng(8)))
    assert (of[shown] >= 0).sum() == 20 and (of[shown] == BACKGROUND).sum() == 20
    few = sample_examples(of[25:], 40, 0.5, np.random.default_rng(7))
    assert (of[25:][few] >= 0).sum() == 5 and len(few) == 40


def test_the_second_stage_uses_the_outputs_of_every_task() -> None:
    variant = Variant(backbone="tiny", mask=True, keypoints=True, cascade=True)
    heads = DensePoseRCNN(variant).roi_heads
    pooled = torch.randn(2, variant.sizes.pyramid, 14, 14)
    first, second = heads.stages(pooled)
    assert evidence(first).shape == (2, evidence_channels(variant), 14, 14)
    assert {name: value.shape for name, value in first.items()} == {name: value.shape for name, value in second.items()}
    alone = heads.final_maps(pooled)
    torch.testing.assert_close(alone["u"], upsample_maps(second["u"]))
    # The first stage's keypoints influence the second stage's surface.
    (gradient,) = torch.autograd.grad(second["fine_segm"].sum(), heads.keypoint_predictor.score_lowres.weight)
    assert gradient.abs().max() > 0


def test_region_maps_are_the_part_under_the_box() -> None:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
    found = region_maps({"u": torch.stack([x + 0.5, y + 0.5])}, [10.0, 20.0, 66.0, 48.0])["u"]
    centre = (torch.arange(WINDOW) + 0.5) / WINDOW
    torch.testing.assert_close(found[0, 0], 10 + centre * 56)
    torch.testing.assert_close(found[1, :, 0], 20 + centre * 28)


def test_weights_files_describe_their_network_and_initialise_others(tmp_path) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    plain = Variant(backbone="tiny")
    network = make_network("rcnn", plain)
    about = TrainedInfo(kind="rcnn", variant=plain, min_size=192, max_size=256, scales=(1.0,))
    write_trained(tmp_path / "one.safetensors", network.state_dict(), about)
    read, description, sha256 = load_trained(tmp_path / "one.safetensors")
    assert description == about and len(sha256) == 64
    for name, value in network.state_dict().items():
        assert torch.equal(read.state_dict()[name], value), name
    larger = make_network("rcnn", Variant(backbone="tiny", keypoints=True))
    names = initialise_from(larger, tmp_path / "one.safetensors")
    assert torch.equal(larger.backbone.bottom_up.stem.conv1.weight, network.backbone.bottom_up.stem.conv1.weight)
    assert all("keypoint" in name for name in names["drawn"]) and names["drawn"]


@pytest.mark.parametrize(
    ("uv_loss", "confidence", "factor"), [("sum", "none", 2), ("mean", "none", 4), ("confident", "wc2", 2)]
)
def test_point_losses_on_low_resolution_maps_equal_those_on_upsampled_maps(
    uv_loss: str, confidence: str, factor: int
) -> None:
    torch.manual_seed(3)
    regions, points = 3, 200
    predictor = DensePosePredictor(6, map_channels(2, confidence, False))
    features = torch.randn(regions, 6, 5, 7, requires_grad=True)
    box = torch.tensor([[2.0, 3.0, 31.0, 18.5], [0.0, 0.0, 7.0, 40.0], [10.2, 4.0, 60.0, 61.0]])
    region = torch.randint(regions, (points,))
    # Points up to the edges, and some outside of their region.
    share = torch.cat(
        [torch.rand(points - 4, 2) * 1.02, torch.tensor([[0.0, 0.0], [0.999, 0.0], [0.0, 0.999], [1, 1]])]
    )
    marked = RegionPoints(
        region_M=region,
        xy_M2=box[region, :2] + share * (box[region, 2:] - box[region, :2]),
        chart_M=torch.randint(25, (points,)),
        uv_M2=torch.rand(points, 2),
        weight_M=torch.rand(points),
    )
    low_resolution = predictor.low_resolution(features)
    maps, upsampling = readable(predictor, low_resolution, factor)
    few = POINT_TERMS[uv_loss](maps, marked, box, PointWeights(), upsampling)
    upsampled = {name: upsample_maps(one, factor) for name, one in low_resolution.items()}
    whole = POINT_TERMS[uv_loss](upsampled, marked, box, PointWeights())
    assert upsampling == factor and maps["coarse_segm"].shape == upsampled["coarse_segm"].shape
    for name in whole:
        torch.testing.assert_close(few[name].value(), whole[name].value(), rtol=1e-5, atol=1e-6)
        seen, known = (torch.autograd.grad(one[name].value(), features, retain_graph=True)[0] for one in (few, whole))
        torch.testing.assert_close(seen, known, rtol=1e-4, atol=1e-6)


def test_segmentations_with_confidence_are_upsampled_first() -> None:
    predictor = DensePosePredictor(4, map_channels(2, "wc1", True))
    features = torch.randn(1, 4, 3, 3)
    maps, upsampling = readable(predictor, {**predictor.low_resolution(features), "mask": torch.zeros(1, 1, 6, 6)})
    assert upsampling == 1 and maps["mask"].shape == (1, 1, 6, 6)
    torch.testing.assert_close(maps["fine_segm"], predictor(features)["fine_segm"])
