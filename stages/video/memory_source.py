"""The source stage for programs: frames or images that the caller has in memory, in place of a file."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from os import PathLike, fspath
from typing import Any

import numpy as np

from pipeline.stage import Job, Stage, StageError
from stages.payloads import U8, FrameChunk, VideoInfo
from stages.video.decode import STILL_TIME_BASE, chunk_length
from stages.video.decoding.images_in_memory import images_in, rgb_in_memory
from stages.video.decoding.paths_and_urls import check_readable
from stages.video.decoding.still_images import is_still, read_still
from stages.video.scene_cuts import SceneCuts

RATE_FRACTION_LIMIT = 1001
"""Greatest denominator of a frame rate: that of NTSC is 30000/1001."""


class MemorySource(Stage):
    """Turns frames in memory into chunks, as `decode` does with those of a file."""

    def __init__(self, config: Any, *, threads: int = 1) -> None:
        """A new stream."""
        super().__init__(config, threads=threads)
        self._cuts = SceneCuts()

    def __call__(self, job: Job) -> Iterator[FrameChunk]:
        """The frames of `job.in_memory`.

        Raises:
            StageError: there are none, one is no image, a file is no image, or the frames of a film differ in size.
        """
        given = job.in_memory
        assert given is not None
        frames = (
            _frame(one, given.channels, number) if given.rate else _image(one, given.channels, number)
            for number, one in enumerate(images_in(given.frames))
        )
        chunks = self._film(frames, given.rate) if given.rate else _images(frames)
        first = next(chunks, None)
        if first is None:
            raise StageError("there is no frame", "", "give one frame or more")
        yield first
        yield from chunks

    def _film(self, frames: Iterator[U8], rate: float) -> Iterator[FrameChunk]:
        number = 0
        first = next(frames, None)
        if first is None:
            return
        height, width = first.shape[:2]
        per_s = _simple(rate) if rate >= 1 else 1 / _simple(1 / rate)
        video = VideoInfo(path="", width=width, height=height, still=False, rate=per_s, time_base=1 / per_s)
        batch = [first, *islice(frames, chunk_length("auto", width, height) - 1)]
        while batch:
            for index, rgb_HW3 in enumerate(batch, number):
                if rgb_HW3.shape != first.shape:
                    other = " × ".join(map(str, rgb_HW3.shape[1::-1]))
                    what = f"frames of a film have one size: {width} × {height}, not {other}"
                    raise StageError(what, f"frame {index}", "resize them; images of many sizes go to load()")
            rgb_THW3 = np.stack(batch)
            yield FrameChunk(
                rgb_THW3=rgb_THW3,
                pts_T=np.arange(number, number + len(batch), dtype=np.int64),
                first=number,
                video=video,
                starts_shot_T=self._cuts.starts_of_shots(rgb_THW3),
            )
            number += len(batch)
            batch = list(islice(frames, chunk_length("auto", width, height)))


def _simple(number: float) -> Fraction:
    return Fraction(number).limit_denominator(RATE_FRACTION_LIMIT)


def _frame(one: Any, channels: str, number: int) -> U8:
    """A frame of a film."""
    if isinstance(one, str | PathLike):
        raise StageError(f"a path, {fspath(one)}, stands among frames", f"frame {number}", "give images alone")
    return rgb_in_memory(one, channels, f"frame {number}")


def _image(one: Any, channels: str, number: int) -> U8:
    """An image in memory, or the one in a file."""
    if not isinstance(one, str | PathLike):
        return rgb_in_memory(one, channels, f"image {number}")
    path = fspath(one)
    check_readable(path)
    if not is_still(path):
        raise StageError("is no single image", path, "give films to run()")
    return read_still(path).rgb_HW3


def _images(images: Iterator[U8]) -> Iterator[FrameChunk]:
    """Single images; those of one size that follow each other in one chunk, so that a network may batch them."""
    batch: list[U8] = []
    number = 0
    for rgb_HW3 in images:
        most = chunk_length("auto", *batch[0].shape[1::-1]) if batch else 1
        if batch and (len(batch) == most or rgb_HW3.shape != batch[0].shape):
            yield _chunk_of_images(batch, number)
            number, batch = number + len(batch), []
        batch.append(rgb_HW3)
    if batch:
        yield _chunk_of_images(batch, number)


def _chunk_of_images(batch: list[U8], number: int) -> FrameChunk:
    height, width = batch[0].shape[:2]
    video = VideoInfo(path="", width=width, height=height, still=True, rate=None, time_base=STILL_TIME_BASE)
    pts_T = np.arange(number, number + len(batch), dtype=np.int64)
    return FrameChunk(rgb_THW3=np.stack(batch), pts_T=pts_T, first=number, video=video)
