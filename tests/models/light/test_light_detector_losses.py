"""The light detector's losses against torchvision and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torchvision.ops import box_iou, generalized_box_iou

from models.light.architecture.detector import decode_boxes
from models.light.architecture.detector_locations import boxes_from_distances, detector_locations
from models.losses.light_detector import assign_places, detector_losses, pair_iou
from models.losses.light_distillation import detector_distillation

pytestmark = pytest.mark.quick


def torch_places(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The detector's locations as tensors."""
    centre, stride = detector_locations(height, width)
    return torch.from_numpy(centre), torch.from_numpy(stride)


def boxes(count: int, seed: int) -> torch.Tensor:
    corner = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) * 50
    size = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed + 1)) * 40 + 1
    return torch.cat([corner, corner + size], 1)


def test_ious_equal_torchvision() -> None:
    a, b = boxes(20, 1), boxes(30, 3)
    iou, giou = pair_iou(a[:, None], b[None])
    torch.testing.assert_close(iou, box_iou(a, b), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(giou, generalized_box_iou(a, b), atol=1e-5, rtol=1e-4)


def test_places_are_cell_centres_of_three_strides() -> None:
    centre, stride = detector_locations(64, 96)
    assert len(centre) == 8 * 12 + 4 * 6 + 2 * 3
    assert centre[0].tolist() == [4, 4]
    assert centre[1].tolist() == [12, 4]
    assert centre[-1].tolist() == [80, 48]
    assert stride[[0, 96, 120]].tolist() == [8, 16, 32]


def test_decoding_inverts_log_distances() -> None:
    centre, stride = torch.tensor([[20.0, 30.0]]), torch.tensor([8.0])
    distance = torch.log(torch.tensor([[[1.0, 2.0, 0.5, 4.0]]]))
    torch.testing.assert_close(decode_boxes(distance, centre, stride), torch.tensor([[[12.0, 14.0, 24.0, 62.0]]]))
    boxes = boxes_from_distances(distance[0].numpy(), centre.numpy(), stride.numpy())
    assert boxes.tolist() == [[12.0, 14.0, 24.0, 62.0]]


def test_boxes_are_decoded_alike_with_and_without_torch() -> None:
    centre, stride = detector_locations(64, 96)
    distance = torch.randn(len(centre), 4, generator=torch.Generator().manual_seed(0)) * 4
    wanted = decode_boxes(distance[None], torch.from_numpy(centre), torch.from_numpy(stride))[0]
    torch.testing.assert_close(torch.from_numpy(boxes_from_distances(distance.numpy(), centre, stride)), wanted)


def test_places_answer_only_for_people_they_lie_in() -> None:
    centre, _ = torch_places(64, 64)
    truth = torch.tensor([[[0.0, 0.0, 30.0, 64.0], [34.0, 0.0, 64.0, 64.0], [0.0, 0.0, 0.0, 0.0]]])
    real = torch.tensor([[True, True, False]])
    found = torch.where(centre[:, :1] < 32, truth[0, 0], truth[0, 1])[None]
    given = assign_places(torch.zeros(1, len(centre)), found, centre, truth, real)
    taken = given.score[0] > 0
    left, right = centre[:, 0] < 30, centre[:, 0] > 34
    assert taken[left].sum() == 10
    assert taken[right].sum() == 10
    assert not taken[~left & ~right].any()
    assert (given.box[0, taken & left] == truth[0, 0]).all()
    assert given.score.max() == pytest.approx(1.0, abs=1e-4)  # a perfect answer is wanted in full


def test_unsure_boxes_cost_nothing_inside() -> None:
    where = torch_places(64, 64)
    rows = torch.zeros(1, len(where[0]), 5)
    truth, parts = torch.tensor([[[0.0, 0.0, 64.0, 64.0]]]), torch.zeros(1, 25, 8, 8)
    ignored = torch.full((1, 8, 8), 255)
    unsure = detector_losses(rows, parts, where, truth, torch.tensor([[1]], dtype=torch.int32), ignored)
    nobody = detector_losses(rows, parts, where, truth, torch.tensor([[-1]], dtype=torch.int32), ignored)
    assert unsure.score == 0
    assert nobody.score == pytest.approx(len(where[0]) * math.log(2), rel=1e-5)
    assert unsure.parts == nobody.parts == 0


def test_a_teacher_costs_nothing_where_it_was_not_asked_and_least_where_it_is_met() -> None:
    where = torch_places(64, 64)
    count = len(where[0])
    rows = torch.zeros(1, count, 5)
    own = decode_boxes(rows[..., 1:], *where)
    answer = torch.cat([torch.full((1, count, 1), 0.5), own], 2)
    met = detector_distillation(rows, where, answer)
    assert met.taught_score == pytest.approx(math.log(2) / 0.5, rel=1e-5)  # the entropy of 1/2, per unit of score
    assert met.taught_box == pytest.approx(0, abs=1e-5)
    shifted = detector_distillation(rows, where, answer + torch.tensor([0, 16.0, 0, 16.0, 0]) * where[1][:, None] / 8)
    # boxes of two strides a side moved by two strides: they touch, IoU is 0, and so is the hull's excess
    assert shifted.taught_box == pytest.approx(2.0, abs=1e-4)
    asked = detector_distillation(rows, where, torch.full((1, count, 5), -1.0))
    assert asked.taught_score == asked.taught_box == 0
