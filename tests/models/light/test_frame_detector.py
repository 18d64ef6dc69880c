"""People in frames: flipped locations, and equal detections in a large frame and its flipped copy."""

from __future__ import annotations

import numpy as np
import pytest

from models.light.architecture.detector_locations import detector_locations
from models.light.inference.batched_network import Component
from models.light.inference.float_components import float_light
from models.light.inference.frame_detector import FLIP_ODDS, OPEN_DETECTOR, FrameDetector, flipped_locations
from models.structures import Detections
from tests.models.light.random_light import write_random_light

pytestmark = pytest.mark.quick

MIN_SCORE = 0.005


@pytest.fixture(scope="module")
def component(tmp_path_factory: pytest.TempPathFactory) -> Component:
    path = write_random_light(tmp_path_factory.mktemp("finder") / "random.safetensors")
    return float_light(path, engine="torch", precision="fp32", threads=1).detector


def frame_detector(component: Component, *, flip: bool, min_score: float = MIN_SCORE) -> FrameDetector:
    return FrameDetector(component, OPEN_DETECTOR, min_score=min_score, long_side=None, flip=flip)


def only(detector: FrameDetector, rgb_HW3: np.ndarray) -> Detections:
    """The detections of one frame."""
    (found,) = detector.detect(rgb_HW3[None])
    return found


def frame(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_a_location_and_its_flipped_location_see_the_same() -> None:
    height, width = 64, 96
    centre_P2, stride_P = detector_locations(height, width)
    flipped_P = flipped_locations(height, width)
    np.testing.assert_array_equal(centre_P2[flipped_P], np.stack([width - centre_P2[:, 0], centre_P2[:, 1]], 1))
    np.testing.assert_array_equal(stride_P[flipped_P], stride_P)
    np.testing.assert_array_equal(flipped_P[flipped_P], np.arange(len(flipped_P)))


def test_a_large_frame_and_its_flipped_copy_have_equal_detections(component: Component) -> None:
    rgb_HW3 = frame(416, 448)
    plain, flipped = (only(frame_detector(component, flip=True), one) for one in (rgb_HW3, rgb_HW3[:, ::-1]))
    assert len(plain) == len(flipped) > 10
    np.testing.assert_allclose(plain.score_N, flipped.score_N, rtol=1e-4)
    flipped_N4 = flipped.box_N4[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [448, 0, 448, 0]
    assert np.abs(plain.box_N4[:, None] - flipped_N4[None]).max(2).min(1).max() < 0.05
    alone = only(frame_detector(component, flip=False), rgb_HW3)
    assert len(alone) != len(plain) or not np.allclose(alone.score_N, plain.score_N)


def test_a_small_frame_is_not_flipped(component: Component) -> None:
    """A frame that is enlarged to 384 pixels: equal numbers with and without `flip`."""
    rgb_HW3 = frame(240, 320)
    without, with_flip = (only(frame_detector(component, flip=flip), rgb_HW3) for flip in (False, True))
    assert len(without) > 10
    np.testing.assert_array_equal(without.score_N, with_flip.score_N)
    np.testing.assert_array_equal(without.box_N4, with_flip.box_N4)


def test_the_mean_of_two_equal_scores_has_their_odds_times_a_factor(component: Component) -> None:
    """A symmetric frame: locations on the left and on the right have equal scores, and so has their mean."""
    half_HW3 = frame(416, 208)
    rgb_HW3 = np.concatenate([half_HW3, half_HW3[:, ::-1]], 1)
    once, twice = (only(frame_detector(component, flip=flip, min_score=0.0), rgb_HW3) for flip in (False, True))
    odds = once.score_N / (1 - once.score_N)
    assert np.median(twice.score_N / (1 - twice.score_N) / odds[: len(twice)]) == pytest.approx(FLIP_ODDS, rel=0.02)
