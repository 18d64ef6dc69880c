"""Confidence of the published networks per pixel, compared with sampled errors and computed probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.inference.assembly import assemble_surface
from models.inference.confidence import NEAR, TEMPER, near_probability, tempered

pytestmark = pytest.mark.quick


def raw(variance: float) -> torch.Tensor:
    """The raw value that softplus and the floor of 0.01 turn into this variance."""
    return torch.tensor(math.log(math.expm1(variance - 0.01)))


def test_near_probability_is_the_closed_form() -> None:
    """Closed form of an isotropic Gaussian: with variance r² / 2, a share of 1 − 1/e of the errors is within r."""
    assert near_probability({"sigma_2": raw(NEAR**2 / 2)}).item() == pytest.approx(1 - 1 / math.e, abs=1e-5)


@pytest.mark.parametrize(("variance", "kappa", "far"), [(0.02, (0.0, 0.0), 0.005), (0.04, (0.15, -0.2), 0.02)])
def test_near_probability_equals_the_share_of_samples(variance: float, kappa: tuple[float, float], far: float) -> None:
    rng = np.random.default_rng(4)
    error_M2 = rng.normal(0, math.sqrt(variance), (200_000, 2)) + rng.normal(0, 1, (200_000, 1)) * np.array(kappa)
    near = (np.hypot(*error_M2.T) <= NEAR).mean()
    spread = {"sigma_2": raw(variance), "kappa_u": torch.tensor(kappa[0]), "kappa_v": torch.tensor(kappa[1])}
    assert near_probability(spread).item() == pytest.approx(near, abs=far)


def columns(*values: float) -> torch.Tensor:
    """A map of four equal columns of cells, (16, 16)."""
    return torch.tensor(values, dtype=torch.float32).repeat_interleave(4).expand(16, 16).clone()


def maps_of_four() -> dict[str, torch.Tensor]:
    """Columns: confident; uncertain chart; uncertain UV; background."""
    coarse = torch.stack([columns(-5, -5, -5, 5), columns(5, 5, 5, -5)])
    fine = torch.full((25, 16, 16), -20.0)
    fine[2], fine[1] = 0.0, columns(-20, -1, -20, -20)
    sigma = columns(raw(0.02).item(), raw(0.02).item(), raw(0.5).item(), raw(0.02).item())
    flat = torch.full((25, 16, 16), 0.5)
    return {"coarse_segm": coarse, "fine_segm": fine, "u": flat, "v": flat, "sigma_2": sigma.expand(25, 16, 16)}


def test_confidence_distinguishes_background_chart_and_uv_uncertainty() -> None:
    surface = assemble_surface(maps_of_four(), np.array([0, 0, 16, 16], np.float32))
    assert surface.confidence_hw is not None and surface.confidence_hw.dtype == np.float32
    sure, chart, uv, hidden = (float(surface.confidence_hw[8, column]) for column in (1, 5, 9, 14))
    near = 1 - math.exp(-(NEAR**2) / 0.04)
    assert sure == pytest.approx(near, abs=1e-3)
    assert chart == pytest.approx(near / (1 + math.exp(-1)), abs=1e-3)
    assert uv == pytest.approx(1 - math.exp(-(NEAR**2) / 1.0), abs=1e-3)
    assert surface.labels_hw[8, 14] == 0 and hidden == pytest.approx(1, abs=1e-3)


def test_confidence_without_variance_grows_with_the_difference_of_logits() -> None:
    """Logits of two charts differ by 1 in the second column and by 20 in the others; log-odds of the body are ±10."""
    maps = maps_of_four()
    del maps["sigma_2"]
    surface = assemble_surface(maps, np.array([0, 0, 16, 16], np.float32))
    assert surface.confidence_hw is not None and not surface.uncertainty
    sure, chart, uv, hidden = (float(surface.confidence_hw[8, column]) for column in (1, 5, 9, 14))
    assert sure == uv == pytest.approx(1 / (1 + math.exp(-10 * TEMPER)), abs=1e-3)
    assert chart == pytest.approx(1 / (1 + math.exp(-TEMPER)), abs=1e-3)
    assert surface.labels_hw[8, 14] == 0 and hidden == pytest.approx(1 / (1 + math.exp(-10)), abs=1e-5)


def test_tempering_keeps_one_half_and_is_symmetric() -> None:
    even, sure, unsure = tempered(torch.tensor([0.5, 0.8, 0.2])).tolist()
    assert even == 0.5
    assert sure == pytest.approx(4**TEMPER / (1 + 4**TEMPER), abs=1e-6)
    assert sure + unsure == pytest.approx(1, abs=1e-6)
