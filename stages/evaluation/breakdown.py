"""Where a network fails: its scores by how tall people are, how much of them is seen, and by chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.metrics.average_precision import precision_and_recall
from models.metrics.densepose_evaluator import THRESHOLD_T, Similarities, verdicts_of
from models.metrics.pointwise import area_under_curve
from models.surface.charts import CHART_NAMES, MIRROR_CHART
from models.surface.geometry import Float
from stages.evaluation.answers import Answer, PersonScore

HEIGHTS = (0.0, 50.0, 80.0, 120.0, 160.0, 200.0, float("inf"))
"""Ends of the groups of boxes' heights, pixels."""
SEEN = (0.0, 0.35, 0.65, 0.85, 1.01)
"""Ends of the groups of the share of joints that are seen."""
FAR_M = 0.30

Bool = npt.NDArray[np.bool_]
Row = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """All that was measured on one set, picture by picture: each person, and the overlaps under both protocols."""

    people: Sequence[Sequence[PersonScore]]
    given: Sequence[Similarities]
    detected: Sequence[Similarities]

    @property
    def everyone(self) -> list[PersonScore]:
        """The people of all pictures."""
        return [person for picture in self.people for person in picture]


def by_height(scored: Scored) -> dict[str, Row]:
    """Rows by height in pixels; a false detection counts in the row of its own height."""
    rows = {}
    for low, high in pairwise(HEIGHTS):
        counts = [np.array([low <= one.height < high for one in people], bool) for people in scored.people]
        outside = [(one.found_D4[:, 3] < low) | (one.found_D4[:, 3] >= high) for one in scored.detected]
        label = f"{low:.0f} to {high:.0f} px" if np.isfinite(high) else f"{low:.0f} px and more"
        rows[label] = shares(scored, counts) | precision(scored, counts, outside)
    return rows


def by_seen_share(scored: Scored) -> dict[str, Row]:
    """Rows by the share of joints that are seen; without AP, as a false detection has no such share."""
    rows = {}
    for low, high in pairwise(SEEN):
        counts = [np.array([low <= one.seen_share < high for one in people], bool) for people in scored.people]
        everything = [np.ones(len(one.score_D), bool) for one in scored.detected]
        numbers = precision(scored, counts, everything)
        rows[f"{low:.0%} to {min(high, 1.0):.0%} seen"] = shares(scored, counts) | {"GPS_AR": numbers["GPS_AR"]}
    return rows


def by_chart(scored: Scored) -> dict[str, Row]:
    """Rows by true chart, with given boxes: what becomes of its pixels, and how far its points are off."""
    answers = [person.given for person in scored.everyone]
    pixels_2525 = total_charts(answers)
    error_M, chart_M = all_points(answers)
    rows = {}
    for chart, name in enumerate(CHART_NAMES[1:], start=1):
        found_25 = pixels_2525[chart] / max(pixels_2525[chart].sum(), 1)
        rows[f"{chart:2d} {name}"] = {
            "pixels": pixels_2525[chart].sum() / max(pixels_2525.sum(), 1),
            "right": found_25[chart], "mirrored": found_25[MIRROR_CHART[chart]] if chart > 2 else 0.0,
            "background": found_25[0], "AUC30": area_under_curve(error_M[chart_M == chart], FAR_M),
        }
    return rows


def shares(scored: Scored, counts: Sequence[Bool]) -> Row:
    """How many people, the share found, part accuracy and AUC30."""
    people = [one for picture, count in zip(scored.people, counts, strict=True)
              for one, counted in zip(picture, count, strict=True) if counted]
    given, detected = [one.given for one in people], [one.detected for one in people]
    return {
        "people": float(len(people)),
        "found": float(np.mean([one.found for one in people])) if people else float("nan"),
        "parts_given": part_accuracy(given), "parts_detected": part_accuracy(detected),
        "AUC30_given": area_under_curve(all_points(given)[0], FAR_M),
        "AUC30_detected": area_under_curve(all_points(detected)[0], FAR_M),
    }


def precision(scored: Scored, counts: Sequence[Bool], outside: Sequence[Bool]) -> Row:
    """AP and AR by GPS, detected boxes, of the people that count (see `verdicts_of`)."""
    verdicts = [
        verdicts_of(one, one.gps_DG, one.annotated_G & count, away, THRESHOLD_T)
        for one, count, away in zip(scored.detected, counts, outside, strict=True)
    ]
    curves = precision_and_recall(verdicts)
    if curves is None:
        return {"GPS_AP": float("nan"), "GPS_AR": float("nan")}
    return {"GPS_AP": float(curves[0].mean()), "GPS_AR": float(curves[1].mean())}


def total_charts(answers: Sequence[Answer]) -> npt.NDArray[np.int64]:
    """Pixels by true and found chart of everyone together, (25, 25)."""
    return sum((one.chart_2525 for one in answers if one.chart_2525 is not None), np.zeros((25, 25), np.int64))


def part_accuracy(answers: Sequence[Answer]) -> float:
    """Share of the pixels of true masks whose chart is right; nan without any."""
    pixels_2525 = total_charts(answers)
    return float(np.trace(pixels_2525) / pixels_2525.sum()) if pixels_2525.any() else float("nan")


def all_points(answers: Sequence[Answer]) -> tuple[Float, npt.NDArray[np.int64]]:
    """Errors in metres and true charts of the points of everyone together."""
    errors: list[Float] = [np.zeros(0), *(one.error_M for one in answers if one.error_M is not None)]
    charts = [np.zeros(0, np.int64), *(one.chart_M for one in answers if one.chart_M is not None)]
    return np.concatenate(errors), np.concatenate(charts)


def lines(title: str, rows: dict[str, Row]) -> list[str]:
    """A table as text: one line a row, a column a measure."""
    names = list(next(iter(rows.values()), {}))
    width = max(map(len, [title, *rows])) + 2
    head = title.ljust(width) + "".join(name.rjust(max(len(name), 6) + 2) for name in names)
    body = [
        label.ljust(width) + "".join(_cell(row[name]).rjust(max(len(name), 6) + 2) for name in names)
        for label, row in rows.items()
    ]
    return [head, *body]


def _cell(value: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.0f}" if value > 1 else f"{value:.3f}"
