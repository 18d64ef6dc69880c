"""The light surface network's losses against closed forms, the body's mesh and annotators."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.body.charts import COARSE_OF_CHART
from models.light.architecture.preprocessing import CROP, MARGIN
from models.light.architecture.sizes import SurfaceSizes
from models.light.architecture.surface_net import GRID, JointLogits, SurfaceNet
from models.losses.light_joints import HIDDEN_WEIGHT, PLACE_WEIGHT, VISIBLE_WEIGHT, corner_shares, joint_losses
from models.losses.light_surface import (
    MEAN_METRES,
    PART_WEIGHT,
    POINTED,
    UNKNOWN_UV,
    UV_METRES,
    UV_WEIGHT,
    SurfaceLossConfig,
    body_places,
    part_loss,
    person_loss,
    point_share,
    surface_losses,
    uv_loss,
)
from models.surface.charted_mesh import open_body_mesh
from stages.annotations.point_picking import MAX_POINTS_PER_PART, resample_to_box_grid, spread_points

pytestmark = pytest.mark.quick


def test_surface_losses_are_the_closed_forms() -> None:
    label = torch.tensor([[0, 3, 24, 255]])
    uv = torch.zeros(1, 2, 4)
    uv[0, 0, 1] = 0.75
    body, empty = math.log1p(math.exp(-1.5)), math.log1p(math.exp(1.5))
    mask = torch.tensor([[0, 1, 1, 255]])
    assert person_loss(torch.full((1, 4), 1.5), mask, label) == pytest.approx((2 * body + empty) / 3, rel=1e-5)
    assert person_loss(torch.full((1, 4), 1.5), mask, label, 3.0) == pytest.approx((4 * body + empty) / 3, rel=1e-5)
    alike = torch.ones(1, 4)
    assert part_loss(torch.zeros(1, 4, 24), label, alike, alike) == pytest.approx(math.log(24), rel=1e-5)
    said = torch.full((1, 4, 24), 0.5), torch.full((1, 4, 24), 0.25)
    assert uv_loss(said, label, uv, alike) == pytest.approx(((0.25 + 0.25) + (0.5 + 0.25)) / 2, rel=1e-5)
    thrice = torch.tensor([[9.0, 3.0, 1.0, 9.0]])
    assert uv_loss(said, label, uv, thrice) == pytest.approx((3 * (0.25 + 0.25) + (0.5 + 0.25)) / 4, rel=1e-5)


def test_metric_uv_counts_what_a_step_of_u_and_v_is_along_the_skin() -> None:
    mesh = open_body_mesh()
    corner_F33 = mesh.vertex_V3[mesh.face_F3]
    edge_F23 = corner_F33[:, 1:] - corner_F33[:, :1]
    step_F22 = mesh.corner_uv_F32[:, 1:] - mesh.corner_uv_F32[:, :1]
    flat = np.abs(np.linalg.det(step_F22)) > 1e-12
    slope_F23 = np.linalg.inv(step_F22[flat]) @ edge_F23[flat]  # metres by U and by V
    metres_F2 = np.linalg.norm(slope_F23, axis=2).clip(0, 3)
    area_F = np.linalg.norm(np.cross(edge_F23[flat, 0], edge_F23[flat, 1]), axis=1)
    chart_F = mesh.chart_F[flat]
    for chart, said_2 in enumerate(UV_METRES.tolist(), start=1):
        here = chart_F == chart
        np.testing.assert_allclose(np.average(metres_F2[here], axis=0, weights=area_F[here]), said_2, atol=0.006)
    assert np.average(metres_F2.mean(1), weights=area_F) == pytest.approx(MEAN_METRES, abs=0.005)
    label, uv = torch.tensor([[0, 2, 21, 255]]), torch.zeros(1, 2, 4)
    said = torch.full((1, 4, 24), 0.1), torch.full((1, 4, 24), 0.2)
    metres = float((UV_METRES[1] + UV_METRES[20]) @ torch.tensor([0.1, 0.2])) / 2
    assert uv_loss(said, label, uv, torch.ones(1, 4), metric=True) == pytest.approx(metres / MEAN_METRES, rel=1e-5)


def test_a_joint_costs_the_entropy_of_its_place_where_it_is_known() -> None:
    logits = JointLogits(torch.zeros(2, 17, 40, 40), torch.zeros(2, 17, 40, 40))
    joint = torch.zeros(2, 17, 3)
    assert joint_losses(logits, joint, 160) == (0, 0)  # none is known
    joint[0, 3] = torch.tensor([82.0, 42.0, 2.0])  # the centre of a cell
    place, visible = joint_losses(logits, joint, 160)
    assert place == pytest.approx(PLACE_WEIGHT * math.log(1601), rel=1e-5)  # 1,600 cells, and not in the crop
    assert visible == pytest.approx(VISIBLE_WEIGHT * math.log(2), rel=1e-5)
    logits.place[0, 3, 10, 20] = math.log(1600)  # as likely as all others together
    assert joint_losses(logits, joint, 160).joint == pytest.approx(PLACE_WEIGHT * math.log(2), rel=1e-5)
    joint[0, 3, 2] = 1
    hidden = joint_losses(logits, joint, 160).joint
    joint[0, 3, 2] = 3
    assert joint_losses(logits, joint, 160) == (hidden, 0)  # nothing says whether it is visible
    assert hidden == pytest.approx(HIDDEN_WEIGHT * PLACE_WEIGHT * math.log(2), rel=1e-5)


@pytest.mark.parametrize(("x", "state"), [(-1.0, 2.0), (161.0, 1.0), (0.0, -1.0)])
def test_a_joint_outside_the_crop_is_learned_as_nowhere(x: float, state: float) -> None:
    logits = JointLogits(torch.zeros(1, 17, 40, 40), torch.zeros(1, 17, 40, 40))
    joint = torch.zeros(1, 17, 3)
    joint[0, 4] = torch.tensor([x, 42.0, state])
    weight = PLACE_WEIGHT * (HIDDEN_WEIGHT if state == 1 else 1)
    place, visible = joint_losses(logits, joint, 160)
    assert place == pytest.approx(weight * math.log(1601), rel=1e-5) and visible == 0
    logits.place[0, 4] -= math.log(1600)
    assert joint_losses(logits, joint, 160).joint == pytest.approx(weight * math.log(2), rel=1e-5)


@pytest.mark.parametrize("xy", [(82.0, 42.0), (80.0, 40.5), (0.2, 159.9)])
def test_the_place_between_cells_is_the_mean_of_the_target(xy: tuple[float, float]) -> None:
    cell, share = corner_shares(torch.tensor([xy]) / 4, 40)
    centre = torch.stack([cell % 40, cell // 40], 2) * 4.0 + 2
    mean = (centre * share[..., None]).sum(1)[0]
    torch.testing.assert_close(mean, torch.tensor(xy).clamp(2, 158), atol=1e-4, rtol=0)
    assert share.sum() == pytest.approx(1) and (share >= 0).all()


def test_cells_count_as_the_points_that_annotators_set() -> None:
    label = torch.zeros(2, GRID, GRID, dtype=torch.int64)
    low, high = 5, 75  # the person's box: the crop is 1.15 times as large, 80 of 70 cells
    label[0, low:50, low:high] = 2  # a close-up: a chest and the outer side of an upper arm
    label[0, 50:high, low:30] = 17
    label[1, low:30, 20:40] = 1
    label[1, 30:36, 20:24] = 3
    label[1, 36:high, 20:30] = 7
    label[1, 36:high, 30:40] = 9  # the other side of the same thigh
    label[1, 36:high, 40:] = 255
    share = point_share(label)
    for one, said in zip(label.numpy(), share.numpy(), strict=True):
        coarse = np.where(one == 255, 0, COARSE_OF_CHART[one * (one < 25)])
        box = coarse[low:high, low:high]
        cells = np.bincount(resample_to_box_grid(box).ravel(), minlength=15)
        rows, columns = spread_points(box, cells, np.random.default_rng(0))
        points = np.bincount(box[rows, columns], minlength=15)
        for part in np.unique(coarse[coarse > 0]):
            counted = said[coarse == part].sum() * MAX_POINTS_PER_PART / (POINTED * GRID**2 / MARGIN**2)
            assert counted == pytest.approx(points[part], abs=0.6)
            assert np.ptp(said[coarse == part]) == 0


@pytest.mark.parametrize(("as_points", "extremities"), [(False, 1.0), (True, 2.5)])
def test_surface_losses_read_on_the_body_what_whole_maps_would_say(*, as_points: bool, extremities: float) -> None:
    torch.manual_seed(2)
    net = SurfaceNet(SurfaceSizes(blocks=(1, 1, 1), refined=(0, 0))).eval()
    rgb = torch.rand(3, 3, CROP, CROP) * 255
    label = torch.randint(0, 25, (3, GRID, GRID))
    label[0, :20] = 0
    label[1, 10:30] = 255
    label[2] = 0  # of nobody
    weight, uv = torch.rand(3, GRID, GRID), torch.rand(3, 2, GRID, GRID)
    known = torch.rand(3, GRID, GRID) < torch.tensor([1.0, 0.3, 1.0])[:, None, None]
    known[1, 30:] = False
    uv = uv.where(known[:, None], torch.tensor(UNKNOWN_UV))
    features, on = net.features(rgb), body_places(label, uv)
    weighting = SurfaceLossConfig(as_points=as_points, extremities=extremities)
    mask = torch.where(torch.rand(3, GRID, GRID) < 0.9, (label > 0).long(), 255)
    sparse = surface_losses(net, features, label, mask, weight, uv, on, weighting)
    maps = net(rgb)
    part, u, v = (x.flatten(2).transpose(1, 2) for x in maps[1:])  # all cells of a picture, charts last
    exact = label.where(known, torch.tensor(0)).flatten(1)
    share = point_share(label) if as_points else PART_WEIGHT[label.clamp(1, 24) - 1]
    uv_share = share if as_points else torch.ones_like(share)
    dense = (
        person_loss(maps.person[:, 0], mask, label, extremities),
        part_loss(part, label.flatten(1), weight.flatten(1), share.flatten(1)),
        UV_WEIGHT * uv_loss((u, v), exact, uv.flatten(2), uv_share.flatten(1)),
    )
    for one, other in zip(sparse, dense, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
        first, second = (
            torch.autograd.grad(x, list(net.parameters()), allow_unused=True, retain_graph=True) for x in (one, other)
        )
        for a, b in zip(first, second, strict=True):
            assert (a is None) == (b is None)
            if a is not None and b is not None:
                torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
