"""The event log of a run: a line of JSON for each step of a lane and for each failure."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

from pipeline.observe.line_file import LineFile
from pipeline.observe.observer import FileRecord, WorkerDeath
from pipeline.packet import Step, gauges_of, is_result
from pipeline.redaction import redacted_data


class EventLog:
    """Writes the events of a run, as an observer of `Metrics`.

    Every line has `time` (seconds since 1970), `event` and `stream`. Events: `packet` (a lane processed `frames` frames
    in `seconds`; `first` is the first of them, `people` the number of people in them), `gauges`, `written`, `poisoned`,
    `failed`, `ended`, `restarted`, and what stages notice (`Stage.new_events`), such as `state`. A batch has
    `file` for each input that ended (the fields of `FileRecord`), and `restarted` has the fields of `WorkerDeath`.
    """

    def __init__(self, path: str, *, append: bool = False) -> None:
        """Raises PlainError if the file cannot be created."""
        self.file = LineFile(path, "log", append=append)

    def step(self, lane: str, stream: int, step: Step) -> None:
        """Log one call of a lane."""
        frames = [span for span in step.spans if span.first is not None]
        if frames:
            self._write(
                "packet",
                stream,
                lane=lane,
                first=frames[0].first,
                frames=frames[0].frames,
                seconds=round(sum(span.seconds for span in frames), 6),
                **({"people": step.counts["People"]} if "People" in step.counts else {}),
            )
        for receipt in step.receipts:
            if gauges := gauges_of(receipt):
                self._write("gauges", stream, **gauges)
            elif is_result(receipt):
                self._write("written", stream, path=receipt.path, frames=receipt.frames)
        for event in step.events:
            self._write(stream=stream, **event)
        for failure in step.poisoned:
            self._write("poisoned", stream, lane=lane, said=str(failure.error()))
        if step.failure:
            self._write("failed", stream, lane=lane, said=str(step.failure.error()))
        elif step.ended and not step.pending:
            self._write("ended", stream, lane=lane)

    def restarted(self, lane: str, death: WorkerDeath | None = None) -> None:
        """Log that a process of a lane died and was replaced."""
        self._write("restarted", None, lane=lane, **({} if death is None else dataclasses.asdict(death)))

    def recorded(self, record: FileRecord) -> None:
        """Log how an input of a batch ended."""
        facts = {key: value for key, value in dataclasses.asdict(record).items() if value not in (None, ())}
        self._write("file", facts.pop("stream"), **facts)

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _write(self, event: str, stream: int | None, **facts: Any) -> None:
        line = {"time": round(time.time(), 6), "event": event, "stream": stream, **facts}
        self.file.write(json.dumps(redacted_data(line)) + "\n")
