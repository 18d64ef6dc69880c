"""The end of live graphs: a file, a stream, a virtual camera, or only the page; and how old pictures are here."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pipeline.stage import Job, Stage, without_secrets
from stages.live.address import is_broadcast, is_virtual_camera
from stages.live.broadcast import Broadcast, BroadcastSettings, Outlet
from stages.live.latency import Latency
from stages.live.payloads import Captured, Gauges
from stages.live.virtual_camera import VirtualCamera
from stages.payloads import FrameChunk, Overlay, SegmentWritten, VideoInfo, Written
from stages.video.encode import Encode, opaque

TOLD_EVERY_S = 1.0


class LiveOutput(Stage):
    """Takes pictures as they are ready and never makes them wait for a server.

    A live run has no end of its own: when it is stopped, its file is whole, under its name.
    """

    ordered = True
    memory_frames = None

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        encode: how files are encoded: the `encode:` section.
        broadcast: how streams are.
        """

        encode: Encode.Config = field(default_factory=Encode.Config)
        broadcast: BroadcastSettings = field(default_factory=BroadcastSettings)

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for a file that is no kind of video."""
        if job.output is not None and not (is_virtual_camera(job.output) or is_broadcast(job.output)):
            Encode.check(config.encode, job)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._file = Encode(config.encode, threads=threads)
        self._outlet: Outlet | None = None
        self._job: Job | None = None
        self._frames = 0
        self._start: int | None = None
        self._last = -1
        self._latency = Latency()
        self._told = 0.0

    def __call__(
        self, job: Job, frames: FrameChunk, overlay: Overlay, captured: Captured
    ) -> Iterator[Written | SegmentWritten | Gauges]:
        """Hand a picture on.

        Raises:
            StageError: the file cannot be written, there is no such camera, or nothing can be sent to such a URL.
        """
        self._job = job
        # Time begins with the first picture, also after a restart; never before what is recorded, if a clock was set.
        first = int(frames.pts_T[0])
        self._start = min(first if self._start is None else self._start, first - self._last - 1)
        frames = replace(frames, pts_T=frames.pts_T - np.int64(self._start))
        self._last = int(frames.pts_T[-1])
        if job.output is None:
            pass
        elif is_virtual_camera(job.output) or is_broadcast(job.output):
            if self._outlet is None:
                self._outlet = _outlet(job.output, _as_drawn(frames.video, overlay), self.config.broadcast)
            for index, pts in enumerate(frames.pts_T.tolist()):
                self._outlet.send(opaque(overlay, index), pts)
        else:
            yield from self._file(job, frames, overlay)
            self.aside = self._file.aside
        self._frames += len(frames)
        self._latency.shown(captured.captured_s, time.time())
        if time.monotonic() - self._told >= TOLD_EVERY_S:
            self._told = time.monotonic()
            yield self._gauges()

    def _gauges(self) -> Gauges:
        ages = {"latency_p50_s": self._latency.recent(0.5), "latency_p95_s": self._latency.recent(0.95)}
        served = {} if self._outlet is None else {"output_connected": int(self._outlet.connected)}
        return Gauges(gauges={**ages, **served})

    def flush(self) -> Iterator[Written]:
        """The end of the stream: a file gets its name."""
        yield from self._file.flush()
        if self._outlet is not None:
            self._outlet.close()
        if self._job is not None and (self._job.output is None or self._outlet is not None):
            place = "" if self._job.output is None else without_secrets(self._job.output)
            yield Written(path=place, frames=self._frames, facts={"audio": "none"})

    def interrupt(self) -> Iterator[Written]:
        """Stopped by hand, as live runs are: what was recorded is whole."""
        return self.flush()

    def reopen(self, job: Job) -> None:
        """The recording that was restored is whole."""
        self._job = job
        if _is_file(job.output):
            self._file.reopen(job)
            self.aside = self._file.aside

    def salvage(self, job: Job) -> Iterator[Written]:
        """See `Encode`."""
        return self._file.salvage(job) if _is_file(job.output) else iter(())

    def state(self) -> bytes:
        """The beginning of time and how far it is, the number of frames, and the file's segments."""
        times = {"start": self._start, "last": self._last}
        kept = {**times, "frames": self._frames, "file": self._file.state().decode()}
        return json.dumps(kept).encode()

    def restore(self, state: bytes) -> None:
        """Take up what `state` gave."""
        kept = json.loads(state)
        self._start, self._last, self._frames = kept["start"], kept["last"], kept["frames"]
        self._file.restore(kept["file"].encode())

    def summary(self) -> Mapping[str, Any]:
        """`latency_ms` from capture to here (`p50`, `p95`, `most`), a sentence on it, and how sending went."""
        shares = {"p50": self._latency.percentile(0.5), "p95": self._latency.percentile(0.95)}
        ages = {name: round(1000 * age, 1) for name, age in {**shares, "most": self._latency.worst_s}.items()}
        note = f"from capture to display: half of the pictures in {ages['p50']:.0f} ms, 95 % in {ages['p95']:.0f} ms"
        said = {"latency_ms": ages, "notes": [note] if self._latency.count else []}
        if self._outlet is None:
            return said
        return {**said, **self._outlet.facts, "warnings": self._outlet.warnings, "given_up": self._outlet.given_up}

    def close(self) -> None:
        """Release file and server."""
        self._file.close()
        if self._outlet is not None:
            self._outlet.close()


def _is_file(output: str | None) -> bool:
    return output is not None and not is_virtual_camera(output) and not is_broadcast(output)


def _as_drawn(video: VideoInfo, overlay: Overlay) -> VideoInfo:
    """The stream as it is after rendering: several pictures side by side are wider."""
    height, width = overlay.rgb_THW3.shape[1:3]
    return replace(video, width=width, height=height)


def _outlet(output: str, video: VideoInfo, settings: BroadcastSettings) -> Outlet:
    return VirtualCamera(output, video) if is_virtual_camera(output) else Broadcast(output, video, settings)
