"""The default atlas equals its script's output and matches the charts' landmarks."""

from __future__ import annotations

import numpy as np
from PIL import Image

from models.surface.atlas import CHARTS, DEFAULT_ATLAS, sample_atlas
from models.surface.atlas_file import load_atlas
from models.surface.paint_atlas import INDIGO, LIPS, SIDE, SKIN, SUN, paint_atlas


def colour_at(chart: int, u: float, v: float) -> np.ndarray:
    """Colour of the default atlas at one place."""
    place = np.array([[[u]], [[v]]], np.float32)
    return sample_atlas(load_atlas(DEFAULT_ATLAS).levels[0], np.array([[chart]], np.uint8), place)[0, 0, :3].astype(int)


def test_the_file_equals_the_scripts_output() -> None:
    with Image.open(DEFAULT_ATLAS) as image:
        assert image.size == (800, 1200)
        differs = (np.asarray(image.convert("RGB")) != paint_atlas()).any(axis=-1)
    assert differs.mean() < 1e-3  # arctan2 may round differently on other machines
    assert DEFAULT_ATLAS.stat().st_size < 400_000


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
    tiles = load_atlas(DEFAULT_ATLAS).levels[0].reshape(CHARTS, SIDE, SIDE, 4).astype(int)
    for left, right in ((4, 3), (5, 6), (24, 23)):
        assert np.abs(tiles[left - 1] - tiles[right - 1][:, ::-1]).max() <= 1
    for left, right in ((8, 7), (10, 9), (12, 11), (14, 13), (15, 16), (17, 18), (19, 20), (21, 22)):
        assert np.array_equal(tiles[left - 1], tiles[right - 1])
    for torso in (1, 2):
        assert np.abs(tiles[torso - 1] - tiles[torso - 1][::-1]).mean() < 1


def test_gloves_meet_the_cuffs() -> None:
    """The last tenth of the forearm (U small inside, U large outside) has the glove's colour."""
    for chart, u in ((19, 0.03), (20, 0.03), (21, 0.97), (22, 0.97)):
        assert np.abs(colour_at(chart, u, 0.5) - SUN).max() < 3
