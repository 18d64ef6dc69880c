"""Crops as a film's camera and codec leave them: noise of light, compression, and everything where it was."""

from __future__ import annotations

import numpy as np
import pytest

from stages.training.light.crops import camera_augmented
from stages.training.light.video_degradation import compressed, through_h264, video_degraded, with_photons
from tests.stages.training.plain_mix import plain_mix

pytestmark = pytest.mark.quick

SIDE = 160


def halves() -> np.ndarray:
    """A dark half beside a light one."""
    made = np.full((SIDE, SIDE, 3), 60, np.uint8)
    made[:, SIDE // 2 :] = 190
    return made


def textured() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    waves = [128 + 50 * np.sin(x / a) * np.cos(y / b) for a, b in ((3, 5), (7, 4), (11, 9))]
    return np.stack(waves, axis=2).astype(np.uint8)


def loss(made: np.ndarray, true: np.ndarray) -> float:
    return float(((made.astype(float) - true) ** 2).mean())


def test_a_codec_takes_more_the_more_it_may() -> None:
    lost = [loss(through_h264(textured(), crf), textured()) for crf in (1, 20, 30, 40)]
    assert lost == sorted(lost)
    assert lost[0] < 12 < 60 < lost[-1]


def test_a_codec_keeps_colour_at_half_the_resolution() -> None:
    stripes = np.zeros((SIDE, SIDE, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (180, 60, 60), (60, 118, 60)  # about as bright as each other
    made = through_h264(stripes, 4).astype(float)
    assert abs(made[:, ::2, 0].mean() - made[:, 1::2, 0].mean()) < 30  # 120 before
    assert made.mean() == pytest.approx(stripes.mean(), abs=6)


def test_films_and_pictures_are_compressed_alike_by_every_codec() -> None:
    """Blocks are of eight pixels in JPEG and of sixteen in WebP: what comes back has all its pixels."""
    cut = textured()[:86, :154]
    lost = np.array([loss(compressed(cut, np.random.default_rng(seed)), cut) for seed in range(60)])
    assert (lost > 0).all() and 10 < np.median(lost) < 400
    kinds = [int(np.random.default_rng(seed).integers(3)) for seed in range(60)]
    assert [kinds.count(kind) >= 10 for kind in range(3)] == [True] * 3
    by_kind = [np.median(lost[np.array(kinds) == kind]) for kind in range(3)]
    assert max(by_kind) < 8 * min(by_kind), by_kind


def test_noise_of_light_grows_with_the_root_of_light() -> None:
    grey = np.concatenate([np.full((200, 200, 3), 0.2), np.full((200, 200, 3), 0.8)]).astype(np.float32)
    noise = with_photons(grey, np.random.default_rng(3)) - grey
    assert noise[200:].var() / noise[:200].var() == pytest.approx(4, rel=0.05)
    assert abs(noise.mean()) < 1e-3


@pytest.mark.parametrize("seen", [48.0, 97.0, 500.0])
def test_what_is_shown_stays_where_it_is(seen: float) -> None:
    for seed in range(12):
        crop = camera_augmented(halves(), seen, np.random.default_rng(seed), plain_mix(video_degraded=1.0))
        made = crop.astype(float).mean((0, 2))
        middle = (made[: SIDE // 4].mean() + made[-SIDE // 4 :].mean()) / 2
        edge = int(np.argmax(made > middle))
        assert abs(edge - SIDE // 2) <= max(2, SIDE / seen), f"seed {seed}"


def test_as_many_are_filmed_as_asked_and_without_any_all_is_as_before() -> None:
    plain = plain_mix(degraded=0.0)
    for seed in range(20):
        np.testing.assert_array_equal(camera_augmented(halves(), SIDE, np.random.default_rng(seed), plain), halves())
    some = plain_mix(degraded=0.0, video_degraded=0.3)
    made = (camera_augmented(halves(), SIDE, np.random.default_rng(seed), some) for seed in range(300))
    count = sum((crop != halves()).any() for crop in made)
    assert 0.22 < count / 300 < 0.38  # three standard deviations of so many draws


def test_the_same_numbers_give_the_same_bytes() -> None:
    first, second = (video_degraded(textured(), np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == textured().shape and first.dtype == np.uint8
