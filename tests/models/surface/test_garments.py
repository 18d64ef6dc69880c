"""Garments end where they are said to end on the body, whatever charts lie there."""

from __future__ import annotations

import numpy as np
import pytest

from models.surface.atlas import CHARTS
from models.surface.garments import ARM_4, GARMENTS, HEIGHTS, SLEEVES, Cut, check_garments, garment_cover, with_cover
from models.surface.texels import open_body_cover, rest_places

pytestmark = pytest.mark.quick

SIDE = 256
LEGS, ARMS, UPPER_ARMS = np.arange(7, 15) - 1, np.arange(15, 23) - 1, np.arange(15, 19) - 1
TORSO, HEAD, HANDS = np.array([0, 1]), np.array([22, 23]), np.array([2, 3])


def covered(garment: str, charts: np.ndarray, cut: Cut | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Cover 0..1 (M) of all texels on some charts, and their places on the body at rest (M, 3)."""
    inside_M = open_body_cover(SIDE)[charts].reshape(-1)
    cover_PSS = garment_cover({garment: cut or Cut()}, SIDE)[charts]
    return cover_PSS.reshape(-1)[inside_M] / 255, rest_places(SIDE)[charts].reshape(-1, 3)[inside_M]


@pytest.mark.parametrize("hem", ["knee", "calf", "ankle", 63.0])
def test_hems_of_trousers_are_level_on_all_charts_of_the_legs(hem: str | float) -> None:
    height = (HEIGHTS[hem] if isinstance(hem, str) else hem) / 100
    cover_M, place_M3 = covered("trousers", LEGS, Cut(hem=hem))
    above_M = place_M3[:, 1] - height
    assert (cover_M[(above_M > 0.006) & (place_M3[:, 1] < 1.0)] == 1).all() and (cover_M[above_M < -0.006] == 0).all()


def test_a_hem_crosses_the_border_of_torso_and_legs() -> None:
    """The torso's chart ends in a V in front; a shirt ends level, on the torso and on the legs."""
    for charts in (TORSO, LEGS):
        cover_M, place_M3 = covered("shirt", charts, Cut(hem=93.0))
        level_M = place_M3[:, 1] < 1.2
        assert (cover_M[level_M & (place_M3[:, 1] > 0.936)] == 1).all()
        assert (cover_M[place_M3[:, 1] < 0.924] == 0).all() and (place_M3[:, 1] < 0.924).any()


@pytest.mark.parametrize("sleeves", ["short", 12.0])
def test_sleeves_end_at_their_length_around_the_arm(sleeves: str | float) -> None:
    length = (SLEEVES[sleeves] if isinstance(sleeves, str) else sleeves) / 100
    cover_M, place_M3 = covered("shirt", UPPER_ARMS, Cut(sleeves=sleeves))
    along_3 = (ARM_4[1] - ARM_4[0]) / np.linalg.norm(ARM_4[1] - ARM_4[0])
    along_M = (np.abs(place_M3 * [1, 0, 0]) + place_M3 * [0, 1, 1] - ARM_4[0]) @ along_3
    assert (cover_M[along_M < length - 0.006] == 1).all() and (cover_M[along_M > length + 0.006] == 0).all()


def test_sleeveless_shirts_leave_the_arms_and_cover_the_flanks() -> None:
    cover_M, place_M3 = covered("shirt", ARMS, Cut(sleeves="none"))
    assert (cover_M[np.abs(place_M3[:, 0]) > 0.2] == 0).all()
    cover_M, place_M3 = covered("shirt", TORSO, Cut(sleeves="none"))
    assert (cover_M[(place_M3[:, 1] < 1.3) & (place_M3[:, 1] > 0.93)] == 1).all()


def test_necklines_are_lower_in_front_and_a_v_is_lower_than_a_round_one() -> None:
    def lowest(neck: str, *, front: bool) -> float:
        cover_M, place_M3 = covered("shirt", np.r_[TORSO, HEAD], Cut(neck=neck))
        middle_M = (np.abs(place_M3[:, 0]) < 0.01) & ((place_M3[:, 2] > 0.05) == front) & (place_M3[:, 1] > 1.2)
        return float(place_M3[middle_M & (cover_M < 0.5), 1].min())

    assert lowest("round", front=True) == pytest.approx(1.53 - 0.085, abs=0.008)
    assert lowest("v", front=True) == pytest.approx(1.53 - 0.19, abs=0.008)
    assert lowest("high", front=True) > 1.51
    assert lowest("round", front=False) == pytest.approx(1.53 - 0.02, abs=0.008)


def test_skin_hair_and_shoes_are_no_clothes_of_others() -> None:
    for garment in ("shirt", "trousers", "dress", "suit"):
        for charts, least in ((HEAD, 1.56), (HANDS, 0.0)):
            cover_M, place_M3 = covered(garment, charts)
            assert cover_M[place_M3[:, 1] > least].max() < 1, (garment, charts)
    hair_M, place_M3 = covered("hair", HEAD)
    skin_M, _ = covered("skin", HEAD)
    assert np.abs(hair_M + skin_M - 1).max() < 0.01
    assert hair_M[place_M3[:, 1] > 1.76].min() == 1
    assert hair_M[(place_M3[:, 2] > 0.13) & (place_M3[:, 1] < 1.7)].max() == 0  # eyes, nose, mouth
    shoes_M, place_M3 = covered("shoes", np.array([4, 5]))
    assert (shoes_M[place_M3[:, 1] < 0.09] == 1).all()


def test_edges_are_anti_aliased_and_both_sides_equal() -> None:
    for garment in GARMENTS:
        cover_PSS = garment_cover({garment: Cut()}, SIDE).astype(int)
        assert 0 < ((cover_PSS > 0) & (cover_PSS < 255)).mean() < 0.02, garment
        for left, right in ((8, 7), (10, 9), (15, 16), (17, 18), (19, 20), (21, 22)):
            assert np.abs(cover_PSS[left - 1] - cover_PSS[right - 1]).max() <= 2, garment


def test_cover_multiplies_alpha_and_both_take_the_larger_side() -> None:
    cover_PSS = np.full((CHARTS, 32, 32), 128, np.uint8)
    opaque = with_cover(np.full((CHARTS, 16, 16, 3), 9, np.uint8), cover_PSS)
    assert opaque.shape == (CHARTS, 32, 32, 4) and (opaque == [9, 9, 9, 128]).all()
    clear = with_cover(np.full((CHARTS, 64, 64, 4), 100, np.uint8), cover_PSS)
    assert clear.shape == (CHARTS, 64, 64, 4) and (clear == [100, 100, 100, 50]).all()


@pytest.mark.parametrize(
    ("garments", "message"),
    [
        ({"shrit": Cut()}, r"there is no garment 'shrit': did you mean 'shirt'\?"),
        ({"ghj": Cut()}, "there is no garment 'ghj': known: shirt, trousers, dress, suit, shoes, hair, skin"),
        ({"trousers": Cut(sleeves="short")}, "trousers has no sleeves, but hem, waist"),
        ({"hair": Cut(hem=3)}, "hair has no hem, but no lengths at all"),
    ],
)
def test_unknown_garments_and_lengths_are_refused(garments: dict[str, Cut], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_garments(garments)


def test_unknown_cuts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sleeves is 'shrt': did you mean 'short'\?"):
        Cut(sleeves="shrt")
    with pytest.raises(ValueError, match="hem is 300, must be centimetres from 0 to 200"):
        Cut(hem=300)
