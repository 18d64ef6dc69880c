"""Frames and images that a program has in memory, as chunks."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.stage import FramesInMemory, Job, StageError
from stages.payloads import FrameChunk
from stages.video.decode import CHUNK_LENGTHS, Decode
from stages.video.memory_source import MemorySource

pytestmark = pytest.mark.quick

RAMP = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)


def chunks(frames: Any, rate: float | None = None, channels: str = "rgb") -> list[FrameChunk]:
    given = FramesInMemory(frames=frames, rate=rate, channels=channels)
    job = Job(index=0, input="", output=None, stem="", in_memory=given)
    return list(MemorySource(MemorySource.Config())(job))


def pixels(frames: Any, **given: Any) -> list[np.ndarray]:
    return [rgb for chunk in chunks(frames, **given) for rgb in chunk.rgb_THW3]


@pytest.mark.parametrize(
    "image",
    [
        RAMP,
        RAMP.astype(np.float32) / 255,
        RAMP.astype(np.float64) / 255,
        Image.fromarray(RAMP),
        torch.from_numpy(RAMP),
        torch.from_numpy(RAMP).permute(2, 0, 1),
        torch.from_numpy(RAMP).float() / 255,
        torch.from_numpy(RAMP).to(torch.bfloat16) / 255,
    ],
    ids=["uint8", "float32", "float64", "pillow", "tensor", "channels-first", "tensor-float", "bfloat16"],
)
def test_every_library_gives_the_same_pixels(image: Any) -> None:
    (one,) = pixels(image)
    np.testing.assert_array_equal(one, RAMP)


def test_every_byte_survives_the_way_through_floats() -> None:
    bytes_HW3 = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=-1)
    np.testing.assert_array_equal(pixels(torch.from_numpy(bytes_HW3).float() / 255)[0], bytes_HW3)


def test_floats_between_bytes_are_rounded() -> None:
    assert pixels(np.full((2, 4, 3), 1.6 / 255))[0].max() == 2 and pixels(np.full((2, 4, 3), 1.4 / 255))[0].min() == 1


def test_bgr_is_turned_for_arrays_and_not_for_pillow() -> None:
    np.testing.assert_array_equal(pixels(RAMP[..., ::-1], channels="bgr")[0], RAMP)
    np.testing.assert_array_equal(pixels([Image.fromarray(RAMP)], channels="bgr")[0], RAMP)


def test_pillow_images_are_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.fromarray(RAMP).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as image:
        np.testing.assert_array_equal(pixels(image)[0], np.rot90(RAMP, -1))
    np.testing.assert_array_equal(pixels([tmp_path / "turned.png"])[0], np.rot90(RAMP, -1))


def test_images_of_one_size_that_follow_each_other_share_a_chunk() -> None:
    found = chunks([RAMP, RAMP, RAMP[:1], RAMP])
    assert [len(chunk) for chunk in found] == [2, 1, 1] and [chunk.first for chunk in found] == [0, 2, 3]
    assert all(chunk.video.still for chunk in found)
    assert [len(chunk) for chunk in chunks([RAMP] * 31)] == [max(CHUNK_LENGTHS), 1]


def test_a_film_has_its_rate_and_is_read_chunk_by_chunk() -> None:
    read = []

    def frames() -> Any:
        for number in range(40):
            read.append(number)
            yield np.full((4, 6, 3), number, np.uint8)

    given = FramesInMemory(frames=frames(), rate=30000 / 1001)
    stream = MemorySource(None)(Job(index=0, input="", output=None, stem="", in_memory=given))
    first = next(stream)
    assert len(first) == 30 and len(read) == 30
    assert first.video.rate == Fraction(30000, 1001) and not first.video.still
    last = next(stream)
    assert (last.first, len(last), last.second(0)) == (30, 10, pytest.approx(1.001))
    assert last.rgb_THW3[:, 0, 0, 0].tolist() == list(range(30, 40)) and next(stream, None) is None


def test_a_generator_may_use_one_array_for_all_frames() -> None:
    one_HW3 = np.zeros((4, 6, 3), np.uint8)

    def frames(given: Any) -> Any:
        for number in range(4):
            one_HW3[:] = number
            yield given

    for given in (one_HW3, torch.from_numpy(one_HW3)):
        assert [int(rgb.max()) for rgb in pixels(frames(given), rate=25)] == [0, 1, 2, 3]
        assert [int(rgb.max()) for rgb in pixels(frames(given))] == [0, 1, 2, 3]


@pytest.mark.parametrize(("rate", "seconds"), [(0.5, 2.0), (1 / 3600, 3600.0), (0.7, 10 / 7), (29.97, 1 / 29.97)])
def test_frames_last_as_long_as_the_rate_says(rate: float, seconds: float) -> None:
    (chunk,) = chunks([RAMP, RAMP], rate=rate)
    assert chunk.second(1) == pytest.approx(seconds, rel=1e-4)


def test_cuts_are_found_as_in_files() -> None:
    random = np.random.default_rng(0)
    scenes = [np.repeat(random.integers(0, 255, (1, 36, 64, 3), np.uint8), 3, axis=0) for _ in range(2)]
    (chunk,) = chunks(np.concatenate(scenes), rate=25)
    assert chunk.starts_shot_T.tolist() == [False, False, False, True, False, False]


def test_the_chunks_are_those_of_a_file(root: Path) -> None:
    job = Job(index=0, input=str(next((root / "configs").rglob("*.mp4"))), output=None, stem="")
    from_file = list(Decode(Decode.Config(end=1.5, max_size=64))(job))
    frames = [rgb for chunk in from_file for rgb in chunk.rgb_THW3]
    from_memory = chunks(iter(frames), rate=float(from_file[0].video.rate))
    assert [len(chunk) for chunk in from_file] == [len(chunk) for chunk in from_memory]
    for one, other in zip(from_file, from_memory, strict=True):
        np.testing.assert_array_equal(one.rgb_THW3, other.rgb_THW3)
        np.testing.assert_array_equal(one.starts_shot_T, other.starts_shot_T)
        assert [one.second(t) for t in range(len(one))] == pytest.approx([other.second(t) for t in range(len(other))])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (RAMP[..., 0], r"image 0: an image of shape \(2, 4\) has .*; repeat the one channel: numpy\.stack"),
        (RAMP[..., :1], r"repeat the one channel"),
        (np.zeros((2, 3, 4), np.uint8), r"leave alpha out: image\[\.\.\., :3\]"),
        (np.zeros((3, 5, 6), np.uint8), r"put channels last: image\.transpose\(1, 2, 0\)"),
        (np.zeros((0, 4, 3), np.uint8), r"give \(height, width, 3\)"),
        (RAMP.astype(int), r"type int64 is neither uint8 nor float; .* image\.astype\(numpy\.uint8\)"),
        (RAMP.astype(float), r"values from 0 to 1, and this one from 0 to 23; divide by 255"),
        (np.full((2, 3, 3), np.nan), r"from nan to nan"),
        ([RAMP, None], r"image 1: NoneType is no image; give arrays of NumPy"),
        (["none.png"], r"none\.png: there is no such file"),
        ([], r"there is no frame; give one frame or more"),
    ],
)
def test_what_is_no_image_is_named_with_the_remedy(image: Any, message: str) -> None:
    with pytest.raises(StageError, match=message):
        chunks(image)


def test_frames_of_a_film_have_one_size_and_are_no_paths(root: Path) -> None:
    with pytest.raises(StageError, match="frame 1: frames of a film have one size: 4 × 2, not 4 × 1"):
        chunks([RAMP, RAMP[:1]], rate=25)
    with pytest.raises(StageError, match=r"frame 1: a path, a\.png, stands among frames; give images alone"):
        chunks([RAMP, "a.png"], rate=25)
    film = next((root / "configs").rglob("*.mp4"))
    with pytest.raises(StageError, match=r"is no single image; give films to run\(\)"):
        chunks([film])
