"""The decoder of a video stream."""

from __future__ import annotations

import av
import av.video.stream

from models.files.picture_size import most_pixels

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders of these drop the transparency that WebM can hold."""


def decoder_of(
    stream: av.video.stream.VideoStream, slice_threads: int = 1, frame_threads: int = 0
) -> av.VideoCodecContext:
    """The stream's decoder, or one that sees transparency where the stream says it has some.

    Args:
        slice_threads: for the slices of one frame.
        frame_threads: frames decoded at once; 0 = one, which alone loses nothing where a file is damaged.
    """
    context: av.VideoCodecContext = stream.codec_context
    other = ALPHA_DECODERS.get(context.codec.canonical_name)
    if stream.metadata.get("alpha_mode") == "1" and other in av.codecs_available:
        decoder = av.VideoCodecContext.create(other, "r")
        assert isinstance(decoder, av.VideoCodecContext)
        context = decoder
        context.extradata = stream.codec_context.extradata
    context.options = {"max_pixels": str(most_pixels())}  # sizes may change within a stream
    context.thread_type = "FRAME" if frame_threads else "SLICE"
    context.thread_count = frame_threads or slice_threads
    return context
