"""Several films in one: programmes of a transport stream, and the variants of one film that HLS offers.

FFmpeg groups such streams into programmes, which PyAV does not show. It answers which stream goes best with another,
though, and FFmpeg looks for that in the other's programme.
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

RATE_KEY = "variant_bitrate"


def is_cover_art(stream: av.video.stream.VideoStream) -> bool:
    """Cover art and thumbnails are stored as video streams but are not the video."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def default_video_stream(container: av.container.InputContainer, path: str) -> av.video.stream.VideoStream:
    """Of the streams that are moving pictures the one to process.

    Of several programmes, or several variants of a film, that of the largest picture; else the one marked default, or
    FFmpeg's choice.

    Raises:
        StageError: there is none, or this FFmpeg cannot decode it.
    """
    streams = [s for s in container.streams.video if not is_cover_art(s)]
    if streams and all(stream.disposition & Disposition.dependent for stream in streams):
        what = "is a picture put together from tiles, which is read from a file alone, and not live"
        raise StageError(what, path, "name a file of this machine, or save it as JPEG or PNG")
    if not streams:
        kind = "has sound but no video" if container.streams.audio else "has no video stream"
        raise StageError(kind, path, "give a file with a video stream")
    marked = largest_program_stream(container, streams) or [s for s in streams if s.disposition & Disposition.default]
    best = container.streams.best("video")
    chosen = marked[0] if marked else (best if best in streams else streams[0])
    if chosen.codec_context is None and is_single_image(container):
        kind = os.path.splitext(path)[1] or container.format.name.removesuffix("_pipe")
        what = f"is a picture of a kind that cannot be read here ({kind})"
        raise StageError(what, path, "save it as PNG or JPEG")
    if chosen.codec_context is None:
        raise StageError("its video codec is unknown to this FFmpeg", path, "convert it to H.264")
    width, height = chosen.codec_context.width, chosen.codec_context.height
    refusal = too_large(*(_size_undecoded(container, chosen.index) if not width * height else (width, height)))
    if refusal is not None:
        raise StageError(refusal, path, REMEDY)
    return chosen


def _size_undecoded(container: av.container.InputContainer, stream: int) -> tuple[int, int]:
    """What a file says of a stream's size, where FFmpeg forgot it because it was not to decode so much."""
    if is_url(container.name.removeprefix("file:")) or not os.path.isfile(container.name.removeprefix("file:")):
        return 0, 0
    with av.open(container.name, options={"skip_frame": "all"}, metadata_errors="replace") as again:
        context = again.streams[stream].codec_context
        return (context.width, context.height) if isinstance(context, av.VideoCodecContext) else (0, 0)


def has_variants(container: av.container.InputContainer) -> bool:
    """Whether a container offers one film at several sizes."""
    return container.format.name == "hls"


def has_programs(container: av.container.InputContainer) -> bool:
    """Whether some streams of a container go together, and others with others."""
    return len({_company(container, stream) for stream in (*container.streams.video, *container.streams.audio)}) > 1


def has_other_programs(container: av.container.InputContainer) -> bool:
    """Whether there are other films in a container than the one that is processed."""
    return len(container.streams.video) > 1 and not has_variants(container) and has_programs(container)


def largest_program_stream(
    container: av.container.InputContainer, streams: Sequence[av.video.stream.VideoStream]
) -> list[av.video.stream.VideoStream]:
    """Of several films the one stream to process, none where there is one film alone.

    It has the largest picture that can be decoded, of equal ones the highest rate; else it is the first.
    """
    if len(streams) < 2 or not (has_variants(container) or has_programs(container)):
        return []
    return [max(streams, key=lambda stream: (*_size(stream), _stated_rate(stream), -stream.index))]


def streams_of_program(
    container: av.container.InputContainer, video: av.video.stream.VideoStream, among: Sequence[Stream]
) -> list[Stream]:
    """Of some streams those that belong to a film, in their order; all of them where there is one film alone."""
    if has_variants(container):
        sound = container.streams.best("audio", related=video)
        return [stream for stream in among if stream.type != "audio" or stream is sound]
    if not has_programs(container):
        return list(among)
    own = _company(container, video)
    return [stream for stream in among if _company(container, stream) == own]


def discard_other_streams(container: av.container.InputContainer, wanted: Sequence[Stream]) -> None:
    """Let FFmpeg pass over what nobody wants, which HLS then does not fetch either."""
    if not has_variants(container):
        return
    kept = {stream.index for stream in wanted}
    for stream in container.streams:
        stream.discard = Discard.default if stream.index in kept else Discard.all


def _company(container: av.container.InputContainer, stream: Stream) -> tuple[int | None, int | None]:
    """What stands for the programme of a stream: the best picture and the best sound in it."""
    best = (container.streams.best("video", related=stream), container.streams.best("audio", related=stream))
    picture, sound = (None if one is None else one.index for one in best)
    return picture, sound


def _size(stream: av.video.stream.VideoStream) -> tuple[bool, int]:
    context = stream.codec_context
    return (False, 0) if context is None else (True, context.width * context.height)


def _stated_rate(stream: Stream) -> int:
    stated = stream.metadata.get(RATE_KEY, "")
    return int(stated) if stated.isdecimal() else 0
