"""Logos in centimetres: as large on the skin as stated, upright, and whole over the seams of charts."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import ModelError
from models.surface.atlas import CHARTS
from models.surface.charted_mesh import open_body_mesh
from models.surface.flat_patch import flat_patch, place_on
from models.surface.logos import Logo, LogoPrinter
from models.surface.printed_logo import PLACES, PlaceCm
from models.surface.texels import open_body_cover, rest_places

pytestmark = pytest.mark.quick

SIDE = 512
HIGH, WIDE = 60, 120


def printed(place: PlaceCm) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares (M, 2) to the right and down in a logo, places (M, 3) and charts (M) of the texels that show it."""
    image_HW4 = np.full((HIGH, WIDE, 4), 255, np.uint8)
    image_HW4[..., 0] = np.linspace(0, 255, WIDE)
    image_HW4[..., 1] = np.linspace(0, 255, HIGH)[:, None]
    printer = LogoPrinter(Logo(picture="x", place_cm=place), image_HW4)
    tiles = printer(np.zeros((CHARTS, SIDE, SIDE, 4), np.uint8))
    shown = (tiles[..., 3] > 0) & open_body_cover(SIDE)
    charts = np.broadcast_to(np.arange(1, CHARTS + 1)[:, None, None], shown.shape)
    return tiles[shown][:, :2] / 255, rest_places(SIDE)[shown], charts[shown]


def walk(
    share_M2: np.ndarray, place_M3: np.ndarray, ends: tuple[tuple[float, float], tuple[float, float]]
) -> np.ndarray:
    """Points (21, 3) on the skin under the straight line between two points of the logo."""
    at_K2 = np.linspace(*ends, 21)
    nearest_K = np.linalg.norm(share_M2[None] * [2, 1] - at_K2[:, None] * [2, 1], axis=2).argmin(axis=1)
    return place_M3[nearest_K]


ACROSS, DOWN = ((0.02, 0.5), (0.98, 0.5)), ((0.5, 0.03), (0.5, 0.97))


@pytest.mark.parametrize(
    ("at", "size", "offset"),
    [("chest", 28.0, (0, 0)), ("back", 30.0, (0, 0)), ("sleeve_left", 9.0, (0, 0)), ("thigh_right", 12.0, (0, 0)),
     ("thigh_left", 12.0, (9, 0)), ("belly", 20.0, (12, 0)), ("calf_left", 10.0, (0, 0))],
)  # fmt: skip
def test_a_logo_has_its_stated_size_on_the_skin(at: str, size: float, offset: tuple[float, float]) -> None:
    share_M2, place_M3, _ = printed(PlaceCm(at=at, size=size, offset=offset))
    for ends, length in ((ACROSS, 0.96 * size), (DOWN, 0.94 * size * HIGH / WIDE)):
        path_K3 = walk(share_M2, place_M3, ends)
        assert 100 * np.linalg.norm(np.diff(path_K3, axis=0), axis=1).sum() == pytest.approx(length, rel=0.06)


def test_a_logo_crosses_a_seam_without_a_break() -> None:
    """On the outside of an arm: its inner chart and its outer chart show one image."""
    share_M2, place_M3, chart_M = printed(PlaceCm(at="sleeve_left", size=9.0))
    shown = [share_M2[chart_M == chart, 0] for chart in (15, 17)]
    assert min(np.ptp(share) for share in shown) > 0.1 and len(share_M2) == sum(map(len, shown))
    step_K = np.linalg.norm(np.diff(walk(share_M2, place_M3, ACROSS), axis=0), axis=1)
    assert step_K.max() < 1.7 * step_K.mean() and step_K.min() > 0.3 * step_K.mean()


@pytest.mark.parametrize("at", PLACES)
def test_logos_are_upright_and_not_mirrored(at: str) -> None:
    share_M2, place_M3, _ = printed(PlaceCm(at=at, size=6.0))
    left_3, right_3 = walk(share_M2, place_M3, ACROSS)[[0, -1]]
    top_3, bottom_3 = walk(share_M2, place_M3, DOWN)[[0, -1]]
    assert top_3[1] - bottom_3[1] > 0.01  # also down the arm, which hangs
    outward_3 = np.cross(bottom_3 - top_3, right_3 - left_3)
    assert outward_3 @ np.array(PLACES[at][1]) > 0.8 * np.linalg.norm(outward_3)


def test_offset_and_angle() -> None:
    plain_M2, plain_M3, _ = printed(PlaceCm(at="chest", size=8.0))
    moved_M2, moved_M3, _ = printed(PlaceCm(at="chest", size=8.0, offset=(6.0, 3.0), angle=90.0))
    middle_3, moved_3 = (
        walk(*one, ((0.5, 0.5), (0.5, 0.5)))[0] for one in ((plain_M2, plain_M3), (moved_M2, moved_M3))
    )
    assert moved_3[0] - middle_3[0] == pytest.approx(0.06, abs=0.008)
    assert middle_3[1] - moved_3[1] == pytest.approx(0.03, abs=0.006)
    left_3, right_3 = walk(moved_M2, moved_M3, ACROSS)[[0, -1]]
    assert left_3[1] - right_3[1] == pytest.approx(0.96 * 0.08, rel=0.1)  # a quarter turn clockwise: right is down


def test_a_flat_patch_keeps_lengths() -> None:
    mesh = open_body_mesh()
    patch = flat_patch(mesh, place_on(mesh, *PLACES["back"]), 0.2)
    corner_K3 = mesh.face_F3[patch.face_K]
    true_K3 = np.linalg.norm(mesh.vertex_V3[corner_K3] - mesh.vertex_V3[np.roll(corner_K3, -1, 1)], axis=2)
    flat_K3 = np.linalg.norm(patch.corner_K32 - np.roll(patch.corner_K32, -1, 1), axis=2)
    assert np.median(np.abs(flat_K3 / true_K3 - 1)) < 0.03 and np.percentile(flat_K3 / true_K3, 2) > 0.85


def test_opaque_atlases_and_repeated_frames() -> None:
    printer = LogoPrinter(Logo(picture="x", place_cm=PlaceCm()), np.full((5, 5, 3), 200, np.uint8))
    tiles = np.full((CHARTS, 64, 64, 3), 50, np.uint8)
    once, twice = printer(tiles), printer(tiles)
    assert once.shape == (CHARTS, 512, 512, 3) and np.array_equal(once, twice)
    assert set(np.unique(once).tolist()) == {50, 200} and (tiles == 50).all()


def test_bad_places_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at is 'chset': did you mean 'chest'\?"):
        PlaceCm(at="chset")
    with pytest.raises(ValueError, match="size is 0, must be from"):
        PlaceCm(size=0)
    with pytest.raises(ValueError, match="place_cm is given beside chart, box or turn"):
        Logo(picture="x", turn=1, place_cm=PlaceCm())
    with pytest.raises(ModelError, match=r"the offset \[30, 0\] leaves the thigh_left"):
        LogoPrinter(Logo(picture="x", place_cm=PlaceCm(at="thigh_left", offset=(30, 0))), np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(ModelError, match=r"sign\.png: there is no room for 60 × 60 cm at sleeve_left"):
        LogoPrinter(
            Logo(picture="sign.png", place_cm=PlaceCm(at="sleeve_left", size=60)), np.zeros((5, 5, 3), np.uint8)
        )
