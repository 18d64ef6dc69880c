"""Frames sent to a server as they come: RTMP, RTSP, or MPEG-TS over UDP, TCP or SRT; found again when it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

import av
import av.container
import numpy as np

from stages.live.address import scheme_of, without_secrets
from stages.live.backoff import Backoff
from stages.live.clock import TICKS
from stages.live.mailbox import Mailbox
from stages.payloads import U8, VideoInfo
from stages.video.codec_options import Preset
from stages.video.color import ColorTags, FromRgb
from stages.video.segments import encoder_rate

FORMATS = {"rtmp": "flv", "rtmps": "flv", "rtsp": "rtsp", "rtsps": "rtsp"}
"""FFmpeg's format for a scheme; all others carry MPEG-TS."""
OF_FORMAT = {"rtsp": {"rtsp_transport": "tcp"}, "flv": {"flvflags": "no_duration_filesize"}}
TIMEOUT_S = 10.0
KEY_FRAME_EVERY_S = 2
"""Who joins a stream waits so long for a picture at most; servers ask for it."""
GOODBYE_S = 5.0
SLACK = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastSettings:
    """How a stream is encoded and sent.

    Attributes:
        preset: speed against size, ultrafast to veryslow.
        crf: quality, lower is better.
        kbps: most bits a second, in thousands; None = what the quality takes.
        options: FFmpeg's own, of protocol and format.
    """

    preset: Preset = "superfast"
    crf: float = 23
    kbps: int | None = None
    options: Mapping[str, str | int | float] = field(default_factory=dict)


class Outlet(Protocol):
    """Where live pictures go beside a file."""

    def send(self, rgb_HW3: U8, pts: int) -> None:
        """Take a frame, at once; `pts` in ticks of the clock."""
        ...

    def close(self) -> None:
        """No more will come."""
        ...

    @property
    def facts(self) -> dict[str, int]:
        """Counts for the report."""
        ...


class Broadcast:
    """One destination; encodes and sends in a thread of its own, so that a slow server delays nobody."""

    def __init__(self, url: str, video: VideoInfo, settings: BroadcastSettings) -> None:
        """Begin to connect. Args: video: size, rate and colours of the frames."""
        self._url = url
        self._video = video
        self._settings = settings
        self._mailbox: Mailbox[tuple[U8, int]] = Mailbox(SLACK)
        self._gone = threading.Event()
        self._found = 0
        self._sent = 0
        self.lost_reason = ""
        self._thread = threading.Thread(target=self._run, name="broadcast", daemon=True)
        self._thread.start()

    def send(self, rgb_HW3: U8, pts: int) -> None:
        """See `Outlet`."""
        self._mailbox.put((rgb_HW3, pts))

    @property
    def facts(self) -> dict[str, int]:
        """Frames sent, frames for which there was no time or no server, connections after the first."""
        unsent = self._mailbox.counts.received - self._sent
        return {"sent": self._sent, "unsent": unsent, "output_reconnects": max(0, self._found - 1)}

    @property
    def warnings(self) -> list[str]:
        """What is to be said at the end."""
        name = without_secrets(self._url)
        if not self._found:
            return [f"nothing was sent to {name}: {self.lost_reason or 'no connection'}"]
        return [f"{name} was lost and found again ({self.lost_reason})"] if self._found > 1 else []

    def close(self) -> None:
        """Send what is there, say goodbye, and wait for it a few seconds."""
        self._mailbox.close()
        self._thread.join(GOODBYE_S)
        self._gone.set()

    def _run(self) -> None:
        backoff = Backoff()
        while not self._mailbox.closed and not self._gone.is_set():
            try:
                self._connection(backoff)
            except (av.FFmpegError, OSError) as error:
                self.lost_reason = str(error.strerror)
                end = time.monotonic() + backoff.wait_s()
                while time.monotonic() < end and not self._mailbox.closed:
                    self._mailbox.take(min(0.2, max(0.0, end - time.monotonic())))

    def _connection(self, backoff: Backoff) -> None:
        """From one connection to its loss, or to the end of the frames."""
        kind = FORMATS.get(scheme_of(self._url), "mpegts")
        options = {**OF_FORMAT.get(kind, {}), **{name: str(value) for name, value in self._settings.options.items()}}
        with av.open(self._url, "w", format=kind, options=options, timeout=TIMEOUT_S) as container:
            stream, found = self._stream(container), False
            convert, start, last = self._conversion(), 0, -1
            while not self._mailbox.closed:
                item = self._mailbox.take(0.5)
                if item is None:
                    continue
                rgb_HW3, pts = item
                start = pts if last < 0 else start
                frame = convert(even(rgb_HW3))
                last = max(last + 1, round((pts - start) * Fraction(1, TICKS) / stream.codec_context.time_base))
                frame.pts, frame.time_base = last, stream.codec_context.time_base
                container.mux(stream.encode(frame))
                if not found:
                    found = True
                    self._found += 1
                    backoff.succeeded()
                self._sent += 1
            container.mux(stream.encode(None))

    def _conversion(self) -> FromRgb:
        video = self._video
        return FromRgb(
            ColorTags(
                primaries=video.color_primaries,
                trc=video.color_trc,
                matrix=video.colorspace,
                full_range=video.full_range,
            ),
            "yuv420p",
        )

    def _stream(self, container: av.container.OutputContainer) -> av.VideoStream:
        settings, rate = self._settings, encoder_rate(self._video.rate)
        options = {"preset": settings.preset, "tune": "zerolatency", "crf": f"{settings.crf:g}"}
        if settings.kbps is not None:
            options |= {"maxrate": f"{settings.kbps}k", "bufsize": f"{settings.kbps}k"}
        stream = container.add_stream("libx264", rate=rate, options=options)
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.width, context.height = self._video.width // 2 * 2, self._video.height // 2 * 2
        context.pix_fmt, context.gop_size = "yuv420p", round(rate * KEY_FRAME_EVERY_S)
        context.time_base = Fraction(1, 1000)
        context.color_primaries, context.color_trc = self._video.color_primaries, self._video.color_trc
        context.colorspace, context.color_range = self._video.colorspace, 2 if self._video.full_range else 1
        return stream


def even(rgb_HW3: U8) -> U8:
    """The picture without an odd last row and column, which H.264's usual format cannot hold."""
    height, width = rgb_HW3.shape[:2]
    return np.ascontiguousarray(rgb_HW3[: height // 2 * 2, : width // 2 * 2])
