"""Who lies is read upright: the maps of a crop tell which way is up, and the surer reading stands."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.light.confidence import NEUTRAL
from models.light.moved_maps import moved_maps
from models.light.pixels import CROP
from models.light.reader import Reader
from models.light.surface_net import GRID
from models.light.upright import sureness, turned, turned_back, way_up

HEAD, TORSO, LEG, HAND = 23, 2, 9, 3
WIDTH = slice(GRID // 3, GRID - GRID // 3)


def standing(share: float = 0.8) -> np.ndarray:
    """A head above a torso above legs, in the middle third of the grid."""
    maps = np.zeros((5, GRID, GRID), np.float32)
    maps[0], maps[1], maps[4] = -5.0, 1.0, share
    maps[0, :, WIDTH] = 5.0
    for chart, top, bottom in ((HEAD, 0, 10), (TORSO, 10, 40), (LEG, 40, GRID)):
        maps[1, top:bottom] = chart
    return maps


@pytest.mark.parametrize("quarters", range(4))
def test_the_way_up_is_where_the_head_is(quarters: int) -> None:
    """As many turns as bring the head to the top; and as far back again."""
    lying = turned_back(standing(), quarters)
    assert way_up(lying) == quarters
    np.testing.assert_array_equal(turned_back(np.rot90(lying, quarters, axes=(1, 2)), quarters), lying)
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    np.testing.assert_array_equal(turned(turned(picture, quarters), 4 - quarters), picture)


@pytest.mark.parametrize(("missing", "expected"), [((HEAD,), 1), ((TORSO,), 1), ((LEG,), 1), ((HEAD, TORSO), 0)])
def test_two_of_head_torso_and_legs_suffice(missing: tuple[int, ...], expected: int) -> None:
    lying = turned_back(standing(), 1)
    lying[1][np.isin(lying[1], missing)] = HAND
    assert way_up(lying) == expected


def test_where_nobody_is_nothing_is_turned() -> None:
    maps = turned_back(standing(), 2)
    maps[0] = -5.0
    assert (way_up(maps), sureness(maps)) == (0, 0.0)


class Upright:
    """Networks that are sure of whom they see upright: a crop's white edge is above the head."""

    def __init__(self, *, sure: float, unsure: float) -> None:
        self.sure, self.unsure = sure, unsure
        self.asked = 0

    def body(self, half: str, height: int, width: int) -> Any:
        def maps(blob_N3CC: np.ndarray) -> np.ndarray:
            self.asked += len(blob_N3CC)
            return np.stack([self.read(picture_3CC[0]) for picture_3CC in blob_N3CC])

        assert (half, height, width) == ("surface", CROP, CROP)
        return maps

    def read(self, crop_CC: np.ndarray) -> np.ndarray:
        edges = [np.rot90(crop_CC, quarters)[0].mean() for quarters in range(4)]
        quarters = int(np.argmax(edges))
        return turned_back(standing(self.unsure if quarters else self.sure), quarters)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_who_lies_is_read_again_upright(quarters: int, mirror: bool) -> None:
    crop_CC3 = np.zeros((CROP, CROP, 3), np.uint8)
    crop_CC3[:4] = 255
    lying_CC3 = turned(crop_CC3, -quarters)
    networks = Upright(sure=0.9, unsure=0.4)
    found = Reader(networks, mirror=mirror, turn=True, calibration=NEUTRAL).maps(lying_CC3)
    assert networks.asked == (1 + mirror) * (2 if quarters else 1)
    np.testing.assert_array_equal(found[0] > 0, turned_back(standing(), quarters)[0] > 0)
    assert found[4].max() == np.float32(0.9)


def test_the_first_reading_stands_where_the_second_is_no_surer_and_where_nothing_is_to_be_turned() -> None:
    lying_CC3 = np.zeros((CROP, CROP, 3), np.uint8)
    lying_CC3[:, :4] = 255
    for sure, turn, asked in ((0.41, True, 2), (0.9, False, 1)):
        networks = Upright(sure=sure, unsure=0.4)
        found = Reader(networks, mirror=False, turn=turn, calibration=NEUTRAL).maps(lying_CC3)
        assert (networks.asked, found[4].max()) == (asked, np.float32(0.4))


@pytest.mark.parametrize("to", [(10, 20, 110, 220), (14, 12, 104, 232), (0, 0, 130, 240)])
def test_maps_keep_their_place_in_the_frame_on_another_region(to: tuple[int, int, int, int]) -> None:
    """Charts are columns of the frame, the logit rises with its rows; beyond the region both stay as at its edge."""
    region, other = np.array([10, 20, 110, 220], np.float32), np.array(to, np.float32)

    def x_and_y(region_4: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = (region_4[2:] - region_4[:2]) / GRID
        x, y = (region_4[i] + (np.arange(GRID) + 0.5) * size[i] for i in (0, 1))
        return np.clip(x, 10 + 50 / GRID, 110 - 50 / GRID), np.clip(y, 20 + 100 / GRID, 220 - 100 / GRID)

    maps = np.zeros((5, GRID, GRID), np.float32)
    maps[0], maps[1] = x_and_y(region)[1][:, None], x_and_y(region)[0][None]
    found = moved_maps(maps, region, other)
    np.testing.assert_allclose(found[0], np.broadcast_to(x_and_y(other)[1][:, None], (GRID, GRID)), atol=0.1)
    assert np.abs(found[1] - x_and_y(other)[0][None]).max() <= 50 / GRID + 1e-4  # half a cell


@pytest.mark.parametrize("quarters", [0, 1])
def test_a_second_look_asks_for_the_mirror_image_alone(quarters: int) -> None:
    """What was read before is the other answer; who is to be turned is asked for both ways."""
    rgb_HW3 = np.zeros((240, 240, 3), np.uint8)
    box_4 = np.array([40, 40, 200, 200], np.float32)
    edge = (slice(20, 40), slice(None)) if quarters == 0 else (slice(None), slice(200, 220))
    rgb_HW3[edge] = 255
    networks = Upright(sure=0.9, unsure=0.4)
    reader = Reader(networks, mirror=True, turn=True, calibration=NEUTRAL)
    before = reader.glance(rgb_HW3, box_4)
    assert networks.asked == 1
    whole = reader.look(rgb_HW3, box_4, before)
    assert networks.asked == 2 + 2 * quarters
    np.testing.assert_allclose(whole.maps_5GG, reader.look(rgb_HW3, box_4).maps_5GG, atol=1e-6)
