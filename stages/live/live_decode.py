"""The source of live graphs: the newest frame of a camera, a stream or a growing file, whenever one is asked for."""

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
from stages.live.clock import TICKS, LiveClock
from stages.live.feeds import Feed, open_feed
from stages.live.payloads import Captured, Gauges
from stages.live.pictures import Shot, size_for
from stages.live.settings import SourceSettings
from stages.payloads import FrameChunk, VideoInfo

ANSWER_S = 0.5
"""While nothing comes, the source says so this often: the run stays able to stop."""
TOLD_EVERY_S = 1.0


class LiveDecode(Stage):
    """One frame a chunk, the newest there is; those that nobody had time for are dropped and counted.

    So the delay has a bound: a frame waits only while the one before it is on its way. A source that is lost is tried
    again after 1, 2, 4 … 30 seconds; the stream goes on when it is back. Time stamps follow the wall clock.
    """

    replayable: ClassVar[bool] = False

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        source: how it is opened and watched.
        max_size: longest side of the frames in pixels; larger ones are made smaller.
        seconds: the stream ends after so many; None = when the source does, or the run is stopped.
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

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._capture: Capture | None = None
        self._video: VideoInfo | None = None
        self._clock = LiveClock()
        self._connection = 0
        self._frames = 0

    def go_on_after(self, frames: int) -> None:
        """The next frame is number `frames` of the stream."""
        self._frames = frames

    def __call__(self, job: Job) -> Iterator[tuple[FrameChunk, Captured] | Gauges]:
        """Frames as they come; in between, and while none come, how the source stands.

        Raises:
            StageError: what is named is no source, or is not there at the start.
        """
        address = read_address(job.input)
        settings = self.config.source

        def connect(stopped: threading.Event, resume_s: float | None) -> Feed:
            return open_feed(address, settings, self.threads, stopped, resume_s=resume_s)

        capture = self._capture = Capture(connect, patient=settings.patient, give_up_s=settings.give_up_s)
        capture.start()
        started = told = time.monotonic()
        while self.config.seconds is None or time.monotonic() - started < self.config.seconds:
            shot = capture.take(ANSWER_S)
            if shot is not None:
                yield self._chunk(shot, capture)
            elif capture.over:
                break
            if shot is None or time.monotonic() - told >= TOLD_EVERY_S:
                told = time.monotonic()
                yield self._gauges(capture)
        if not self._frames:  # a recording that goes on is whole without any more
            raise StageError("no picture came", job.name, "check that the source is sending")

    def _chunk(self, shot: Shot, capture: Capture) -> tuple[FrameChunk, Captured]:
        if self._video is None:
            self._video = self._describe(shot, capture)
        if shot.connection != self._connection:
            self._clock.reconnected()
            self._connection = shot.connection
        rgb_HW3 = shot.picture.rgb(self._video.width, self._video.height)
        chunk = FrameChunk(
            rgb_THW3=rgb_HW3[None],
            pts_T=np.array([self._clock(shot.source_s, shot.captured_s)], np.int64),
            first=self._frames,
            video=self._video,
        )
        self._frames += 1
        return chunk, self._captured(shot, capture)

    def _captured(self, shot: Shot, capture: Capture) -> Captured:
        counts = capture.counts
        return Captured(
            captured_s=shot.captured_s,
            received=counts.received,
            dropped=counts.dropped,
            reconnects=capture.reconnects,
        )

    def _describe(self, shot: Shot, capture: Capture) -> VideoInfo:
        """What the stream is; the later connections' frames are brought to the same size."""
        width, height = size_for(shot.picture, self.config.max_size)
        return VideoInfo(
            path="",  # nothing beside the frames can be read again from a live source
            width=width,
            height=height,
            still=False,
            rate=capture.rate,
            time_base=Fraction(1, TICKS),
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
        """`frames_received`, `dropped`, `losses`, `reconnects`, `warnings`, `notes`, `given_up` (not found again)."""
        capture = self._capture
        if capture is None:
            return {}
        return {
            "frames_received": capture.counts.received,
            "dropped": capture.counts.dropped,
            "losses": capture.losses,
            "reconnects": capture.reconnects,
            "warnings": _said_of(capture),
            "notes": [capture.note] if capture.note else [],
            "given_up": [f"the source was not found again: {capture.lost_reason}"] if capture.lost else [],
        }

    def close(self) -> None:
        """Let the source go."""
        if self._capture is not None:
            self._capture.stop()


def _said_of(capture: Capture) -> list[str]:
    times = capture.reconnects
    found = f"the source was lost and found again, {times} times" if times > 1 else "the source was lost once"
    said = [f"{found} ({capture.lost_reason})"] if times else []
    return [*said, capture.damage] if capture.damage else said
