"""Unwrapping: colours return to their texels, wrong observations lose, holes are filled."""

from __future__ import annotations

import numpy as np
import pytest

from models.body.charts import MIRROR_CHART
from models.surface.inpainting import close_gaps, fill_all, push_pull
from models.surface.texels import CHARTS, open_body_cover
from models.surface.unwrapping import SLOTS, TexelMemory, observe_texels, robust_colours

pytestmark = pytest.mark.quick

SIDE = 32


def facing(label: int, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and UV of one chart that fills a square of pixels, U to the right and V up."""
    ramp = np.linspace(0, 1, pixels, dtype=np.float32)
    u, v = np.meshgrid(ramp, 1 - ramp)
    return np.full((pixels, pixels), label, np.uint8), np.stack([u, v])


def remembered(*images: tuple[np.ndarray, np.ndarray, np.ndarray]) -> TexelMemory:
    memory = TexelMemory(side=SIDE)
    for rgb, labels, uv in images:
        memory.add(observe_texels(rgb, labels, uv, None, SIDE))
    return memory


def test_unwrapping_a_ramp_gives_a_ramp() -> None:
    """An image whose colours are its coordinates gives tiles whose colours are their coordinates."""
    labels, uv = facing(9, 64)
    rgb = np.rint(np.stack([uv[0] * 255, uv[1] * 255, np.full_like(uv[0], 90)], axis=-1)).astype(np.uint8)
    tiles = remembered((rgb, labels, uv)).tiles()
    assert (tiles[np.arange(CHARTS) != 8, ..., 3] == 0).all()
    seen = tiles[8][..., 3] > 0
    assert seen[2:-2, 2:-2].all()
    column = np.arange(SIDE) / (SIDE - 1) * 255
    expected = np.stack(np.broadcast_arrays(column[None], column[::-1, None], np.float64(90)), axis=-1)
    assert np.abs(tiles[8][..., :3].astype(float) - expected)[seen].max() < 6  # less than one texel (8)


def test_texels_between_pixels_are_interpolated() -> None:
    labels, uv = facing(9, 12)
    rgb = np.repeat(np.rint(uv[0] * 255).astype(np.uint8)[..., None], 3, axis=2)
    tile = close_gaps(remembered((rgb, labels, uv)).tiles())[8]
    inner = tile[4:-4, 4:-4]
    assert (inner[..., 3] == 255).all()
    assert np.abs(inner[..., 0] - np.arange(SIDE)[4:-4] / (SIDE - 1) * 255).max() < 12  # a pixel is 23 levels wide


def test_a_few_wrong_observations_do_not_change_a_colour() -> None:
    colours = np.full((1, SLOTS, 3), 100, np.uint8)
    colours[0, :3] = 250
    colours[0, 3] = 110
    robust = robust_colours(colours, np.ones((1, SLOTS), np.float32))
    assert robust[0].tolist() == [102, 102, 102]  # (5 · 100 + 110) / 6
    heavy = np.ones((1, SLOTS), np.float32)
    heavy[0, :3] = 9  # three good observations outweigh six poor ones
    assert robust_colours(colours, heavy)[0].tolist() == [250, 250, 250]


def test_the_best_observations_are_kept() -> None:
    labels, uv = facing(2, 48)
    noise = np.random.default_rng(1).integers(0, 2, (48, 48, 1), dtype=np.uint8) * 60
    sharp = (noise + np.uint8(40)).repeat(3, axis=2)
    blurred = np.full((48, 48, 3), 200, np.uint8)
    memory = remembered(*[(blurred, labels, uv)] * (SLOTS + 3), *[(sharp, labels, uv)] * SLOTS)
    assert memory.tiles()[1][8:-8, 8:-8, 0].max() <= 100


def test_outline_and_low_confidence_have_little_weight() -> None:
    labels, uv = facing(2, 240)
    rgb = np.full((240, 240, 3), 255, np.uint8)
    rgb[2:-2, 2:-2] = 50
    seen = observe_texels(rgb, labels, uv, None, SIDE)
    assert len(seen.texel_M) > 0.8 * SIDE**2 and seen.rgb_M3.max() == 50
    middle = np.abs(seen.texel_M // SIDE % SIDE - SIDE // 2) < 3
    assert seen.weight_M.min() < 0.7 * np.median(seen.weight_M[middle])
    labels, uv = facing(2, 60)
    confidence = np.ones((60, 60), np.float32)
    confidence[:30] = 0.2
    doubted = observe_texels(np.full((60, 60, 3), 50, np.uint8), labels, uv, confidence, SIDE)
    high, low = (doubted.texel_M // SIDE % SIDE == row for row in (24, 8))
    assert np.median(doubted.weight_M[low]) == pytest.approx(0.2 * np.median(doubted.weight_M[high]), rel=0.05)


def test_the_middle_of_a_thin_limb_is_used() -> None:
    labels, uv = facing(2, 60)
    labels[:, :28], labels[:, 33:] = 0, 0
    rgb = np.full((60, 60, 3), 255, np.uint8)
    rgb[:, 29:32] = 50
    seen = observe_texels(rgb, labels, uv, None, SIDE)
    assert len(seen.texel_M) and np.median(seen.rgb_M3) == 50


def test_no_texels_between_islands_are_filled() -> None:
    labels, uv = facing(4, 40)
    uv[0] = np.where(np.arange(40) < 20, 0.1, 0.9)
    rgb = np.zeros((40, 40, 3), np.uint8)
    tile = remembered((rgb, labels, uv)).tiles()[3]
    assert not tile[:, 6:26, 3].any() and tile[:, [3, 28], 3].any(axis=0).all()


def test_without_a_person_nothing_is_observed() -> None:
    empty = observe_texels(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.uint8), np.zeros((2, 9, 9)), None, SIDE)
    assert len(empty.texel_M) == 0
    assert not TexelMemory(side=SIDE).tiles().any()


def test_inpainting_uses_mirror_image_then_surroundings_then_limb() -> None:
    tiles = np.zeros((CHARTS, SIDE, SIDE, 4), np.uint8)
    cover = open_body_cover(SIDE)
    tiles[9][cover[9]] = (10, 200, 30, 255)  # left upper leg, front: completely visible
    tiles[22][cover[22]] = (200, 100, 50, 255)  # right half of the head
    tiles[22, :, : SIDE // 2] = (90, 60, 40, 255)  # … dark at the back, where U is small
    filled = fill_all(tiles)
    assert MIRROR_CHART[10] == 9 and MIRROR_CHART[23] == 24
    assert (filled[8] == (10, 200, 30)).all()  # the other leg
    head = filled[23].astype(int)
    assert np.abs(head[SIDE // 2, -3] - (90, 60, 40)).max() < 3  # U is reversed on the other half of the head
    assert np.abs(head[SIDE // 2, 3] - (200, 100, 50)).max() < 3
    assert np.abs(filled[7].astype(int) - (10, 200, 30)).max() < 3  # the back of the same thigh
    assert filled.shape == (CHARTS, SIDE, SIDE, 3)


def test_push_pull_keeps_known_texels_and_interpolates() -> None:
    tile = np.zeros((16, 16, 4), np.uint8)
    tile[:, 0], tile[:, -1] = (0, 0, 0, 255), (200, 200, 200, 255)
    whole = push_pull(tile)
    assert (whole[:, 0] == 0).all() and (whole[:, -1] == 200).all()
    middle = whole[8, :, 0].astype(int)
    assert (np.diff(middle) >= 0).all() and 40 < middle[7] < 160


def test_small_gaps_are_closed_and_large_holes_stay() -> None:
    tiles = np.zeros((CHARTS, SIDE, SIDE, 4), np.uint8)
    tiles[0] = (70, 80, 90, 255)
    tiles[0, 5:8, 5:8] = 0
    tiles[0, 15:27, 15:27] = 0
    closed = close_gaps(tiles)[0]
    assert closed[6, 6].tolist() == [70, 80, 90, 255]
    assert closed[20, 20].tolist() == [0, 0, 0, 0]
