"""What a file holds beside its video: sound, subtitles, attachments, chapters, metadata; copied where they fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.container
from av.audio.stream import AudioStream
from av.stream import Disposition, Stream

from pipeline.stage import StageError
from stages.payloads import VideoInfo
from stages.video.decoding.demuxing import open_container, packets_of
from stages.video.decoding.stream_selection import (
    default_video_stream,
    discard_other_streams,
    has_programs,
    has_variants,
    streams_of_program,
)
from stages.video.encoding.audio_encoder import AudioEncoder
from stages.video.encoding.audio_trimming import AudioTrimmer, has_audio_gaps
from stages.video.encoding.containers import Container
from stages.video.encoding.packet_times import TimeRange, packet_seconds
from stages.video.encoding.subtitles import TextSubtitleEncoder, is_text

if TYPE_CHECKING:
    from av.container.core import Chapter

MUXER_OWN_KEYS = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "software", "duration", "rotate"}
)
"""Metadata that describes the old file and is written anew."""

TRIAL_PACKETS = 500
"""How far into a file the first packet of a stream is looked for when it is tried out."""

Convert = Callable[[av.Packet | None], list[av.Packet]]
"""Turns a packet of the input into packets of the output; None = the end."""


class SideStreams:
    """The other streams of one input on their way into one output."""

    def __init__(self, path: str, container: Container, window: TimeRange) -> None:
        self.warnings: list[str] = []
        self.audio = "none"
        self._source = open_container(path)
        self._streams = _beside_the_video(self._source, path)
        self._path = path
        self._container = container
        self._window = window
        self._routes: dict[int, Convert] = {}
        self._routed: list[Stream] = []
        self._metadata = {k: v for k, v in self._source.metadata.items() if _is_lasting(k)}
        self._languages: dict[int, str] = {}

    def close(self) -> None:
        """Release the input."""
        self._source.close()

    def sample_rates(self) -> list[int]:
        """Of all sound streams: the clocks that an output's edit list should be able to tell."""
        return [
            stream.rate
            for stream in self._streams
            if isinstance(stream, AudioStream) and stream.codec_context is not None and stream.rate
        ]

    def add_to(self, output: av.container.OutputContainer) -> None:
        """Make streams in the output for everything that fits; note what does not."""
        for stream in self._streams:
            if isinstance(stream, AudioStream):
                self._add_sound(stream, output)
            elif stream.type == "subtitle":
                self._add_subtitles(stream, output)
            elif stream.type == "attachment":
                self._add_attachment(stream, output)
            elif stream.type != "video" and not self._tells_chapters(stream):
                self.warnings.append(f"stream {stream.index} ({stream.type}) was left out")
            elif stream.disposition & Disposition.attached_pic:
                self.warnings.append(f"the cover picture (stream {stream.index}) was left out")
        self._add_metadata(output)

    def packets(self) -> Iterator[tuple[Fraction, av.Packet]]:
        """(seconds, packet) of the output's other streams, in the order they lie in the input."""
        if not self._routed:
            return
        discard_other_streams(self._source, self._routed)
        try:
            for packet in packets_of(self._source, *self._routed):
                if packet.size and self._window.holds(packet_seconds(packet)) and not self._is_over(packet):
                    yield from self._converted(packet.stream.index, packet)
        except av.FFmpegError as error:
            self.warnings.append(f"sound and subtitles end early: reading failed ({error.strerror})")
        for index in self._routes:
            yield from self._converted(index, None)

    def _is_over(self, packet: av.Packet) -> bool:
        """True for words that are gone before the output begins."""
        seconds = packet_seconds(packet)
        if packet.stream.type != "subtitle" or seconds is None or not packet.duration:
            return False
        return seconds + packet.duration * packet.time_base + self._window.shift <= 0

    def check_metadata(self, written: Path) -> None:
        """Read the finished file's header and note what it did not take up."""
        with av.open(str(written)) as output:
            there = {key.lower() for key in output.metadata}
            lost = [key for key in self._metadata if key.lower() not in there]
            languages = {stream.index: stream.metadata.get("language") for stream in output.streams}
        for index, language in self._languages.items():
            if languages.get(index) != language:
                lost.append(f"language of stream {index} ({language})")
        if lost:
            self.warnings.append(f"metadata that {self._container.name} has no place for: {', '.join(lost)}")

    def _converted(self, index: int, packet: av.Packet | None) -> Iterator[tuple[Fraction, av.Packet]]:
        for made in self._routes[index](packet):
            yield packet_seconds(made) or Fraction(0), made

    def _tells_chapters(self, stream: Stream) -> bool:
        """MP4 tells chapters by a text track, one sample for each; the output gets its own."""
        return "mov" in self._source.format.name and stream.frames == len(self._source.chapters()) > 0

    def _add_sound(self, stream: AudioStream, output: av.container.OutputContainer) -> None:
        begin = None
        if not self._container.timed_sound and has_audio_gaps(self._path, stream, self._window):
            begin = -self._window.shift
        elif muxer_accepts(self._path, stream, self._container):
            self._copy_sound(stream, output)
            self.audio = "copied" if self.audio == "none" else self.audio
            return
        try:
            encoder = AudioEncoder(stream, output, self._container.audio, begin)
        except (av.FFmpegError, ValueError) as error:
            self.warnings.append(
                f"sound (stream {stream.index}) was left out: it neither fits {self._container.name} "
                f"nor can it be decoded ({error})"
            )
            return
        self._describe(stream, encoder.stream)
        self.audio = f"reencoded ({self._container.audio})"
        self._route(stream, lambda packet: [self._moved(p) for p in encoder(packet)])

    def _add_subtitles(self, stream: Stream, output: av.container.OutputContainer) -> None:
        if muxer_accepts(self._path, stream, self._container):
            self._copy(stream, output)
        elif self._container.text and is_text(stream):
            text = TextSubtitleEncoder(stream, output, self._container.text)
            self._describe(stream, text.stream)
            self._route(stream, lambda packet: [self._moved(p) for p in text(packet)])
            self.warnings.append(
                f"subtitles (stream {stream.index}) were rewritten as {self._container.text}, without their styles"
            )
        else:
            self.warnings.append(
                f"subtitles (stream {stream.index}, {_codec_name(stream)}) do not fit "
                f"{self._container.name} and were left out; .mkv would keep them"
            )

    def _add_attachment(self, stream: Stream, output: av.container.OutputContainer) -> None:
        if self._container.name == "matroska":
            output.add_stream_from_template(stream)
        else:
            self.warnings.append(f"the attached file (stream {stream.index}) does not fit {self._container.name}")

    def _copy_sound(self, stream: AudioStream, output: av.container.OutputContainer) -> None:
        copy = output.add_stream_from_template(stream)
        self._describe(stream, copy)
        shown = AudioTrimmer(self._window.shift, negative_times=self._container.negative_times)

        def convert(packet: av.Packet | None) -> list[av.Packet]:
            heard = [] if packet is None else shown(packet)
            for one in heard:
                one.stream = copy
            if packet is None and shown.repaired:
                self.warnings.append(f"{shown.repaired} packets of sound had no usable time and were given one")
            return [self._moved(one) for one in heard]

        self._route(stream, convert)

    def _copy(self, stream: Stream, output: av.container.OutputContainer) -> None:
        copy = output.add_stream_from_template(stream)
        self._describe(stream, copy)

        def convert(packet: av.Packet | None) -> list[av.Packet]:
            if packet is None:
                return []
            packet.stream = copy
            return [self._moved(packet)]

        self._route(stream, convert)

    def _route(self, stream: Stream, convert: Convert) -> None:
        self._routes[stream.index] = convert
        self._routed.append(stream)

    def _describe(self, source: Stream, target: Stream) -> None:
        target.metadata.update({k: v for k, v in source.metadata.items() if _is_lasting(k)})
        if source.metadata.get("language", "und") != "und":
            self._languages[target.index] = source.metadata["language"]
        target.disposition = source.disposition

    def _moved(self, packet: av.Packet) -> av.Packet:
        """The packet at its time in the output; where times below 0 cannot be told, at 0."""
        assert packet.time_base is not None
        ticks = round(self._window.shift / packet.time_base)
        floor = None if self._container.negative_times else 0
        if packet.stream.type == "subtitle" and packet.pts is not None and packet.duration:
            packet.duration += min(packet.pts + ticks, 0)  # words that are shown already at the beginning
            floor = 0
        for name in ("pts", "dts"):
            value = getattr(packet, name)
            if value is not None:
                setattr(packet, name, value + ticks if floor is None else max(value + ticks, floor))
        return packet

    def _add_metadata(self, output: av.container.OutputContainer) -> None:
        output.metadata.update(self._metadata)
        chapters = [moved for c in self._source.chapters() if (moved := _moved_chapter(c, self._window))]
        if chapters:
            output.set_chapters(chapters)


class NoSideStreams:
    """Stands in for `SideStreams` where there is nothing beside the video."""

    def __init__(self, *warnings: str) -> None:
        self.warnings = list(warnings)
        self.audio = "none"

    def close(self) -> None:
        """Nothing to release."""

    def sample_rates(self) -> list[int]:
        """No sound."""
        return []

    def add_to(self, output: av.container.OutputContainer) -> None:
        """Nothing to add."""

    def packets(self) -> Iterator[tuple[Fraction, av.Packet]]:
        """No packets."""
        return iter(())

    def check_metadata(self, written: Path) -> None:
        """Nothing to check."""


def side_streams_of(video: VideoInfo, container: Container, window: TimeRange) -> SideStreams | NoSideStreams:
    """What lies beside the video in its file; nothing for stills, for frames that come from no file, and for
    files that cannot be opened again."""
    if video.still or not video.path:
        return NoSideStreams()
    try:
        return SideStreams(video.path, container, window)
    except StageError as error:
        return NoSideStreams(f"sound, subtitles and metadata were left out: {error.what}")


def muxer_accepts(path: str, stream: Stream, container: Container) -> bool:
    """True when the muxer takes the stream as it is: tried out in memory, with a packet, up to the trailer.

    Some muxers look at what they got only when they close the file. Sound that begins late in a transport stream may
    say nothing of itself yet.
    """
    if stream.codec_context is None or (isinstance(stream, AudioStream) and not stream.rate):
        return False
    try:
        with open_container(path) as source, av.open(BytesIO(), "w", format=container.name) as trial:
            copy = trial.add_stream_from_template(source.streams[stream.index])
            trial.start_encoding()
            for packet in islice(packets_of(source), TRIAL_PACKETS):
                if packet.stream_index == stream.index and packet.size:
                    packet.stream = copy
                    trial.mux(packet)
                    break
    except (av.FFmpegError, ValueError):
        return False
    return True


def _beside_the_video(container: av.container.InputContainer, path: str) -> list[Stream]:
    """The streams that go with the one that is processed."""
    streams = list(container.streams)
    if not (has_variants(container) or has_programs(container)):
        return streams
    return streams_of_program(container, default_video_stream(container, path), streams)


def _moved_chapter(chapter: Chapter, window: TimeRange) -> Chapter | None:
    """A chapter at its time in the output, cut to the window; None when it lies outside."""
    base = chapter["time_base"] or Fraction(1, 1000)
    start, end = chapter["start"] * base, chapter["end"] * base
    start = start if window.start is None else max(start, window.start)
    end = end if window.end is None else min(end, window.end)
    if start >= end:
        return None
    moved_start, moved_end = max(start + window.shift, Fraction(0)), max(end + window.shift, Fraction(0))
    return {**chapter, "start": round(moved_start / base), "end": round(moved_end / base), "time_base": base}


def _is_lasting(key: str) -> bool:
    """False for metadata that describes the old file rather than what is in it."""
    return key.lower() not in MUXER_OWN_KEYS and not key.upper().startswith(
        ("DURATION", "_STATISTICS", "BPS", "NUMBER_OF_")
    )


def _codec_name(stream: Stream) -> str:
    return stream.codec_context.name if stream.codec_context is not None else "unknown"
