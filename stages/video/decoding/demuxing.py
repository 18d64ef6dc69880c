"""Demuxing: open a container by FFmpeg, read its packets, and what it states about its streams."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Protocol

import av
import av.container
import av.video.stream
from av.stream import Stream

from models.files.image_size import max_pixels
from pipeline.stage import StageError
from stages.video.decoding.paths_and_urls import check_readable, is_url

NOT_VIDEO_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf", "concat", "ffmetadata", "srt", "ass", "webvtt"})
"""FFmpeg reads these as media though people mean text by them."""

PICTURE_BRANDS = ("heic", "heix", "heim", "heis", "mif1", "avif")
"""How files of the MP4 family name themselves that are one picture."""

CALLED_A_PICTURE = "image2"
"""How FFmpeg opens a file whose name ends as a picture's and whose content is not plainly something else."""
LESS_PLAIN = ("mpeg", "mpegvideo", "h264", "hevc")
"""Films that FFmpeg is less sure of than of a name."""

DURATION = re.compile(r"\s*(\d{1,6}):(\d{1,6}):(\d{1,6}(?:\.\d{1,12})?)\s*")
"""As Matroska states it. (A fraction of `1e999999999` would be worked out.)"""
OPEN_TIMEOUT_S = 20.0
READ_TIMEOUT_S = 20.0


class Readable(Protocol):
    """Where a container's bytes can come from instead of its name."""

    def read(self, count: int, /) -> bytes:
        """At most `count` bytes; none at the end."""
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
        named: what messages call it; `path` itself unless that says too much.
        options: FFmpeg's own, of protocol and format.
        read_timeout_s: seconds that a read may take.
        pipe: what to read instead of `path`.

    Raises:
        StageError: not media, damaged beyond opening, or unreachable.
    """
    check_readable(path)
    named = path if named is None else named
    try:
        # "file:" keeps names with a colon or a leading dash from being taken for protocols.
        name = path if is_url(path) else f"file:{os.path.abspath(path)}"
        source: Any = name if pipe is None else pipe
        timeout = (OPEN_TIMEOUT_S, read_timeout_s)
        # FFmpeg decodes a frame to learn what a stream is: it, too, must not decode giants.
        wishes = {"max_pixels": str(max_pixels()), **(options or {})}
        container = av.open(source, timeout=timeout, options=wishes, metadata_errors="replace")
    except av.FFmpegError as error:
        raise _unopened(named, error) from error
    if container.format.name == CALLED_A_PICTURE and pipe is None and not is_url(path):
        container = _film_in(path, container)
    if set(container.format.name.split(",")) & NOT_VIDEO_FORMATS:
        container.close()
        raise StageError("is text, not a video or image", named, "give a video or image file")
    return container


def _film_in(path: str, picture: av.container.InputContainer) -> av.container.InputContainer:
    """The film that a file called a picture holds, seen when FFmpeg does not see the name; else the picture."""
    with open(path, "rb") as file:
        try:
            film = av.open("fd:", options={"fd": str(file.fileno())}, metadata_errors="replace")
        except av.FFmpegError:
            return picture
    if film.format.name not in LESS_PLAIN:
        film.close()
        return picture
    picture.close()
    return film


def _unopened(path: str, error: av.FFmpegError) -> StageError:
    if is_url(path):
        return StageError(f"could not be opened ({error.strerror})", path, "check the address and the network")
    if os.path.splitext(path)[1].lower() in (".mp4", ".mov", ".m4v", ".3gp"):
        return StageError(
            f"is not a readable video ({error.strerror}): its index is missing or damaged",
            path,
            "copy or record it again; a recording cut short may be mended with a repair tool",
        )
    return StageError(
        f"is not a video or image that FFmpeg can read ({error.strerror})",
        path,
        "convert it to mp4, or check that it is the file you meant",
    )


def packets_of(container: av.container.InputContainer, *streams: Stream) -> Iterator[av.Packet[Any]]:
    """Packets of some streams, of all where none is named, and an empty one for each at its end.

    Raises av.FFmpegError where reading fails.
    """
    try:
        yield from container.demux(*streams)
    except IndexError:
        # A stream that begins in the middle of a transport stream: PyAV looks for it among those it found at first.
        return


def is_single_image(container: av.container.InputContainer) -> bool:
    """True for pictures that reach FFmpeg: of kinds that Pillow does not know, or from a URL."""
    name = container.format.name
    brand = container.metadata.get("major_brand", "")
    return name.endswith("_pipe") or name == "image2" or brand in PICTURE_BRANDS


def frame_rate(stream: av.video.stream.VideoStream) -> Fraction | None:
    """Nominal frames a second as the container or codec says, or None."""
    for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate):
        if rate and 0 < rate <= 1000:
            return Fraction(rate)
    return None


def stated_packets(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> int:
    """Packets of the stream that the file says it has; 0 where it says nothing.

    An edit list of MP4 shows a part of what is stored, and AVI counts the empty ones that stand for frames which the
    camera left out. FFmpeg's index has what is read, and no more, before reading begins.
    """
    return len(stream.index_entries) if _has_index(container, stream) else stream.frames


def stated_frames(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> int:
    """Frames that the file says it shows; 0 where it says nothing."""
    if not _has_index(container, stream):
        return stream.frames
    return sum(not entry.is_discard for entry in stream.index_entries)


def _has_index(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> bool:
    indexed = bool({"mov", "avi"} & set(container.format.name.split(",")))
    return indexed and bool(stream.frames and stream.index_entries)


def stream_seconds(stream: av.video.stream.VideoStream) -> Fraction | None:
    """Length of the stream as the container states it, or None where it does not."""
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    stated = DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    return Fraction(int(stated[1]) * 3600 + int(stated[2]) * 60) + Fraction(stated[3]) if stated else None
