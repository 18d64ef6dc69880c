"""Output containers by suffix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.stage import StageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container format.

    Attributes:
        name: FFmpeg's name of the muxer.
        video, audio, text: default encoders; text is the subtitle codec, "" where there is none.
        negative_times: True when packets may have times before 0 (audio priming).
        constant_rate: True when all frames must have the same duration.
        start_codes: True when H.264 and HEVC are stored with start codes (Annex B), not with lengths.
        timed_audio: False when audio has no time stamps: it begins with the video and has no gaps.
        provenance_key: the key of its metadata for the program that made a file.
    """

    name: str
    video: str
    audio: str
    text: str = ""
    negative_times: bool = False
    constant_rate: bool = False
    start_codes: bool = False
    timed_audio: bool = True
    provenance_key: str = "software"


MP4 = Container(
    name="mp4",
    video="libx264",
    audio="aac",
    text="mov_text",
    negative_times=True,
    provenance_key="encoding_tool",
)
CONTAINERS = {
    ".mp4": MP4,
    ".m4v": MP4,
    ".mov": Container(
        name="mov", video="libx264", audio="aac", text="mov_text", negative_times=True, provenance_key="comment"
    ),
    ".mkv": Container(name="matroska", video="libx264", audio="aac", text="subrip"),
    ".webm": Container(name="webm", video="libvpx-vp9", audio="libopus", text="webvtt"),
    ".avi": Container(
        name="avi",
        video="mpeg4",
        audio="libmp3lame",
        constant_rate=True,
        start_codes=True,
        timed_audio=False,
        provenance_key="comment",
    ),
}


ASPECT_IN_STREAM = frozenset({"libx264", "libx265", "libx264rgb", "mpeg4", "mpeg2video"})
"""Encoders that store the pixel aspect ratio in the bitstream. With others the container must store it, which PyAV does
not support for Matroska."""
FULL_RANGE_ONLY = frozenset({"mjpeg"})
"""Encoders with full-range YUV (0..255) by definition."""
ODD_SIZES = frozenset({"libvpx", "libvpx-vp9", "ffv1", "mjpeg", "png", "huffyuv", "mpeg4"})
"""Encoders that accept yuv420p frames of odd width or height; for others a column or row is added."""


def container_for(path: str) -> Container:
    """The container of an output, by its suffix.

    Raises:
        StageError: no container has this suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in CONTAINERS:
        named = f'"{suffix}"' if suffix else "a file without suffix"
        raise StageError(
            f"a video cannot be written as {named}",
            path,
            f"use one of {', '.join(CONTAINERS)}; the name of a folder ends with /",
        )
    return CONTAINERS[suffix]
