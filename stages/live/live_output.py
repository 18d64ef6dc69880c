"""Sink of live graphs: a file, a stream, a virtual camera, or the page alone; measures the latency up to here."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pipeline.stage import Job, Stage, StageError, without_secrets
from stages.live.address import is_broadcast, is_virtual_camera
from stages.live.broadcast import Broadcast, BroadcastSettings, FrameOutput
from stages.live.payloads import Captured, Gauges
from stages.live.timing import LatencyHistogram
from stages.live.virtual_camera import VirtualCamera
from stages.payloads import FrameChunk, Overlay, SegmentWritten, VideoInfo, Written
from stages.video.encode import Encode, opaque
from stages.video.encoding.containers import container_for

GAUGES_EVERY_S = 1.0


class LiveOutput(Stage):
    """Takes frames as they are ready and never waits for a server.

    A live run is usually stopped by the user: its file is then complete and has its final name.
    """

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        encode: how files are encoded: the `encode:` section.
        broadcast: how streams are encoded and sent.
        """

        encode: Encode.Config = field(default_factory=Encode.Config)
        broadcast: BroadcastSettings = field(default_factory=BroadcastSettings)

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for a file name that is not a video's, or whose container needs equal durations."""
        if job.output is None or not _is_file(job.output):
            return
        Encode.check(config.encode, job)
        container = container_for(job.output)
        if container.constant_rate:
            what = f"{container.name.upper()} needs frames of equal duration, and live frames come when they come"
            raise StageError(what, job.output, "write an .mp4 or .mkv file instead")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._file = Encode(config.encode, threads=threads)
        self._output: FrameOutput | None = None
        self._job: Job | None = None
        self._frames = 0
        self._start: int | None = None
        self._last = -1
        self._latency = LatencyHistogram()
        self._gauges_at = 0.0

    def __call__(
        self, job: Job, frames: FrameChunk, overlay: Overlay, captured: Captured
    ) -> Iterator[Written | SegmentWritten | Gauges]:
        """Write or send the drawn frames.

        Raises:
            StageError: the file cannot be written, there is no such camera, or the URL's protocol is missing.
        """
        self._job = job
        # Time stamps start at 0 with the first frame, also after a restart; if the clock was set back, they continue
        # after the last recorded frame.
        first = int(frames.pts_T[0])
        self._start = min(first if self._start is None else self._start, first - self._last - 1)
        frames = replace(frames, pts_T=frames.pts_T - np.int64(self._start))
        self._last = int(frames.pts_T[-1])
        if job.output is None:
            pass
        elif is_virtual_camera(job.output) or is_broadcast(job.output):
            if self._output is None:
                self._output = _open_output(job.output, _drawn_video(frames.video, overlay), self.config.broadcast)
            for index, pts in enumerate(frames.pts_T.tolist()):
                self._output.send(opaque(overlay, index), pts)
        else:
            yield from self._file(job, frames, overlay)
            self.background = self._file.background
        self._frames += len(frames)
        self._latency.frame_shown(captured.captured_s, time.time())
        if time.monotonic() - self._gauges_at >= GAUGES_EVERY_S:
            self._gauges_at = time.monotonic()
            yield self._gauges()

    def _gauges(self) -> Gauges:
        latency = self._latency
        latencies = {
            "latency_p50_s": latency.recent_percentile_s(0.5),
            "latency_p95_s": latency.recent_percentile_s(0.95),
        }
        connected = {} if self._output is None else {"output_connected": int(self._output.connected)}
        return Gauges(gauges={**latencies, **connected})

    def complete_part(self) -> Iterator[SegmentWritten]:
        """See `Encode`."""
        return self._file.complete_part()

    def flush(self) -> Iterator[Written | SegmentWritten]:
        """End of the stream: the file gets its final name, the connection is closed.

        The segments stay until the runner removes them: if the source was given up, a resumed run continues.
        """
        yield from self._file.save_so_far()
        if self._output is not None:
            self._output.close()
        if self._job is not None and (self._job.output is None or self._output is not None):
            sent = self._frames if self._output is None else self._output.facts["sent"]
            place = without_secrets(self._job.output) if self._job.output is not None and sent else ""
            yield Written(path=place, frames=sent, facts={"audio": "none"})

    def interrupt(self) -> Iterator[Written | SegmentWritten]:
        """Stopped by the user: the same as the end of the stream."""
        return self.flush()

    def reopen(self, job: Job) -> None:
        """Continue the restored recording, which is complete as it is."""
        self._job = job
        if _is_file(job.output):
            self._file.reopen(job)
            self.background = self._file.background

    def save_partial_result(self, job: Job) -> Iterator[Written]:
        """See `Encode`."""
        return self._file.save_partial_result(job) if _is_file(job.output) else iter(())

    def save_complete_parts(self, job: Job) -> Iterator[Written]:
        """See `Encode`."""
        return self._file.save_complete_parts(job) if _is_file(job.output) else iter(())

    def state(self) -> bytes:
        """Start and last time stamp, the number of frames, and the file's segments, as JSON."""
        times = {"start": self._start, "last": self._last}
        kept = {**times, "frames": self._frames, "file": self._file.state().decode()}
        return json.dumps(kept).encode()

    def restore(self, state: bytes) -> None:
        """Restore what `state` returned."""
        kept = json.loads(state)
        self._start, self._last, self._frames = kept["start"], kept["last"], kept["frames"]
        self._file.restore(kept["file"].encode())

    def summary(self) -> Mapping[str, Any]:
        """`latency_ms` from capture to here (`p50`, `p95`, `most`), a note on it, and the facts of the output."""
        latency_ms = self._latency.summary_ms()
        p50, p95 = latency_ms["p50"], latency_ms["p95"]
        note = f"latency from capture to display: {p50:.0f} ms for half of the frames, {p95:.0f} ms for 95 %"
        facts = {"latency_ms": latency_ms, "notes": [note] if self._latency.count else []}
        if self._output is None:
            return facts
        return {**facts, **self._output.facts, "warnings": self._output.warnings, "given_up": self._output.given_up}

    def close(self) -> None:
        """Close file and connection."""
        self._file.close()
        if self._output is not None:
            self._output.close()


def _is_file(output: str | None) -> bool:
    return output is not None and not is_virtual_camera(output) and not is_broadcast(output)


def _drawn_video(video: VideoInfo, overlay: Overlay) -> VideoInfo:
    """The stream's properties after drawing: images side by side are wider."""
    height, width = overlay.rgb_THW3.shape[1:3]
    return replace(video, width=width, height=height)


def _open_output(output: str, video: VideoInfo, settings: BroadcastSettings) -> FrameOutput:
    return VirtualCamera(output, video) if is_virtual_camera(output) else Broadcast(output, video, settings)
