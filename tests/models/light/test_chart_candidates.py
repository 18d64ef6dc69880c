"""Chart candidates of a cell: each has its own U and V, is resampled and flipped, and counts in the ensemble."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.light.architecture.chart_candidates import chart_candidates
from models.light.architecture.preprocessing import CROP
from models.light.architecture.surface_net import GRID, PickedSurface, SurfaceNet
from models.light.inference.crop_view import CropView, resample_maps, rotation_about
from models.light.inference.ensemble import combine, unflip
from tests.models.light.random_light import SMALL

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_most_probable_charts_are_kept_with_their_own_uv(count: int) -> None:
    torch.manual_seed(4)
    net = SurfaceNet(SMALL).eval()
    rgb_1CHW = 255 * torch.rand(1, 3, CROP, CROP)
    with torch.no_grad():
        whole, maps_LGG = net(rgb_1CHW), PickedSurface(net, count).eval()(rgb_1CHW)[0].numpy()
    assert maps_LGG.shape == (1 + 4 * count, GRID, GRID)
    np.testing.assert_allclose(maps_LGG[0], whole.person[0, 0], atol=1e-4)
    probability_PGG = whole.part.softmax(1)[0].numpy()
    ranked_PGG = np.sort(probability_PGG, 0)[::-1]
    for rank, (chart_GG, u_GG, v_GG, probability_GG) in enumerate(chart_candidates(maps_LGG)):
        at_1GG = chart_GG.astype(int)[None] - 1
        np.testing.assert_allclose(probability_GG, ranked_PGG[rank], atol=1e-5)
        u_PGG, v_PGG = whole.u[0].numpy(), whole.v[0].numpy()
        for found_GG, all_PGG in ((probability_GG, probability_PGG), (u_GG, u_PGG), (v_GG, v_PGG)):
            np.testing.assert_allclose(found_GG, np.take_along_axis(all_PGG, at_1GG, 0)[0], atol=1e-4)


def uniform_maps(*candidates: tuple[int, float, float, float]) -> np.ndarray:
    """Maps with the same candidates in every cell: chart, U, V and probability of each."""
    maps_LGG = np.ones((1 + 4 * len(candidates), 8, 8), np.float32)
    maps_LGG[1:] = np.array(candidates, np.float32).reshape(-1, 1, 1)
    return maps_LGG


def test_a_common_second_candidate_wins_over_different_first_ones() -> None:
    one = uniform_maps((3, 0.1, 0.2, 0.5), (7, 0.2, 0.6, 0.45))
    other = uniform_maps((9, 0.8, 0.9, 0.5), (7, 0.4, 0.8, 0.45))
    combined = combine([one, other])
    assert combined.shape == (5, 8, 8)
    np.testing.assert_allclose(combined[:, 4, 4], [1, 7, 0.3, 0.7, 0.45], atol=1e-6)
    np.testing.assert_allclose(combine([one[:5], other])[1:, 4, 4], [3, 0.1, 0.2, 0.25], atol=1e-6)


def test_every_candidate_is_resampled_and_flipped_like_the_first() -> None:
    rng = np.random.default_rng(2)
    maps_LGG = rng.random((9, GRID, GRID)).astype(np.float32)
    maps_LGG[[1, 5]] = rng.integers(1, 25, (2, GRID, GRID))
    second_LGG = maps_LGG[[0, 5, 6, 7, 8]]
    here = CropView.of_region(np.array([10, 20, 90, 140], np.float32))
    there = here.of_transformed_frame(rotation_about(np.array([50.0, 80.0]), 30))
    for made in (unflip, lambda maps: resample_maps(maps, here, there)):
        np.testing.assert_array_equal(made(maps_LGG)[:5], made(maps_LGG[:5]))
        np.testing.assert_array_equal(made(maps_LGG)[5:], made(second_LGG)[1:])
