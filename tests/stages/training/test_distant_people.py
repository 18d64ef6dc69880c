"""Crops of distant people: fewer pixels, everything else where it was."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stages.training.data.scene_pool import PoolScene
from stages.training.light import crops
from stages.training.light.crop_geometry import CropTransform
from stages.training.light.crops import LEAST_PIXELS, camera_augmented, scene_crop
from stages.training.light.mixes import CropMix
from tests.stages.training.plain_mix import plain_mix

pytestmark = pytest.mark.quick

SIDE = 160
SPREAD = 40.0
"""Standard deviation of the picture's noise."""
DISTANT = plain_mix(distant=1.0, degraded=0.0)


def noise(side: int = SIDE) -> np.ndarray:
    grain = np.random.default_rng(0).normal(128, SPREAD, (side, side, 3))
    return np.clip(grain, 0, 255).astype(np.uint8)


def taken(seen: float, mix: CropMix = DISTANT, times: int = 60) -> list[np.ndarray]:
    return [camera_augmented(noise(), seen, np.random.default_rng(seed), mix) for seed in range(times)]


@pytest.mark.parametrize("seen", [40.0, 90.0, 400.0])
def test_a_distant_crop_has_no_more_pixels_than_its_source_and_no_fewer_than_the_fewest(seen: float) -> None:
    # Averaging (SIDE / few)^2 pixels of noise leaves few / SIDE of its spread; going back up blurs it by up to a third.
    share = [crop.astype(float).std() / SPREAD for crop in taken(seen)]
    assert max(share) < 1.05 * min(seen, SIDE) / SIDE
    assert min(share) > 0.6 * LEAST_PIXELS / SIDE
    assert len({round(one, 3) for one in share}) > 5


def test_what_is_shown_stays_where_it_is() -> None:
    coarse = cv2.GaussianBlur(noise(), (0, 0), 12)
    for seed in range(20):
        made = camera_augmented(coarse, SIDE, np.random.default_rng(seed), DISTANT)
        assert np.abs(made.astype(float) - coarse).mean() < 1.0


def test_as_many_are_distant_as_asked_and_none_who_has_few_pixels_already() -> None:
    distant = sum((crop != noise()).any() for crop in taken(SIDE, plain_mix(distant=0.3, degraded=0.0), 400))
    assert 0.23 < distant / 400 < 0.37  # three standard deviations of so many draws
    for mix, seen in ((plain_mix(degraded=0.0), SIDE), (DISTANT, LEAST_PIXELS)):
        for crop in taken(seen, mix, 20):
            np.testing.assert_array_equal(crop, noise())


def test_a_view_counts_pixels_along_its_longer_side_however_it_is_turned() -> None:
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    axes_22 = turn @ np.diag([100.0, 50.0])
    view = CropTransform(origin_2=np.zeros(2), axes_22=axes_22, flip=False, box_42=np.zeros((4, 2)))
    assert view.pixels(np.ones(2)) == pytest.approx(100)
    assert view.pixels(np.full(2, 0.5)) == pytest.approx(50)


def test_labels_and_uv_of_a_distant_crop_are_those_of_a_near_one(monkeypatch: pytest.MonkeyPatch) -> None:
    label = np.zeros((240, 320), np.uint8)
    label[40:220, 60:140] = 2
    label[40:90, 60:140] = 23
    uv = np.stack([np.arange(240 * 320).reshape(240, 320) % 251] * 2).astype(np.uint8)
    scene = PoolScene(
        rgb_HW3=cv2.resize(noise(), (320, 240)),
        label_HW=label,
        uv_2HW=uv,
        instance_HW=(label > 0).astype(np.uint8),
        box_N4=np.array([[60, 40, 140, 220]], np.float32),
        joint_NJ3=np.zeros((1, 17, 3), np.float32),
    )
    counted = []

    def count(rgb_CC3: np.ndarray, seen: float, *rest: object) -> np.ndarray:
        counted.append(seen)
        return camera_augmented(rgb_CC3, seen, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(crops, "camera_augmented", count)
    for seed in range(6):
        near, far = (
            scene_crop(scene, 0, None, SIDE, np.random.default_rng(seed), mix)
            for mix in (plain_mix(distant=share, degraded=0.0, rotated_any=0) for share in (0.0, 1.0))
        )
        np.testing.assert_array_equal(near.label_GG, far.label_GG)
        np.testing.assert_array_equal(near.uv_2GG, far.uv_2GG)
        assert far.rgb_CC3.astype(float).std() < near.rgb_CC3.astype(float).std()
    assert min(counted) > 180 and max(counted) < 360  # a person 180 pixels tall, with the margin around them
