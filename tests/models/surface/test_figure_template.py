"""The template's grid lies where it says on the body, and an image painted on it is worn there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.surface.figure_template import COARSE, PAPER, figure_template, write_figure_template
from models.surface.texels import open_body_cover, rest_places
from models.surface.whole_body_map import MapReader, figures

pytestmark = pytest.mark.quick

SIZE = 1000


def test_lines_of_ten_centimetres_lie_at_their_height_and_beside_the_middle() -> None:
    tiles = MapReader(figures(), SIZE)(figure_template(SIZE)).astype(int)
    side = tiles.shape[1]
    place, cover = rest_places(side)[:2], open_body_cover(side)[:2]
    dark = np.abs(tiles[:2] - COARSE).max(axis=-1) < 25
    across, height = place[..., 0], place[..., 1]
    plain = cover & (np.abs(across) > 0.02) & (np.abs(across) < 0.08) & (height > 1.02) & (height < 1.44)
    away = np.abs(height - height.round(1))
    lines = plain & dark
    assert lines.sum() > 200 and (away[lines] < 0.004).mean() > 0.8  # the rest are letters
    assert {round(float(level), 1) for level in height[lines & (away < 0.003)]} == {1.1, 1.2, 1.3, 1.4}
    beside = cover & dark & (away > 0.02) & (height > 1.02) & (height < 1.44) & (np.abs(across) < 0.13)
    nearest = np.abs(across[beside] - across[beside].round(1))
    assert beside.sum() > 200 and (nearest < 0.004).mean() > 0.7


def test_the_wearers_left_is_right_in_front_and_left_behind(tmp_path: Path) -> None:
    """Paint over the wearer's left half of both figures: texels of the left half have the paint."""
    write_figure_template(tmp_path / "t.png", SIZE)
    with Image.open(tmp_path / "t.png") as image:
        painted_HW3 = np.array(image)
    assert painted_HW3.shape == (SIZE, SIZE, 3) and (painted_HW3[0, 0] == PAPER).all()
    painted_HW3[:, SIZE // 4 : 3 * SIZE // 4] = (0, 200, 0)
    tiles = MapReader(figures(), SIZE)(painted_HW3)
    side = tiles.shape[1]
    across, cover = rest_places(side)[..., 0], open_body_cover(side)
    green = (tiles == (0, 200, 0)).all(axis=-1)
    assert green[cover & (across > 0.01)].mean() > 0.97 and green[cover & (across < -0.01)].mean() < 0.03
