"""The source of every graph: a video or image in, upright RGB frames out, with their times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from typing import Any, Literal

import numpy as np

from pipeline.stage import Job, Stage
from stages.payloads import U8, FrameChunk, VideoInfo
from stages.video.decoding.animated_images import AnimatedImage, is_animated_image
from stages.video.decoding.frame_selection import FrameSelection
from stages.video.decoding.paths_and_urls import check_readable, local_path
from stages.video.decoding.resizing import resize_to, size_within
from stages.video.decoding.still_images import is_still, read_still
from stages.video.decoding.video_frames import VideoFrames

CHUNK_BYTES = 48_000_000
"""The way of a packet through the lanes costs some 10 ms of CPU, however large it is (docs/benchmarks/runner.md)."""
CHUNK_LENGTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 30)
"""Divisors of 120, the encoder's usual segment: chunks then end where segments end, and a restart loses no frame."""
STILL_TIME_BASE = Fraction(1, 25)


class Decode(Stage):
    """One input to chunks of upright RGB frames, cut by frame index; knows files, not people."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        start, end: seconds from the beginning of the file; frames with start ≤ time < end are processed.
        every: process each n-th frame.
        max_size: longest side of the frames in pixels; larger ones are made smaller.
        first_frame, end_frame: of the frames that are left by the keys above, numbered from 0, process first_frame
            and those after it up to end_frame, which is left out; a shard of a video.
        chunk: frames in a chunk, or "auto": as many as fit 48 MB, at most 30.
        threads: frames decoded at once, for large pictures on many cores; a damaged file then gives up to as many
            frames less. 0 = one at a time, with the stage's own threads on its slices.
        """

        start: float | None = None
        end: float | None = None
        every: int = 1
        max_size: int | None = None
        first_frame: int = 0
        end_frame: int | None = None
        chunk: int | Literal["auto"] = "auto"
        threads: int = 0

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if self.start is not None and self.start < 0:
                raise ValueError("start must not be negative")
            if self.end is not None and self.end <= (self.start or 0):
                raise ValueError("end must be later than start")
            if self.every < 1 or (self.chunk != "auto" and self.chunk < 1):
                raise ValueError("every and chunk must be 1 or more")
            if self.max_size is not None and self.max_size < 16:
                raise ValueError("max_size must be 16 or more")
            if self.first_frame < 0 or (self.end_frame is not None and self.end_frame <= self.first_frame):
                raise ValueError("first_frame must not be negative, and end_frame must be later")
            if self.threads < 0:
                raise ValueError("threads must not be negative")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._frames = 0
        self._footage: VideoFrames | AnimatedImage | None = None
        self._warnings: list[str] = []

    def __call__(self, job: Job) -> Iterator[FrameChunk]:
        """The frames of `job.input`, at least one.

        Raises:
            StageError: the input is missing, empty, not a video or image, or has no frame that decodes.
        """
        path = local_path(job.input)
        check_readable(path)
        if is_still(path):
            yield self._still(path)
            return
        self._frames = self.config.first_frame
        cut = FrameSelection(
            start=_seconds(self.config.start),
            end=_seconds(self.config.end),
            every=self.config.every,
            first_frame=self.config.first_frame,
            end_frame=self.config.end_frame,
        )
        if is_animated_image(path):
            self._footage = AnimatedImage(path, cut, max_size=self.config.max_size)
        else:
            self._footage = VideoFrames(
                path,
                cut,
                max_size=self.config.max_size,
                slice_threads=self.threads,
                frame_threads=self.config.threads,
            )
        yield from self._chunks(self._footage)

    def _chunks(self, footage: VideoFrames | AnimatedImage) -> Iterator[FrameChunk]:
        frames: Iterator[tuple[int, int, U8]] = ((footage.index, pts, rgb_HW3) for pts, rgb_HW3 in footage)
        first = list(islice(frames, 1))
        if not first or footage.video is None:
            return
        size = chunk_length(self.config.chunk, footage.video.width, footage.video.height)
        frames = chain(first, frames)
        while batch := list(islice(frames, size)):
            chunk = FrameChunk(
                rgb_THW3=_stacked([rgb for _, _, rgb in batch]),
                pts_T=np.array([pts for _, pts, _ in batch], np.int64),
                first=self._frames,
                video=footage.video,
                index_T=np.array([index for index, _, _ in batch], np.int64),
            )
            self._frames += len(batch)
            yield chunk

    def _still(self, path: str) -> FrameChunk:
        rgb_HW3, notes = read_still(path)
        self._warnings.extend(notes)
        height, width = rgb_HW3.shape[:2]
        fitted = size_within(width, height, self.config.max_size)
        rgb_HW3 = resize_to(rgb_HW3, fitted)
        self._frames = 1
        video = VideoInfo(
            path=path, width=fitted[0], height=fitted[1], still=True, rate=None, time_base=STILL_TIME_BASE, frames=1
        )
        return FrameChunk(rgb_THW3=rgb_HW3[None], pts_T=np.zeros(1, np.int64), first=0, video=video)

    def length(self) -> int | None:
        """Frames that will be processed, as far as the file says."""
        video = self._footage.video if self._footage else None
        return video.frames if video else self._frames or None

    def summary(self) -> Mapping[str, Any]:
        """`frames_in`, `repaired_pts`, `dropped`, `truncated`, `warnings`."""
        footage = self._footage
        return {
            "frames_in": self._frames - (self.config.first_frame if footage else 0),
            "repaired_pts": footage.repaired_pts if footage else 0,
            "dropped": 0,
            "truncated": footage.truncated if footage else False,
            "warnings": self._warnings + (footage.warnings if footage else []),
        }

    def close(self) -> None:
        """Release the file."""
        if self._footage is not None:
            self._footage.close()


def chunk_length(chunk: int | Literal["auto"], width: int, height: int) -> int:
    """Frames in a chunk; "auto" is the largest of CHUNK_LENGTHS that fits CHUNK_BYTES, at least 1."""
    if chunk != "auto":
        return chunk
    return max((n for n in CHUNK_LENGTHS if n * width * height * 3 <= CHUNK_BYTES), default=1)


def _stacked(frames: list[U8]) -> U8:
    """Frames as one array; a single one, which may be very large, is not copied."""
    return np.ascontiguousarray(frames[0])[None] if len(frames) == 1 else np.stack(frames)


def _seconds(value: float | None) -> Fraction | None:
    """The decimal number the user wrote, exactly."""
    return None if value is None else Fraction(str(value))
