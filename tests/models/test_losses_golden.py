"""Losses of annotated people and their gradients equal the reference's within 1e-5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.losses.points import (
    PointWeights,
    RegionPoints,
    anisotropic_cost,
    body_points,
    chart_and_confident_uv_terms,
    chart_and_uv_terms,
    isotropic_cost,
    visible_points,
)
from models.losses.segmentation import coarse_targets, coarse_term
from tests.golden.loss_recipe import LossBatch, draw_batch

pytestmark = pytest.mark.quick

EXPECTED = json.loads((Path(__file__).parents[1] / "golden" / "loss_expected.json").read_text())
WEIGHTS = {
    "R50_legacy": PointWeights(chart=0.3, uv=0.1, coarse=2.0),
    "R50_WC1M": PointWeights(),
}


def points_of(batch: LossBatch) -> RegionPoints:
    """All annotated points in pixels of their image; annotations are in 1/256 of the person's box."""
    rows: list[list[Tensor]] = []
    for index, one in enumerate(batch.annotations):
        if one is None:
            continue
        box = torch.from_numpy(batch.person_54[index])
        xy = box[:2] + torch.from_numpy(one["xy_M2"]) * (box[2:] - box[:2]) / 256
        chart = torch.from_numpy(one["chart_M"])
        rows.append([torch.full_like(chart, index), xy, chart, torch.from_numpy(one["uv_M2"]), torch.ones(len(chart))])
    region, xy, chart, uv, weight = (torch.cat(column) for column in zip(*rows, strict=True))
    return RegionPoints(region_M=region, xy_M2=xy, chart_M=chart, uv_M2=uv, weight_M=weight)


def losses(name: str) -> tuple[dict[str, Tensor], dict[str, Tensor], LossBatch]:
    case = EXPECTED[name]
    batch = draw_batch(case["seed"], case["S"], case["K"])
    drawn = {key: torch.from_numpy(value).requires_grad_() for key, value in batch.maps.items()}
    wanted = ("coarse_segm", "fine_segm", "u", "v", *(["sigma_2"] if "WC1" in name else []))
    maps = {key: drawn[key] for key in wanted}
    box = torch.from_numpy(batch.region_54)
    of = chart_and_confident_uv_terms if "WC1" in name else chart_and_uv_terms
    terms: dict[str, Any] = dict(of(maps, points_of(batch), box, WEIGHTS[name]))
    annotated = [index for index, one in enumerate(batch.annotations) if one is not None]
    label = torch.from_numpy(np.stack([batch.annotations[index]["coarse_LL"] for index in annotated]))
    target = coarse_targets(label, torch.from_numpy(batch.person_54[annotated]), box[annotated], case["S"])
    terms["coarse"] = coarse_term(maps["coarse_segm"][annotated], target, WEIGHTS[name].coarse)
    return {key: term.value() for key, term in terms.items()}, maps, batch


NAMES = {
    "u": "loss_densepose_U",
    "v": "loss_densepose_V",
    "uv": "loss_densepose_UV",
    "chart": "loss_densepose_I",
    "coarse": "loss_densepose_S",
}


@pytest.mark.parametrize("name", list(WEIGHTS))
def test_values_and_gradients_equal_the_reference(name: str) -> None:
    found, maps, _ = losses(name)
    expected = EXPECTED[name]["losses"]
    assert {NAMES[key] for key in found} == set(expected)
    for key, value in found.items():
        assert value.item() == pytest.approx(expected[NAMES[key]], rel=1e-5), key
    torch.stack(list(found.values())).sum().backward()
    for key, norm in EXPECTED[name]["grad_l2"].items():
        if norm is not None:
            assert maps[key].grad is not None
            assert maps[key].grad.norm().item() == pytest.approx(norm, rel=1e-5), key


@pytest.mark.parametrize("name", list(WEIGHTS))
def test_the_same_points_are_used(name: str) -> None:
    case = EXPECTED[name]
    batch = draw_batch(case["seed"], case["S"], case["K"])
    points = points_of(batch)
    seen = visible_points(points, torch.from_numpy(batch.region_54))
    counts = (len(points.chart_M), len(seen.chart_M), len(body_points(seen).chart_M))
    assert counts == (case["n_points"], case["n_valid"], case["n_valid_fg"])


def test_the_recipe_reproduces_the_fixture(shared: Path) -> None:
    held = np.load(shared / "reference" / "fixtures" / "open" / "loss_annotations_R50_legacy.npz")
    batch = draw_batch(EXPECTED["R50_legacy"]["seed"], 56, 15)
    for index, one in enumerate(batch.annotations):
        if one is not None:
            assert np.array_equal(held[f"ann{index}_dp_x"], one["xy_M2"][:, 0])
            assert np.array_equal(held[f"ann{index}_dp_V"], one["uv_M2"][:, 1])
            assert np.array_equal(held[f"ann{index}_segm"], one["coarse_LL"])


def test_without_annotations_losses_are_zero_with_a_gradient() -> None:
    maps = {name: torch.randn(2, 25, 8, 8, requires_grad=True) for name in ("fine_segm", "u", "v", "sigma_2")}
    none = RegionPoints(
        region_M=torch.zeros(0, dtype=torch.long),
        xy_M2=torch.zeros(0, 2),
        chart_M=torch.zeros(0, dtype=torch.long),
        uv_M2=torch.zeros(0, 2),
        weight_M=torch.zeros(0),
    )
    box = torch.tensor([[0.0, 0.0, 8.0, 8.0]] * 2)
    for of in (chart_and_uv_terms, chart_and_confident_uv_terms):
        total = torch.stack([term.value() for term in of(maps, none, box, PointWeights()).values()]).sum()
        assert total == 0
        total.backward()


def test_uncertainty_losses_are_gaussian_likelihoods() -> None:
    """Compared with the density of a normal distribution with the paper's covariance."""
    generator = torch.Generator().manual_seed(5)
    du, dv, raw, ku, kv = torch.randn(5, 40, generator=generator, dtype=torch.float64)
    variance = torch.nn.functional.softplus(raw) + 0.01
    covariance = variance[:, None, None] * torch.eye(2, dtype=torch.float64)
    direction = torch.stack([ku, kv], 1)
    residual = torch.stack([du, dv], 1)
    for found, spread in (
        (isotropic_cost(du, dv, raw), covariance),
        (anisotropic_cost(du, dv, raw, ku, kv), covariance + direction[:, :, None] * direction[:, None]),
    ):
        normal = torch.distributions.MultivariateNormal(torch.zeros(2, dtype=torch.float64), spread)
        # The published isotropic loss has log 2 pi once; a two-dimensional normal distribution has 2 · (log 2 pi) / 2.
        expected = -normal.log_prob(residual) - 0.5 * np.log(2 * np.pi)
        torch.testing.assert_close(found, expected)
