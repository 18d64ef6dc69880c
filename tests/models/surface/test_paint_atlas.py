"""The default atlas equals its script's output, is sewn over the borders of charts, and leaves the head free."""

from __future__ import annotations

import numpy as np
from PIL import Image

from models.surface.atlas import CHARTS, DEFAULT_ATLAS, atlas_from_tiles, sample_atlas, split_tiles
from models.surface.atlas_file import AtlasBuilder, load_atlas, read_texels
from models.surface.paint_atlas import CORAL, INDIGO, LIPS, NIGHT, SIDE, SKIN, SUN, paint_atlas
from models.surface.texels import open_body_cover, rest_places


def suit() -> np.ndarray:
    """Tiles (24, SIDE, SIDE, 4), whose colours are also those under transparent texels."""
    return split_tiles(read_texels(DEFAULT_ATLAS))


def colour_at(chart: int, u: float, v: float) -> np.ndarray:
    """Colour of the default atlas at one place, whether it is transparent or not."""
    strip = atlas_from_tiles(suit()[..., :3]).levels[0]
    place = np.array([[[u]], [[v]]], np.float32)
    return sample_atlas(strip, np.array([[chart]], np.uint8), place)[0, 0, :3].astype(int)


def test_the_file_equals_the_scripts_output() -> None:
    with Image.open(DEFAULT_ATLAS) as image:
        assert image.size == (800, 1200)
        differs = (np.asarray(image.convert("RGBA")) != paint_atlas()).any(axis=-1)
    assert differs.mean() < 1e-3  # arctan2 may round differently on other machines
    assert DEFAULT_ATLAS.stat().st_size < 400_000


def test_face_and_hair_of_the_wearer_stay_and_bodies_without_a_wearer_have_the_painted_ones() -> None:
    worn = load_atlas(DEFAULT_ATLAS)
    cover, place = open_body_cover(SIDE), rest_places(SIDE)
    alpha = worn.levels[0].reshape(CHARTS, SIDE, SIDE, 4)[..., 3]
    assert (alpha[:22] == 255).all()
    head, height = cover[22:], place[22:, ..., 1]
    assert (alpha[22:][head & (height > 1.56)] == 0).all() and (alpha[22:][head & (height < 1.51)] == 255).all()
    assert not load_atlas(DEFAULT_ATLAS, AtlasBuilder(whole_suit=True)).has_alpha


def test_the_face_matches_the_charts_landmarks() -> None:
    """Eyes at (23, .786, .596) and (24, .214, .597), lips below the nose on both sides of the midline."""
    for chart, u, v, colour in ((23, 0.79, 0.62, INDIGO), (24, 0.21, 0.62, INDIGO), (23, 0.95, 0.36, LIPS)):
        near = min(
            np.abs(colour_at(chart, u + du, v + dv) - colour).max() for du in (-0.02, 0, 0.02) for dv in (-0.01, 0)
        )
        assert near < 12, (chart, u, v)
    for chart, u in ((23, 0.998), (24, 0.002)):
        assert np.abs(colour_at(chart, u, 0.53) - SKIN).max() < 12


def test_left_and_right_are_mirror_images() -> None:
    """Hands, feet and head halves mirror by U → 1 − U, the torso by V → 1 − V; arms and legs keep U and V."""
    tiles = suit().astype(int)
    for left, right in ((4, 3), (5, 6), (24, 23)):
        assert np.abs(tiles[left - 1] - tiles[right - 1][:, ::-1]).mean() < 1
    for left, right in ((8, 7), (10, 9), (12, 11), (14, 13), (15, 16), (17, 18), (19, 20), (21, 22)):
        assert np.abs(tiles[left - 1] - tiles[right - 1]).mean() < 1
    for torso in (1, 2):
        assert np.abs(tiles[torso - 1] - tiles[torso - 1][::-1]).mean() < 1


def test_belt_boots_and_gloves_lie_level_over_all_charts() -> None:
    """Colours follow the height on the body and the length of the arm, not the charts."""
    tiles, cover, place = suit()[..., :3].astype(int), open_body_cover(SIDE), rest_places(SIDE)
    height, ahead = place[..., 1], place[..., 2]
    charts = np.arange(1, CHARTS + 1)[:, None, None] * np.ones((1, SIDE, SIDE), int)
    trunk, legs = cover & np.isin(charts, (1, 2)), cover & np.isin(charts, range(5, 15))
    sure = np.abs(place[..., 0]) > 0.04
    belt = trunk & sure & (height > 1.028) & (height < 1.058)
    boots = legs & (height > 0.22) & (height < 0.28)
    assert {1, 2} == set(charts[belt].tolist()) and {11, 12, 13, 14} == set(charts[boots].tolist())
    thighs = legs & (height > 0.60) & (height < 0.70) & (np.abs(ahead - 0.03) > 0.05)
    for texels, colour in ((belt, SUN), (boots, CORAL), (thighs, NIGHT)):
        assert (np.abs(tiles[texels] - colour).max(axis=1) <= 12).mean() > 0.995, colour
    for chart in (19, 20, 21, 22):
        inward = chart < 21  # U grows toward the elbow
        assert min(np.abs(colour_at(chart, u if inward else 1 - u, 0.5) - SUN).max() for u in (0.1, 0.15, 0.2)) < 12
