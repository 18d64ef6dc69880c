"""What logs of scripted annotators say was confirmed, and whether a studio's file has it; no code of the studio's."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

State = dict[str, Any]


@dataclass
class Sheet:
    """All states of an image under one annotator: the past, the present one last, and what redo returns to."""

    past: list[State] = field(default_factory=lambda: [{"joints": {}, "parts": {}, "answers": {}, "status": "open"}])
    undone: list[State] = field(default_factory=list)
    sent: Any = None
    """The action that was on its way when everything ended: the file may have it or not."""

    def do(self, action: Any) -> None:
        """Carry an action out."""
        if action == "undo":
            if len(self.past) > 1:
                self.undone.append(self.past.pop())
        elif action == "redo":
            if self.undone:
                self.past.append(self.undone.pop())
        else:
            self.undone.clear()
            self.past.append(after(self.past[-1], action))


def after(state: State, action: Mapping[str, Any]) -> State:
    """The state after an action."""
    made, kind = copy.deepcopy(state), action["do"]
    if kind == "box":
        made["box"] = action["box_4"]
    elif kind == "paint":
        made["parts"][action["part"]] = action["mask"]
    elif kind == "ask":
        made["answers"] = {key: one for key, one in made["answers"].items() if key[0] != action["part"]}
    elif kind == "answer":
        made["answers"][action["part"], action["number"]] = action
    elif kind == "keypoint":
        made["joints"][action["joint"]] = [action["x"], action["y"], action["visibility"]]
    else:
        made["status"] = action["status"]
    return made


def confirmed(log: Path) -> tuple[dict[str, Sheet], int]:
    """The sheets by image, and the number of confirmed actions.

    An action that was sent when somebody was killed may have been carried out: the sheet that is taken next says so.

    Raises: AssertionError where the program then has fewer actions than it had confirmed.
    """
    sheets: dict[str, Sheet] = {}
    sheet, sent, count = Sheet(), None, 0
    for line in log.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if "image" in record:
            before, sheet = sheet, sheets.setdefault(record["image"], Sheet())
            if sent is not None and before is sheet and record["undo"] != len(sheet.past) - 1:
                sheet.do(sent)
            assert record["undo"] == len(sheet.past) - 1, f"{log.name}: {record} after {len(sheet.past) - 1} steps"
            sent = None
        elif "send" in record:
            sent = record["send"]
        else:
            sheet.do(sent)
            assert record["done"] == len(sheet.past) - 1
            sent, count = None, count + 1
    sheet.sent = sent
    return sheets, count


def missing(document: Mapping[str, Any], sheets: Mapping[str, Mapping[str, Sheet]]) -> Iterator[str]:
    """What was confirmed and is not in the file. `sheets`: by annotator, then by image."""
    images = {one["id"]: one["file_name"] for one in document["images"]}
    people = {(images[one["image_id"]], one["dp_annotation"]["annotator"]): one for one in document["annotations"]}
    for who, mine in sheets.items():
        for image, sheet in mine.items():
            person, states = people.get((image, who)), [sheet.past[-1]]
            if sheet.sent is not None:
                sheet.do(sheet.sent)
                states.append(sheet.past[-1])
            found = [list(_missing_of(person, state)) for state in states]
            yield from (f"{image}, {who}: {what}" for what in min(found, key=len))


def _missing_of(person: Mapping[str, Any] | None, state: State) -> Iterator[str]:
    if "box" not in state:
        return
    if person is None:
        yield "the person"
        return
    x0, y0, x1, y1 = state["box"]
    if person["bbox"] != [x0, y0, x1 - x0, y1 - y0]:
        yield "the box"
    if person["dp_annotation"]["finished"] != (state["status"] == "finished"):
        yield "the end"
    keypoints = person.get("keypoints") or [0] * 51
    for joint in range(17):
        if keypoints[3 * joint : 3 * joint + 3] != state["joints"].get(joint, [0, 0, 0]):
            yield f"joint {joint}"
    area = sum(mask["size"][0] * mask["size"][1] for mask in state["parts"].values())
    if state["parts"] and person["area"] != area:
        yield "parts"
    given = [one for _, one in sorted(state["answers"].items())]
    places = [(one["chart"], one["u"]) for one in given if one["verdict"] == "surface"]
    found = list(zip(person.get("dp_I", []), person.get("dp_U", []), strict=True))
    if sorted(places) != sorted((int(chart), float(u)) for chart, u in found):
        yield "points"
    if person["dp_annotation"]["hidden"] != len(given) - len(places):
        yield "hidden points"
