"""Chooses the encoder of a video: by the configured codec, and by what the container can hold."""

from __future__ import annotations

from functools import cache

import av
import av.codec

from models.nearest_name import suggest_name
from pipeline.stage import StageError
from stages.video.encoding.containers import Container

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
        hint = suggest_name(codec, [*SHORT_NAMES, *video_encoders()], "use h264, hevc, av1, vp9 or prores")
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
