"""The trace of a run in Chrome's format for Perfetto: what each stage did when, and in which process."""

from __future__ import annotations

import json
from typing import Any

from pipeline.observe.line_file import LineFile
from pipeline.observe.observer import FileRecord, WorkerDeath
from pipeline.packet import Step

MICRO = 1_000_000


class PerfettoTrace:
    """Writes the spans of a run, as an observer of `Metrics`: one row per lane, one group per process.

    Background work has a row of its own.
    """

    def __init__(self, path: str, *, append: bool = False) -> None:
        """Raises PlainError if the file cannot be made."""
        self.file = LineFile(path, "profile", append=append)
        self._rows: dict[tuple[int, str], int] = {}
        self._comma = ",\n" if append else "[\n"

    def step(self, lane: str, stream: int, step: Step) -> None:
        """One call of a lane."""
        for span in step.spans:
            facts = {"stream": stream}
            if span.first is not None:
                facts |= {"first": span.first, "frames": span.frames}
            self._event(
                name=span.stage,
                ph="X",
                ts=round(span.start_s * MICRO, 1),
                dur=round(span.seconds * MICRO, 1),
                pid=span.process,
                tid=self._row(span.process, f"{lane}, background" if span.background else lane),
                args=facts,
            )

    def restarted(self, lane: str, death: WorkerDeath | None = None) -> None:
        """Does nothing: the new process has its own group."""

    def recorded(self, record: FileRecord) -> None:
        """Does nothing: the spans of a batch stay with its workers."""

    def close(self) -> None:
        """End the JSON list, as strict readers need, and close the file."""
        self.file.write("\n]\n" if self._rows else f"{self._comma}]\n")
        self.file.close()

    def _row(self, process: int, lane: str) -> int:
        """The number of a lane's row in a process; writes its name when it is new."""
        key = (process, lane)
        if key not in self._rows:
            row = self._rows[key] = len(self._rows) + 1
            for kind, name in (("process_name", f"process {process}"), ("thread_name", f"lane {lane}")):
                self._event(name=kind, ph="M", pid=process, tid=row, args={"name": name})
        return self._rows[key]

    def _event(self, **event: Any) -> None:
        self.file.write(self._comma + json.dumps(event))
        self._comma = ",\n"
