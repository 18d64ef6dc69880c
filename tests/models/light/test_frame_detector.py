"""People in frames: flipped locations, equal detections in a large frame and its flipped copy, two sizes of input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.light.architecture.detector_locations import detector_locations
from models.light.inference.batched_network import Component
from models.light.inference.float_components import float_light
from models.light.inference.frame_detector import (
    FLIP_ODDS,
    OPEN_DETECTOR,
    DetectorTraits,
    FrameDetector,
    coarse_share,
    fine_share,
    flipped_locations,
)
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


class SizedComponent:
    """A component that finds a box of half of the longer side in the input of one size, and one of a tenth in all."""

    batch_size, channels = 1, 3

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def compiled(self, count: int, height: int, width: int) -> Any:
        self.sizes.append((height, width))
        centre_P2, stride_P = detector_locations(height, width)

        def run(x_NCHW: np.ndarray) -> np.ndarray:
            rows_P5 = np.full((len(stride_P), 5), -9.0, np.float32)
            for x, size, logit in ((3 / 8, 1 / 2, 0.5), (3 / 4, 1 / 10, 1.0)):
                place = int(np.abs(centre_P2 - [x * width, height / 2]).sum(1).argmin())
                rows_P5[place] = [logit + (width == 384), *[np.log(size * width / 2 / stride_P[place])] * 4]
            return np.repeat(rows_P5[None], count, 0)

        return run


def sized(long_side: int | None) -> tuple[SizedComponent, FrameDetector]:
    """A detector with two inputs, and its component."""
    component = SizedComponent()
    traits = DetectorTraits(long_sides=(384, 576), flips=False, coarse_side=384)
    return component, FrameDetector(component, traits, min_score=MIN_SCORE, long_side=long_side, flip=False)


def test_small_people_count_in_the_fine_input_and_tall_ones_in_the_coarse_one() -> None:
    component, detector = sized(None)
    found = only(detector, frame(1152, 1152))
    assert component.sizes == [(576, 576), (384, 384)]
    side_N = found.box_N4[:, 2] - found.box_N4[:, 0]
    np.testing.assert_allclose(side_N, [576, 115.2], rtol=1e-3)
    np.testing.assert_allclose(found.score_N, 1 / (1 + np.exp([-1.5, -1.0])), rtol=1e-4)


@pytest.mark.parametrize(("side", "long_side", "sizes"), [(320, None, [(384, 384)]), (1152, 480, [(480, 480)])])
def test_small_frames_and_a_given_size_have_one_input(
    side: int, long_side: int | None, sizes: list[tuple[int, int]]
) -> None:
    component, detector = sized(long_side)
    assert len(only(detector, frame(side, side))) == 2
    assert component.sizes == sizes


def test_people_keep_their_proportions_where_pixels_are_not_square() -> None:
    """A frame of pixels twice as wide as high: the inputs of the frame as shown, boxes in the frame's own pixels."""
    component, detector = sized(None)
    (shown,) = detector.detect(frame(1152, 1152)[None])
    (squeezed,) = detector.detect(frame(1152, 576)[None], 2.0)
    assert component.sizes == [(576, 576), (384, 384)]
    np.testing.assert_allclose(squeezed.box_N4, shown.box_N4 * [0.5, 1, 0.5, 1], atol=0.01)
    np.testing.assert_array_equal(squeezed.score_N, shown.score_N)


def test_the_odds_of_both_inputs_hand_over_between_two_sizes() -> None:
    side_N = np.array([10, 20, 20 * 2**0.25, 20 * 2**0.5, 20 * 2**0.75, 40, 90], np.float32)
    box_N4 = np.stack([0 * side_N, 0 * side_N, side_N, side_N], 1)
    np.testing.assert_allclose(fine_share(box_N4, 100), [1, 1, 1, 1, 0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(coarse_share(box_N4, 100), [0, 0, 0.5, 1, 1, 1, 1], atol=1e-6)
