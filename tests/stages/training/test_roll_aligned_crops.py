"""Crops in which who leans or lies stands up: labels stay on their pixels, and the head is above the legs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.body.charts import MIRROR_CHART
from models.light.architecture.preprocessing import CROP
from stages.training.data.labelled_photos import IGNORE, LABELS, SIDE, mask_of_labels
from stages.training.data.photo_pool import PoolPerson, PoolPhoto
from stages.training.data.scene_pool import PoolScene
from stages.training.light.crop_geometry import ROLL_ERROR
from stages.training.light.crops import Crop, photo_crop, scene_crop
from tests.stages.training.plain_mix import plain_mix

pytestmark = pytest.mark.quick

HEAD, TORSO, LEGS = 23, 1, 5
UPRIGHT = plain_mix(roll_aligned=1.0, rotated_any=0.0, rotated=0.0)
ANGLES = (-160, -90, -35, 0, 50, 120, 180)


@pytest.fixture(autouse=True)
def true_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels keep their values, so that they can be compared with labels."""
    for name in ("recolour", "degrade"):
        monkeypatch.setattr(f"stages.training.light.crops.{name}", lambda rgb, random: rgb)


def figure(height: int, width: int, angle: float, length: float) -> np.ndarray:
    """Labels of somebody as long as that who leans clockwise by degrees: a head, a torso twice as wide, and legs."""
    y, x = np.mgrid[:height, :width] + 0.5
    turn = np.radians(angle)
    x, y = (x - width / 2) / length, (y - height / 2) / length
    across, down = np.cos(turn) * x + np.sin(turn) * y, -np.sin(turn) * x + np.cos(turn) * y
    label = np.zeros((height, width), np.uint8)
    for chart, top, bottom, half in ((HEAD, -0.5, -0.3, 0.08), (TORSO, -0.3, 0.1, 0.16), (LEGS, 0.1, 0.5, 0.12)):
        label[(down >= top) & (down < bottom) & (np.abs(across) < half)] = chart
    return label


def grey(label_HW: np.ndarray) -> np.ndarray:
    return np.repeat((label_HW * 10)[..., None], 3, 2).astype(np.uint8)


def scene(angle: float) -> PoolScene:
    label = figure(240, 320, angle, 130)
    corner = np.argwhere(label > 0)
    box = np.array([[*corner.min(0)[::-1], *(corner.max(0)[::-1] + 1)]], np.float32)
    mine = (label > 0).astype(np.uint8)
    uv = np.zeros((2, 240, 320), np.uint8)
    joint = np.zeros((1, 17, 3), np.float32)
    return PoolScene(
        rgb_HW3=grey(label), label_HW=label, uv_2HW=uv, instance_HW=mine, box_N4=box, joint_NJ3=joint
    )


def photo(angle: float) -> tuple[PoolPhoto, PoolPerson]:
    """A photo of 480 x 360 pixels, stored as a square; labelled in a square of it, whose cells are oblong there."""
    low, side = np.array([80, 40]), 200
    natural = figure(round(side * 360 / SIDE), round(side * 480 / SIDE), angle, 150)
    label = cv2.resize(natural, (LABELS, LABELS), interpolation=cv2.INTER_NEAREST)
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    square = cv2.resize(natural, (side, side), interpolation=cv2.INTER_NEAREST)
    picture[low[1] : low[1] + side, low[0] : low[0] + side] = grey(square)
    dense = np.zeros((52, 52), np.uint8)
    none = {"box_M4": np.zeros((0, 4)), "kind_M": np.zeros(0), "dense_DD": dense}
    whole = PoolPhoto(name="x", natural=(480, 360), rgb_SS3=picture, **none)
    region = np.array([*low, *(low + side)], np.float32)
    person = PoolPerson(
        photo=0,
        box_4=region,
        region_4=region,
        label_LL=label,
        weight_LL=np.full_like(label, 255),
        mask_LL=mask_of_labels(label),
    )
    return whole, person


def leaning(crop: Crop) -> float:
    """By how many degrees the line from the legs to the head is off the vertical."""
    head, legs = (np.argwhere(np.isin(crop.label_GG, (chart, MIRROR_CHART[chart]))).mean(0) for chart in (HEAD, LEGS))
    down, right = head - legs
    return abs(float(np.degrees(np.arctan2(right, -down))))


def stands(crops: list[Crop]) -> None:
    lean = np.array([leaning(crop) for crop in crops])
    assert lean.max() < 6 * ROLL_ERROR  # a slim person's crop is stretched, to twice as wide
    assert ROLL_ERROR / 2 < np.sqrt(np.mean(lean**2)) < 2 * ROLL_ERROR
    for crop in crops:
        body = (crop.label_GG > 0) & (crop.label_GG < 25)
        shown = crop.rgb_CC3[::2, ::2, 0] > 5
        assert (shown == body).mean() > 0.93, "labels lie beside the pixels"
        assert body[2:-2, 2:-2].sum() > 0.97 * body.sum(), "the crop cuts them off"
        assert body.mean() > 0.15, "the crop shows them small"


def test_people_of_scenes_stand_up_whatever_their_angle() -> None:
    shown = [
        scene_crop(scene(angle), 0, None, CROP, np.random.default_rng([angle + 180, seed]), UPRIGHT)
        for angle in ANGLES
        for seed in range(4)
    ]
    stands(shown)


def test_people_of_photos_stand_up_whatever_their_angle() -> None:
    stands(
        [
            photo_crop(*photo(angle), CROP, np.random.default_rng([angle + 180, seed]), UPRIGHT)
            for angle in ANGLES
            for seed in range(4)
        ]
    )


def test_who_shows_one_part_alone_is_shown_as_they_are() -> None:
    """Where nothing tells which way is up, nobody is turned by more than the error of those who are."""
    alone = scene(0)
    alone.label_HW[alone.label_HW != LEGS] = 0
    alone.instance_HW[:] = alone.label_HW > 0
    for seed in range(6):
        crop = scene_crop(alone, 0, None, CROP, np.random.default_rng(seed), UPRIGHT)
        row, column = np.nonzero(crop.label_GG > 0)
        assert len(row) > 0.6 * np.ptp(row) * np.ptp(column) > 0  # turned by 45 degrees it would be half


def test_of_nobody_there_is_a_crop_too() -> None:
    whole, person = photo(0)
    person.label_LL[:] = 0
    crop = photo_crop(whole, person, CROP, np.random.default_rng(0), UPRIGHT)
    assert set(np.unique(crop.label_GG)) <= {0, IGNORE}
