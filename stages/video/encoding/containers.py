"""What output files can be, by suffix, and which encoders fit into them."""

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
    """A kind of video file.

    Attributes:
        name: FFmpeg's name of the muxer.
        video, audio, text: encoders for what cannot be copied; text is a subtitle codec, "" where there is none.
        negative_times: True when packets may lie before 0 (sound that primes its decoder).
        constant_rate: True when all frames must last equally long.
        start_codes: True when H.264 and HEVC are stored with start codes rather than lengths.
        timed_sound: False when sound has no times: it begins with the film, and has no holes.
    """

    name: str
    video: str
    audio: str
    text: str = ""
    negative_times: bool = False
    constant_rate: bool = False
    start_codes: bool = False
    timed_sound: bool = True


MP4 = Container(name="mp4", video="libx264", audio="aac", text="mov_text", negative_times=True)
CONTAINERS = {
    ".mp4": MP4,
    ".m4v": MP4,
    ".mov": Container(name="mov", video="libx264", audio="aac", text="mov_text", negative_times=True),
    ".mkv": Container(name="matroska", video="libx264", audio="aac", text="subrip"),
    ".webm": Container(name="webm", video="libvpx-vp9", audio="libopus", text="webvtt"),
    ".avi": Container(
        name="avi", video="mpeg4", audio="libmp3lame", constant_rate=True, start_codes=True, timed_sound=False
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
"""What people call codecs, to the encoder this product takes for it."""

PREFERRED_FORMATS = ("yuv420p", "nv12", "yuvj420p", "yuv420p10le", "yuv422p10le", "yuv422p", "yuv444p", "gbrp", "rgb24")
ASPECT_IN_STREAM = frozenset({"libx264", "libx265", "libx264rgb", "mpeg4", "mpeg2video"})
"""Encoders that write the shape of pixels into the video itself. With others it is for the container to say, and
through PyAV Matroska's muxer is not told."""
FULL_RANGE_ONLY = frozenset({"mjpeg"})
"""Encoders whose YUV is 0..255 by definition."""
ODD_SIZES = frozenset({"libvpx", "libvpx-vp9", "ffv1", "mjpeg", "png", "huffyuv", "mpeg4"})
"""Encoders that take yuv420p pictures of odd width or height; the others get one more column or row."""


def container_for(path: str) -> Container:
    """The kind of file that a name's suffix says.

    Raises:
        StageError: no such kind of video can be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in CONTAINERS:
        raise StageError(
            f'a video cannot be written as "{suffix or "a file without suffix"}"',
            path,
            f"use one of {', '.join(CONTAINERS)}",
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
    """The encoder that a name means. Raises ValueError, naming the nearest, where this FFmpeg has none."""
    name = SHORT_NAMES.get(codec.lower(), codec)
    if name not in video_encoders():
        near = difflib.get_close_matches(codec, [*SHORT_NAMES, *video_encoders()], n=1)
        hint = f'did you mean "{near[0]}"?' if near else "use h264, hevc, av1, vp9 or prores"
        raise ValueError(f'this FFmpeg has no video encoder "{codec}"; {hint}')
    return name


def encoder_for(codec: str | None, container: Container, path: str) -> str:
    """The encoder a configuration asks for, or the container's own.

    Raises:
        StageError: this FFmpeg does not have it, or the container cannot hold what it makes.
    """
    try:
        name = encoder_named(codec or container.video)
    except ValueError as error:
        raise StageError(str(error), path, "set encode.codec, or name another container") from error
    if not holds(container, name):
        raise StageError(
            f"{container.name} cannot hold video made by {name}",
            path,
            f"set encode.codec to {container.video}, or choose .mkv",
        )
    return name


@cache
def holds(container: Container, encoder: str) -> bool:
    """True when a muxer knows how to store a codec."""
    with av.open(_Nowhere(), "w", format=container.name) as output:
        return encoder in output.supported_codecs


def pixel_format(encoder: str) -> str:
    """The pixel format nearest to yuv420p that an encoder takes."""
    known = [f.name for f in av.codec.Codec(encoder, "w").video_formats or ()]
    return next((name for name in PREFERRED_FORMATS if name in known), known[0] if known else "yuv420p")


class _Nowhere:
    """A file that takes everything and keeps nothing."""

    name = "nowhere"

    def write(self, data: bytes) -> int:
        """Take `data`."""
        return len(data)
