"""Live sources that FFmpeg reads: network streams, files that are being written, recordings played in real time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Literal

import av

from pipeline.stage import StageError, without_secrets
from stages.live.address import scheme_of
from stages.live.connection_loss import SourceLostError, StatedLength
from stages.live.frames import DecodedFrame, LiveFrame
from stages.live.source_settings import SourceSettings
from stages.live.srt import SrtPipe, needs_pipe
from stages.live.timing import RealTimePlayback
from stages.video.decoding.color_conversion import ColorTags, ToRgb, tags_of
from stages.video.decoding.container_crop import container_crop
from stages.video.decoding.continuous_clock import clock_of, has_jumps, shift_video
from stages.video.decoding.deinterlacing import Deinterlacer, TimedFrame
from stages.video.decoding.demuxing import frame_rate, open_container, packets_of, shown_ticks, stores_pts
from stages.video.decoding.error_resilient_decoder import video_decoder
from stages.video.decoding.hdr_tone_mapping import SDR_TAGS, ToneMap, is_hdr
from stages.video.decoding.orientation import UPRIGHT, display_matrix, orientation_of_matrix
from stages.video.decoding.stream_selection import default_video_stream, discard_other_streams

SHORT_PROBE = {"analyzeduration": "1000000", "probesize": "1000000"}
"""FFmpeg probes a stream for at most 1 s."""
SCHEME_OPTIONS = {"rtsp": {"rtsp_transport": "tcp"}, "rtsps": {"rtsp_transport": "tcp"}}
"""RTSP over UDP loses packets and thus frames; the user's `options: {rtsp_transport: udp}` selects it."""
IO_TIMEOUT = {"rtsp": "timeout", "rtsps": "timeout", "http": "rw_timeout", "https": "rw_timeout"}
"""FFmpeg's name, by scheme, of the timeout in microseconds that ends a seek in a recording."""
PLAYLISTS = frozenset({"hls", "dash"})
"""Formats that list files: the size of the list says nothing, and an open list has no duration."""
EXACT_FORMATS = frozenset({"mov", "matroska", "avi", "flv"})
"""Formats that store their duration; FFmpeg estimates the duration of others from a part of the file."""
FOLLOW = {**SHORT_PROBE, "follow": "1", "seekable": "0"}
"""FFmpeg's file protocol waits at the end of the file for more data, and does not seek there for the duration."""

READ_THROUGH = ("http", "https")
"""Schemes that deliver recordings faster than real time: reading up to a position takes little time."""
MAX_SKIP_S = 10.0
"""If skipping to the position takes longer, frames are shown from the current position on."""
WITHOUT_INDEX = frozenset({"mpegts", "mpeg"})
MAX_KEY_FRAME_INTERVAL_S = 10.0
"""Formats without an index of key frames, and the largest expected distance between those."""
MAX_SEEK_BACK_S = 30.0
"""The key frame before a position in a recording is expected within this distance."""
CLOCK_TOLERANCE_S = 0.001
"""Clocks of containers have a resolution of one millisecond or finer."""
REMEDY = "check that the source is sending"

Mode = Literal["stream", "follow", "play"]


class FfmpegSource:
    """One open stream or file; see `stages.live.sources.LiveSource`."""

    def __init__(
        self,
        target: str,
        mode: Mode,
        settings: SourceSettings,
        threads: int,
        stopped: threading.Event,
        *,
        resume_s: float | None = None,
    ) -> None:
        """Open the source.

        Args:
            target: URL or path.
            mode: `stream` of a server, `follow` a file that is being written, `play` a complete file.
            settings, threads, stopped, resume_s: see `stages.live.sources.open_source`.

        Raises:
            StageError: not reachable, or no video.
        """
        self.tags = ColorTags()
        self.note = self.damage = ""
        self._target, self._name, self._mode = target, without_secrets(target), mode
        self._watchdog_s = settings.watchdog_s
        self._stopped = stopped
        self._pipe = SrtPipe(target, settings.watchdog_s) if needs_pipe(target) else None
        self._options = _options(target, mode, settings)
        try:
            self._container, self._resume_s = self._open_at(resume_s)
            self._stream = default_video_stream(self._container, self._name)
            discard_other_streams(self._container, [self._stream])
        except StageError:
            self._close_pipe()
            raise
        self._decoder = video_decoder(self._stream, threads)  # frame threads would delay the output by one frame each
        self._clock = clock_of(self._stream) if has_jumps(self._container) else None
        self.rate = frame_rate(self._stream)
        self._is_playlist = _has_format(self._container, PLAYLISTS)
        self._length = _stated_length(self._container, counted=mode == "stream" and not self._is_playlist)
        # A server sends a complete recording at once, and a playlist gives seconds of video at a time.
        paced = mode == "play" or (mode == "stream" and (self._length.known or self._is_playlist))
        self._playback = RealTimePlayback() if paced else None
        self._origin_s = _origin_s(self._container, self._scheme)
        self._reached_s = self._given_s = self._resume_s or 0.0
        self._opened_s = time.monotonic()

    @property
    def reached_s(self) -> float | None:
        """See `LiveSource`."""
        return self._given_s if self._mode == "stream" and self._length.known else None

    @property
    def _scheme(self) -> str:
        return scheme_of(self._target)

    def _open(self, pipe: SrtPipe | None) -> av.container.InputContainer:
        return open_container(
            self._target, named=self._name, options=self._options, read_timeout_s=self._watchdog_s, pipe=pipe
        )

    def _open_at(self, position_s: float | None) -> tuple[av.container.InputContainer, float | None]:
        """Open the source at a position of its recording, and return the position before which frames are skipped.

        The returned position is None if the source chooses its own beginning, as RTMP does.
        """
        container = self._open(self._pipe)
        if position_s is None or self._scheme not in IO_TIMEOUT or not container.duration:
            return container, position_s if self._scheme in READ_THROUGH else None
        margin_s = MAX_KEY_FRAME_INTERVAL_S if _has_format(container, WITHOUT_INDEX) else 0.0
        goal_s = max(0.0, position_s - margin_s) + _origin_s(container, self._scheme)
        try:
            container.seek(round(goal_s * av.time_base))
        except av.FFmpegError:  # after a failed seek the position is unknown
            container.close()
            return self._open(self._pipe), position_s if self._scheme in READ_THROUGH else None
        return container, position_s

    def __iter__(self) -> Iterator[LiveFrame]:
        """See `LiveSource`. Recordings play in real time; a stream that ends without announcing it counts as lost."""
        times: deque[tuple[float | None, float]] = deque()
        wrap: Callable[[av.VideoFrame], DecodedFrame] | None = None
        for item in Deinterlacer()(self._decoded(times)):
            source_s, captured_s = times.popleft()
            if wrap is None:
                wrap = self._frame_wrapper(item.frame)
            if self._is_before_resume(source_s):
                continue
            if source_s is not None:
                self._given_s = source_s - self._origin_s
            if self._playback is not None:
                self._stopped.wait(self._playback.delay_s(source_s, time.monotonic()))
                captured_s = time.time()
            yield LiveFrame(wrap(item.frame), source_s, captured_s)

    def _is_before_resume(self, source_s: float | None) -> bool:
        """True for a frame before the position at which a recording continues: decoding starts at a key frame."""
        if self._resume_s is None:
            return False
        if time.monotonic() - self._opened_s > MAX_SKIP_S:  # the server sends in real time
            self._resume_s = None
            return False
        if source_s is None:  # some servers give times from the second frame on
            return True
        before_s = self._resume_s - (source_s - self._origin_s)
        if before_s > MAX_SEEK_BACK_S and self._scheme not in READ_THROUGH:  # the server began anew
            self._resume_s = None
            return False
        return before_s >= -CLOCK_TOLERANCE_S

    def close(self) -> None:
        """See `LiveSource`."""
        self._container.close()
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            self._pipe.close()

    def _decoded(self, times: deque[tuple[float | None, float]]) -> Iterator[TimedFrame]:
        """Frames in order; appends to `times` the source time of each, and the arrival time of its packet."""
        last, base = time.monotonic(), Fraction(self._stream.time_base or Fraction(1, 90_000))
        has_pts = stores_pts(self._container)
        for packet in self._packets():
            arrived = time.time()
            try:
                frames = self._decoder.decode(packet)
            except av.FFmpegError:  # a damaged packet, usual after a loss: decoding recovers at the next key frame
                frames = []
            for frame in frames:
                ticks = shown_ticks(frame, has_pts=has_pts)
                times.append((None if ticks is None else float(ticks * base), arrived))
                yield TimedFrame(0, frame)
                last = time.monotonic()
            if time.monotonic() - last > self._watchdog_s:
                raise StageError(f"no frame came for {self._watchdog_s:g} s", self._name, REMEDY)

    def _packets(self) -> Iterator[av.Packet | None]:
        """Packets of the video stream, then None. Raises SourceLostError when the connection is lost."""
        failure: av.FFmpegError | None = None
        try:
            for packet in packets_of(self._container):
                if self._stopped.is_set():
                    return
                if not packet.size:
                    continue
                if self._clock is not None and packet.stream_index == self._stream.index:
                    shift_video(packet, self._clock)
                self._note_position(packet)
                if packet.stream_index == self._stream.index:
                    yield packet
        except av.FFmpegError as error:
            failure = error
        yield None
        self._check_end(failure)

    def _note_position(self, packet: av.Packet) -> None:
        ticks = packet.pts if packet.pts is not None else packet.dts
        if ticks is not None and packet.time_base:
            end_s = float((ticks + (packet.duration or 0)) * packet.time_base)
            self._reached_s = max(self._reached_s, end_s - self._origin_s)

    def _check_end(self, failure: av.FFmpegError | None) -> None:
        """After the last packet: set `note` and `damage`, or raise SourceLostError if this is not the source's end."""
        reached, stated = f"{self._reached_s:.1f}", self._length.seconds
        position = f"{reached} of {stated:.1f} s" if self._length.is_short(self._reached_s) else f"{reached} s"
        if self._mode == "follow":
            self.note = f"the file did not grow for {self._watchdog_s:g} s: this counts as its end"
            return
        if self._mode == "stream" and self._broke_off(failure):
            if not self._length.known and failure is None:
                raise SourceLostError("the source closed the connection", self._name, REMEDY)
            reason = f" ({failure.strerror})" if failure else ""
            where = f" at {position}" if self._length.known else ""
            error = SourceLostError(f"the connection was lost{where}{reason}", self._name, REMEDY)
            error.quiet = failure is None
            raise error
        exact = _has_format(self._container, EXACT_FORMATS)
        if failure is not None or (exact and self._length.is_short(self._reached_s)):
            self.damage = f"the recording is damaged or cut short: it ends at {position}"

    def _broke_off(self, failure: av.FFmpegError | None) -> bool:
        if not self._length.broke_off(self._reached_s, failed=failure is not None):
            return False
        return failure is not None or not self._is_playlist or self._length.known or not self._playlist_was_closed()

    def _playlist_was_closed(self) -> bool:
        """True if the playlist, which had no duration before, has one now: the sender has ended the stream."""
        try:
            with self._open(None) as container:
                return _stated_length(container, counted=False).known
        except StageError:
            return False

    def _frame_wrapper(self, first: av.VideoFrame) -> Callable[[av.VideoFrame], DecodedFrame]:
        """Wraps this connection's frames with rotation, crop and colour conversion, which the first frame decides."""
        matrix, trc = display_matrix(first), int(first.color_trc)
        turn = UPRIGHT if matrix is None else orientation_of_matrix(matrix)
        hdr = is_hdr(trc)
        tone_map = ToneMap(trc, int(first.color_primaries)) if hdr else None
        to_rgb = ToRgb(tone_map=tone_map, crop=container_crop(self._container, self._stream))
        self.tags = SDR_TAGS if hdr else tags_of(first, self._stream.codec_context)
        aspect = Fraction(self._stream.sample_aspect_ratio or 1) or Fraction(1)
        return lambda frame: DecodedFrame(frame, turn, to_rgb, aspect)


def _options(target: str, mode: Mode, settings: SourceSettings) -> dict[str, str]:
    """Options for FFmpeg: the user's override those for the kind of source."""
    requested = {name: str(value) for name, value in settings.options.items()}
    if mode == "play":
        return requested
    if mode == "follow":
        return {**FOLLOW, **requested}
    scheme = scheme_of(target)
    timeout = {IO_TIMEOUT[scheme]: str(round(settings.watchdog_s * 1e6))} if scheme in IO_TIMEOUT else {}
    return {**SHORT_PROBE, **SCHEME_OPTIONS.get(scheme, {}), **timeout, **requested}


def _stated_length(container: av.container.InputContainer, *, counted: bool) -> StatedLength:
    """A source's length: a server that states how many bytes it will send has a recording."""
    seconds = container.duration / av.time_base if container.duration else None
    return StatedLength(seconds=seconds, counted=counted and container.size > 0)


def _origin_s(container: av.container.InputContainer, scheme: str) -> float:
    """Time of a recording's beginning on its own clock; with RTSP it is 0, whatever the position of the client."""
    return 0.0 if scheme.startswith("rtsp") else (container.start_time or 0) / av.time_base


def _has_format(container: av.container.InputContainer, formats: frozenset[str]) -> bool:
    """True if one of FFmpeg's names for the container's format is in `formats`."""
    return not formats.isdisjoint(container.format.name.split(","))
