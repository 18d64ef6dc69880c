"""What the header of a video states about its size and length, read without decoding."""

from __future__ import annotations

from dataclasses import dataclass

import av

from pipeline.stage import StageError
from stages.video.decoding.demuxing import open_container
from stages.video.decoding.stream_selection import default_video_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoHeader:
    """Pixels of a frame, frames per second, and duration; a header may be wrong."""

    width: int
    height: int
    rate: float
    seconds: float


def read_video_header(path: str) -> VideoHeader | None:
    """What the header of a video file states; None if it is no video, or states no length."""
    try:
        with open_container(path) as source:
            stream = default_video_stream(source, path)
            rate = stream.average_rate or stream.guessed_rate
            if not rate or not source.duration or stream.codec_context is None:
                return None
            width, height = stream.codec_context.width, stream.codec_context.height
            return VideoHeader(width=width, height=height, rate=float(rate), seconds=source.duration / av.time_base)
    except (StageError, av.FFmpegError, OSError):
        return None
