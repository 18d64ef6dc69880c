"""What a calling program gives: names, one image, a film, or something that is none of these."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.command.program_inputs import images_for_network, split_inputs
from pipeline.jobs.inputs import UsageError

pytestmark = pytest.mark.quick

IMAGE = np.zeros((2, 3, 3), np.uint8)
PILLOW = SimpleNamespace(getexif=None, size=(3, 2))


@pytest.mark.parametrize("given", ["a.mp4", Path("a.mp4"), ["a.mp4"], (Path("a.mp4"),), iter(["a.mp4"])])
def test_names_in_any_form(given: Any) -> None:
    assert split_inputs(given, 25, "rgb") == (["a.mp4"], None)


def test_nothing_is_the_demo_and_an_empty_list_is_a_mistake() -> None:
    assert split_inputs(None, 25, "rgb") == ([], None)
    for empty in ([], (), iter([])):
        with pytest.raises(UsageError, match="no input is given; name a file; without `inputs` the demo clip"):
            split_inputs(empty, 25, "rgb")


@pytest.mark.parametrize("given", [IMAGE, PILLOW])
def test_one_image_is_a_photo(given: Any) -> None:
    names, in_memory = split_inputs(given, 25, "bgr")
    assert names == [] and in_memory.frames is given and in_memory.rate is None and in_memory.channels == "bgr"
    images, single = images_for_network(given, "bgr")
    assert images.frames == [given] and single


@pytest.mark.parametrize("given", [np.stack([IMAGE] * 3), [IMAGE] * 3, (one for one in [IMAGE] * 3)])
def test_several_images_are_a_film(given: Any) -> None:
    _, in_memory = split_inputs(given, 30, "rgb")
    assert in_memory.rate == 30 and [frame.shape for frame in in_memory.frames] == [IMAGE.shape] * 3


def test_a_generator_is_not_read_before_its_frames_are_needed() -> None:
    read = []

    def frames() -> Any:
        for number in range(5):
            read.append(number)
            yield IMAGE

    split_inputs(frames(), 25, "rgb")
    assert read == [0]


@pytest.mark.parametrize(
    ("given", "rate", "channels", "message"),
    [
        (5, 25, "rgb", "inputs: int is no input; give paths, images or an iterable of images"),
        (["a.mp4", IMAGE], 25, "rgb", "inputs: ndarray stands among paths; give paths alone, or images alone"),
        (IMAGE, 0, "rgb", "rate: 0 is no frame rate; give frames per second, a number over 0"),
        (IMAGE, float("nan"), "rgb", "rate: nan is no frame rate"),
        (IMAGE, 25, "grb", "channels: 'grb' is no order of channels; use 'rgb', or 'bgr' for OpenCV's"),
    ],
)
def test_what_is_no_input_is_named_with_the_remedy(given: Any, rate: float, channels: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        split_inputs(given, rate, channels)
    assert str(caught.value).startswith(message)
