"""Who leans or lies is read upright: the maps of a crop tell by how much, and the surer answers count."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from models.light.architecture.pixels import CROP, crop_person
from models.light.architecture.region import MARGIN, crop_region
from models.light.architecture.surface_net import GRID
from models.light.inference.answers import agreed, sureness, unmirrored
from models.light.inference.asking import Asking, Told
from models.light.inference.assembly import OUTLINE, assemble
from models.light.inference.confidence import NEUTRAL
from models.light.inference.logistic import logistic
from models.light.inference.reader import LEANING, LYING, Look, Reader
from models.light.inference.upright import lean, upright_view
from models.light.inference.view import View, moved_maps, turn_about, turned_crop
from models.structures import SurfaceMap

HEAD, TORSO, LEG, HAND = 23, 2, 9, 3
CHARTS = np.array([HEAD, TORSO, LEG])
SIDE = 300
"""Pixels of the frames' sides."""
ANGLES = [0, 15, 40, 75, 90, 130, 180, -25, -60, -90, -140]


def person(angle: float) -> np.ndarray:
    """A frame with somebody who leans clockwise by an angle: head, torso and legs are red, green and blue."""
    upright = np.zeros((SIDE, SIDE, 3), np.uint8)
    for colour, (top, bottom, half) in enumerate(((60, 90, 14), (90, 160, 24), (160, 240, 20))):
        upright[top:bottom, 150 - half : 150 + half, colour] = 255
    matrix = turn_about(np.array([150.0, 150.0]), angle)[:2]
    return np.asarray(cv2.warpAffine(upright, matrix, (SIDE, SIDE)))


def box_of(rgb_HW3: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(rgb_HW3.max(2) > 127)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)


def on_the_left(maps: np.ndarray) -> np.ndarray:
    """Cells on the left side of somebody who faces us, by where head and legs are, in the mirror as elsewhere."""
    head, legs = (np.argwhere((maps[0] > 0) & (maps[1] == chart)) for chart in (HEAD, LEG))
    if not len(head) or not len(legs):
        return np.zeros((GRID, GRID), bool)
    up = head.mean(0) - legs.mean(0)
    row, column = np.indices((GRID, GRID)) - legs.mean(0)[:, None, None]
    return np.asarray(up[0] * column - up[1] * row < 0)


def colours(crop_CC3: np.ndarray, share: float = 0.8) -> np.ndarray:
    """Maps of a crop by its colours; U and V are columns and rows of the crop."""
    seen = cv2.resize(crop_CC3, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
    maps = np.zeros((5, GRID, GRID), np.float32)
    maps[0] = (seen.max(2) - 127) / 20
    maps[1] = CHARTS[seen.argmax(2)]
    maps[1] += on_the_left(maps) * np.isin(maps[1], (HEAD, LEG))
    maps[2], maps[3] = np.linspace(0, 1, GRID)[None], np.linspace(0, 1, GRID)[:, None]
    maps[4] = share
    return maps


class Colours:
    """Networks that see colours, and are sure of who leans by less than 30° in their crop."""

    def __init__(self, *, sure: float = 0.9, unsure: float = 0.4) -> None:
        self.sure, self.unsure = sure, unsure
        self.asked = 0

    together = 1

    def body(self, half: str, count: int, height: int, width: int) -> Any:
        assert (half, count, height, width) == ("surface", 1, CROP, CROP)

        def maps(blob_N3CC: np.ndarray) -> np.ndarray:
            self.asked += len(blob_N3CC)
            return np.stack([self.read(picture_3CC.transpose(1, 2, 0)) for picture_3CC in blob_N3CC])

        return maps

    def read(self, crop_CC3: np.ndarray) -> np.ndarray:
        maps = colours(crop_CC3.astype(np.uint8))
        inside = View.straight(np.array([0, 0, 1, 1], np.float32))
        maps[4] = self.sure if abs(lean(maps, inside)) < 30 else self.unsure
        return maps


def only(reader: Reader, asking: Asking[Told]) -> Told:
    """What one asking ends with."""
    (told,) = reader.read([asking])
    return told


def look(reader: Reader, *args: Any, **kwargs: Any) -> Look[SurfaceMap]:
    """One look."""
    return only(reader, reader.look(*args, **kwargs))


@pytest.mark.parametrize("angle", ANGLES)
def test_up_is_where_the_head_is(angle: int) -> None:
    """By any angle, though crops are stretched; and in the mirror by the same one the other way."""
    rgb = person(angle)
    crop, region = crop_person(rgb, crop_region(box_of(rgb)))
    found = lean(colours(crop), View.straight(region))
    assert (found - angle + 180) % 360 - 180 == pytest.approx(0, abs=1.5)
    back = lean(colours(crop[:, ::-1]), View.straight(region))
    assert (back + found + 180) % 360 - 180 == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize(("missing", "expected"), [((HEAD,), 90), ((TORSO,), 90), ((LEG,), 90), ((HEAD, TORSO), 0)])
def test_two_of_head_torso_and_legs_suffice(missing: tuple[int, ...], expected: int) -> None:
    rgb = person(90)
    crop, region = crop_person(rgb, crop_region(box_of(rgb)))
    lying = colours(crop)
    lying[1][np.isin(lying[1], [chart + side for chart in missing for side in (0, 1)])] = HAND
    assert lean(lying, View.straight(region)) == pytest.approx(expected, abs=1.5)


def test_where_nobody_is_nothing_is_turned() -> None:
    maps = colours(np.zeros((CROP, CROP, 3), np.uint8))
    view = View.straight(np.array([0, 0, 100, 200], np.float32))
    assert (lean(maps, view), upright_view(maps, view, 0.0), sureness(maps)) == (0.0, None, 0.0)


@pytest.mark.parametrize("scale", [0.5, 1, 4])
@pytest.mark.parametrize("angle", ANGLES)
def test_turned_upright_a_person_stands_in_a_crop_as_boxes_have_it(angle: int, scale: float) -> None:
    """As tall as in the crop of a box, in frames of any size; and the maps of it go back to where the person is."""
    rgb = cv2.resize(person(angle), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    crop, region = crop_person(rgb, crop_region(box_of(rgb)))
    straight = View.straight(region)
    upright = upright_view(colours(crop), straight, lean(colours(crop), straight))
    assert upright is not None
    maps = colours(turned_crop(rgb, upright))
    assert abs(lean(maps, upright) - angle) % 360 < 1.5 or abs(lean(maps, upright) - angle) % 360 > 358.5
    rows = np.flatnonzero((maps[0] > 0).any(1))
    assert (rows[-1] + 1 - rows[0]) / GRID == pytest.approx(1 / MARGIN, abs=0.06)
    assert {*maps[1][rows[0] + 2]} >= {HEAD, HEAD + 1} and {*maps[1][rows[-1] - 2]} >= {LEG, LEG + 1}
    back, seen = moved_maps(maps, upright, straight), colours(crop)
    both = (back[0] > 0) & (seen[0] > 0)
    assert both.sum() / ((back[0] > 0) | (seen[0] > 0)).sum() > 0.88
    assert (back[1] == seen[1])[both].mean() > 0.96


def test_what_a_turned_view_sees_outside_of_the_frame_is_grey() -> None:
    white = np.full((60, 60, 3), 255, np.uint8)
    view = View.straight(np.array([20, 20, 60, 60], np.float32)).before(turn_about(np.array([40.0, 40.0]), 45))
    crop = turned_crop(white, view)
    corners = 2 * (20 * 2**0.5 - 20) ** 2 / 40**2  # two of the turned square's corners leave the frame
    assert (crop == 114).all(2).mean() == pytest.approx(corners, abs=0.012)
    assert (crop[: CROP // 2, : CROP // 2] == 255).all()
    away = View.straight(np.array([200, 200, 240, 240], np.float32))
    assert (turned_crop(white, away) == 114).all()


@pytest.mark.parametrize("to", [(10, 20, 110, 220), (14, 12, 104, 232), (0, 0, 130, 240)])
def test_maps_keep_their_place_in_the_frame_on_another_region(to: tuple[int, int, int, int]) -> None:
    """Charts and U tell columns of the frame, the logit and V its rows; beyond the region it is its edge's."""
    region, other = np.array([10, 20, 110, 220], np.float32), np.array(to, np.float32)

    def x_and_y(region_4: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = (region_4[2:] - region_4[:2]) / GRID
        x, y = (region_4[i] + (np.arange(GRID) + 0.5) * size[i] for i in (0, 1))
        return np.clip(x, 10 + 50 / GRID, 110 - 50 / GRID), np.clip(y, 20 + 100 / GRID, 220 - 100 / GRID)

    maps = np.zeros((5, GRID, GRID), np.float32)
    maps[0] = x_and_y(region)[1][:, None]
    maps[3] = maps[0] / 240
    maps[1] = x_and_y(region)[0][None]
    maps[2] = maps[1] / 240
    here, there = View.straight(region), View.straight(other)
    found = moved_maps(maps, here, there)
    rows = np.broadcast_to(x_and_y(other)[1][:, None], (GRID, GRID))
    np.testing.assert_allclose(found[0], rows, atol=0.1)
    columns = np.broadcast_to(x_and_y(other)[0][None], (GRID, GRID))
    for told in (found[1], found[2] * 240):  # every column another chart: nothing is known between their middles
        assert np.abs(told - columns).max() <= 50 / GRID + 1e-3
    assert np.abs(found[2] * 240 - columns).max() > 0.3 or to == (10, 20, 110, 220)
    np.testing.assert_allclose(found[3] * 240, rows, atol=0.1)  # though along a column V's slope is
    maps[1] = TORSO
    found = moved_maps(maps, here, there)
    np.testing.assert_allclose(found[3] * 240, rows, atol=0.1)
    np.testing.assert_allclose(found[2] * 240, columns, atol=0.1)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("angle", ANGLES)
def test_who_leans_is_read_again_upright(angle: int, flip: bool) -> None:
    """Twice in all, and four times from `LEANING` on; without the mirror once, and twice from `LYING` on."""
    rgb = person(angle)
    box = box_of(rgb)
    networks = Colours()
    found = look(Reader(networks, flip=flip, roll_align=True, calibration=NEUTRAL), rgb, box)
    asked = (4 if abs(angle) > LEANING else 2) if flip else (2 if abs(angle) > LYING else 1)
    assert networks.asked == asked
    true = colours(crop_person(rgb, crop_region(box))[0])
    both = (true[0] > 0) & (found.maps_LGG[0] > 0)
    assert both.sum() > 0.9 * (true[0] > 0).sum()
    assert (found.maps_LGG[1] == true[1])[both].mean() > 0.97
    assert found.maps_LGG[4].max() > 0.88 or (not flip and abs(angle) < LYING)


@pytest.mark.parametrize(("sure", "asked"), [(0.9, 2), (0.6, 4)])
def test_of_whom_two_answers_leave_unsure_two_more_are_asked_for(sure: float, asked: int) -> None:
    """Who does not lean is not tilted then, however unsure all are."""
    rgb = person(0)
    networks = Colours(sure=sure)
    look(Reader(networks, flip=True, roll_align=True, calibration=NEUTRAL), rgb, box_of(rgb))
    assert networks.asked == asked


def test_who_leans_and_of_whom_nothing_is_sure_is_asked_for_twice_more() -> None:
    """25° to either side of upright."""
    rgb = person(40)
    networks = Colours(sure=0.6)
    found = look(Reader(networks, flip=True, roll_align=True, calibration=NEUTRAL), rgb, box_of(rgb))
    assert networks.asked == 6
    view = View.straight(found.region_4)
    leaning = lean(found.maps_LGG, view)
    leans = [
        lean(colours(turned_crop(rgb, tilted)), View.straight(np.array([0, 0, 1, 1], np.float32)))
        for tilt in (0, 25, -25)
        if (tilted := upright_view(found.maps_LGG, view, leaning - tilt)) is not None
    ]
    assert abs(leans[0]) < 2 and 12 < leans[1] < 40 and -40 < leans[2] < -12  # crops are stretched


@pytest.mark.parametrize(("angle", "tilt"), [(0, 12), (40, 25)])
def test_read_thoroughly_everybody_is_asked_for_eight_times(angle: int, tilt: int) -> None:
    """Last tilted to either side, and in a wider and a narrower crop; however sure all are."""
    rgb = person(angle)
    networks = Colours()
    seen: list[np.ndarray] = []
    read = networks.read
    networks.read = lambda crop: seen.append(crop.astype(np.uint8)) or read(crop)  # type: ignore[method-assign,func-returns-value]
    found = look(Reader(networks, flip=True, roll_align=True, calibration=NEUTRAL), rgb, box_of(rgb), tta="full")
    assert networks.asked == len(seen) == 8
    inside = View.straight(np.array([0, 0, 1, 1], np.float32))
    leans = [lean(colours(crop), inside) for crop in seen[3:]]
    assert abs(leans[0]) < 2 and tilt / 2 < leans[1] < 2 * tilt  # crops are stretched
    assert leans[2] == pytest.approx(leans[1], abs=3)  # to the other side, in the mirror
    assert max(map(abs, leans[3:])) < 2
    upright, wider, narrower = (np.flatnonzero((colours(seen[i])[0] > 0).any(1)) for i in (3, 6, 7))
    high = upright[-1] - upright[0]
    assert (wider[-1] - wider[0]) / high == pytest.approx(1 / 1.2, abs=0.03)
    assert (narrower[-1] - narrower[0]) / high == pytest.approx(1 / 0.85, abs=0.05)
    true = colours(crop_person(rgb, crop_region(box_of(rgb)))[0])
    both = (true[0] > 0) & (found.maps_LGG[0] > 0)
    assert both.sum() > 0.9 * (true[0] > 0).sum()
    assert (found.maps_LGG[1] == true[1])[both].mean() > 0.97


@pytest.mark.parametrize(("angle", "sure", "asked"), [(0, 0.66, 1), (0, 0.64, 2), (25, 0.9, 2), (-70, 0.5, 2)])
def test_read_quickly_who_leans_or_is_unsure_is_asked_for_twice(angle: int, sure: float, asked: int) -> None:
    """The second answer is of the mirror image of the person upright."""
    rgb = person(angle)
    networks = Colours(sure=sure, unsure=sure)
    seen: list[np.ndarray] = []
    read = networks.read
    networks.read = lambda crop: seen.append(crop.astype(np.uint8)) or read(crop)  # type: ignore[method-assign,func-returns-value]
    reader = Reader(networks, flip=True, roll_align=True, calibration=NEUTRAL)
    found = look(reader, rgb, box_of(rgb), tta="adaptive_fast")
    assert (networks.asked, len(found.answers)) == (asked, asked)
    inside = View.straight(np.array([0, 0, 1, 1], np.float32))
    if asked == 2:
        assert abs(lean(colours(seen[1]), inside)) < 4
    reader = Reader(Colours(), flip=False, roll_align=False, calibration=NEUTRAL)
    once = look(reader, rgb, box_of(rgb), tta="adaptive_fast")
    assert len(once.answers) == 1


@pytest.mark.parametrize(("angle", "sure", "known"), [(0, 0.9, 2), (0, 0.5, 4), (40, 0.9, 4), (40, 0.5, 6)])
def test_a_look_goes_on_to_be_thorough_and_asks_nothing_twice(angle: int, sure: float, known: int) -> None:
    rgb = person(angle)
    networks = Colours(sure=sure, unsure=sure)
    reader = Reader(networks, flip=True, roll_align=True, calibration=NEUTRAL)
    at_once = look(reader, rgb, box_of(rgb), tta="full")
    assert networks.asked == 8
    careful = look(reader, rgb, box_of(rgb))
    assert networks.asked == 8 + known
    gone_on = only(reader, reader.thoroughly(rgb, careful))
    assert networks.asked == 16
    np.testing.assert_array_equal(gone_on.maps_LGG, at_once.maps_LGG)
    np.testing.assert_array_equal(gone_on.surface.uv_2hw, at_once.surface.uv_2hw)


@pytest.mark.parametrize(("flip", "roll_align", "asked"), [(True, False, 2), (False, True, 1), (False, False, 1)])
def test_without_the_mirror_or_turning_nothing_is_thorough(flip: bool, roll_align: bool, asked: int) -> None:
    networks = Colours()
    rgb = person(0)
    look(Reader(networks, flip=flip, roll_align=roll_align, calibration=NEUTRAL), rgb, box_of(rgb), tta="full")
    assert networks.asked == asked


def test_nobody_is_turned_who_is_not_to_be() -> None:
    rgb = person(90)
    for flip in (False, True):
        networks = Colours()
        found = look(Reader(networks, flip=flip, roll_align=False, calibration=NEUTRAL), rgb, box_of(rgb))
        assert (networks.asked, found.maps_LGG[4].max()) == (1 + flip, np.float32(0.4))


@pytest.mark.parametrize("angle", [0, 90])
def test_a_second_look_asks_for_one_answer_less(angle: int) -> None:
    """What was read before is the first answer."""
    rgb = person(angle)
    networks = Colours()
    reader = Reader(networks, flip=True, roll_align=True, calibration=NEUTRAL)
    before = only(reader, reader.glance(rgb, box_of(rgb)))
    assert networks.asked == 1
    whole = look(reader, rgb, box_of(rgb), before)
    assert networks.asked == (4 if angle else 2)
    np.testing.assert_allclose(whole.maps_LGG, look(reader, rgb, box_of(rgb)).maps_LGG, atol=1e-6)


def test_surer_answers_count_more_and_their_charts_are_voted_on() -> None:
    """Where anybody is, of two unlike ones the much surer decides; of three that are as sure two outvote the third."""
    rgb = person(0)
    crop = crop_person(rgb, crop_region(box_of(rgb)))[0]
    first, second = colours(crop, 0.9), colours(crop, 0.3)
    second[1] = HAND
    second[2] = 1.0
    both = agreed([first, second])
    np.testing.assert_array_equal(both[1], first[1])
    np.testing.assert_array_equal(both[2], first[2])
    weight = 0.9**8 / (0.9**8 + 0.3**8)
    shown = first[0] > OUTLINE
    np.testing.assert_allclose(both[4][shown], 0.9 * weight, rtol=1e-5)
    third = first.copy()
    third[1], third[2] = HAND, 0.5
    alike = second.copy()
    alike[4] = 0.9
    three = agreed([first, alike, third])
    assert (three[1][shown] == HAND).all()
    np.testing.assert_allclose(three[2][shown], 0.75, atol=1e-6)
    np.testing.assert_allclose(three[4][shown], 0.6, atol=1e-6)
    np.testing.assert_allclose(three[0], first[0], atol=1e-3)


def test_of_three_answers_one_far_off_moves_the_place_little() -> None:
    """The mean goes .20 of the way, after three steps towards the median a third of that; of two it is all there is."""
    rgb = person(0)
    answers = [colours(crop_person(rgb, crop_region(box_of(rgb)))[0], 0.9) for _ in range(3)]
    shown = answers[0][0] > OUTLINE
    for one, u, v in zip(answers, (0.20, 0.22, 0.80), (0.5, 0.5, 0.9), strict=True):
        one[2], one[3] = u, v
    three, two = agreed(answers), agreed(answers[1:])
    assert three[2][shown].min() > 0.20
    assert three[2][shown].max() < 0.27
    assert three[3][shown].max() < 0.57
    np.testing.assert_allclose(two[2:4][:, shown].T, [[0.51, 0.7]] * shown.sum(), atol=1e-5)


@pytest.mark.parametrize("side", [90, 233])
def test_what_shows_is_what_a_vote_on_every_cell_would_show(side: int) -> None:
    """Cells that nothing shows are not voted on: in boxes of fewer pixels than cells and of more, it makes no pixel."""
    random = np.random.default_rng(3)
    person_GG = cv2.GaussianBlur(random.normal(0, 1, (GRID, GRID)), None, 2).astype(np.float32) * 20 - 1
    answers = []
    for _ in range(2):
        maps = random.uniform(0, 1, (9, GRID, GRID)).astype(np.float32)
        maps[0] = person_GG
        maps[[1, 5]] = random.integers(1, 25, (2, GRID // 4, GRID // 4)).repeat(4, 1).repeat(4, 2)
        maps[4], maps[8] = 0.5, 0.2
        answers.append(maps)
    everywhere = agreed([np.concatenate([np.full_like(maps[:1], 9.0), maps[1:]]) for maps in answers])
    everywhere[0] = (voted := agreed(answers))[0]
    region = np.array([0, 0, side, side], np.float32)
    box = np.array([3, 5, side - 4, side - 2], np.float32)
    told, expected = assemble(voted, region, box), assemble(everywhere, region, box)
    assert 0.2 < (told.labels_hw > 0).mean() < 0.8
    np.testing.assert_array_equal(told.labels_hw, expected.labels_hw)
    np.testing.assert_array_equal(told.uv_2hw, expected.uv_2hw)
    np.testing.assert_allclose(told.confidence_hw, expected.confidence_hw, atol=1e-6)


def test_where_nobody_is_sure_all_answers_count_alike() -> None:
    nobody = colours(np.zeros((CROP, CROP, 3), np.uint8))
    other = nobody.copy()
    other[0] = -1.0
    half = (logistic(nobody[0]) + logistic(other[0])) / 2
    np.testing.assert_allclose(agreed([nobody, other])[0], np.log(half / (1 - half)), rtol=1e-5)


def test_the_mirror_image_is_undone() -> None:
    """Pixels reversed, sides exchanged; twice is nothing."""
    maps = colours(crop_person(person(20), crop_region(box_of(person(20))))[0])
    back = unmirrored(maps)
    np.testing.assert_array_equal(back[0], maps[0, :, ::-1])
    assert set(np.unique(back[1])) == set(np.unique(maps[1])) == {23, 24, 2, 9, 10}
    np.testing.assert_allclose(unmirrored(back), maps, atol=1e-6)
