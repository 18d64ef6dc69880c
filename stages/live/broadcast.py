"""Sends frames to a server (RTMP, RTSP, or MPEG-TS over UDP, TCP or SRT) and reconnects when the server is lost."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.stage import StageError, module_command, without_secrets
from stages.live.address import scheme_of
from stages.live.broadcast_process import FRAME_HEADER, FRAME_SENT, BroadcastJob
from stages.live.connection_loss import Backoff
from stages.live.frame_queue import DropOldestQueue
from stages.payloads import U8, VideoInfo
from stages.video.decoding.paths_and_urls import has_protocol
from stages.video.encoding.codec_options import Preset
from stages.video.encoding.segment_encoder import encoder_rate

SCHEME_FORMATS = {"rtmp": "flv", "rtmps": "flv", "rtsp": "rtsp", "rtsps": "rtsp"}
"""FFmpeg's format by scheme; all other schemes carry MPEG-TS."""
FORMAT_OPTIONS = {"rtsp": {"rtsp_transport": "tcp"}, "flv": {"flvflags": "no_duration_filesize"}}
WRITE_TIMEOUT_S = 15.0
"""A connection that accepts no data for this time counts as lost."""
CLOSE_TIMEOUT_S = 3.0
QUEUE_FRAMES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastSettings:
    """How a stream is encoded and sent.

    Attributes:
        preset: speed against size, ultrafast to veryslow.
        crf: constant rate factor; lower is better quality.
        kbps: largest bit rate in kilobits a second; None = no limit.
        options: FFmpeg options of the protocol and the format.
    """

    preset: Preset = "superfast"
    crf: float = 23
    kbps: int | None = None
    options: Mapping[str, str | int | float] = field(default_factory=dict)


class FrameOutput(Protocol):
    """A destination of live frames that is not a file."""

    def send(self, rgb_HW3: U8, pts: int) -> None:
        """Take a frame without blocking; `pts` is its time stamp in ticks."""
        ...

    def close(self) -> None:
        """End the output."""
        ...

    connected: bool
    """True while frames reach the destination."""

    @property
    def facts(self) -> dict[str, int]:
        """Counts for the report."""
        ...

    @property
    def warnings(self) -> list[str]:
        """Warnings for the report."""
        ...

    @property
    def given_up(self) -> list[str]:
        """Why the destination takes no more frames, or never did; empty while it works."""
        ...


class ServerLostError(Exception):
    """The server cannot be reached, or the connection to it is lost."""


class Broadcast:
    """One destination: a thread feeds a process that encodes and sends (`stages.live.broadcast_process`).

    A process, because FFmpeg cannot cancel the opening of a stream whose server does not respond; a process can be
    killed.
    """

    def __init__(self, url: str, video: VideoInfo, settings: BroadcastSettings) -> None:
        """Start to connect.

        Args:
            video: size, rate and colour of the frames.

        Raises:
            StageError: this FFmpeg lacks the URL's protocol.
        """
        if not has_protocol(scheme_of(url)):
            what = f"this FFmpeg cannot send by '{scheme_of(url)}'"
            raise StageError(what, without_secrets(url), "use rtmp or rtsp, or a PyAV built on a system FFmpeg")
        self._url = url
        self._job = broadcast_job(url, video, settings)
        self._queue: DropOldestQueue[tuple[U8, int]] = DropOldestQueue(QUEUE_FRAMES)
        self._connections = 0
        self._sent = 0
        self.connected = False
        self.lost_reason = ""
        self._thread = threading.Thread(target=self._run, name="broadcast", daemon=True)
        self._thread.start()

    def send(self, rgb_HW3: U8, pts: int) -> None:
        """See `FrameOutput`."""
        self._queue.put((rgb_HW3, pts))

    @property
    def facts(self) -> dict[str, int]:
        """Frames sent, frames dropped (too late, or no server), and connections after the first."""
        unsent = self._queue.counts.received - self._sent
        return {"sent": self._sent, "unsent": unsent, "output_reconnects": max(0, self._connections - 1)}

    @property
    def warnings(self) -> list[str]:
        """See `FrameOutput`."""
        name = without_secrets(self._url)
        return [f"{name} was lost and found again ({self.lost_reason})"] if self._connections > 1 else []

    @property
    def given_up(self) -> list[str]:
        """See `FrameOutput`."""
        name = without_secrets(self._url)
        if not self._connections:
            return [f"nothing was sent to {name}: {self.lost_reason or 'no connection'}"]
        return [] if self.connected else [f"{name} was lost and not found again: {self.lost_reason}"]

    def close(self) -> None:
        """Send the queued frames, end the stream, and wait for that a few seconds."""
        self._queue.close()
        self._thread.join(2 * CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        backoff = Backoff()
        while not self._queue.exhausted:
            try:
                self._serve_connection(backoff)
            except ServerLostError as error:
                self.connected, self.lost_reason = False, str(error)
                end = time.monotonic() + backoff.wait_s()
                while time.monotonic() < end and not self._queue.exhausted:
                    self._queue.take(min(0.2, max(0.0, end - time.monotonic())))

    def _serve_connection(self, backoff: Backoff) -> None:
        """Send frames over one connection until they end. Raises ServerLostError."""
        process = _SenderProcess(self._job)
        try:
            while not self._queue.exhausted:
                item = self._queue.take(0.5)
                if item is not None:
                    process.put(*item)
                self._count(process.take_sent(), backoff)
            self._count(process.finish(), backoff)
        finally:
            process.kill()

    def _count(self, sent: int, backoff: Backoff) -> None:
        """Add sent frames; the first frame of a connection proves that the server is there."""
        self._sent += sent
        if sent and not self.connected:
            self._connections += 1
            self.connected = True
            backoff.succeeded()


class _SenderProcess:
    """A running `broadcast_process`: frames go to its standard input, a byte comes back for each sent frame."""

    def __init__(self, job: BroadcastJob) -> None:
        self._process = subprocess.Popen(
            module_command(f"{__package__}.broadcast_process"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._in, self._out, self._err = self._process.stdin, self._process.stdout, self._process.stderr
        os.set_blocking(self._in.fileno(), False)
        self._write(job.to_json_line())

    def put(self, rgb_HW3: U8, pts: int) -> None:
        """Write a frame. Raises ServerLostError."""
        self._write(FRAME_HEADER.pack(pts) + rgb_HW3.tobytes())

    def take_sent(self) -> int:
        """Number of frames sent since the last call. Raises ServerLostError if the process has ended."""
        count = 0
        while select.select([self._out], [], [], 0)[0]:
            got = self._out.read(4096)
            if not got:
                raise ServerLostError(self._error_message())
            count += got.count(FRAME_SENT)
        return count

    def finish(self) -> int:
        """End the input and wait until all frames are sent; returns the number sent since `take_sent`."""
        self._in.close()
        self._process.stdin = None  # otherwise `communicate` flushes it
        try:
            rest, _ = self._process.communicate(timeout=CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return 0
        return rest.count(FRAME_SENT)

    def kill(self) -> None:
        """Kill the process and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._in, self._out, self._err):
            pipe.close()

    def _write(self, data: bytes) -> None:
        rest, end = memoryview(data), time.monotonic() + WRITE_TIMEOUT_S
        while rest:
            _, ready, _ = select.select([], [self._in], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise ServerLostError(f"it accepted no data for {WRITE_TIMEOUT_S:g} s")
            try:
                rest = rest[os.write(self._in.fileno(), rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as error:
                raise ServerLostError(self._error_message()) from error

    def _error_message(self) -> str:
        """The last line that the process wrote to standard error."""
        try:
            _, message = self._process.communicate(timeout=CLOSE_TIMEOUT_S)
        except (subprocess.TimeoutExpired, ValueError):
            return "the sending process ended"
        lines = message.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "the sending process ended"


def broadcast_job(url: str, video: VideoInfo, settings: BroadcastSettings) -> BroadcastJob:
    """Destination and encoding for the sending process."""
    container = SCHEME_FORMATS.get(scheme_of(url), "mpegts")
    encoder = {"preset": settings.preset, "tune": "zerolatency", "crf": f"{settings.crf:g}"}
    if settings.kbps is not None:
        encoder |= {"maxrate": f"{settings.kbps}k", "bufsize": f"{settings.kbps}k"}
    return BroadcastJob(
        url=url,
        format=container,
        options={**FORMAT_OPTIONS.get(container, {}), **{name: str(value) for name, value in settings.options.items()}},
        encoder=encoder,
        width=video.width,
        height=video.height,
        rate=str(encoder_rate(video.rate)),
        tags=(video.color_primaries, video.color_trc, video.colorspace, video.full_range),
    )
