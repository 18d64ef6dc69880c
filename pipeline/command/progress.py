"""The progress of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TextIO

from pipeline.command.terminal import one_line
from pipeline.metrics import Metrics
from pipeline.redaction import redacted

_BAR_EVERY_S = 0.2
_LINE_EVERY_S = 10.0
_BAR_WIDTH = 24
_RATE_AFTER_S = 0.5


class Progress:
    """Shows the progress of a run on a stream; `show` may be called at any rate.

    Args:
        metrics: of the run.
        out: where to write; a terminal gets a bar, other streams get lines.
    """

    def __init__(self, metrics: Metrics, out: TextIO) -> None:
        self._metrics = metrics
        self._out = out
        self._terminal = out.isatty()
        self._shown_at = time.perf_counter()
        self._length = 0

    def show(self) -> None:
        """Write the progress, unless it was written a moment ago."""
        now = time.perf_counter()
        if now - self._shown_at < (_BAR_EVERY_S if self._terminal else _LINE_EVERY_S):
            return
        self._shown_at = now
        text = describe(self._metrics, now)
        if self._terminal:
            text = bar(self._metrics) + text
            self._out.write("\r" + text.ljust(self._length))
            self._length = len(text)
        else:
            self._out.write(text + "\n")
        self._out.flush()

    def say(self, sentence: str) -> None:
        """Write a message on a line of its own, with the secrets of addresses redacted."""
        if self._terminal and self._length:
            self._out.write("\r" + " " * self._length + "\r")
            self._length = 0
        self._out.write(one_line(redacted(sentence)) + "\n")
        self._out.flush()

    def end(self) -> None:
        """Remove the bar."""
        if self._terminal and self._length:
            self._out.write("\r" + " " * self._length + "\r")
            self._out.flush()


def describe(metrics: Metrics, now: float) -> str:
    """One line: frames, frames per second, people per frame, and remaining time where the length is known.

    Where people annotate, it has the number of finished images instead.
    """
    streams = list(metrics.streams.values())
    frames = sum(stream.frames_done for stream in streams)
    begun = sum(stream.frames_in for stream in streams)
    parts = []
    if len(streams) > 1:
        parts.append(f"{sum(stream.done for stream in streams)}/{len(streams)} inputs")
    total = _total(metrics)
    annotated = [stream.gauges["finished_images"] for stream in streams if "finished_images" in stream.gauges]
    if annotated:
        return " · ".join([*parts, f"finished images: {sum(annotated):.0f}"])
    parts.append(f"{frames}/{total} frames" if total else f"{frames} frames")
    working = now - metrics.started - (metrics.first_frame_s or 0.0)
    fps = frames / working if metrics.first_frame_s is not None and working > _RATE_AFTER_S else 0.0
    if fps or not frames:
        parts.append(f"{fps:.1f} fps" if fps else "starting")
    if begun:
        parts.append(f"{sum(stream.people for stream in streams) / begun:.1f} people a frame")
    for stream in streams:
        parts += _measured(stream.gauges)
    if total and fps:
        parts.append(f"{_clock(max(0.0, (total - frames) / fps))} left")
    return " · ".join(parts)


def _measured(gauges: Mapping[str, float]) -> list[str]:
    """The gauges of a live stream as text."""
    parts = [f"{1000 * gauges['latency_p50_s']:.0f} ms old"] if "latency_p50_s" in gauges else []
    parts += [f"{gauges['dropped']:.0f} dropped"] if gauges.get("dropped") else []
    parts += ["output not reached"] if gauges.get("output_connected") == 0 else []
    if gauges.get("connected") == 0:
        parts.append("source lost, looking for it" if gauges["received"] else "looking for the source")
    return parts


def bar(metrics: Metrics) -> str:
    """The bar of finished frames; empty where the length is unknown."""
    total = _total(metrics)
    if not total:
        return ""
    share = min(1.0, sum(stream.frames_done for stream in metrics.streams.values()) / total)
    full = int(share * _BAR_WIDTH)
    return "█" * full + "░" * (_BAR_WIDTH - full) + f" {share:4.0%} "


def _total(metrics: Metrics) -> int | None:
    """The sum of the frames of all inputs, where every length is known."""
    lengths = [
        stream.frames_done if stream.done or stream.failure else stream.length for stream in metrics.streams.values()
    ]
    known = [length for length in lengths if length is not None]
    return sum(known) if len(known) == len(lengths) and any(known) else None


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
