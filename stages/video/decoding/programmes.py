"""Several films in one: programmes of a transport stream, and the variants of one film that HLS offers.

FFmpeg groups such streams into programmes, which PyAV does not show. It answers which stream goes best with another,
though, and FFmpeg looks for that in the other's programme.
"""

from __future__ import annotations

from collections.abc import Sequence

import av
import av.container
import av.video.stream
from av.stream import Discard, Stream

RATE_KEY = "variant_bitrate"


def has_variants(container: av.container.InputContainer) -> bool:
    """Whether a container offers one film at several sizes."""
    return container.format.name == "hls"


def has_programmes(container: av.container.InputContainer) -> bool:
    """Whether some streams of a container go together, and others with others."""
    return len({_company(container, stream) for stream in (*container.streams.video, *container.streams.audio)}) > 1


def is_one_of_several(container: av.container.InputContainer) -> bool:
    """Whether there are other films in a container than the one that is processed."""
    return len(container.streams.video) > 1 and not has_variants(container) and has_programmes(container)


def largest_of_several(
    container: av.container.InputContainer, streams: Sequence[av.video.stream.VideoStream]
) -> list[av.video.stream.VideoStream]:
    """Of several films the one stream to process, none where there is one film alone.

    It has the largest picture that can be decoded, of equal ones the highest rate; else it is the first.
    """
    if len(streams) < 2 or not (has_variants(container) or has_programmes(container)):
        return []
    return [max(streams, key=lambda stream: (*_size(stream), _stated_rate(stream), -stream.index))]


def company_of(
    container: av.container.InputContainer, video: av.video.stream.VideoStream, among: Sequence[Stream]
) -> list[Stream]:
    """Of some streams those that belong to a film, in their order; all of them where there is one film alone."""
    if has_variants(container):
        sound = container.streams.best("audio", related=video)
        return [stream for stream in among if stream.type != "audio" or stream is sound]
    if not has_programmes(container):
        return list(among)
    own = _company(container, video)
    return [stream for stream in among if _company(container, stream) == own]


def read_only(container: av.container.InputContainer, wanted: Sequence[Stream]) -> None:
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
