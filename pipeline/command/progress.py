"""The progress of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TextIO

from pipeline.command.terminal import one_line
from pipeline.observe.metrics import Metrics
from pipeline.observe.observer import FileRecord, WorkerDeath
from pipeline.packet import Step
from pipeline.redaction import redacted

_BAR_EVERY_S = 0.2
_LINE_EVERY_S = 10.0
_BAR_WIDTH = 24
_RATE_AFTER_S = 0.5
_PREPARATION_AFTER_S = 2.0
_END_FROM_S, _DAY_FROM_S = 600.0, 72_000.0
"""From this remaining time on, its end is named, and its day too."""


class _StatusLine:
    """A line that changes in place on a terminal; elsewhere, each change is a line of its own."""

    def __init__(self, out: TextIO) -> None:
        self.on_terminal = out.isatty()
        self._out = out
        self._shown_at = time.perf_counter()
        self._length = 0
        self._last = ""

    def is_due(self, now: float, first_after_s: float | None = None) -> bool:
        """Whether the last change was long enough ago; `first_after_s`: for the first one."""
        every = _BAR_EVERY_S if self.on_terminal else _LINE_EVERY_S
        return now - self._shown_at >= (every if self._last or first_after_s is None else first_after_s)

    def show(self, text: str, now: float) -> None:
        """Change the line. A line that would only be repeated is not written."""
        self._shown_at = now
        if self.on_terminal:
            self._out.write("\r" + text.ljust(self._length))
            self._length = len(text)
        elif text != self._last:
            self._out.write(text + "\n")
        self._last = text
        self._out.flush()

    def say(self, sentence: str, *, with_secrets: bool = False) -> None:
        """Write a message on a line of its own, with the secrets of addresses redacted unless they are wanted."""
        self.erase()
        self._out.write(one_line(sentence if with_secrets else redacted(sentence)) + "\n")
        self._out.flush()

    def erase(self) -> None:
        """Remove the line from a terminal."""
        if self._length:
            self._out.write("\r" + " " * self._length + "\r")
            self._out.flush()
            self._length = 0


class Preparation:
    """A `Watch` that shows how far a long preparation is; a short one shows nothing."""

    def __init__(self, out: TextIO) -> None:
        """Args: out: where to write."""
        self._line = _StatusLine(out)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` things were gone over, unless something was shown a moment ago."""
        now = time.perf_counter()
        if self._line.is_due(now, _PREPARATION_AFTER_S):
            self._line.show(f"preparing: {done} of {total} {what}", now)

    def end(self) -> None:
        """Remove the line."""
        self._line.erase()


class Progress:
    """Shows the progress of a run on a stream; `show` may be called at any rate. It also observes the run: failed files
    and dead workers of a batch are named at once.

    Args:
        metrics: of the run.
        out: where to write; a terminal gets a bar, other streams get lines.
    """

    def __init__(self, metrics: Metrics, out: TextIO) -> None:
        self._metrics = metrics
        self._line = _StatusLine(out)
        totals = metrics.totals()
        self._ended_before = totals.done + totals.failed

    def show(self) -> None:
        """Write the progress, unless it was written a moment ago."""
        now = time.perf_counter()
        if self._line.is_due(now):
            text = describe(self._metrics, now, self._ended_before)
            self._line.show(bar(self._metrics) + text if self._line.on_terminal else text, now)

    def say(self, sentence: str) -> None:
        """Write a message on a line of its own, with the secrets of addresses redacted."""
        self._line.say(sentence)

    def say_address(self, sentence: str) -> None:
        """Write the address of a page of this run, with its token."""
        self._line.say(sentence, with_secrets=True)

    def step(self, lane: str, stream: int, step: Step) -> None:
        """Nothing is said: `show` reads the sums."""

    def restarted(self, lane: str, death: WorkerDeath | None) -> None:
        """Say that a worker of a batch died."""
        if death is not None:
            place = f"process {death.process} on {death.node}" if death.process else "before it had started"
            again = "; this is tried once more" if death.again else ""
            self.say(f"a worker died ({place}; killed, or out of memory) at {death.input}{again}")

    def recorded(self, record: FileRecord) -> None:
        """Say why an input of a batch failed."""
        if record.error:
            self.say(f"error: {record.error}")

    def end(self) -> None:
        """Remove the bar."""
        self._line.erase()


def describe(metrics: Metrics, now: float, ended_before: int = 0) -> str:
    """One line: inputs, frames, frames per second, people per frame, and the remaining time where it can be estimated.

    A training has rounds in the place of frames. Where people annotate, it has the number of finished images instead.

    Args:
        metrics: of the run.
        now: the `time.perf_counter()`.
        ended_before: number of inputs that had ended when the run began.
    """
    totals, streams = metrics.totals(), metrics.under_way
    parts = []
    if len(metrics.streams) > 1:
        parts.append(f"{totals.done}/{len(metrics.streams)} inputs")
        parts += [f"{totals.failed} failed"] if totals.failed else []
    annotated = [stream.gauges["finished_images"] for stream in streams if "finished_images" in stream.gauges]
    if annotated:
        return " · ".join([*parts, f"finished images: {sum(annotated):.0f}"])
    expected = None if totals.unknown else totals.expected
    parts.append(f"{totals.frames_done}{f'/{expected}' if expected else ''} {metrics.unit}")
    working = 0.0 if metrics.first_frame_s is None else now - metrics.started - metrics.first_frame_s
    fps = totals.frames_done / working if working > _RATE_AFTER_S else 0.0
    if not totals.frames_done or (fps and metrics.unit == "frames"):
        parts.append(f"{fps:.1f} fps" if fps else "starting")
    if totals.frames_in and metrics.finds_people:
        parts.append(f"{totals.people / totals.frames_in:.1f} people a frame")
    for stream in streams:
        parts += _measured(stream.gauges)
    if expected and fps:
        parts.append(_left((expected - totals.frames_done) / fps))
    elif (ended := totals.done + totals.failed - ended_before) > 1 and working > _RATE_AFTER_S:
        open_inputs = len(metrics.streams) - totals.done - totals.failed
        parts.append(_left(open_inputs * working / (ended - 1)))  # the first one ended when `working` began
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
    """The bar of finished frames, or of ended inputs where a length is unknown; empty if there is neither."""
    totals, inputs = metrics.totals(), len(metrics.streams)
    if not totals.unknown and totals.expected:
        share = totals.frames_done / totals.expected
    elif inputs > 1:
        share = (totals.done + totals.failed) / inputs
    else:
        return ""
    full = int(min(1.0, share) * _BAR_WIDTH)
    return "█" * full + "░" * (_BAR_WIDTH - full) + f" {min(1.0, share):4.0%} "


def _left(seconds: float) -> str:
    """The remaining time; where it is long, also the time of day at the end."""
    left = max(0.0, seconds)
    if left < _END_FROM_S:
        return f"{_clock(left)} left"
    end = time.localtime(time.time() + left)
    return f"{_clock(left)} left, until {time.strftime('%H:%M' if left < _DAY_FROM_S else '%a %d %b %H:%M', end)}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
