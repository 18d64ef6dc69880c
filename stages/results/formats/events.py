"""Events: when people raise their arms, sit, lie or have fallen, as a table and as lines of the run's log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.motion.people_states import PeopleStates
from models.motion.postures import PersonStates, level_up
from stages.results.formats.frame_result import FrameResult
from stages.results.formats.text_export import TextExport
from stages.results.formats.writer import ExportTarget

COLUMNS = ("id", "state", "begin", "end", "seconds", "ended")
"""Identity, state, seconds on the source's clock, duration, and 0 for a state that lasts when the film ends."""


class EventTable(TextExport):
    """A row for each state of each person, in the order in which the states end.

    Attributes:
        news: the changes since they were asked for, for the log.
    """

    def __init__(self, target: ExportTarget) -> None:
        super().__init__(target, ".csv", self._rows, header=",".join(COLUMNS) + "\n")
        self._states = PeopleStates(level_up(target.events.tilt_deg))
        self.news: list[dict[str, Any]] = []

    def new_events(self) -> list[dict[str, Any]]:
        """The changes since the last call: `event`, `id`, `state`, `change` and `second`."""
        news, self.news = self.news, []
        return news

    def finish(self) -> list[str]:
        """Add the states that still last, and close the file."""
        self.append(self._lasting())
        return super().finish()

    def interrupt(self) -> None:
        """Add the states that still last, and close the part."""
        self.append(self._lasting())
        super().interrupt()

    def state(self) -> dict[str, Any]:
        """The file's state, and the people's."""
        people = {str(identity): states.to_data() for identity, states in self._states.people.items()}
        return super().state() | {"people": people, "last": self._states.last}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        super().restore(state)
        self._states.people = {int(key): PersonStates.from_data(data) for key, data in state["people"].items()}
        self._states.last = state["last"]

    def _rows(self, result: FrameResult) -> Iterator[str]:
        """The rows of the states that end with this frame."""
        seen = {int(result.id_N[i]): body for i, body in result.fitted if result.id_N[i] >= 0}
        for identity, change in self._states.next_changes(result.seconds, seen):
            what = "begins" if change.begins else "ends"
            news = {"event": "state", "id": identity, "state": change.state, "change": what}
            self.news.append({**news, "second": round(change.second, 3)})
            if not change.begins:
                yield _row(identity, change.state, change.since, change.second, ended=True)

    def _lasting(self) -> Iterator[str]:
        for identity, states in self._states.people.items():
            for state, since in states.since.items():
                yield _row(identity, state, since, self._states.last, ended=False)


def _row(identity: int, state: str, since: float, until: float, *, ended: bool) -> str:
    return f"{identity},{state},{since:.3f},{until:.3f},{until - since:.3f},{int(ended)}\n"
