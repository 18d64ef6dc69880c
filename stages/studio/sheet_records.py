"""JSON of sheets for the page; part maps are compressed by zlib, which browsers can decompress."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

import numpy as np

from stages.studio.views.view_clicks import ChartPoint, views_of_point
from stages.studio.views.view_pictures import second_chart
from stages.studio.work.part_map import PartMap, PixelMask, packed_map
from stages.studio.work.sheet import AskedPoint, PersonWork
from stages.studio.work.undo_history import History

SAME = "same"
"""Sent instead of a part map or an outline that the page has already."""


def history_record(
    history: History, known: History | None = None, drawn: int | None = None
) -> dict[str, Any]:
    """The current sheet, and how many steps can be undone and redone.

    Args:
        history: the annotator's sheets of an image.
        known: the history that the page has: unchanged part maps and outlines are not sent again.
        drawn: number of the person whose part map or outline the page has drawn already.
    """
    sheet = history.sheet
    before = {} if known is None else known.sheet.people
    people = {
        number: person_work_record(work, work if number == drawn else before.get(number))
        for number, work in sheet.people.items()
    }
    return {
        "people": people, "next": max([*sheet.people, *sheet.removed], default=0) + 1, "status": sheet.status,
        "undo": len(history.past) - 1, "redo": len(history.undone),
    }


def person_work_record(work: PersonWork, before: PersonWork | None) -> dict[str, Any]:
    """JSON of a person of a sheet. Keypoints are x, y, visibility."""
    same = before is not None and before.parts == work.parts
    return {
        "box": work.box_4, "kind": work.kind, "seconds": work.seconds, "proposed": sorted(work.proposed),
        "parts": SAME if same else part_map_record(work.parts),
        "outline": SAME if before is not None and before.outline == work.outline else outline_record(work.outline),
        "asked": {part: [point_record(part, point) for point in points] for part, points in work.asked.items()},
        "keypoints": {joint: (point.x, point.y, point.visibility) for joint, point in work.keypoints.items()},
        "decided": work.decided, "sources": work.sources,
        "notes": [{"annotator": note.annotator, "note": note.note, "at": note.at} for note in work.notes],
    }


def outline_record(outline: PixelMask | None) -> dict[str, Any] | None:
    """JSON of an outline: a part map with the label 1."""
    if outline is None:
        return None
    return part_map_record(packed_map(outline.inside_hw.astype(np.uint8), outline.x, outline.y))


def part_map_record(parts: PartMap | None) -> dict[str, Any] | None:
    """JSON of a part map: its rectangle, and its labels, compressed by zlib, as base64."""
    if parts is None:
        return None
    packed = base64.b64encode(parts.packed).decode("ascii")
    return {"x": parts.x, "y": parts.y, "height": parts.height, "width": parts.width, "packed": packed}


def point_record(part: int, point: AskedPoint) -> dict[str, Any]:
    """JSON of an asked point and its answer; `places`: view, x, y in each view that shows the answer."""
    record: dict[str, Any] = {"x": point.x, "y": point.y, "verdict": "open", "second": False, "places": []}
    record["proposed"] = False
    if point.answer is not None:
        record["verdict"] = point.answer.verdict
        record["proposed"] = point.answer.origin == "proposed"
        if point.answer.verdict == "surface":
            record["second"] = point.answer.chart == second_chart(part)
            record["places"] = _places(part, point.answer.chart, point.answer.u, point.answer.v)
    return record


@lru_cache(maxsize=4096)
def _places(part: int, chart: int, u: float, v: float) -> list[tuple[int, float, float]]:
    return views_of_point(part, ChartPoint(chart=chart, u=u, v=v))
