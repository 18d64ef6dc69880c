"""Source of live graphs: the newest frame of a camera, a stream or a growing file."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from pipeline.stage import Job, Stage, StageError
from stages.live.address import read_address
from stages.live.capture import Capture
from stages.live.frames import LiveFrame, stream_size
from stages.live.payloads import Captured, Gauges
from stages.live.source_settings import SourceSettings
from stages.live.sources import LiveSource, open_source
from stages.live.timing import TICKS_PER_S, LiveClock
from stages.payloads import FrameChunk, VideoInfo
from stages.video.scene_cuts import SceneCuts

TAKE_TIMEOUT_S = 0.5
"""Without a frame the stage yields gauges at this interval, so that the run can be stopped."""
GAUGES_EVERY_S = 1.0


class LiveDecode(Stage):
    """Yields one frame a chunk, always the newest; frames that are not taken in time are dropped and counted.

    So latency is bounded: a frame waits only while the one before it is processed. A lost connection is tried again
    after 1, 2, 4 … 30 seconds, and the stream then continues. Time stamps follow the wall clock.
    """

    replayable: ClassVar[bool] = False

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        source: how the source is opened, and when its connection counts as lost.
        max_size: longest side of the frames in pixels; larger frames are scaled down.
        seconds: the run ends after this time; None = at the source's end or when the run is stopped.
        """

        source: SourceSettings = field(default_factory=SourceSettings)
        max_size: int | None = None
        seconds: float | None = None

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if self.max_size is not None and self.max_size < 16:
                raise ValueError("max_size must be 16 or more")
            if self.seconds is not None and self.seconds <= 0:
                raise ValueError("seconds must be more than 0")

    @classmethod
    def result_settings(cls, config: Config) -> dict[str, Any]:
        """Not how the source is opened and how long it is read: what comes of it cannot be repeated anyway."""
        return {"max_size": config.max_size}

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._capture: Capture | None = None
        self._video: VideoInfo | None = None
        self._clock = LiveClock()
        self._cuts = SceneCuts()
        self._connection = 0
        self._frames = 0
        self._continued = False

    def resume_after(self, frames: int) -> None:
        """Number the next frame `frames`, and look for a source that is not there."""
        self._frames, self._continued = frames, True

    def __call__(self, job: Job) -> Iterator[tuple[FrameChunk, Captured] | Gauges]:
        """Yield frames as they come, and the source's gauges in between.

        Raises:
            StageError: the input does not name a live source, the source is not there at the start of the run, or no
                frame came before it was given up.
        """
        settings = self.config.source

        def connect(stopped: threading.Event, resume_s: float | None) -> LiveSource:
            # The name of a camera that is unplugged, or of a file that is gone, may become valid again.
            return open_source(read_address(job.input), settings, self.threads, stopped, resume_s=resume_s)

        capture = Capture(
            connect,
            wait_at_start=settings.wait_at_start,
            give_up_s=settings.give_up_s,
            continued=self._continued,
        )
        self._capture = capture
        capture.start()
        started = gauges_at = time.monotonic()
        while self.config.seconds is None or time.monotonic() - started < self.config.seconds:
            frame = capture.take(TAKE_TIMEOUT_S)
            if frame is not None:
                yield self._chunk(frame, capture)
            elif capture.over:
                break
            if frame is None or time.monotonic() - gauges_at >= GAUGES_EVERY_S:
                gauges_at = time.monotonic()
                yield self._gauges(capture)
        if not self._frames:  # a resumed recording is complete without new frames
            reason = f" ({capture.lost_reason})" if capture.lost else ""
            raise StageError(f"no frame came{reason}", job.name, "check that the source is sending")

    def _chunk(self, frame: LiveFrame, capture: Capture) -> tuple[FrameChunk, Captured]:
        if self._video is None:
            self._video = self._video_info(frame, capture)
        if frame.connection != self._connection:
            self._clock.reconnected()
            self._connection = frame.connection
        rgb_HW3 = frame.image.rgb(self._video.width, self._video.height)
        chunk = FrameChunk(
            rgb_THW3=rgb_HW3[None],
            pts_T=np.array([self._clock(frame.source_s, frame.captured_s)], np.int64),
            first=self._frames,
            video=self._video,
            starts_shot_T=self._cuts.starts_of_shots(rgb_HW3[None]),
        )
        self._frames += 1
        return chunk, self._captured(frame, capture)

    def _captured(self, frame: LiveFrame, capture: Capture) -> Captured:
        counts = capture.counts
        return Captured(
            captured_s=frame.captured_s,
            received=counts.received,
            dropped=counts.dropped,
            reconnects=capture.reconnects,
        )

    def _video_info(self, first: LiveFrame, capture: Capture) -> VideoInfo:
        """Properties of the stream; frames of later connections are scaled to the same size."""
        width, height = stream_size(first.image, self.config.max_size)
        return VideoInfo(
            path="",  # a live source cannot be opened a second time, for its sound for example
            width=width,
            height=height,
            still=False,
            rate=capture.rate,
            time_base=Fraction(1, TICKS_PER_S),
            color_primaries=capture.tags.primaries,
            color_trc=capture.tags.trc,
            colorspace=capture.tags.matrix,
            full_range=capture.tags.full_range,
        )

    def _gauges(self, capture: Capture) -> Gauges:
        counts = capture.counts
        return Gauges(
            gauges={
                "received": counts.received,
                "dropped": counts.dropped,
                "losses": capture.losses,
                "reconnects": capture.reconnects,
                "connected": int(capture.connected),
            }
        )

    def summary(self) -> Mapping[str, Any]:
        """`frames_received`, `dropped`, `losses`, `reconnects`, `warnings`, `notes`; `given_up` if still lost."""
        capture = self._capture
        if capture is None:
            return {}
        return {
            "frames_received": capture.counts.received,
            "dropped": capture.counts.dropped,
            "losses": capture.losses,
            "reconnects": capture.reconnects,
            "warnings": _warnings(capture),
            "notes": [capture.note] if capture.note else [],
            "given_up": [f"the source was not found again: {capture.lost_reason}"] if capture.lost else [],
        }

    def close(self) -> None:
        """Stop reading."""
        if self._capture is not None:
            self._capture.stop()


def _warnings(capture: Capture) -> list[str]:
    times = capture.reconnects
    losses = f"the source was lost and found again {times} times" if times > 1 else "the source was lost once"
    warnings = [f"{losses} ({capture.lost_reason})"] if times else []
    return [*warnings, capture.damage] if capture.damage else warnings
