"""What FFmpeg reads live: network streams, files that are being written, recordings played as though they were live."""

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
from stages.live.clock import Pace
from stages.live.ending import Extent, LostError
from stages.live.pictures import DecodedPicture, Shot
from stages.live.settings import SourceSettings
from stages.live.srt import SrtPipe, needs_pipe
from stages.video.decoding.color_conversion import ColorTags, ToRgb, tags_of
from stages.video.decoding.container_crop import crop_of
from stages.video.decoding.deinterlacing import Deinterlacer, TimedFrame
from stages.video.decoding.demuxing import frame_rate, open_container, packets_of
from stages.video.decoding.hdr_tone_mapping import SDR_TAGS, ToneMap, is_hdr
from stages.video.decoding.orientation import UPRIGHT, display_matrix, turn_of_matrix
from stages.video.decoding.stream_selection import default_video_stream, read_only

QUICK = {"analyzeduration": "1000000", "probesize": "1000000"}
"""FFmpeg looks at a stream for 1 s at most before it says what it is."""
OF_SCHEME = {"rtsp": {"rtsp_transport": "tcp"}, "rtsps": {"rtsp_transport": "tcp"}}
"""Over UDP, RTSP loses packets and thereby pictures; `options: {rtsp_transport: udp}` asks for it."""
IO_TIMEOUT = {"rtsp": "timeout", "rtsps": "timeout", "http": "rw_timeout", "https": "rw_timeout"}
"""What FFmpeg calls the time, in microseconds, after which looking for a place in a recording is given up."""
LISTS = frozenset({"hls", "dash"})
"""Formats that are lists of files: the size of the list says nothing, and one that is still written has no length."""
EXACT_FORMATS = frozenset({"mov", "matroska", "avi", "flv"})
"""Files that say how long they are; the length of others is guessed from a part of them."""
FOLLOW = {**QUICK, "follow": "1", "seekable": "0"}
"""FFmpeg's file protocol then waits at the end of a file for more, and does not look there for the film's length."""

READ_THROUGH = ("http", "https")
"""Recordings come from these faster than they are shown: to read up to a place takes little time."""
PASSED_OVER_S = 10.0
"""What takes longer to read up to the place is shown from where it is."""
WITHOUT_INDEX = frozenset({"mpegts", "mpeg"})
KEY_FRAMES_EVERY_S = 10.0
"""Formats that do not know where their key frames are, and how far apart those lie at most."""
MOST_BEFORE_S = 30.0
"""The key frame before a place in a recording lies nearer than this."""
A_TICK_S = 0.001
"""Clocks of containers count in milliseconds, or finer."""
TRIED_AGAIN = "it is tried again"

Manner = Literal["stream", "follow", "play"]


class MediaFeed:
    """One open stream or file; see `stages.live.feeds.Feed`."""

    def __init__(
        self,
        target: str,
        manner: Manner,
        settings: SourceSettings,
        threads: int,
        stopped: threading.Event,
        *,
        resume_s: float | None = None,
    ) -> None:
        """Args: target: URL or path; the others as `stages.live.feeds.open_feed`.

        Raises:
            StageError: not reachable, or no video.
        """
        self.tags = ColorTags()
        self.note = self.damage = ""
        self._target, self._name, self._manner = target, without_secrets(target), manner
        self._watchdog_s = settings.watchdog_s
        self._stopped = stopped
        self._pipe = SrtPipe(target, settings.watchdog_s) if needs_pipe(target) else None
        self._options = _options(target, manner, settings)
        try:
            self._container, self._resume_s = self._open_at(resume_s)
            self._stream = default_video_stream(self._container, self._name)
            read_only(self._container, [self._stream])
        except StageError:
            self._release_pipe()
            raise
        context = self._stream.codec_context
        # Threads on whole frames would each hold one back.
        context.thread_type, context.thread_count = "SLICE", threads
        self.rate = frame_rate(self._stream)
        self._is_list = _is_of(self._container, LISTS)
        self._extent = _extent(self._container, counted=manner == "stream" and not self._is_list)
        # Whoever has a whole film at hand sends it at once; a playlist gives seconds at a time.
        paced = manner == "play" or (manner == "stream" and (self._extent.known or self._is_list))
        self._pace = Pace() if paced else None
        self._origin_s = _origin_s(self._container, self._scheme)
        self._reached_s = self._given_s = self._resume_s or 0.0
        self._opened_s = time.monotonic()

    @property
    def reached_s(self) -> float | None:
        """See `Feed`."""
        return self._given_s if self._manner == "stream" and self._extent.known else None

    @property
    def _scheme(self) -> str:
        return scheme_of(self._target)

    def _open(self, pipe: SrtPipe | None) -> av.container.InputContainer:
        return open_container(
            self._target, named=self._name, options=self._options, read_timeout_s=self._watchdog_s, pipe=pipe
        )

    def _open_at(self, place_s: float | None) -> tuple[av.container.InputContainer, float | None]:
        """Open the source at a place in its recording; with it comes the place, frames before which are passed over.

        None where the source begins where it likes, as RTMP's does.
        """
        container = self._open(self._pipe)
        if place_s is None or self._scheme not in IO_TIMEOUT or not container.duration:
            return container, place_s if self._scheme in READ_THROUGH else None
        margin_s = KEY_FRAMES_EVERY_S if _is_of(container, WITHOUT_INDEX) else 0.0
        goal_s = max(0.0, place_s - margin_s) + _origin_s(container, self._scheme)
        try:
            container.seek(round(goal_s * av.time_base))
        except av.FFmpegError:  # where it stands now, nobody knows
            container.close()
            return self._open(self._pipe), place_s if self._scheme in READ_THROUGH else None
        return container, place_s

    def __iter__(self) -> Iterator[Shot]:
        """See `Feed`. A recording is given at its own speed; a stream that ends without having said so is lost."""
        times: deque[tuple[float | None, float]] = deque()
        picture_of: Callable[[av.VideoFrame], DecodedPicture] | None = None
        for item in Deinterlacer()(self._decoded(times)):
            source_s, captured_s = times.popleft()
            if picture_of is None:
                picture_of = self._pictures(item.frame)
            if self._was_given(source_s):
                continue
            if source_s is not None:
                self._given_s = source_s - self._origin_s
            if self._pace is not None:
                self._stopped.wait(self._pace.due(source_s, time.monotonic()))
                captured_s = time.time()
            yield Shot(picture_of(item.frame), source_s, captured_s)

    def _was_given(self, source_s: float | None) -> bool:
        """Whether a frame lies before the place at which a recording goes on, for a key frame's sake."""
        if self._resume_s is None:
            return False
        if time.monotonic() - self._opened_s > PASSED_OVER_S:  # it comes no faster than it is shown
            self._resume_s = None
            return False
        if source_s is None:  # a server says the time from its second picture on
            return True
        before_s = self._resume_s - (source_s - self._origin_s)
        if before_s > MOST_BEFORE_S and self._scheme not in READ_THROUGH:  # the server began anew: that is shown
            self._resume_s = None
            return False
        return before_s >= -A_TICK_S

    def close(self) -> None:
        """See `Feed`."""
        self._container.close()
        self._release_pipe()

    def _release_pipe(self) -> None:
        if self._pipe is not None:
            self._pipe.close()

    def _decoded(self, times: deque[tuple[float | None, float]]) -> Iterator[TimedFrame]:
        """Frames in order; `times` gets what the source says of each, and when its packet came."""
        last, base = time.monotonic(), Fraction(self._stream.time_base or Fraction(1, 90_000))
        for packet in self._packets():
            arrived = time.time()
            try:
                frames = self._stream.codec_context.decode(packet)
            except av.FFmpegError:  # a damaged packet, as they come after a loss: the next key frame mends it
                frames = []
            for frame in frames:
                times.append((None if frame.pts is None else float(frame.pts * base), arrived))
                yield TimedFrame(0, frame)
                last = time.monotonic()
            if time.monotonic() - last > self._watchdog_s:
                raise StageError(f"no picture came for {self._watchdog_s:g} s", self._name, TRIED_AGAIN)

    def _packets(self) -> Iterator[av.Packet | None]:
        """Packets of the video as they come, then None. Raises LostError when the connection is lost."""
        failure: av.FFmpegError | None = None
        try:
            for packet in packets_of(self._container):
                if self._stopped.is_set():
                    return
                if packet.size:
                    self._note_place(packet)
                if packet.size and packet.stream.index == self._stream.index:
                    yield packet
        except av.FFmpegError as error:
            failure = error
        yield None
        self._conclude(failure)

    def _note_place(self, packet: av.Packet) -> None:
        ticks = packet.pts if packet.pts is not None else packet.dts
        if ticks is not None and packet.time_base:
            end_s = float((ticks + (packet.duration or 0)) * packet.time_base)
            self._reached_s = max(self._reached_s, end_s - self._origin_s)

    def _conclude(self, failure: av.FFmpegError | None) -> None:
        """Nothing more comes: say what is to be said of an end. Raises LostError where it is none."""
        reached, stated = f"{self._reached_s:.1f}", self._extent.seconds
        place = f"{reached} of {stated:.1f} s" if self._extent.is_short(self._reached_s) else f"{reached} s"
        if self._manner == "follow":
            self.note = f"nobody wrote to the file for {self._watchdog_s:g} s: that was taken for its end"
            return
        if self._manner == "stream" and self._broke_off(failure):
            if not self._extent.known and failure is None:
                raise LostError("the source closed the connection", self._name, TRIED_AGAIN)
            reason = f" ({failure.strerror})" if failure else ""
            where = f" at {place}" if self._extent.known else ""
            error = LostError(f"the connection was lost{where}{reason}", self._name, TRIED_AGAIN)
            error.quiet = failure is None
            raise error
        exact = _is_of(self._container, EXACT_FORMATS)
        if failure is not None or (exact and self._extent.is_short(self._reached_s)):
            self.damage = f"the recording is damaged or cut short: it ends at {place}"

    def _broke_off(self, failure: av.FFmpegError | None) -> bool:
        if not self._extent.broke_off(self._reached_s, failed=failure is not None):
            return False
        return failure is not None or not self._is_list or self._extent.known or not self._list_was_closed()

    def _list_was_closed(self) -> bool:
        """Whether the playlist of a live stream, which had no length, has one now: its sender ended it."""
        try:
            with self._open(None) as container:
                return _extent(container, counted=False).known
        except StageError:
            return False

    def _pictures(self, first: av.VideoFrame) -> Callable[[av.VideoFrame], DecodedPicture]:
        """What makes pictures of this connection's frames, which are all like the first."""
        matrix, trc = display_matrix(first), int(first.color_trc)
        turn = UPRIGHT if matrix is None else turn_of_matrix(matrix)
        hdr = is_hdr(trc)
        tone_map = ToneMap(trc, int(first.color_primaries)) if hdr else None
        to_rgb = ToRgb(tone_map=tone_map, crop=crop_of(self._container, self._stream))
        self.tags = SDR_TAGS if hdr else tags_of(first, self._stream.codec_context)
        return lambda frame: DecodedPicture(frame, turn, to_rgb)


def _options(target: str, manner: Manner, settings: SourceSettings) -> dict[str, str]:
    """What FFmpeg is told: what the user asks for before what suits the kind of source."""
    asked = {name: str(value) for name, value in settings.options.items()}
    if manner == "play":
        return asked
    if manner == "follow":
        return {**FOLLOW, **asked}
    scheme = scheme_of(target)
    patience = {IO_TIMEOUT[scheme]: str(round(settings.watchdog_s * 1e6))} if scheme in IO_TIMEOUT else {}
    return {**QUICK, **OF_SCHEME.get(scheme, {}), **patience, **asked}


def _extent(container: av.container.InputContainer, *, counted: bool) -> Extent:
    """How long a source says that it is: a server that knows how much it will send has a recording."""
    seconds = container.duration / av.time_base if container.duration else None
    return Extent(seconds=seconds, counted=counted and container.size > 0)


def _origin_s(container: av.container.InputContainer, scheme: str) -> float:
    """Where a recording begins on its own clock; an RTSP server's counts from 0, wherever one joins it."""
    return 0.0 if scheme.startswith("rtsp") else (container.start_time or 0) / av.time_base


def _is_of(container: av.container.InputContainer, formats: frozenset[str]) -> bool:
    """Whether FFmpeg calls a container by one of these names; it has several for some."""
    return not formats.isdisjoint(container.format.name.split(","))
