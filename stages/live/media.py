"""What FFmpeg reads live: network streams, files that are being written, recordings played as though they were live."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Literal

import av

from pipeline.stage import StageError
from stages.live.address import scheme_of, without_secrets
from stages.live.clock import Pace
from stages.live.pictures import DecodedPicture, Shot
from stages.live.settings import SourceSettings
from stages.live.srt import SrtPipe, needs_pipe
from stages.video.color import ColorTags, ToRgb, tags_of
from stages.video.hdr import SDR_TAGS, ToneMap, is_hdr
from stages.video.interlace import Deinterlacer, TimedFrame
from stages.video.rotation import UPRIGHT, turn_of_matrix
from stages.video.side_data import display_matrix
from stages.video.source import default_video_stream, frame_rate, open_container

QUICK = {"analyzeduration": "1000000", "probesize": "1000000"}
"""FFmpeg looks at a stream for 1 s at most before it says what it is."""
OF_SCHEME = {"rtsp": {"rtsp_transport": "tcp"}, "rtsps": {"rtsp_transport": "tcp"}}
"""Over UDP, RTSP loses packets and thereby pictures; `options: {rtsp_transport: udp}` asks for it."""
FOLLOW = {**QUICK, "follow": "1", "seekable": "0"}
"""FFmpeg's file protocol then waits at the end of a file for more, and does not look there for the film's length."""

Manner = Literal["stream", "follow", "play"]


class MediaFeed:
    """One open stream or file; see `stages.live.feeds.Feed`."""

    def __init__(
        self, target: str, manner: Manner, settings: SourceSettings, threads: int, stopped: threading.Event
    ) -> None:
        """Args: target: URL or path; the others as `stages.live.feeds.open_feed`.

        Raises:
            StageError: not reachable, or no video.
        """
        self.tags = ColorTags()
        self._name = without_secrets(target)
        self._watchdog_s = settings.watchdog_s
        self._stopped = stopped
        own = FOLLOW if manner == "follow" else {**QUICK, **OF_SCHEME.get(scheme_of(target), {})}
        asked = {name: str(value) for name, value in settings.options.items()}
        options = {**({} if manner == "play" else own), **asked}
        self._pipe = SrtPipe(target, settings.watchdog_s) if needs_pipe(target) else None
        try:
            self._container = open_container(
                target, named=self._name, options=options, read_timeout_s=settings.watchdog_s, pipe=self._pipe
            )
            self._stream = default_video_stream(self._container, self._name)
        except StageError:
            self._release_pipe()
            raise
        context = self._stream.codec_context
        # Threads on whole frames would each hold one back.
        context.thread_type, context.thread_count = "SLICE", threads
        self.rate = frame_rate(self._stream)
        # A server that knows how much it will send has a recording; a live stream has neither length nor size.
        self._finite = manner != "stream" or bool(self._container.duration) or self._container.size > 0
        self._pace = Pace() if self._finite and manner != "follow" else None

    def __iter__(self) -> Iterator[Shot]:
        """See `Feed`. A recording is given at its own speed; a stream that ends without having said so is lost."""
        times: deque[tuple[float | None, float]] = deque()
        picture_of: Callable[[av.VideoFrame], DecodedPicture] | None = None
        for item in Deinterlacer()(self._decoded(times)):
            source_s, captured_s = times.popleft()
            if picture_of is None:
                picture_of = self._pictures(item.frame)
            if self._pace is not None:
                self._stopped.wait(self._pace.due(source_s, time.monotonic()))
                captured_s = time.time()
            yield Shot(picture_of(item.frame), source_s, captured_s)
        if not self._finite:
            raise StageError("the source closed the connection", self._name, "it is tried again")

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
                raise StageError(f"no picture came for {self._watchdog_s:g} s", self._name, "it is tried again")

    def _packets(self) -> Iterator[av.Packet | None]:
        """Packets as they come, then None. Raises StageError when the connection is lost."""
        try:
            for packet in self._container.demux(self._stream):
                if self._stopped.is_set():
                    return
                if packet.size:
                    yield packet
        except av.FFmpegError as error:
            if self._finite:  # of a file that grew: nobody writes it any more
                yield None
                return
            raise StageError(f"the connection was lost ({error.strerror})", self._name, "it is tried again") from error
        yield None

    def _pictures(self, first: av.VideoFrame) -> Callable[[av.VideoFrame], DecodedPicture]:
        """What makes pictures of this connection's frames, which are all like the first."""
        matrix, trc = display_matrix(first), int(first.color_trc)
        turn = UPRIGHT if matrix is None else turn_of_matrix(matrix)
        hdr = is_hdr(trc)
        to_rgb = ToRgb(tone_map=ToneMap(trc, int(first.color_primaries)) if hdr else None)
        self.tags = SDR_TAGS if hdr else tags_of(first, self._stream.codec_context)
        return lambda frame: DecodedPicture(frame, turn, to_rgb)
