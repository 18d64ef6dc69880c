"""Decoding what is there: every frame that decodes, whatever is broken around it, and a note of where it broke."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import av.container
import av.video.stream

from models.files.image_size import max_pixels
from stages.video.decoding.demuxing import packets_of, stated_packets, stream_seconds
from stages.video.decoding.paths_and_urls import is_url
from stages.video.decoding.truncated_files import missing_bytes

MAX_FRUITLESS_ERRORS = 2000
"""Packets in a row that fail before the rest of a file is given up: minutes of video, and never a hang."""
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders of these drop the transparency that WebM can hold."""


def video_decoder(
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
    context.options = {"max_pixels": str(max_pixels())}  # sizes may change within a stream
    context.thread_type = "FRAME" if frame_threads else "SLICE"
    context.thread_count = frame_threads or slice_threads
    return context


class DamageReport:
    """What was wrong with a file, and where it began."""

    def __init__(self) -> None:
        self.errors = 0
        self.reason = ""
        self.seconds: float | None = None
        self.frame = 0

    def note(self, reason: str, seconds: float | None, frame: int) -> None:
        """Count one more; the first one says where."""
        if not self.errors:
            self.reason, self.seconds, self.frame = reason, seconds, frame
        self.errors += 1

    def sentence(self) -> str:
        """For people: where the damage begins and what it was."""
        time = f"at {self.seconds:.3f} s, " if self.seconds is not None else ""
        return f"the file is damaged or cut short {time}after frame {self.frame}: {self.reason}"


class ErrorResilientDecoder:
    """Frames of one stream in the order the decoder gives them; errors are noted, not raised."""

    def __init__(
        self, container: av.container.InputContainer, stream: av.video.stream.VideoStream, decoder: av.VideoCodecContext
    ) -> None:
        self.damage = DamageReport()
        self.frames = 0
        self.resized = False
        self.exhausted = False
        self._sought = False
        self._container = container
        self._stream = stream
        self._decoder = decoder
        self._size: tuple[int, int] | None = None
        self._packets = 0
        self._promised = stated_packets(container, stream)
        self._end = Fraction(0)
        self.seconds: float | None = None

    def seek(self, seconds: Fraction) -> None:
        """Go to the last key frame at or before a time on the file's clock; anywhere, where that cannot be done."""
        self._sought = True
        try:
            self._container.seek(int(seconds * av.time_base))
        except av.FFmpegError:
            return
        self._decoder.flush_buffers()

    def forget_damage(self) -> None:
        """What was noted so far does not concern the frames that are wanted."""
        self.damage = DamageReport()

    def count_from(self, frames: int) -> None:
        """The frame given last is the last of so many that the whole file shows up to it."""
        self.damage.frame += frames - self.frames
        self.frames = frames

    def __iter__(self) -> Iterator[av.VideoFrame]:
        fruitless = 0
        for packet in self._demux():
            frames = self._decode(packet)
            fruitless = 0 if frames or not self.damage.errors else fruitless + 1
            if fruitless > MAX_FRUITLESS_ERRORS:
                self.damage.note("nothing more decodes", self.seconds, self.frames)
                return
            for frame in frames:
                self._observe(frame)
                yield frame
        self.exhausted = True

    def _observe(self, frame: av.VideoFrame) -> None:
        self.frames += 1
        if frame.pts is not None and self._stream.time_base is not None:
            self.seconds = float(frame.pts * self._stream.time_base)
        size = (frame.width, frame.height)
        self.resized |= self._size not in (None, size)
        self._size = self._size or size
        if frame.is_corrupt:
            self.damage.note("a frame is damaged", self.seconds, self.frames)

    def check_complete(self, path: str) -> None:
        """After the last frame: note it when the file promised more than there was."""
        promised = self._promised
        seconds = stream_seconds(self._stream) or self._seconds_of_server(path)
        missing = missing_bytes(path)
        if self.damage.errors:
            return
        if promised and self._packets < promised and not self._sought:
            self.damage.note(f"{self._packets} of {promised} frames are there", self.seconds, self.frames)
        elif missing:
            self.damage.note(f"its last {missing} bytes are missing", self.seconds, self.frames)
        elif not promised and self._end and seconds and seconds - self._end > max(Fraction(1, 2), seconds / 50):
            self.damage.note(f"{float(self._end):.1f} of {float(seconds):.1f} s are there", self.seconds, self.frames)

    def _seconds_of_server(self, path: str) -> Fraction | None:
        """How long a film is that comes from a server, where that is said of the whole and not of its streams."""
        told = self._container.duration if is_url(path) else None
        return Fraction(told, av.time_base) if told else None

    def _demux(self) -> Iterator[av.Packet]:
        """Packets of the stream, then the one that flushes the decoder, also when reading breaks off."""
        try:
            for packet in packets_of(self._container, self._stream):
                if packet.size:
                    self._account(packet)
                yield packet
        except av.FFmpegError as error:
            self.damage.note(f"reading failed ({error.strerror})", self.seconds, self.frames)
            yield av.Packet()

    def _account(self, packet: av.Packet) -> None:
        self._packets += 1
        ticks = packet.pts if packet.pts is not None else packet.dts
        if ticks is not None and packet.time_base:
            self._end = max(self._end, (ticks + (packet.duration or 0)) * packet.time_base)
        if packet.is_corrupt:
            self.damage.note("a packet is incomplete", self.seconds, self.frames)

    def _decode(self, packet: av.Packet) -> list[av.VideoFrame]:
        try:
            return list(self._decoder.decode(packet if packet.size else None))
        except av.FFmpegError as error:
            if not isinstance(error, EOFError):
                self.damage.note(f"a frame does not decode ({error.strerror})", self.seconds, self.frames)
            return []
