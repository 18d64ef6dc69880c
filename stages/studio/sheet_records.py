"""What the page gets of a sheet: its JSON, with part maps compressed as the browser can unpack them."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

import numpy as np

from stages.studio.views.view_clicks import SurfacePlace, views_of_place
from stages.studio.views.view_pictures import second_chart
from stages.studio.work.part_map import PartMap, PixelMask, packed_map
from stages.studio.work.sheet import AskedPoint, PersonWork
from stages.studio.work.task_list import History

SAME = "same"
"""Stands for a part map, or an outline, that the page has already."""


def history_record(
    history: History, known: History | None = None, drawn: int | None = None
) -> dict[str, Any]:
    """The sheet now, and how many steps can be undone and redone.

    Args:
        known: the history as the page knows it: its part maps and outlines are not sent again.
        drawn: the person whose map or outline the page has changed itself.
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
    """One person of a sheet. Keypoints are x, y, visibility."""
    same = before is not None and before.parts == work.parts
    return {
        "box": work.box_4, "kind": work.kind, "seconds": work.seconds, "proposed": sorted(work.proposed),
        "parts": SAME if same else part_map_record(work.parts),
        "outline": SAME if before is not None and before.outline == work.outline else outline_record(work.outline),
        "asked": {part: [point_record(part, one) for one in points] for part, points in work.asked.items()},
        "keypoints": {joint: (one.x, one.y, one.visibility) for joint, one in work.keypoints.items()},
        "decided": work.decided, "sources": work.sources,
        "notes": [{"annotator": one.annotator, "note": one.note, "at": one.at} for one in work.notes],
    }


def outline_record(outline: PixelMask | None) -> dict[str, Any] | None:
    """An outline as a part map whose pixels are 1."""
    if outline is None:
        return None
    return part_map_record(packed_map(outline.inside_hw.astype(np.uint8), outline.x, outline.y))


def part_map_record(parts: PartMap | None) -> dict[str, Any] | None:
    """A part map: its rectangle, and the labels compressed by zlib, as base64."""
    if parts is None:
        return None
    packed = base64.b64encode(parts.packed).decode("ascii")
    return {"x": parts.x, "y": parts.y, "height": parts.height, "width": parts.width, "packed": packed}


def point_record(part: int, point: AskedPoint) -> dict[str, Any]:
    """An asked pixel with its answer; `places`: view, x, y on each view that sees the answer."""
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
    return views_of_place(part, SurfacePlace(chart=chart, u=u, v=v))
