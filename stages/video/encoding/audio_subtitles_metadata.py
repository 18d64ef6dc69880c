"""Audio, subtitles, attachments, chapters and metadata of the input: copied to the output, or transcoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.container
import av.video.stream
from av.audio.stream import AudioStream
from av.stream import Disposition, Stream

from pipeline.stage import StageError
from stages.payloads import VideoInfo
from stages.video.decoding.continuous_clock import continuous_packets
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
"""Metadata that describes the input file; the muxer writes its own."""

MAX_TRIAL_PACKETS = 500
"""Packets of a file to search for the first packet of a stream, for a trial."""

PacketConverter = Callable[[av.Packet | None], list[av.Packet]]
"""Converts a packet of the input to packets of the output; None = the end of the stream."""


class SideStreams:
    """All streams of an input but its video, copied or transcoded into one output."""

    def __init__(self, path: str, container: Container, time_range: TimeRange) -> None:
        self.warnings: list[str] = []
        self.audio = "none"
        self._source = open_container(path)
        self._video = default_video_stream(self._source, path)
        self._streams = _streams_of_same_program(self._source, self._video)
        self._path = path
        self._container = container
        self._time_range = time_range
        self._converters: dict[int, PacketConverter] = {}
        self._kept_streams: list[Stream] = []
        self._metadata = {k: v for k, v in self._source.metadata.items() if _describes_content(k)}
        self._languages: dict[int, str] = {}

    def close(self) -> None:
        """Close the input."""
        self._source.close()

    def sample_rates(self) -> list[int]:
        """Sample rates of all audio streams; the time scale of an edit list should be a multiple of them."""
        return [
            stream.rate
            for stream in self._streams
            if isinstance(stream, AudioStream) and stream.codec_context is not None and stream.rate
        ]

    def add_to(self, output: av.container.OutputContainer) -> None:
        """Add a stream to the output for each one that the container can hold; add warnings about the others."""
        for stream in self._streams:
            if isinstance(stream, AudioStream):
                self._add_audio(stream, output)
            elif stream.type == "subtitle":
                self._add_subtitles(stream, output)
            elif stream.type == "attachment":
                self._add_attachment(stream, output)
            elif stream.type != "video" and not self._is_chapter_track(stream):
                self.warnings.append(f"stream {stream.index} ({stream.type}) was left out")
            elif stream.disposition & Disposition.attached_pic:
                self.warnings.append(f"the cover image (stream {stream.index}) was left out")
        self._add_metadata(output)

    def packets(self) -> Iterator[tuple[Fraction, av.Packet]]:
        """(seconds, packet) of the output's streams but its video, in the input's order."""
        if not self._kept_streams:
            return
        discard_other_streams(self._source, [self._video, *self._kept_streams])
        try:
            for packet in continuous_packets(self._source, self._video, *self._kept_streams):
                if packet.size and self._is_in_range(packet):
                    yield from self._converted(packet.stream.index, packet)
        except av.FFmpegError as error:
            self.warnings.append(f"audio and subtitles end early: reading failed ({error.strerror})")
        for index in self._converters:
            yield from self._converted(index, None)

    def _is_in_range(self, packet: av.Packet) -> bool:
        """Whether a packet belongs to the output; a subtitle that begins before it does if it ends in it."""
        seconds, begin = packet_seconds(packet), -self._time_range.shift
        if packet.stream.type == "subtitle" and seconds is not None and packet.duration:
            if seconds + packet.duration * packet.time_base <= begin:
                return False
            seconds = max(seconds, begin)
        return self._time_range.contains(seconds)

    def check_metadata(self, written: Path) -> None:
        """Read the header of the finished file, and add a warning about metadata that it lacks."""
        with av.open(str(written)) as output:
            written_keys = {key.lower() for key in output.metadata}
            lost = [key for key in self._metadata if key.lower() not in written_keys]
            languages = {stream.index: stream.metadata.get("language") for stream in output.streams}
        for index, language in self._languages.items():
            if languages.get(index) != language:
                lost.append(f"language of stream {index} ({language})")
        if lost:
            self.warnings.append(f"metadata that {self._container.name} cannot hold: {', '.join(lost)}")

    def _converted(self, index: int, packet: av.Packet | None) -> Iterator[tuple[Fraction, av.Packet]]:
        for converted in self._converters[index](packet):
            yield packet_seconds(converted) or Fraction(0), converted

    def _is_chapter_track(self, stream: Stream) -> bool:
        """True for MP4's text track with one sample per chapter; the output gets its own one."""
        return "mov" in self._source.format.name and stream.frames == len(self._source.chapters()) > 0

    def _add_audio(self, stream: AudioStream, output: av.container.OutputContainer) -> None:
        begin = None
        if not self._container.timed_audio and has_audio_gaps(self._path, self._video, stream, self._time_range):
            begin = -self._time_range.shift
        elif muxer_accepts(self._path, stream, self._container):
            self._copy_audio(stream, output)
            self.audio = "copied" if self.audio == "none" else self.audio
            return
        try:
            encoder = AudioEncoder(stream, output, self._container.audio, begin)
        except (av.FFmpegError, ValueError) as error:
            self.warnings.append(
                f"audio (stream {stream.index}) was left out: {self._container.name} cannot hold it "
                f"and it cannot be decoded ({error})"
            )
            return
        self._describe(stream, encoder.stream)
        self.audio = f"reencoded ({self._container.audio})"
        self._keep(stream, lambda packet: [self._shifted(p) for p in encoder(packet)])

    def _add_subtitles(self, stream: Stream, output: av.container.OutputContainer) -> None:
        if muxer_accepts(self._path, stream, self._container):
            self._copy(stream, output)
        elif self._container.text and is_text(stream):
            text = TextSubtitleEncoder(stream, output, self._container.text)
            self._describe(stream, text.stream)
            self._keep(stream, lambda packet: [self._shifted(p) for p in text(packet)])
            self.warnings.append(
                f"subtitles (stream {stream.index}) were converted to {self._container.text}, without their styles"
            )
        else:
            self.warnings.append(
                f"subtitles (stream {stream.index}, {_codec_name(stream)}) were left out: "
                f"{self._container.name} cannot hold them; write an .mkv file to keep them"
            )

    def _add_attachment(self, stream: Stream, output: av.container.OutputContainer) -> None:
        if self._container.name == "matroska":
            output.add_stream_from_template(stream)
        else:
            name = self._container.name
            self.warnings.append(f"the attached file (stream {stream.index}) was left out: {name} cannot hold it")

    def _copy_audio(self, stream: AudioStream, output: av.container.OutputContainer) -> None:
        copy = output.add_stream_from_template(stream)
        self._describe(stream, copy)
        trimmer = AudioTrimmer(self._time_range.shift, negative_times=self._container.negative_times)

        def convert(packet: av.Packet | None) -> list[av.Packet]:
            trimmed = [] if packet is None else trimmer(packet)
            for one in trimmed:
                one.stream = copy
            if packet is None and trimmer.repaired:
                self.warnings.append(f"{trimmer.repaired} packets of audio had no valid time stamp and got a new one")
            return [self._shifted(one) for one in trimmed]

        self._keep(stream, convert)

    def _copy(self, stream: Stream, output: av.container.OutputContainer) -> None:
        copy = output.add_stream_from_template(stream)
        self._describe(stream, copy)

        def convert(packet: av.Packet | None) -> list[av.Packet]:
            if packet is None:
                return []
            packet.stream = copy
            return [self._shifted(packet)]

        self._keep(stream, convert)

    def _keep(self, stream: Stream, convert: PacketConverter) -> None:
        self._converters[stream.index] = convert
        self._kept_streams.append(stream)

    def _describe(self, source: Stream, target: Stream) -> None:
        target.metadata.update({k: v for k, v in source.metadata.items() if _describes_content(k)})
        if source.metadata.get("language", "und") != "und":
            self._languages[target.index] = source.metadata["language"]
        target.disposition = source.disposition

    def _shifted(self, packet: av.Packet) -> av.Packet:
        """The packet with its time stamps in the output; negative ones become 0 where the container allows none."""
        assert packet.time_base is not None
        ticks = round(self._time_range.shift / packet.time_base)
        floor = None if self._container.negative_times else 0
        if packet.stream.type == "subtitle" and packet.pts is not None and packet.duration:
            packet.duration += min(packet.pts + ticks, 0)  # a subtitle that begins before the output
            floor = 0
        for name in ("pts", "dts"):
            value = getattr(packet, name)
            if value is not None:
                setattr(packet, name, value + ticks if floor is None else max(value + ticks, floor))
        return packet

    def _add_metadata(self, output: av.container.OutputContainer) -> None:
        output.metadata.update(self._metadata)
        chapters = [chapter for c in self._source.chapters() if (chapter := _shifted_chapter(c, self._time_range))]
        if chapters:
            output.set_chapters(chapters)


class NoSideStreams:
    """Replaces `SideStreams` for inputs with nothing but video."""

    def __init__(self, *warnings: str) -> None:
        self.warnings = list(warnings)
        self.audio = "none"

    def close(self) -> None:
        """Nothing to close."""

    def sample_rates(self) -> list[int]:
        """No audio."""
        return []

    def add_to(self, output: av.container.OutputContainer) -> None:
        """Nothing to add."""

    def packets(self) -> Iterator[tuple[Fraction, av.Packet]]:
        """No packets."""
        return iter(())

    def check_metadata(self, written: Path) -> None:
        """Nothing to check."""


def side_streams_of(video: VideoInfo, container: Container, time_range: TimeRange) -> SideStreams | NoSideStreams:
    """The side streams of a video file; none for still images, frames without a file, and unreadable files."""
    if video.still or not video.path:
        return NoSideStreams()
    try:
        return SideStreams(video.path, container, time_range)
    except StageError as error:
        return NoSideStreams(f"audio, subtitles and metadata were left out: {error.what}")


def muxer_accepts(path: str, stream: Stream, container: Container) -> bool:
    """True when the container's muxer accepts a copy of the stream: a trial in memory with one packet and the trailer.

    Some muxers check a stream only when they close the file. Audio that begins late in a transport stream may have no
    parameters yet.
    """
    if stream.codec_context is None or (isinstance(stream, AudioStream) and not stream.rate):
        return False
    try:
        with open_container(path) as source, av.open(BytesIO(), "w", format=container.name) as trial:
            copy = trial.add_stream_from_template(source.streams[stream.index])
            trial.start_encoding()
            for packet in islice(packets_of(source), MAX_TRIAL_PACKETS):
                if packet.stream_index == stream.index and packet.size:
                    packet.stream = copy
                    trial.mux(packet)
                    break
    except (av.FFmpegError, ValueError):
        return False
    return True


def _streams_of_same_program(
    container: av.container.InputContainer, video: av.video.stream.VideoStream
) -> list[Stream]:
    """The streams of the processed program."""
    streams = list(container.streams)
    if not (has_variants(container) or has_programs(container)):
        return streams
    return streams_of_program(container, video, streams)


def _shifted_chapter(chapter: Chapter, time_range: TimeRange) -> Chapter | None:
    """A chapter with its times in the output, clipped to the time range; None when it lies outside."""
    base = chapter["time_base"] or Fraction(1, 1000)
    start, end = chapter["start"] * base, chapter["end"] * base
    start = start if time_range.start is None else max(start, time_range.start)
    end = end if time_range.end is None else min(end, time_range.end)
    if start >= end:
        return None
    new_start, new_end = max(start + time_range.shift, Fraction(0)), max(end + time_range.shift, Fraction(0))
    return {**chapter, "start": round(new_start / base), "end": round(new_end / base), "time_base": base}


def _describes_content(key: str) -> bool:
    """False for metadata that describes the input file, not its content."""
    return key.lower() not in MUXER_OWN_KEYS and not key.upper().startswith(
        ("DURATION", "_STATISTICS", "BPS", "NUMBER_OF_")
    )


def _codec_name(stream: Stream) -> str:
    return stream.codec_context.name if stream.codec_context is not None else "unknown"
