"""Selection of the streams to process: programs of a transport stream, variants of HLS, cover art.

FFmpeg groups the streams of a transport stream into programs, which PyAV does not expose. `streams.best(related=…)`
does search the program of the related stream, so two streams with the same best streams belong to one program.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import av
import av.container
import av.video.stream
from av.stream import Discard, Disposition, Stream

from models.files.image_size import REMEDY, too_large
from pipeline.stage import StageError
from stages.video.decoding.demuxing import is_single_image
from stages.video.decoding.paths_and_urls import is_url

BITRATE_KEY = "variant_bitrate"


def is_cover_art(stream: av.video.stream.VideoStream) -> bool:
    """True for cover art and thumbnails, which are stored as video streams."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def default_video_stream(container: av.container.InputContainer, path: str) -> av.video.stream.VideoStream:
    """The video stream to process.

    Of several programs or variants the one with the largest frames; else the one marked default, or FFmpeg's choice.

    Raises:
        StageError: there is no video stream, or this FFmpeg cannot decode it.
    """
    streams = [s for s in container.streams.video if not is_cover_art(s)]
    if streams and all(stream.disposition & Disposition.dependent for stream in streams):
        what = "is an image of tiles, which can be read from a file only, not from a live source"
        raise StageError(what, path, "name a file of this machine, or save it as JPEG or PNG")
    if not streams:
        kind = "has audio but no video" if container.streams.audio else "has no video stream"
        raise StageError(kind, path, "give a file with a video stream")
    marked = largest_program_stream(container, streams) or [s for s in streams if s.disposition & Disposition.default]
    best = container.streams.best("video")
    chosen = marked[0] if marked else (best if best in streams else streams[0])
    if chosen.codec_context is None and is_single_image(container):
        kind = os.path.splitext(path)[1] or container.format.name.removesuffix("_pipe")
        what = f"is an image of a format that cannot be read ({kind})"
        raise StageError(what, path, "save it as PNG or JPEG")
    if chosen.codec_context is None:
        raise StageError("its video codec is unknown to this FFmpeg", path, "convert it to H.264")
    width, height = chosen.codec_context.width, chosen.codec_context.height
    refusal = too_large(*(_size_undecoded(container, chosen.index) if not width * height else (width, height)))
    if refusal is not None:
        raise StageError(refusal, path, REMEDY)
    return chosen


def _size_undecoded(container: av.container.InputContainer, stream: int) -> tuple[int, int]:
    """Width and height that a file states for a stream, where FFmpeg dropped them because of `max_pixels`."""
    if is_url(container.name.removeprefix("file:")) or not os.path.isfile(container.name.removeprefix("file:")):
        return 0, 0
    with av.open(container.name, options={"skip_frame": "all"}, metadata_errors="replace") as again:
        context = again.streams[stream].codec_context
        return (context.width, context.height) if isinstance(context, av.VideoCodecContext) else (0, 0)


def has_variants(container: av.container.InputContainer) -> bool:
    """Whether a container offers one video in several sizes (HLS)."""
    return container.format.name == "hls"


def has_programs(container: av.container.InputContainer) -> bool:
    """Whether the streams of a container belong to several programs."""
    return len({_program(container, stream) for stream in (*container.streams.video, *container.streams.audio)}) > 1


def has_other_programs(container: av.container.InputContainer) -> bool:
    """Whether a container holds other programs than the processed one."""
    return len(container.streams.video) > 1 and not has_variants(container) and has_programs(container)


def largest_program_stream(
    container: av.container.InputContainer, streams: Sequence[av.video.stream.VideoStream]
) -> list[av.video.stream.VideoStream]:
    """A list with the one stream to process of several programs or variants; empty for a single program.

    It is the stream with the largest frames that can be decoded; of equal ones that of the highest bit rate.
    """
    if len(streams) < 2 or not (has_variants(container) or has_programs(container)):
        return []
    return [max(streams, key=lambda stream: (*_size(stream), _stated_bitrate(stream), -stream.index))]


def streams_of_program(
    container: av.container.InputContainer, video: av.video.stream.VideoStream, among: Sequence[Stream]
) -> list[Stream]:
    """The streams in `among` that belong to the program of `video`, in their order; all without programs."""
    if has_variants(container):
        audio = container.streams.best("audio", related=video)
        return [stream for stream in among if stream.type != "audio" or stream is audio]
    if not has_programs(container):
        return list(among)
    own = _program(container, video)
    return [stream for stream in among if _program(container, stream) == own]


def discard_other_streams(container: av.container.InputContainer, wanted: Sequence[Stream]) -> None:
    """Let FFmpeg discard all but the wanted streams of HLS, which then does not download them."""
    if not has_variants(container):
        return
    kept = {stream.index for stream in wanted}
    for stream in container.streams:
        stream.discard = Discard.default if stream.index in kept else Discard.all


def _program(container: av.container.InputContainer, stream: Stream) -> tuple[int | None, int | None]:
    """A key of a stream's program: the indices of its best video and best audio stream."""
    best = (container.streams.best("video", related=stream), container.streams.best("audio", related=stream))
    video, audio = (None if one is None else one.index for one in best)
    return video, audio


def _size(stream: av.video.stream.VideoStream) -> tuple[bool, int]:
    context = stream.codec_context
    return (False, 0) if context is None else (True, context.width * context.height)


def _stated_bitrate(stream: Stream) -> int:
    stated = stream.metadata.get(BITRATE_KEY, "")
    return int(stated) if stated.isdecimal() else 0
