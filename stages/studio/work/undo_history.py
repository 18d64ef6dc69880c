"""The undo history of an annotator's work on an image: which sheets undo and redo return to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from stages.studio.work.actions import Action, Ask, HandOn, Start
from stages.studio.work.sheet import WorkSheet, after_action

Step = Literal["undo", "redo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkEntry:
    """An entry of the journal: one action of an annotator or a reviewer.

    Attributes:
        annotator: name of the annotator or reviewer.
        image: name of the image.
        at: seconds since 1970.
        seconds: active time since the annotator's last action.
        action: an action on the sheet, undo or redo, the first sheet, or the handing on of the image.
        review: whether the sheet is a reviewer's.
        key: of the page's message; a message that is sent again has the same key.
    """

    annotator: str
    image: str
    at: float
    seconds: float
    action: Action | Step | Start | HandOn
    review: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The sheets of an annotator for an image.

    Attributes:
        past: the first sheet, then the sheet after each action that is not undone.
        undone: the sheets to which `redo` returns, the next one last.
        handed_on: whether the image was handed on, and the annotator has not continued.
        key: of the last message of the page.
    """

    past: tuple[WorkSheet, ...] = (WorkSheet(),)
    undone: tuple[WorkSheet, ...] = ()
    handed_on: bool = False
    key: str = ""

    @property
    def sheet(self) -> WorkSheet:
        """The current sheet."""
        return self.past[-1]

    @property
    def begun(self) -> bool:
        """Whether the annotator has done an action that is not undone."""
        return len(self.past) > 1

    @property
    def held(self) -> bool:
        """Whether the image stays the annotator's without a claim: it is begun, not finished, and not handed on."""
        return self.begun and self.sheet.status == "open" and not self.handed_on


def history_after(history: History, entry: WorkEntry) -> History:
    """The history after an entry; an undo without a past, and a redo without a future, change nothing.

    Raises: StageError as `after_action`.
    """
    if isinstance(entry.action, HandOn):
        return replace(history, handed_on=True)
    if entry.action == "undo":
        if len(history.past) == 1:
            return history
        return History(past=history.past[:-1], undone=(*history.undone, history.past[-1]))
    if entry.action == "redo":
        if not history.undone:
            return history
        return History(past=(*history.past, history.undone[-1]), undone=history.undone[:-1])
    if isinstance(entry.action, Start):
        sheet = WorkSheet()
        for action in entry.action.actions:
            sheet = after_action(sheet, action, entry.at, 0.0)
        return History(past=(sheet,))
    sheet = after_action(history.sheet, entry.action, entry.at, entry.seconds)
    if isinstance(entry.action, Ask) and entry.action.auto:
        return replace(history, past=(*history.past[:-1], sheet))
    return History(past=(*history.past, sheet))
