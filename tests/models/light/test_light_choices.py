"""Charts that a cell may also be of: named with their own U and V, carried with an answer, and voted for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.light.architecture.choices import choices
from models.light.architecture.pixels import CROP
from models.light.architecture.surface_net import GRID, PickedSurface, SurfaceNet
from models.light.inference.answers import agreed, unmirrored
from models.light.inference.view import View, moved_maps, turn_about
from tests.models.light.random_light import SMALL


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_likeliest_charts_are_picked_each_with_its_own_uv(count: int) -> None:
    torch.manual_seed(4)
    net = SurfaceNet(SMALL).eval()
    rgb_1CHW = 255 * torch.rand(1, 3, CROP, CROP)
    with torch.no_grad():
        whole, maps_LGG = net(rgb_1CHW), PickedSurface(net, count).eval()(rgb_1CHW)[0].numpy()
    assert maps_LGG.shape == (1 + 4 * count, GRID, GRID)
    np.testing.assert_allclose(maps_LGG[0], whole.person[0, 0], atol=1e-4)
    share_PGG = whole.part.softmax(1)[0].numpy()
    ranked_PGG = np.sort(share_PGG, 0)[::-1]
    for rank, (chart_GG, u_GG, v_GG, said_GG) in enumerate(choices(maps_LGG)):
        at_1GG = chart_GG.astype(int)[None] - 1
        np.testing.assert_allclose(said_GG, ranked_PGG[rank], atol=1e-5)
        for told_GG, all_PGG in ((said_GG, share_PGG), (u_GG, whole.u[0].numpy()), (v_GG, whole.v[0].numpy())):
            np.testing.assert_allclose(told_GG, np.take_along_axis(all_PGG, at_1GG, 0)[0], atol=1e-4)


def answer(*said: tuple[int, float, float, float]) -> np.ndarray:
    """One that says the same of every cell: chart, U, V and probability of some charts."""
    maps_LGG = np.ones((1 + 4 * len(said), 8, 8), np.float32)
    maps_LGG[1:] = np.array(said, np.float32).reshape(-1, 1, 1)
    return maps_LGG


def test_what_all_find_second_best_wins_over_what_each_alone_finds_best() -> None:
    one, other = answer((3, 0.1, 0.2, 0.5), (7, 0.2, 0.6, 0.45)), answer((9, 0.8, 0.9, 0.5), (7, 0.4, 0.8, 0.45))
    together = agreed([one, other])
    assert together.shape == (5, 8, 8)
    np.testing.assert_allclose(together[:, 4, 4], [1, 7, 0.3, 0.7, 0.45], atol=1e-6)
    np.testing.assert_allclose(agreed([one[:5], other])[1:, 4, 4], [3, 0.1, 0.2, 0.25], atol=1e-6)


def test_every_choice_is_carried_and_mirrored_as_a_first_one_is() -> None:
    rng = np.random.default_rng(2)
    maps_LGG = rng.random((9, GRID, GRID)).astype(np.float32)
    maps_LGG[[1, 5]] = rng.integers(1, 25, (2, GRID, GRID))
    second_LGG = maps_LGG[[0, 5, 6, 7, 8]]
    here = View.straight(np.array([10, 20, 90, 140], np.float32))
    there = here.before(turn_about(np.array([50.0, 80.0]), 30))
    for made in (unmirrored, lambda maps: moved_maps(maps, here, there)):
        np.testing.assert_array_equal(made(maps_LGG)[:5], made(maps_LGG[:5]))
        np.testing.assert_array_equal(made(maps_LGG)[5:], made(second_LGG)[1:])
