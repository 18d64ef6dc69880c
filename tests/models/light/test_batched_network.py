"""Batches of images and passes of many people: each person's result has the same bits as alone."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from models.light.inference.batched_network import BatchedComponent, Passes, as_blob, run_passes
from models.light.inference.graph_components import INT8_BATCH
from models.light.inference.light_network import LightNetwork, open_light
from models.network import NetworkConfig, TtaLevel


class SumComponent:
    """A component whose output is the sum of an image's pixels; it records the batch sizes."""

    batch_size = 3
    channels = 3

    def __init__(self) -> None:
        self.compiled_sizes: list[int] = []
        self.calls: list[int] = []

    def compiled(self, count: int, height: int, width: int) -> Any:
        self.compiled_sizes.append(count)

        def run(x_NCHW: np.ndarray) -> np.ndarray:
            assert x_NCHW.shape == (count, 3, height, width)
            self.calls.append(count)
            return x_NCHW.sum((1, 2, 3))

        return run


def image(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


def doubling(start: int, times: int) -> Passes[list[int]]:
    """Passes over an image of one value; the next value is a sixth of the output."""
    outputs: list[int] = []
    for _ in range(times):
        output = yield image(start)
        outputs.append(int(output))
        start = 2 * int(output) // 12
    return outputs


def test_each_person_continues_with_its_own_maps() -> None:
    rounds: list[int] = []

    def network(crops: Sequence[np.ndarray]) -> list[np.ndarray]:
        rounds.append(len(crops))
        return [np.asarray(crop.sum()) for crop in crops]

    results = run_passes(network, (doubling(start, times) for start, times in ((1, 3), (5, 0), (2, 1), (3, 2))))
    assert results == [[12, 24, 48], [], [24], [36, 72]]
    assert rounds == [3, 2, 1]
    assert run_passes(network, []) == []
    assert len(rounds) == 3


@pytest.mark.parametrize(("count", "calls"), [(0, []), (1, [1]), (3, [3]), (5, [3, 1, 1]), (6, [3, 3])])
def test_images_run_in_full_batches_and_the_rest_one_by_one(count: int, calls: list[int]) -> None:
    component = SumComponent()
    batched = BatchedComponent(component, 2, 2)
    assert [int(output) for output in batched([image(n) for n in range(count)])] == [12 * n for n in range(count)]
    assert component.calls == calls
    assert sorted(component.compiled_sizes) == sorted(set(calls))


def test_a_prepared_component_is_not_compiled_again() -> None:
    component = SumComponent()
    batched = BatchedComponent(component, 2, 2)
    batched.prepare()
    batched([image(n) for n in range(5)])
    assert component.compiled_sizes == [1, 3]


def test_a_blob_has_channels_first_also_for_a_flipped_image() -> None:
    rgb_HW3 = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    blob = as_blob([rgb_HW3, rgb_HW3[:, ::-1]])
    assert blob.dtype == np.float32
    np.testing.assert_array_equal(blob[0], rgb_HW3.transpose(2, 0, 1))
    np.testing.assert_array_equal(blob[1], rgb_HW3[:, ::-1].transpose(2, 0, 1))


def predictions(network: LightNetwork, rgb_THW3: np.ndarray) -> list[list[np.ndarray]]:
    """All numbers of all people of each frame."""
    found, features = network.detect(rgb_THW3)
    surfaces = network.surfaces(features, [one.box_N4 for one in found])
    return [
        [people.box_N4, people.score_N, *(each for one in people_surfaces for each in (one.labels_hw, one.uv_2hw))]
        for people, people_surfaces in zip(found, surfaces, strict=True)
    ]


def scaled_and_cut(rgb_HW3: np.ndarray, width: int, height: int) -> np.ndarray:
    """The right part of a frame at a size, with the proportions of the people in it."""
    scale = max(width / rgb_HW3.shape[1], height / rgb_HW3.shape[0])
    return cv2.resize(rgb_HW3, None, fx=scale, fy=scale)[:height, -width:]


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="8-bit graphs run only in OpenVINO")
@pytest.mark.parametrize("tta", ["adaptive_fast", "adaptive", "full"])
def test_frames_in_batches_have_the_bits_of_frames_alone(root: Path, tta: TtaLevel) -> None:
    """Both components in int8, the demo's people in frames of three sizes: boxes, scores, charts, U and V."""
    network = open_light(NetworkConfig(precision="int8", tta=tta), 1)
    with av.open(str(root / "configs" / "demo_walk.mp4")) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in islice(clip.decode(video=0), INT8_BATCH + 1)]
    for size in ((320, 240), (180, 400), (520, 300)):
        rgb_THW3 = np.stack([scaled_and_cut(rgb_HW3, *size) for rgb_HW3 in frames])
        batched = predictions(network, rgb_THW3)
        assert sum(len(scores) for _, scores, *_ in batched) > INT8_BATCH
        for t, in_batch in enumerate(batched):
            for one, other in zip(in_batch, *predictions(network, rgb_THW3[t : t + 1]), strict=True):
                np.testing.assert_array_equal(one, other)
