"""Output containers by suffix, and the encoders that they can hold."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import av.codec

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
    """

    name: str
    video: str
    audio: str
    text: str = ""
    negative_times: bool = False
    constant_rate: bool = False
    start_codes: bool = False
    timed_audio: bool = True


MP4 = Container(name="mp4", video="libx264", audio="aac", text="mov_text", negative_times=True)
CONTAINERS = {
    ".mp4": MP4,
    ".m4v": MP4,
    ".mov": Container(name="mov", video="libx264", audio="aac", text="mov_text", negative_times=True),
    ".mkv": Container(name="matroska", video="libx264", audio="aac", text="subrip"),
    ".webm": Container(name="webm", video="libvpx-vp9", audio="libopus", text="webvtt"),
    ".avi": Container(
        name="avi", video="mpeg4", audio="libmp3lame", constant_rate=True, start_codes=True, timed_audio=False
    ),
}

SHORT_NAMES = {
    "h264": "libx264",
    "avc": "libx264",
    "x264": "libx264",
    "h265": "libx265",
    "hevc": "libx265",
    "x265": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "vp8": "libvpx",
    "prores": "prores_ks",
    "mp4": "mpeg4",
    "mjpg": "mjpeg",
}
"""Common codec names, with the encoder that is used for each."""

PREFERRED_FORMATS = ("yuv420p", "nv12", "yuvj420p", "yuv420p10le", "yuv422p10le", "yuv422p", "yuv444p", "gbrp", "rgb24")
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


@cache
def video_encoders() -> tuple[str, ...]:
    """Names of this FFmpeg's video encoders."""
    return tuple(sorted(name for name in av.codecs_available if _is_video_encoder(name)))


def _is_video_encoder(name: str) -> bool:
    try:
        return av.codec.Codec(name, "w").type == "video"
    except ValueError:
        return False


def encoder_named(codec: str) -> str:
    """The encoder for a codec's name. Raises ValueError, with the nearest name, where this FFmpeg has none."""
    name = SHORT_NAMES.get(codec.lower(), codec)
    if name not in video_encoders():
        near = difflib.get_close_matches(codec, [*SHORT_NAMES, *video_encoders()], n=1)
        hint = f'did you mean "{near[0]}"?' if near else "use h264, hevc, av1, vp9 or prores"
        raise ValueError(f'this FFmpeg has no video encoder "{codec}"; {hint}')
    return name


def encoder_for(codec: str | None, container: Container, path: str) -> str:
    """The configured encoder, or the container's default.

    Raises:
        StageError: this FFmpeg does not have it, or the container cannot hold its codec.
    """
    try:
        name = encoder_named(codec or container.video)
    except ValueError as error:
        raise StageError(str(error), path, "set encode.codec, or choose another container") from error
    if not can_hold(container, name):
        raise StageError(
            f"{container.name} cannot hold video made by {name}",
            path,
            f"set encode.codec to {container.video}, or choose .mkv",
        )
    return name


@cache
def can_hold(container: Container, encoder: str) -> bool:
    """True when the container's muxer supports the encoder's codec."""
    with av.open(_NullFile(), "w", format=container.name) as output:
        return encoder in output.supported_codecs


def pixel_format(encoder: str) -> str:
    """The first of PREFERRED_FORMATS that an encoder supports, else its own first one."""
    known = [f.name for f in av.codec.Codec(encoder, "w").video_formats or ()]
    return next((name for name in PREFERRED_FORMATS if name in known), known[0] if known else "yuv420p")


class _NullFile:
    """A file that discards everything."""

    name = "null"

    def write(self, data: bytes) -> int:
        """Discard `data`."""
        return len(data)
