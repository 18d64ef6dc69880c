"""Frames sent to a server as they come: RTMP, RTSP, or MPEG-TS over UDP, TCP or SRT; found again when it is lost."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipeline.stage import StageError, without_secrets
from stages.live.address import scheme_of
from stages.live.backoff import Backoff
from stages.live.mailbox import Mailbox
from stages.live.sender import HEAD, SENT, Sending
from stages.payloads import U8, VideoInfo
from stages.video.decoding.paths_and_urls import has_protocol
from stages.video.encoding.codec_options import Preset
from stages.video.encoding.segment_encoder import encoder_rate

ROOT = Path(__file__).resolve().parents[2]
FORMATS = {"rtmp": "flv", "rtmps": "flv", "rtsp": "rtsp", "rtsps": "rtsp"}
"""FFmpeg's format for a scheme; all others carry MPEG-TS."""
OF_FORMAT = {"rtsp": {"rtsp_transport": "tcp"}, "flv": {"flvflags": "no_duration_filesize"}}
TIMEOUT_S = 15.0
"""A server that takes nothing for so long is given up."""
GOODBYE_S = 3.0
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

    connected: bool
    """Whether somebody takes the frames now."""

    @property
    def facts(self) -> dict[str, int]:
        """Counts for the report."""
        ...

    @property
    def warnings(self) -> list[str]:
        """What is to be said at the end."""
        ...

    @property
    def given_up(self) -> list[str]:
        """Why it does not take frames any more, or never did."""
        ...


class LostError(Exception):
    """The server is not there, or not any more."""


class Broadcast:
    """One destination, served by a thread here that feeds a process of its own (`stages.live.sender`).

    A process, because FFmpeg gives no way out of opening a stream that nobody answers; this one can be ended.
    """

    def __init__(self, url: str, video: VideoInfo, settings: BroadcastSettings) -> None:
        """Begin to connect.

        Args:
            video: size, rate and colours of the frames.

        Raises:
            StageError: this FFmpeg does not speak the URL's protocol.
        """
        if not has_protocol(scheme_of(url)):
            what = f"this FFmpeg cannot send by '{scheme_of(url)}'"
            raise StageError(what, without_secrets(url), "use rtmp or rtsp, or a PyAV built on a system FFmpeg")
        self._url = url
        self._order = sending(url, video, settings)
        self._mailbox: Mailbox[tuple[U8, int]] = Mailbox(SLACK)
        self._found = 0
        self._sent = 0
        self.connected = False
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
        """See `Outlet`."""
        name = without_secrets(self._url)
        return [f"{name} was lost and found again ({self.lost_reason})"] if self._found > 1 else []

    @property
    def given_up(self) -> list[str]:
        """See `Outlet`."""
        name = without_secrets(self._url)
        if not self._found:
            return [f"nothing was sent to {name}: {self.lost_reason or 'no connection'}"]
        return [] if self.connected else [f"{name} was lost and not found again: {self.lost_reason}"]

    def close(self) -> None:
        """Send what is there, say goodbye, and wait for it a few seconds."""
        self._mailbox.close()
        self._thread.join(2 * GOODBYE_S)

    def _run(self) -> None:
        backoff = Backoff()
        while not self._mailbox.closed:
            try:
                self._connection(backoff)
            except LostError as error:
                self.connected, self.lost_reason = False, str(error)
                end = time.monotonic() + backoff.wait_s()
                while time.monotonic() < end and not self._mailbox.closed:
                    self._mailbox.take(min(0.2, max(0.0, end - time.monotonic())))

    def _connection(self, backoff: Backoff) -> None:
        """From one connection to its loss, or to the end of the frames."""
        line = _Line(self._order)
        try:
            while not self._mailbox.closed:
                item = self._mailbox.take(0.5)
                if item is not None:
                    line.put(*item)
                self._count(line.sent(), backoff)
            self._count(line.finish(), backoff)
        finally:
            line.kill()

    def _count(self, sent: int, backoff: Backoff) -> None:
        """Add frames that went out; the first of a connection says that the server is there."""
        self._sent += sent
        if sent and not self.connected:
            self._found += 1
            self.connected = True
            backoff.succeeded()


class _Line:
    """One sending process: frames into its standard input, a byte back for each frame that was sent."""

    def __init__(self, order: Sending) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stages.live.sender"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._in, self._out, self._said = self._process.stdin, self._process.stdout, self._process.stderr
        os.set_blocking(self._in.fileno(), False)
        self._write(order.as_line())

    def put(self, rgb_HW3: U8, pts: int) -> None:
        """Hand over a frame. Raises LostError."""
        self._write(HEAD.pack(pts) + rgb_HW3.tobytes())

    def sent(self) -> int:
        """How many frames went out since this was last asked."""
        count = 0
        while select.select([self._out], [], [], 0)[0]:
            got = self._out.read(4096)
            if not got:
                raise LostError(self._reason())
            count += got.count(SENT)
        return count

    def finish(self) -> int:
        """No more frames: wait until all went out; how many did since `sent`."""
        self._in.close()
        self._process.stdin = None  # or `communicate` would flush it
        try:
            rest, _ = self._process.communicate(timeout=GOODBYE_S)
        except subprocess.TimeoutExpired:
            return 0
        return rest.count(SENT)

    def kill(self) -> None:
        """End the process, whatever it waits for."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._in, self._out, self._said):
            pipe.close()

    def _write(self, data: bytes) -> None:
        rest, end = memoryview(data), time.monotonic() + TIMEOUT_S
        while rest:
            _, ready, _ = select.select([], [self._in], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise LostError(f"it took nothing for {TIMEOUT_S:g} s")
            try:
                rest = rest[os.write(self._in.fileno(), rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as error:
                raise LostError(self._reason()) from error

    def _reason(self) -> str:
        """What the process said before it ended."""
        try:
            _, said = self._process.communicate(timeout=GOODBYE_S)
        except (subprocess.TimeoutExpired, ValueError):
            return "the sending process ended"
        lines = said.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "the sending process ended"


def sending(url: str, video: VideoInfo, settings: BroadcastSettings) -> Sending:
    """What the sending process is told."""
    kind = FORMATS.get(scheme_of(url), "mpegts")
    options = {"preset": settings.preset, "tune": "zerolatency", "crf": f"{settings.crf:g}"}
    if settings.kbps is not None:
        options |= {"maxrate": f"{settings.kbps}k", "bufsize": f"{settings.kbps}k"}
    return Sending(
        url=url,
        format=kind,
        options={**OF_FORMAT.get(kind, {}), **{name: str(value) for name, value in settings.options.items()}},
        encoder=options,
        width=video.width,
        height=video.height,
        rate=str(encoder_rate(video.rate)),
        tags=(video.color_primaries, video.color_trc, video.colorspace, video.full_range),
    )
