"""Conversion of text subtitles that the output's container cannot hold: text and times, without styles."""

from __future__ import annotations

import re
import struct

import av
import av.container
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

TEXT_CODECS = frozenset({"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"})
ASS_FIELDS_BEFORE_TEXT = 8
ASS_HEADER = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n"
    "Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, "
    "Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, "
    "MarginV, Encoding\n"
    "Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\n\n"
    "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)
"""The header that FFmpeg's text encoders require."""


def is_text(stream: Stream) -> bool:
    """True for subtitles of text, not of bitmaps."""
    return stream.codec_context is not None and stream.codec_context.codec.canonical_name in TEXT_CODECS


class TextSubtitleEncoder:
    """Converts packets of one text subtitle stream to packets of another text codec."""

    def __init__(self, source: Stream, output: av.container.OutputContainer, codec: str) -> None:
        """Args: codec: mov_text, subrip or webvtt; its stream is added to `output`."""
        self._from = source.codec_context.codec.canonical_name
        self._to = codec
        stream = output.add_stream(codec)
        assert isinstance(stream, SubtitleStream)
        stream.codec_context.subtitle_header = ASS_HEADER.encode()
        assert source.time_base is not None
        stream.codec_context.time_base = source.time_base
        self.stream = stream

    def __call__(self, packet: av.Packet | None) -> list[av.Packet]:
        """The packet with the same text and times."""
        text = "" if packet is None else plain_text(bytes(packet), self._from)
        if packet is None or not text:
            return []
        converted = av.Packet(subtitle_payload(text, self._to))
        converted.stream, converted.time_base = self.stream, packet.time_base
        converted.pts, converted.dts, converted.duration = packet.pts, packet.dts or packet.pts, packet.duration
        return [converted]


def plain_text(payload: bytes, codec: str) -> str:
    """The text of a subtitle packet from FFmpeg's demuxers, without markup.

    Args:
        codec: one of TEXT_CODECS.
    """
    if codec == "mov_text":
        length = struct.unpack_from(">H", payload)[0] if len(payload) >= 2 else 0
        payload = payload[2 : 2 + length]
    text = payload.decode("utf-8", errors="replace")
    if codec in ("ass", "ssa"):
        text = text.split(",", ASS_FIELDS_BEFORE_TEXT)[-1]
        text = re.sub(r"\{[^}]*\}", "", text).replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    return re.sub(r"</?[A-Za-z][^>]*>", "", text).strip()


def subtitle_payload(text: str, codec: str) -> bytes:
    """The payload of a subtitle packet: the text, in MP4 (3GPP timed text) with its length before it."""
    data = text.encode()
    return struct.pack(">H", len(data)) + data if codec == "mov_text" else data
