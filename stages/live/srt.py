"""SRT through GStreamer if FFmpeg lacks the protocol: GStreamer receives the stream, FFmpeg reads its output."""

from __future__ import annotations

import select
import shutil
import subprocess
from functools import cache

from pipeline.stage import StageError, without_secrets
from stages.live.address import scheme_of
from stages.video.decoding.paths_and_urls import has_protocol

LAUNCH, INSPECT = "gst-launch-1.0", "gst-inspect-1.0"


@cache
def srt_reader() -> str | None:
    """The program that reads SRT on this machine: `FFmpeg`, `GStreamer`, or None."""
    if has_protocol("srt"):
        return "FFmpeg"
    if shutil.which(LAUNCH) is None or shutil.which(INSPECT) is None:
        return None
    found = subprocess.run([INSPECT, "srtsrc"], capture_output=True, check=False, timeout=60)
    return "GStreamer" if found.returncode == 0 else None


def needs_pipe(url: str) -> bool:
    """True for an SRT address that FFmpeg cannot open itself."""
    return scheme_of(url) == "srt" and srt_reader() != "FFmpeg"


class SrtPipe:
    """An SRT stream as a readable file, delivered by a GStreamer process."""

    def __init__(self, url: str, watchdog_s: float) -> None:
        """Start the process. Raises StageError if GStreamer or its SRT plugin is missing."""
        if srt_reader() is None:
            remedy = "install GStreamer with its SRT plugin (Debian: gstreamer1.0-tools gstreamer1.0-plugins-bad)"
            raise StageError("neither FFmpeg nor GStreamer on this machine reads SRT", without_secrets(url), remedy)
        self._watchdog_s = watchdog_s
        command = [LAUNCH, "-q", "srtsrc", f"uri={url}", "!", "fdsink", "fd=1", "sync=false"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        assert self._process.stdout is not None
        self._out = self._process.stdout

    def read(self, count: int) -> bytes:
        """At most `count` bytes; empty when the stream has ended or gave nothing for `watchdog_s`."""
        ready, _, _ = select.select([self._out], [], [], self._watchdog_s)
        return self._out.read(count) if ready else b""

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._out.close()
