"""Where the detector is asked: places find their mirror images, and a large frame is read as its mirror image is."""

from __future__ import annotations

import numpy as np
import pytest

from models.light.architecture.places import places
from models.light.inference.converted import ConvertedLight
from models.light.inference.finder import MIRROR_ODDS, Finder, mirror_places
from models.structures import Detections
from tests.models.light.random_light import write_random_light

LEAST = 0.005


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> ConvertedLight:
    path = write_random_light(tmp_path_factory.mktemp("finder") / "random.safetensors")
    return ConvertedLight(path, engine="torch", precision="fp32", threads=1)


def finder(networks: ConvertedLight, *, flip: bool, least: float = LEAST) -> Finder:
    return Finder(networks, least=least, long_side=None, flip=flip)


def only(finder: Finder, rgb_HW3: np.ndarray) -> Detections:
    """What is found in one frame."""
    (found,) = finder.find(rgb_HW3[None])
    return found


def frame(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_a_place_and_its_mirror_image_see_the_same() -> None:
    height, width = 64, 96
    centre_P2, stride_P = places(height, width)
    mirror_P = mirror_places(height, width)
    np.testing.assert_array_equal(centre_P2[mirror_P], np.stack([width - centre_P2[:, 0], centre_P2[:, 1]], 1))
    np.testing.assert_array_equal(stride_P[mirror_P], stride_P)
    np.testing.assert_array_equal(mirror_P[mirror_P], np.arange(len(mirror_P)))


def test_a_large_frame_and_its_mirror_image_find_the_same(networks: ConvertedLight) -> None:
    rgb_HW3 = frame(416, 448)
    seen, turned = (only(finder(networks, flip=True), one) for one in (rgb_HW3, rgb_HW3[:, ::-1]))
    assert len(seen) == len(turned) > 10
    np.testing.assert_allclose(seen.score_N, turned.score_N, rtol=1e-4)
    turned_N4 = turned.box_N4[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [448, 0, 448, 0]
    assert np.abs(seen.box_N4[:, None] - turned_N4[None]).max(2).min(1).max() < 0.05
    alone = only(finder(networks, flip=False), rgb_HW3)
    assert len(alone) != len(seen) or not np.allclose(alone.score_N, seen.score_N)


def test_a_small_frame_is_asked_once(networks: ConvertedLight) -> None:
    """Enlarged to 384 pixels it is dear already: the same numbers, whether the mirror is wished or not."""
    rgb_HW3 = frame(240, 320)
    once, wished = (only(finder(networks, flip=flip), rgb_HW3) for flip in (False, True))
    assert len(once) > 10
    np.testing.assert_array_equal(once.score_N, wished.score_N)
    np.testing.assert_array_equal(once.box_N4, wished.box_N4)


def test_the_mean_of_two_equal_answers_has_their_odds_times_a_factor(networks: ConvertedLight) -> None:
    """A frame that is its own mirror image: places on the left and right answer alike, and the mean is either."""
    half_HW3 = frame(416, 208)
    rgb_HW3 = np.concatenate([half_HW3, half_HW3[:, ::-1]], 1)
    once, twice = (only(finder(networks, flip=flip, least=0.0), rgb_HW3) for flip in (False, True))
    odds = once.score_N / (1 - once.score_N)
    assert np.median(twice.score_N / (1 - twice.score_N) / odds[: len(twice)]) == pytest.approx(MIRROR_ODDS, rel=0.02)
