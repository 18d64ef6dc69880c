"""Demuxing by FFmpeg: open a container, read its packets and what it states about its streams."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from io import BytesIO
from typing import Any, Protocol

import av
import av.container
import av.video.stream
from av.stream import Stream

from models.files.image_size import max_pixels
from models.files.png_text import without_large_text
from pipeline.stage import IMAGE_BRANDS, StageError
from stages.video.decoding.paths_and_urls import check_readable, is_url

NOT_VIDEO_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf", "concat", "ffmetadata", "srt", "ass", "webvtt"})
"""FFmpeg opens these text formats as media."""

IMAGE_BY_NAME = "image2"
"""The format that FFmpeg chooses for a file with the suffix of an image, unless its content clearly differs."""
LOW_PROBE_SCORE = ("mpeg", "mpegvideo", "h264", "hevc")
"""Video formats that FFmpeg detects with a lower score than a suffix."""

DURATION = re.compile(r"\s*(\d{1,6}):(\d{1,6}):(\d{1,6}(?:\.\d{1,12})?)\s*")
"""Matroska's DURATION tag. (Fraction would compute `1e999999999`.)"""
OPEN_TIMEOUT_S = 20.0
READ_TIMEOUT_S = 20.0


class Readable(Protocol):
    """A source of a container's bytes."""

    def read(self, count: int, /) -> bytes:
        """At most `count` bytes; empty at the end."""
        ...


def open_container(
    path: str,
    *,
    named: str | None = None,
    options: Mapping[str, str] | None = None,
    read_timeout_s: float = READ_TIMEOUT_S,
    pipe: Readable | None = None,
) -> av.container.InputContainer:
    """Open a media file or URL for reading.

    Args:
        named: the name in error messages; default `path`. For addresses with secrets.
        options: FFmpeg's protocol and format options.
        read_timeout_s: timeout of a read in seconds.
        pipe: read this instead of `path`.

    Raises:
        StageError: the input is no media file, too damaged to open, or unreachable.
    """
    check_readable(path)
    named = path if named is None else named
    try:
        # With "file:" FFmpeg does not take a name with a colon for a protocol.
        name = path if is_url(path) else f"file:{os.path.abspath(path)}"
        source: Any = pipe or _without_large_text(path) or name
        timeout = (OPEN_TIMEOUT_S, read_timeout_s)
        # FFmpeg decodes a frame to probe a stream; the limit holds for that one too.
        limited = {"max_pixels": str(max_pixels()), **(options or {})}
        container = av.open(source, timeout=timeout, options=limited, metadata_errors="replace")
    except av.FFmpegError as error:
        raise _unopened(named, error) from error
    if container.format.name == IMAGE_BY_NAME and pipe is None and not is_url(path):
        container = _video_in(path, container)
    if set(container.format.name.split(",")) & NOT_VIDEO_FORMATS:
        container.close()
        raise StageError("is text, not a video or image", named, "give a video or image file")
    return container


def _without_large_text(path: str) -> Readable | None:
    """What FFmpeg should read of an animated PNG with oversized texts; None for a file that it may open itself."""
    if is_url(path):
        return None
    with open(path, "rb") as file:
        content, left_out = without_large_text(file)
        return BytesIO(content.read()) if left_out else None


def _video_in(path: str, image: av.container.InputContainer) -> av.container.InputContainer:
    """The video in a file with the suffix of an image, detected without its name; else `image`."""
    with open(path, "rb") as file:
        try:
            video = av.open("fd:", options={"fd": str(file.fileno())}, metadata_errors="replace")
        except av.FFmpegError:
            return image
    if video.format.name not in LOW_PROBE_SCORE:
        video.close()
        return image
    image.close()
    return video


def _unopened(path: str, error: av.FFmpegError) -> StageError:
    if is_url(path):
        return StageError(f"could not be opened ({error.strerror})", path, "check the address and the network")
    if os.path.splitext(path)[1].lower() in (".mp4", ".mov", ".m4v", ".3gp"):
        return StageError(
            f"is not a readable video ({error.strerror}): its index is missing or damaged",
            path,
            "copy or record it again; a repair tool may restore a recording that was cut short",
        )
    return StageError(
        f"is not a video or image that FFmpeg can read ({error.strerror})",
        path,
        "convert it to mp4, or check the name of the file",
    )


def packets_of(container: av.container.InputContainer, *streams: Stream) -> Iterator[av.Packet[Any]]:
    """Packets of the given streams (default: all), and an empty packet for each stream at its end.

    Raises av.FFmpegError where reading fails.
    """
    try:
        yield from container.demux(*streams)
    except IndexError:
        # A stream that begins in the middle of a transport stream: PyAV does not find it in its list.
        return


def is_single_image(container: av.container.InputContainer) -> bool:
    """True for a still image that FFmpeg opened: of a format that Pillow does not support, or from a URL."""
    name = container.format.name
    brand = container.metadata.get("major_brand", "")
    return name.endswith("_pipe") or name == "image2" or brand.encode() in IMAGE_BRANDS


def stores_pts(container: av.container.InputContainer) -> bool:
    """False for AVI, which stores frames in the order of decoding and no times at all."""
    return "avi" not in container.format.name.split(",")


def shown_ticks(frame: av.VideoFrame, *, has_pts: bool) -> int | None:
    """When a frame is shown, in ticks; None if that is unknown.

    Args:
        has_pts: of `stores_pts`. Without, FFmpeg guesses each PTS, wrongly where several frames are packed into one
            packet; right is the DTS of the packet with which the decoder gave the frame.
    """
    return frame.pts if has_pts or frame.dts is None else frame.dts


def frame_rate(stream: av.video.stream.VideoStream) -> Fraction | None:
    """Nominal frames per second that the container or the codec states, or None."""
    for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate):
        if rate and 0 < rate <= 1000:
            return Fraction(rate)
    return None


def stated_packets(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> int:
    """Number of packets that the file states for the stream; 0 where it states none.

    MP4's edit lists hide stored frames, and AVI counts empty packets of dropped frames. FFmpeg's index lists exactly
    the packets that it will read.
    """
    return len(stream.index_entries) if _has_index(container, stream) else stream.frames


def stated_frames(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> int:
    """Number of shown frames that the file states; 0 where it states none."""
    if not _has_index(container, stream):
        return stream.frames
    return sum(not entry.is_discard for entry in stream.index_entries)


def _has_index(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> bool:
    indexed = bool({"mov", "avi"} & set(container.format.name.split(",")))
    return indexed and bool(stream.frames and stream.index_entries)


def stream_seconds(stream: av.video.stream.VideoStream) -> Fraction | None:
    """Duration of the stream in seconds that the container states, or None."""
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    stated = DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    return Fraction(int(stated[1]) * 3600 + int(stated[2]) * 60) + Fraction(stated[3]) if stated else None
