"""Atlases: the two layouts, exact lookup, no sampling across tiles, mip levels, errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import ModelError
from models.surface.atlas import (
    CHARTS,
    atlas_from_tiles,
    choose_level,
    join_tiles,
    sample_atlas,
    split_tiles,
)
from models.surface.atlas_file import load_atlas

pytestmark = pytest.mark.quick

SIDE = 52


def coded_tiles(side: int = SIDE) -> np.ndarray:
    """Texel (row, column) of chart p has the colour (10·p, 5·column, 5·row), which encodes its position."""
    rows, columns = np.mgrid[0:side, 0:side]
    tiles = np.zeros((CHARTS, side, side, 3), np.uint8)
    for part in range(1, CHARTS + 1):
        tiles[part - 1] = np.stack([np.full_like(rows, 10 * part), 255 * columns // (side - 1), rows * 4], axis=-1)
    return tiles


def test_portrait_layout_is_in_column_order_and_landscape_in_row_order() -> None:
    tall = np.zeros((6 * SIDE, 4 * SIDE, 3), np.uint8)
    wide = np.zeros((4 * SIDE, 6 * SIDE, 3), np.uint8)
    # DensePose's portrait atlas has the left foot (5) at the fifth place of the first column and the right half of the
    # head (23) at the fifth of the last; in landscape chart 5 is at the fifth place of the first row, 23 of the last.
    for part, (tall_row, tall_column), (wide_row, wide_column) in (
        (5, (4, 0), (0, 4)),
        (7, (0, 1), (1, 0)),
        (23, (4, 3), (3, 4)),
    ):
        tall[tall_row * SIDE : (tall_row + 1) * SIDE, tall_column * SIDE : (tall_column + 1) * SIDE] = part
        wide[wide_row * SIDE : (wide_row + 1) * SIDE, wide_column * SIDE : (wide_column + 1) * SIDE] = part
    for image in (tall, wide):
        tiles = split_tiles(image)
        assert tiles.shape == (CHARTS, SIDE, SIDE, 3)
        assert {part: int(tiles[part - 1].min()) for part in (5, 7, 23)} == {5: 5, 7: 7, 23: 23}
        assert int((tiles > 0).sum()) == 3 * SIDE * SIDE * 3


def test_join_tiles_inverts_split_tiles() -> None:
    image = np.random.default_rng(1).integers(0, 256, (6 * 20, 4 * 20, 3), dtype=np.uint8)
    assert np.array_equal(join_tiles(split_tiles(image)), image)


def test_sampling_at_texel_centres_returns_the_texels() -> None:
    tiles = coded_tiles()
    atlas = atlas_from_tiles(tiles)
    ramp = np.arange(SIDE, dtype=np.float32) / (SIDE - 1)
    u, v = np.meshgrid(ramp, 1 - ramp)  # row 0 of the picture is V = 1
    for part in (1, 2, 13, 24):
        labels = np.full((SIDE, SIDE), part, np.uint8)
        read = sample_atlas(atlas.levels[0], labels, np.stack([u, v]))
        assert np.array_equal(read[..., :3], tiles[part - 1]) and (read[..., 3] == 255).all()


def test_colours_are_bilinear_between_texels() -> None:
    tiles = np.zeros((CHARTS, 16, 16, 3), np.uint8)
    tiles[6, 0, 0], tiles[6, 0, 1], tiles[6, 1, 0], tiles[6, 1, 1] = 0, 80, 160, 240
    strip = atlas_from_tiles(tiles).levels[0]
    uv = np.array([[[0.5 / 15, 0.25 / 15]], [[1 - 0.5 / 15, 1 - 0.75 / 15]]], np.float32)
    read = sample_atlas(strip, np.full((1, 2), 7, np.uint8), uv)[0, :, 0]
    # Expected: (0 + 80 + 160 + 240) / 4, and 0.25·(.75·0 + .25·80) + 0.75·(.75·160 + .25·240).
    assert np.allclose(read, [120, 140], atol=1)


def test_sampling_never_reads_a_neighbouring_tile() -> None:
    tiles = np.repeat(np.arange(1, CHARTS + 1, dtype=np.uint8)[:, None, None, None] * 10, 32, axis=1)
    tiles = np.ascontiguousarray(np.broadcast_to(tiles, (CHARTS, 32, 32, 3)))
    edge = np.array([-3.0, 0.0, 1e-4, 0.999999, 1.0, 7.0], np.float32)
    u, v = np.meshgrid(edge, edge)
    for level in atlas_from_tiles(tiles).levels:
        for part in range(1, CHARTS + 1):
            read = sample_atlas(level, np.full(u.shape, part, np.uint8), np.stack([u, v]))
            assert np.unique(read[..., :3]).tolist() == [10 * part]


def test_half_precision_coordinates_are_supported() -> None:
    atlas = atlas_from_tiles(coded_tiles())
    labels = np.full((1, 1), 3, np.uint8)
    uv = np.array([[[0.5]], [[0.25]]])
    half = sample_atlas(atlas.levels[0], labels, uv.astype(np.float16))
    assert np.array_equal(half, sample_atlas(atlas.levels[0], labels, uv.astype(np.float32)))


def test_mip_levels_halve_and_keep_the_mean() -> None:
    tiles = np.random.default_rng(2).integers(0, 256, (CHARTS, 64, 64, 3), dtype=np.uint8)
    levels = atlas_from_tiles(tiles).levels
    assert [level.shape for level in levels] == [(CHARTS * side, side, 4) for side in (64, 32, 16, 8)]
    for level in levels[1:]:
        side = level.shape[1]
        means = level.reshape(CHARTS, side, side, 4)[..., :3].mean(axis=(1, 2))
        assert np.abs(means - tiles.mean(axis=(1, 2))).max() < 1


@pytest.mark.parametrize(("pixels", "level"), [(400, 0), (200, 0), (90, 1), (45, 2), (2, 4)])
def test_small_people_use_small_mip_levels(pixels: int, level: int) -> None:
    """A tile of 200 texels over a number of pixels: the level has one to two texels per pixel, if there is one."""
    atlas = atlas_from_tiles(np.zeros((CHARTS, 200, 200, 3), np.uint8))
    ramp = np.linspace(0, 1, pixels, dtype=np.float32)
    u, v = np.meshgrid(ramp, ramp)
    assert choose_level(atlas, np.full(u.shape, 2, np.uint8), np.stack([u, np.full_like(v, 0.5)])) == level


def test_opaque_alpha_is_dropped_and_transparent_alpha_kept(tmp_path: Path) -> None:
    pixels = np.full((6 * 16, 4 * 16, 4), 255, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "opaque.png")
    pixels[0, 0, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "holed.png")
    assert not load_atlas(tmp_path / "opaque.png").has_alpha
    assert load_atlas(tmp_path / "holed.png").has_alpha


def test_unusable_atlases_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.png: no such image file"):
        load_atlas(tmp_path / "absent.png")
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(ModelError, match=r"text\.png: this image cannot be read"):
        load_atlas(tmp_path / "text.png")
    Image.new("RGB", (100, 100)).save(tmp_path / "square.png")
    with pytest.raises(ModelError, match=r"square\.png: an atlas of 100×100 pixels is not 24 square tiles"):
        load_atlas(tmp_path / "square.png")


def test_the_halves_of_the_published_face_match_along_the_midline(shared: Path) -> None:
    """Brow, nose and mouth of a SURREAL texture have the same order on charts 23 and 24.

    Upside down, or with U reversed, they would not.
    """
    strip = load_atlas(shared / "assets" / "uv" / "texture_from_SURREAL.png").levels[0]
    v_K = np.linspace(0.3, 0.8, 60, dtype=np.float32)
    right, left = (
        sample_atlas(strip, np.full((1, 60), chart, np.uint8), np.stack([np.full((1, 60), u, np.float32), v_K[None]]))
        for chart, u in ((23, 0.97), (24, 0.03))
    )
    profiles = np.stack([right[0], left[0]]).astype(float)[..., :3].mean(axis=-1)
    assert np.corrcoef(profiles)[0, 1] > 0.9
    assert np.corrcoef(profiles[0], profiles[1, ::-1])[0, 1] < 0
