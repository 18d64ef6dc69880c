"""Many people asked about in one call: everyone goes on by their own answers, and has the bits of being asked alone."""

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

from models.light.export.quantized import TOGETHER, Half
from models.light.inference.asking import Asking, answered
from models.light.inference.light_network import LightNetwork, open_light
from models.light.inference.together import Together, as_blob
from models.network import NetworkConfig, TtaLevel


class Adding:
    """Networks that say of a picture the sum of its pixels, and remember how many were in a call."""

    together = 3

    def __init__(self) -> None:
        self.made: list[int] = []
        self.calls: list[int] = []

    def body(self, half: Half, count: int, height: int, width: int) -> Any:
        self.made.append(count)

        def run(x_NCHW: np.ndarray) -> np.ndarray:
            assert x_NCHW.shape == (count, 3, height, width)
            self.calls.append(count)
            return x_NCHW.sum((1, 2, 3))

        return run


def picture(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


def doubling(start: int, times: int) -> Asking[list[int]]:
    """Asks about a picture of a number, and then of what was said a twelfth of, twice as bright."""
    heard: list[int] = []
    for _ in range(times):
        said = yield picture(start)
        heard.append(int(said))
        start = 2 * int(said) // 12
    return heard


def test_everyone_goes_on_by_their_own_answers() -> None:
    rounds: list[int] = []

    def ask(crops: Sequence[np.ndarray]) -> list[np.ndarray]:
        rounds.append(len(crops))
        return [np.asarray(crop.sum()) for crop in crops]

    told = answered(ask, (doubling(start, times) for start, times in ((1, 3), (5, 0), (2, 1), (3, 2))))
    assert told == [[12, 24, 48], [], [24], [36, 72]]
    assert rounds == [3, 2, 1]
    assert answered(ask, []) == []
    assert len(rounds) == 3


@pytest.mark.parametrize(("count", "calls"), [(0, []), (1, [1]), (3, [3]), (5, [3, 1, 1]), (6, [3, 3])])
def test_pictures_are_asked_about_in_whole_calls_and_the_rest_alone(count: int, calls: list[int]) -> None:
    networks = Adding()
    together = Together(networks, "surface", 2, 2)
    assert [int(said) for said in together([picture(n) for n in range(count)])] == [12 * n for n in range(count)]
    assert networks.calls == calls
    assert sorted(networks.made) == sorted(set(calls))


def test_what_is_prepared_is_not_made_ready_later() -> None:
    networks = Adding()
    together = Together(networks, "surface", 2, 2)
    together.prepare()
    together([picture(n) for n in range(5)])
    assert networks.made == [1, 3]


def test_a_blob_has_channels_first_of_a_mirrored_view_too() -> None:
    rgb_HW3 = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    blob = as_blob([rgb_HW3, rgb_HW3[:, ::-1]])
    assert blob.dtype == np.float32
    np.testing.assert_array_equal(blob[0], rgb_HW3.transpose(2, 0, 1))
    np.testing.assert_array_equal(blob[1], rgb_HW3[:, ::-1].transpose(2, 0, 1))


def said_of(network: LightNetwork, rgb_THW3: np.ndarray) -> list[list[np.ndarray]]:
    """Of each frame all numbers of everyone."""
    found, features = network.detect(rgb_THW3)
    surfaces = network.surfaces(features, [one.box_N4 for one in found])
    return [
        [people.box_N4, people.score_N, *(each for one in seen for each in (one.labels_hw, one.uv_2hw))]
        for people, seen in zip(found, surfaces, strict=True)
    ]


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="eight-bit graphs run in OpenVINO alone")
@pytest.mark.parametrize("tta", ["adaptive_fast", "adaptive", "full"])
def test_the_built_in_weights_say_of_frames_together_what_they_say_of_each(root: Path, tta: TtaLevel) -> None:
    """In eight bits, of the demo's people in frames of three sizes: boxes, scores, charts, U and V to the bit."""
    network = open_light(NetworkConfig(precision="int8", tta=tta), 1)
    with av.open(str(root / "configs" / "demo_walk.mp4")) as clip:
        film = [frame.to_ndarray(format="rgb24") for frame in islice(clip.decode(video=0), TOGETHER + 1)]
    for size in ((320, 240), (180, 400), (520, 300)):
        rgb_THW3 = np.stack([cv2.resize(rgb_HW3, size) for rgb_HW3 in film])
        together = said_of(network, rgb_THW3)
        assert sum(len(scores) for _, scores, *_ in together) > TOGETHER
        for t, mine in enumerate(together):
            for one, other in zip(mine, *said_of(network, rgb_THW3[t : t + 1]), strict=True):
                np.testing.assert_array_equal(one, other)
