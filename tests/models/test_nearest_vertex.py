"""The nearest vertices of pixels: against a comparison of all pairs, and against the reference's own numbers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from models.inference.assembly import resize
from models.inference.nearest_vertex import NOWHERE, TILE, nearest_in_groups, nearest_vertices, tile_order

pytestmark = pytest.mark.quick


def unit(rows: np.ndarray) -> torch.Tensor:
    return torch.from_numpy((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))


def all_pairs(pixel_PE: torch.Tensor, vertex_VE: torch.Tensor) -> torch.Tensor:
    return (pixel_PE.double() @ vertex_VE.double().T).argmax(dim=1)


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.2, 1.0, 10.0])
def test_groups_of_any_spread_find_the_nearest_of_all_vertices(spread: float) -> None:
    """Groups of equal pixels, of similar ones, and of pixels in all directions, where nothing can be left out."""
    rng = np.random.default_rng(5)
    vertex_VE = unit(rng.standard_normal((3000, 16)))
    count_K = torch.tensor([1, 36, 20, 7])
    centre_KE = np.repeat(rng.standard_normal((4, 16)), count_K.numpy(), axis=0)
    pixel_PE = torch.from_numpy((9 * (centre_KE + spread * rng.standard_normal((64, 16)))).astype(np.float32))
    assert torch.equal(nearest_in_groups(pixel_PE, count_K, vertex_VE), all_pairs(pixel_PE, vertex_VE))


def test_a_small_bound_would_lose_vertices() -> None:
    """Vertices 29 degrees left of a group's centre and 49 right of it; pixels 11.3 degrees to both sides.

    The pixel to the right is nearer to the right one: 37.7 degrees, not 40.3.
    """
    left, right = np.deg2rad([29.0, -49.0])
    vertex_VE = torch.zeros(2, 16)
    vertex_VE[:, 0], vertex_VE[:, 1] = torch.tensor(np.cos([left, right])), torch.tensor(np.sin([left, right]))
    pixel_PE = torch.zeros(2, 16)
    pixel_PE[:, 0], pixel_PE[0, 1], pixel_PE[1, 1] = 1, 0.2, -0.2
    assert nearest_in_groups(pixel_PE, torch.tensor([2]), vertex_VE).tolist() == [0, 1]


def test_pixels_stand_tile_by_tile() -> None:
    row_P, column_P = tile_order(np.ones((2 * TILE, 2 * TILE), bool))
    tiles = list(zip((row_P // TILE).tolist(), (column_P // TILE).tolist(), strict=True))
    assert [tile for i, tile in enumerate(tiles) if i == 0 or tiles[i - 1] != tile] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_only_the_mask_has_vertices() -> None:
    rng = np.random.default_rng(3)
    vertex_VE = unit(rng.standard_normal((500, 16)))
    embedding = torch.from_numpy(rng.standard_normal((16, 31, 17)).astype(np.float32))
    mask = rng.uniform(size=(31, 17)) < 0.4
    found = nearest_vertices(embedding, mask, vertex_VE)
    assert found.dtype == np.int32
    assert (found[~mask] == NOWHERE).all()
    expected = all_pairs(embedding[:, torch.from_numpy(mask)].T, vertex_VE)
    assert np.array_equal(found[mask], expected.numpy())
    assert (nearest_vertices(embedding, np.zeros((31, 17), bool), vertex_VE) == NOWHERE).all()


def test_masks_and_vertices_of_the_reference(shared: Path) -> None:
    """Boxes of six sizes, one with a single pixel, and one person without pixels."""
    folder = shared / "reference" / "fixtures"
    spec = importlib.util.spec_from_file_location("eval_cse_batch", folder / "eval_cse_batch.py")
    assert spec is not None and spec.loader is not None
    cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cases)
    expected = np.load(folder / "open" / "postproc_cse_expected.npz")
    vertex_VE = torch.from_numpy(cases.vertex_embeddings())
    for seed in (52, 53, 54, 55, 60):
        embedding, coarse = (torch.from_numpy(one[0]) for one in cases.post_case(seed, seed == 60))
        size_hw = tuple(int(side) for side in expected[f"s{seed}_hw"])
        mask = (resize(coarse, size_hw).argmax(dim=2) == 1).numpy()
        assert np.array_equal(mask, expected[f"s{seed}_mask"])
        found = nearest_vertices(resize(embedding, size_hw).permute(2, 0, 1), mask, vertex_VE)
        certain = mask & (expected[f"s{seed}_margin_f16"] >= 1e-3)
        assert np.array_equal(found[certain], expected[f"s{seed}_vertex"][certain])
