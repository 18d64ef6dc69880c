"""Textures of people who are painted through the body: their edge, and the light without prints of the original."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.surface.atlas import Atlas, atlas_from_tiles
from stages.drawing.compositing import FrameCanvas, Visible, visible_part
from stages.drawing.light import UNIT_GAIN, light_gain
from stages.drawing.matte import matte_of
from stages.drawing.texture import draw_matte_texture, draw_texture
from stages.payloads import PersonSurface

pytestmark = pytest.mark.quick
HEIGHT, WIDTH = 260, 140
LEFT, RIGHT = 40.5, 100.25
"""Where a person of straight edges stands, pixels."""
BODY, WALL = np.array([60, 40, 30]), np.array([150, 190, 170])


def share_hw() -> np.ndarray:
    """How much of each pixel is person."""
    column = np.arange(WIDTH)
    share = np.clip(column + 1 - LEFT, 0, 1) * np.clip(RIGHT - column, 0, 1)
    return np.repeat(share[None], HEIGHT, axis=0)


def filmed(wall: np.ndarray = WALL) -> np.ndarray:
    share = share_hw()[..., None]
    return np.rint(share * BODY + (1 - share) * wall).astype(np.uint8)


def person(left: int, right: int, label: int = 2) -> PersonSurface:
    """A surface of one chart between two columns, on a grid that spans the frame."""
    labels_hw = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels_hw[:, left:right] = label
    return PersonSurface(x0=0, y0=0, labels_hw=labels_hw, uv_2hw=np.full((2, HEIGHT, WIDTH), 0.5, np.float32))


def on(rgb_HW3: np.ndarray, surface: PersonSurface) -> Visible:
    visible = visible_part(FrameCanvas(source_HW3=rgb_HW3, rgb_HW3=rgb_HW3.copy()), surface)
    assert visible is not None
    return visible


def plain(colour: tuple[int, int, int]) -> Atlas:
    return atlas_from_tiles(np.full((24, 16, 16, 3), colour, np.uint8))


def worn(rgb_HW3: np.ndarray, surface: PersonSurface, shading: float = 0.0) -> np.ndarray:
    visible = on(rgb_HW3, surface)
    draw_matte_texture(visible, plain((250, 250, 250)), opacity=1.0, shading=shading)
    return visible.canvas.rgb_HW3


@pytest.mark.parametrize(("left", "right"), [(40, 101), (42, 99), (39, 102)], ids=["right", "narrow", "wide"])
def test_cover_is_the_share_of_the_picture_and_not_of_the_outline(left: int, right: int) -> None:
    surface = person(left, right)
    found = matte_of(on(filmed(), surface)).cover(surface.labels_hw) / 255
    assert np.abs(found - share_hw())[20:-20].max() < 0.17
    assert np.abs(surface.labels_hw / 2 - share_hw()).max() >= 0.5


def test_where_both_sides_look_alike_the_cover_follows_the_outline() -> None:
    surface = person(40, 101)
    found = matte_of(on(filmed(wall=BODY), surface)).cover(surface.labels_hw)
    assert (found[:, :40] == 0).all() and (found[:, 101:] == 0).all() and (found[:, 46:95] == 255).all()
    assert (found[20:-20, 40] > 0).all()


def test_nothing_of_the_old_clothes_is_left_at_the_edge() -> None:
    expected = share_hw()[..., None] * 250 + (1 - share_hw()[..., None]) * WALL
    found = worn(filmed(), person(39, 102))
    assert np.abs(found - expected)[20:-20].max() < 30
    visible = on(filmed(), person(39, 102))
    draw_texture(visible, plain((250, 250, 250)), opacity=1.0, shading=0.0)
    assert np.abs(visible.canvas.rgb_HW3 - expected)[20:-20].max() > 50


def test_where_the_texture_is_transparent_the_frame_stays_at_the_edge_too() -> None:
    """Garments end on the body: the outline of legs without trousers is not touched."""
    tiles = np.full((24, 16, 16, 4), 250, np.uint8)
    tiles[..., 3] = 0
    visible = on(filmed(), person(39, 102))
    draw_matte_texture(visible, atlas_from_tiles(tiles), opacity=1.0, shading=0.6)
    assert np.array_equal(visible.canvas.rgb_HW3, filmed())


def test_people_drawn_before_keep_their_colours_at_the_edge() -> None:
    rgb_HW3 = filmed()
    visible = visible_part(FrameCanvas(source_HW3=rgb_HW3, rgb_HW3=np.full_like(rgb_HW3, 9)), person(40, 101))
    assert visible is not None
    matte_of(visible).remove_spill(visible.canvas)
    assert (visible.canvas.rgb_HW3 == 9).all()


def gains(luma_hw: np.ndarray, labels_hw: np.ndarray | None = None, shading: float = 0.6) -> np.ndarray:
    grey_hw3 = np.repeat(np.rint(np.clip(luma_hw, 0, 255)).astype(np.uint8)[..., None], 3, axis=2)
    labels_hw = np.full(luma_hw.shape, 2, np.uint8) if labels_hw is None else labels_hw
    return light_gain(grey_hw3, labels_hw, shading) / UNIT_GAIN


def test_folds_stay_and_prints_do_not() -> None:
    cloth = np.full((400, 160), 120.0)
    folds = cloth * (1 - 0.15 * (np.sin(np.arange(400) / 5)[:, None] > 0.5))
    found = gains(folds)
    assert found.std() > 0.6 * (folds / folds.mean()).std() * 0.6
    printed = cloth.astype(np.uint8)
    cv2.putText(printed, "10", (20, 220), cv2.FONT_HERSHEY_SIMPLEX, 3, (250,), 12)
    kept, of_print = gains(printed), (printed / 120) ** 0.6
    inside = printed > 200
    assert np.abs(kept[inside] - 1).mean() < 0.45 * np.abs(of_print[inside] - 1).mean()


def test_light_of_one_side_stays() -> None:
    found = gains(np.repeat(np.linspace(90, 150, 160)[None], 400, axis=0))
    assert (np.diff(found[200, 10:-10:20]) > 0).all() and found[200, 150] / found[200, 10] > 1.2


def test_black_and_white_clothes_of_one_limb_leave_white_white() -> None:
    halves = np.full((400, 160), 15.0)
    halves[:200] = 220
    found = gains(halves)
    assert np.abs(found[20:170] - 1).mean() < 0.06 and np.abs(found[230:380] - 1).mean() < 0.06
    labels_hw = np.full((400, 160), 2, np.uint8)
    labels_hw[200:] = 9
    black_trousers = gains(halves, labels_hw)
    assert np.abs(black_trousers[230:380] - 1).mean() < 0.08


def test_without_shading_nothing_of_the_light_is_left() -> None:
    assert (gains(np.random.default_rng(1).uniform(0, 255, (200, 80)), shading=0.0) == 1).all()


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_strip_of_a_person_at_the_edge_of_the_frame_is_drawn(width: int) -> None:
    """Colours beside the outline are looked at every few pixels; a strip may be narrower than that."""
    tall = PersonSurface(
        x0=WIDTH - width, y0=0, labels_hw=np.full((HEIGHT, 40), 2, np.uint8),
        uv_2hw=np.full((2, HEIGHT, 40), 0.5, np.float32),
    )  # fmt: skip
    drawn = worn(filmed(), tall)
    assert drawn.shape == (HEIGHT, width, 3) and (drawn > 200).all()
