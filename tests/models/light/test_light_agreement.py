"""Two views of the same skin agree: closed forms, mirrors, and what is not matched."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.body.charts import MIRROR_CHART, mirror_uv
from models.light.architecture.sizes import SurfaceSizes
from models.light.architecture.surface_net import SurfaceNet
from models.losses.light_agreement import (
    AGREE_WEIGHT,
    UNMATCHED,
    Agreement,
    SurfaceView,
    agreement_losses,
    gap_between,
    matched_cells,
)
from models.losses.light_surface import UV_WEIGHT

pytestmark = pytest.mark.quick


def view(chart: int, share: float, u: float, v: float, person: float = 0.9) -> SurfaceView:
    """One place: a chart of this probability, the rest even, U and V in all charts."""
    odds = torch.full((1, 24), (1 - share) / 23)
    odds[0, chart - 1] = share
    return SurfaceView(torch.tensor([person]), odds.log(), torch.tensor([u, v])[:, None, None].expand(2, 1, 24))


def test_equal_views_have_no_loss() -> None:
    one = view(5, 0.9, 0.3, 0.6)
    found = gap_between(one, one, metric_uv=False)
    assert found.agree_part.item() == pytest.approx(0, abs=1e-6) and found.agree_uv.item() == 0


def test_the_loss_is_the_jensen_shannon_divergence_and_the_distance_of_u_and_v() -> None:
    a, b = view(5, 0.9, 0.3, 0.6), view(5, 0.6, 0.4, 0.8)
    found = gap_between(a, b, metric_uv=False)
    p, q = (one.log_K24[0].exp().numpy().astype(float) for one in (a, b))
    mean = (p + q) / 2
    wanted = (np.sum(mean * np.log(mean / p)) + np.sum(mean * np.log(mean / q))) / 2
    assert found.agree_part.item() == pytest.approx(AGREE_WEIGHT * wanted, rel=1e-4)
    assert found.agree_uv.item() == pytest.approx(AGREE_WEIGHT * UV_WEIGHT * (0.1 + 0.2), rel=1e-5)


def test_background_and_unsure_charts_do_not_count() -> None:
    sure = view(5, 0.9, 0.3, 0.6)
    assert gap_between(sure, view(6, 0.9, 0.9, 0.9, person=0.2), metric_uv=False).agree_part.item() == 0
    assert gap_between(sure, view(6, 0.9, 0.9, 0.9), metric_uv=False).agree_uv.item() == 0, "no chart above one half"


@pytest.mark.parametrize("chart", range(1, 25))
def test_a_mirrored_view_is_the_other_side_of_the_body(chart: int) -> None:
    other = int(MIRROR_CHART[chart])
    u, v = mirror_uv(np.array([chart], np.uint8), np.array([0.2]), np.array([0.7]))
    back = view(other, 0.9, float(u[0]), float(v[0])).mirrored(torch.tensor([True]))
    assert back.log_K24[0].argmax() + 1 == chart
    assert back.uv_2K24[:, 0, chart - 1].tolist() == pytest.approx([0.2, 0.7])
    kept = view(other, 0.9, 0.2, 0.7).mirrored(torch.tensor([False]))
    assert kept.log_K24[0].argmax() + 1 == other


def test_a_crop_agrees_with_itself_and_not_with_a_shifted_match() -> None:
    torch.manual_seed(0)
    net = SurfaceNet(SurfaceSizes(widths=(8, 16, 24, 32), blocks=(1, 1, 1), wide=16)).eval()
    assert net.read.bias is not None
    torch.nn.init.normal_(net.read.weight, std=0.5)
    torch.nn.init.constant_(net.read.bias[:4], 9.0)
    x = net.features(torch.rand(1, 3, 64, 64) * 255).detach().expand(3, -1, -1, -1)
    cell = (torch.arange(32) + 0.5) / 32
    same = torch.stack([cell.expand(32, 32), cell[:, None].expand(32, 32)], -1)
    twin, flip = torch.tensor([0, 2]), torch.zeros(2, dtype=torch.bool)

    def losses(match: torch.Tensor) -> Agreement:
        pairs = twin[: len(match)], match, matched_cells(match), flip[: len(match)]
        return agreement_losses(net, x, *pairs, metric_uv=True)

    match = torch.stack([same, same])
    alike = losses(match)
    assert alike.agree_part.item() < 1e-5 and alike.agree_uv.item() < 1e-5
    moved = (match + 0.25).clamp(max=0.98)
    assert losses(moved).agree_part.item() > 1e-3
    moved[:, 1:] = UNMATCHED
    assert len(matched_cells(moved)) == 2 * 32 and losses(moved).agree_part.item() > 0
    assert losses(torch.full_like(moved, UNMATCHED)).agree_part.item() == 0
    assert losses(match[:0]).agree_uv.item() == 0
