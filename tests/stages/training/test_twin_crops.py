"""Two views of the same skin: matches of cells are true in photos and along the flow of a film."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.arrays import F32, U8
from models.losses.light_agreement import UNMATCHED
from stages.training.data.film_pool import FLOW, FilmPool, moved_by_flow, write_film
from stages.training.data.labelled_photos import DENSE, LABELS, SIDE
from stages.training.data.pair_frames import flow_cell_centres, frame_pair, sure_flow
from stages.training.data.photo_pool import PoolPerson, PoolPhoto
from stages.training.fit import Batch
from stages.training.light.hard_light import DARKNESS, blurred_limbs, dark, motion_kernel
from stages.training.light.surface_batches import SurfaceBatches
from stages.training.light.twin_crops import TwinCrops, film_twins, photo_twins
from tests.stages.training.plain_mix import plain_mix

pytestmark = pytest.mark.quick

CROP = 96
KEPT = {"degraded": 0.0, "truncated": 0.0}


def gradient_photo() -> tuple[PoolPhoto, PoolPerson]:
    """A photo whose red is the column and whose green is the row, so that a pixel tells its place."""
    ramp = np.linspace(0, 255, SIDE).round().astype(np.uint8)
    rgb = np.stack([np.tile(ramp, (SIDE, 1)), np.tile(ramp[:, None], (1, SIDE)), np.full((SIDE, SIDE), 99)], 2)
    photo = PoolPhoto(
        name="ramp",
        natural=(SIDE, SIDE),
        rgb_SS3=rgb.astype(np.uint8),
        box_M4=np.zeros((0, 4)),
        kind_M=np.zeros(0, np.uint8),
        dense_DD=np.zeros((DENSE, DENSE), np.uint8),
    )
    label = np.full((LABELS, LABELS), 2, np.uint8)
    box_4 = np.array([120, 80, 300, 330], np.float32)
    ones = np.ones_like(label)
    return photo, PoolPerson(photo=0, box_4=box_4, region_4=box_4, label_LL=label, weight_LL=ones, mask_LL=ones)


def worst_colour(twins: TwinCrops) -> tuple[float, float]:
    """The largest difference of red and green between matched places, and the share of cells that are matched."""
    gaps, shares = [], []
    for number in range(2):
        here, there = twins.crop_2[number], twins.crop_2[1 - number]
        match_GG2 = twins.match_2GG2[number]
        known = match_GG2[..., 0] != UNMATCHED
        small = cv2.resize(here.rgb_CC3, (CROP // 2,) * 2, interpolation=cv2.INTER_AREA).astype(float)
        column, row = np.moveaxis((match_GG2 * CROP - 0.5).astype(np.float32), 2, 0)
        colour = there.rgb_CC3.astype(np.float32)
        seen = cv2.remap(colour, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inner = known & (small[..., 2] == 99) & (np.abs(seen[..., 2] - 99) < 0.5)
        gaps.append(np.abs(small - seen)[inner][:, :2].max())
        shares.append(known.mean())
    return max(gaps), min(shares)


@pytest.mark.parametrize("seed", range(8))
def test_matched_cells_of_two_views_show_the_same_place(seed: int) -> None:
    """At any rotation, scale and flip."""
    mix = plain_mix(**KEPT, rotated_any=1.0, wider_regions=0.5)
    gap, share = worst_colour(photo_twins(*gradient_photo(), CROP, np.random.default_rng(seed), mix))
    assert gap < 3.5 and share > 0.3  # one cell is some two steps of colour


def moving_film() -> tuple[U8, U8, F32]:
    """Two frames of a textured person who moves by (12, -7) before a still wall, and their boxes."""
    random = np.random.default_rng(0)
    wall = cv2.GaussianBlur(random.integers(0, 256, (300, 400, 3), np.uint8), (0, 0), 3)
    cloth = cv2.GaussianBlur(random.integers(0, 256, (160, 80, 3), np.uint8), (0, 0), 2)
    frames = []
    for x, y in ((150, 80), (162, 73)):
        frame = wall.copy()
        frame[y : y + 160, x : x + 80] = cloth
        frames.append(frame)
    return frames[0], frames[1], np.array([[150, 80, 230, 240], [162, 73, 242, 233]], np.float32)


def test_sure_flow_is_the_true_motion() -> None:
    first, second, box_24 = moving_film()
    pair = frame_pair(first, second, box_24)
    assert pair is not None
    scale = (pair.box_24[0, 2] - pair.box_24[0, 0]) / 80
    x0, y0, x1, y1 = pair.box_24[0]
    centre = flow_cell_centres()
    x, y = np.moveaxis(centre, 2, 0)
    inside = (x > x0 + 20) & (x < x1 - 20) & (y > y0 + 20) & (y < y1 - 20)
    way = (pair.flow_2FF2[0] - centre)[inside]
    known = ~np.isnan(way[:, 0])
    assert known.mean() > 0.8
    assert np.median(np.abs(way[known] - np.array([12, -7]) * scale)) < 0.5


def test_still_pictures_and_other_scenes_are_no_pairs() -> None:
    first, _, box_24 = moving_film()
    assert frame_pair(first, first, box_24) is None
    other = np.random.default_rng(9).integers(0, 256, first.shape, np.uint8)
    assert frame_pair(first, other, box_24) is None


def test_flow_that_does_not_come_back_is_not_sure() -> None:
    random = np.random.default_rng(1)
    one, other = (random.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for _ in range(2))
    assert np.isnan(sure_flow(one, other)).mean() > 0.7


@pytest.mark.parametrize("seed", range(4))
def test_crops_of_a_film_are_matched_along_the_flow(seed: int, tmp_path: Path) -> None:
    photo, person = gradient_photo()
    still = np.stack([flow_cell_centres() + np.float32(10), flow_cell_centres() - np.float32(10)])
    moved = np.roll(photo.rgb_SS3, (10, 10), (0, 1))
    pair = frame_pair(*moving_film())
    assert pair is not None
    box_24 = np.stack([person.box_4, person.box_4 + 10])
    made = replace(pair, rgb_2SS3=np.stack([photo.rgb_SS3, moved]), box_24=box_24, flow_2FF2=still)
    write_film(tmp_path / "0000.npz", [pair, made])
    pool = FilmPool([tmp_path / "0000.npz"])
    assert len(pool) == 2 and np.isnan(pool[0].flow_2FF2).any()
    gap, share = worst_colour(film_twins(pool[1], CROP, np.random.default_rng(seed), plain_mix(**KEPT)))
    assert gap < 3.5 and share > 0.3


def test_places_without_a_sure_flow_are_not_moved() -> None:
    flow = flow_cell_centres()
    flow[: FLOW // 2] = np.nan
    at = np.array([[100.0, 100.0], [100.0, 300.0], [-50.0, 300.0]])
    moved = moved_by_flow(at, flow)
    assert np.isnan(moved[[0, 2]]).all() and moved[1] == pytest.approx(at[1], abs=1e-3)


class OnePhoto:
    """A pool of the photo."""

    photos, exact, false = (gradient_photo()[0],), (), ()
    people = (gradient_photo()[1],)


def test_a_batch_has_twins_side_by_side() -> None:
    def batch(**shares: float) -> Batch:
        mix = plain_mix(**KEPT, **shares)
        return SurfaceBatches(OnePhoto(), None, indices=range(6), seed=1, sides=(CROP,), mix=mix)(0)  # type: ignore

    crop, *_, twin, match, known, flip, _, _ = batch(twins=1.0)
    assert 0 < len(known) <= 6 * (CROP // 2) ** 2
    assert len(crop) == 6 and twin.tolist() == [0, 1, 2, 3, 4, 5] and match.shape == (6, CROP // 2, CROP // 2, 2)
    assert flip.view(3, 2).unique(dim=1).shape == (3, 1), "both of a pair say the same"
    alone = batch()
    assert not any(len(alone[number]) for number in range(7, 11))


def test_blur_follows_the_limbs() -> None:
    kernel = motion_kernel(9, 0.0)
    assert kernel.sum() == pytest.approx(1) and (kernel > 0).sum() == 9 and (kernel[4] > 0).all()
    rgb = np.random.default_rng(0).integers(0, 256, (CROP, CROP, 3), np.uint8)
    label = np.zeros((CROP // 2, CROP // 2), np.uint8)
    label[30:40, 10:14], label[5:9, 30:34] = 7, 20
    for seed in range(6):
        changed = (blurred_limbs(rgb, label, np.random.default_rng(seed)) != rgb).any(2)
        legs, arms = changed[60:80, 20:28].mean(), changed[10:18, 60:68].mean()
        assert max(legs, arms) > 0.9 and min(legs, arms) < 0.2 and not changed[80:, 80:].any()


def test_little_light_is_dark() -> None:
    white = np.full((4, 4, 3), 255, np.uint8)
    shades = [dark(white, np.random.default_rng(seed)).mean() / 255 for seed in range(20)]
    assert min(shades) >= DARKNESS[0] - 0.01 and max(shades) <= DARKNESS[1] + 0.01
