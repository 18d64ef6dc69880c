"""The source stage: reads a video or an image, yields upright RGB frames with their time stamps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from typing import Any, Literal

import numpy as np

from pipeline.stage import Job, Stage, local_path
from stages.payloads import U8, FrameChunk, VideoInfo
from stages.video.decoding.animated_images import AnimatedImage, is_animated_image
from stages.video.decoding.frame_selection import FrameSelection
from stages.video.decoding.paths_and_urls import check_readable, is_url
from stages.video.decoding.resizing import resize_to, size_within
from stages.video.decoding.still_images import is_still, read_still
from stages.video.decoding.video_frames import VideoFrames
from stages.video.decoding.video_header import read_video_header
from stages.video.scene_cuts import SceneCuts

CHUNK_BYTES = 48_000_000
"""Target size of a chunk. A packet costs CPU time in every lane whatever its size, so chunks are large."""
CHUNK_LENGTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 30)
"""Divisors of 120, the encoder's default segment: chunks then end where segments end, and a restart loses no frame."""
STILL_TIME_BASE = Fraction(1, 25)


class Decode(Stage):
    """Turns one input into chunks of upright RGB frames, cut by frame index."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        start, end: seconds from the start of the file; frames with start ≤ time < end are processed.
        every: process every n-th frame.
        max_size: maximum length of the longer side in pixels; larger frames are scaled down.
        first_frame, end_frame: number the frames that the keys above select from 0, and process those with
            first_frame ≤ number < end_frame. So a video is divided into shards.
        chunk: frames per chunk, or "auto": as many as fit into 48 MB, at most 30.
        threads: frames decoded in parallel, for large frames on many cores; a damaged file then loses up to this many
            frames more. 0 = one frame at a time, whose slices are divided among the stage's threads.
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

    @classmethod
    def megapixels(cls, config: Config, job: Job) -> float | None:
        """From the header of a file on this machine; None for images, addresses, and headers that state no length."""
        stated = None if is_url(job.input) or job.in_memory else read_video_header(local_path(job.input))
        if stated is None:
            return None
        width, height = size_within(stated.width, stated.height, config.max_size)
        end = stated.seconds if config.end is None else min(config.end, stated.seconds)
        seconds = max(end - (config.start or 0.0), 0.0)
        frames = seconds * stated.rate / config.every
        if config.end_frame is not None:
            frames = min(frames, config.end_frame - config.first_frame)
        return frames * width * height / 1e6

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._frames = 0
        self._video_frames: VideoFrames | AnimatedImage | None = None
        self._cuts = SceneCuts()
        self._warnings: list[str] = []
        self._truncated = False

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
        selection = FrameSelection(
            start=_seconds(self.config.start),
            end=_seconds(self.config.end),
            every=self.config.every,
            first_frame=self.config.first_frame,
            end_frame=self.config.end_frame,
        )
        if is_animated_image(path):
            self._video_frames = AnimatedImage(path, selection, max_size=self.config.max_size)
        else:
            self._video_frames = VideoFrames(
                path,
                selection,
                max_size=self.config.max_size,
                slice_threads=self.threads,
                frame_threads=self.config.threads,
            )
        yield from self._chunks(self._video_frames)

    def _chunks(self, frames: VideoFrames | AnimatedImage) -> Iterator[FrameChunk]:
        indexed: Iterator[tuple[int, int, U8]] = ((frames.index, pts, rgb_HW3) for pts, rgb_HW3 in frames)
        first = list(islice(indexed, 1))
        if not first or frames.video is None:
            return
        size = chunk_length(self.config.chunk, frames.video.width, frames.video.height)
        indexed = chain(first, indexed)
        while batch := list(islice(indexed, size)):
            rgb_THW3 = _stacked([rgb for _, _, rgb in batch])
            chunk = FrameChunk(
                rgb_THW3=rgb_THW3,
                pts_T=np.array([pts for _, pts, _ in batch], np.int64),
                first=self._frames,
                video=frames.video,
                index_T=np.array([index for index, _, _ in batch], np.int64),
                starts_shot_T=self._cuts.starts_of_shots(rgb_THW3),
            )
            self._frames += len(batch)
            yield chunk

    def _still(self, path: str) -> FrameChunk:
        image = read_still(path)
        self._warnings.extend(image.notes)
        self._truncated = image.truncated
        height, width = image.rgb_HW3.shape[:2]
        size = size_within(width, height, self.config.max_size)
        rgb_HW3 = resize_to(image.rgb_HW3, size)
        self._frames = 1
        video = VideoInfo(
            path=path, width=size[0], height=size[1], still=True, rate=None, time_base=STILL_TIME_BASE, frames=1
        )
        return FrameChunk(rgb_THW3=rgb_HW3[None], pts_T=np.zeros(1, np.int64), first=0, video=video)

    def length(self) -> int | None:
        """The number of frames to process, None if the file does not state it."""
        video = self._video_frames.video if self._video_frames else None
        return video.frames if video else self._frames or None

    def summary(self) -> Mapping[str, Any]:
        """`frames_in`, `repaired_pts`, `dropped`, `truncated`, `warnings`."""
        frames = self._video_frames
        return {
            "frames_in": self._frames - (self.config.first_frame if frames else 0),
            "repaired_pts": frames.repaired_pts if frames else 0,
            "dropped": 0,
            "truncated": frames.truncated if frames else self._truncated,
            "warnings": self._warnings + (frames.warnings if frames else []),
        }

    def close(self) -> None:
        """Close the file."""
        if self._video_frames is not None:
            self._video_frames.close()


def chunk_length(chunk: int | Literal["auto"], width: int, height: int) -> int:
    """Frames per chunk; "auto" is the largest of CHUNK_LENGTHS that fits into CHUNK_BYTES, at least 1."""
    if chunk != "auto":
        return chunk
    return max((n for n in CHUNK_LENGTHS if n * width * height * 3 <= CHUNK_BYTES), default=1)


def _stacked(frames: list[U8]) -> U8:
    """Frames as one array. A single frame, which may be very large, is not copied."""
    return np.ascontiguousarray(frames[0])[None] if len(frames) == 1 else np.stack(frames)


def _seconds(value: float | None) -> Fraction | None:
    """The decimal number of the configuration as an exact fraction."""
    return None if value is None else Fraction(str(value))
