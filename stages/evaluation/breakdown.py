"""Where a network fails: its scores by how tall people are, how much of them is seen, and by chart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.metrics import pointwise
from models.metrics.average_precision import precision_and_recall
from models.metrics.densepose_evaluator import THRESHOLD_T, verdicts_of
from models.metrics.gps import KAPPA_PAPER_25
from models.metrics.pointwise import area_under_curve
from models.surface.charts import CHART_NAMES, MIRROR_CHART
from models.surface.geometry import Float
from stages.evaluation.answers import Answer, PersonScore, PictureScore

HEIGHTS = (0.0, 50.0, 80.0, 120.0, 160.0, 200.0, float("inf"))
"""Ends of the groups of boxes' heights, pixels."""
SEEN = (0.0, 0.35, 0.65, 0.85, 1.01)
"""Ends of the groups of the share of joints that are seen."""
FAR_M = 0.30

Bool = npt.NDArray[np.bool_]
Row = dict[str, float]


def breakdowns(pictures: Sequence[PictureScore]) -> dict[str, dict[str, Row]]:
    """All tables that a set has something to say for, by title."""
    people = [person for picture in pictures for person in picture.people]
    tables = {"by height": by_height(pictures)}
    if any(not np.isnan(person.seen_share) for person in people):
        tables["by joints seen"] = by_seen_share(pictures)
    protocol = "given" if "given" in pictures[0].known else "detected"
    answers = [person.answers[protocol] for person in people]
    if any(one.chart_2525 is not None for one in answers):
        tables[f"by chart, {protocol} boxes"] = by_chart(answers, people)
    return tables


def by_height(pictures: Sequence[PictureScore]) -> dict[str, Row]:
    """Rows by height in pixels; a false detection counts in the row of its own height."""
    rows = {}
    for low, high in pairwise(HEIGHTS):
        counts = [np.array([low <= one.height < high for one in picture.people], bool) for picture in pictures]
        label = f"{low:.0f} to {high:.0f} px" if np.isfinite(high) else f"{low:.0f} px and more"
        rows[label] = shares(pictures, counts)
        if "detected" in pictures[0].known:
            found = [picture.known["detected"].found_D4[:, 3] for picture in pictures]
            rows[label] |= precision(pictures, counts, [(one < low) | (one >= high) for one in found])
    return rows


def by_seen_share(pictures: Sequence[PictureScore]) -> dict[str, Row]:
    """Rows by the share of joints that are seen; without AP, as a false detection has no such share."""
    rows = {}
    for low, high in pairwise(SEEN):
        counts = [np.array([low <= one.seen_share < high for one in picture.people], bool) for picture in pictures]
        label = f"{low:.0%} to {min(high, 1.0):.0%} seen"
        rows[label] = shares(pictures, counts)
        if "detected" in pictures[0].known:
            everything = [np.ones(len(picture.known["detected"].score_D), bool) for picture in pictures]
            rows[label]["GPS_AR"] = precision(pictures, counts, everything)["GPS_AR"]
    return rows


def by_chart(answers: Sequence[Answer], people: Sequence[PersonScore]) -> dict[str, Row]:
    """Rows by true chart: what becomes of its pixels, and how far its points are off."""
    pixels_2525 = total_charts(answers)
    chart_M = np.concatenate([one.chart_M for one in people])
    auc_25 = pointwise.measure_by_chart(partial(area_under_curve, limit=FAR_M), all_errors(answers), chart_M)
    rows = {}
    for chart, name in enumerate(CHART_NAMES[1:], start=1):
        all_pixels = pixels_2525[chart].sum()
        found_25 = pixels_2525[chart] / all_pixels if all_pixels else np.full(25, np.nan)
        mirror = int(MIRROR_CHART[chart])
        rows[f"{chart:2d} {name}"] = {
            "pixels": all_pixels / max(pixels_2525.sum(), 1),
            "right": found_25[chart],
            "mirrored": found_25[mirror] if mirror != chart else float("nan"),
            "background": found_25[0],
            "AUC30": auc_25[chart],
        }
    return rows


def shares(pictures: Sequence[PictureScore], counts: Sequence[Bool]) -> Row:
    """How many people, and by protocol the share found, part accuracy and AUC30."""
    people = [
        one
        for picture, count in zip(pictures, counts, strict=True)
        for one, counted in zip(picture.people, count, strict=True)
        if counted
    ]
    row = {"people": float(len(people))}
    for protocol in pictures[0].known:
        if protocol == "detected":
            row["found"] = float(np.mean([one.found for one in people])) if people else float("nan")
        answers = [one.answers[protocol] for one in people]
        row[f"parts_{protocol}"] = part_accuracy(answers)
        row[f"AUC30_{protocol}"] = area_under_curve(all_errors(answers), FAR_M)
    return row


def precision(pictures: Sequence[PictureScore], counts: Sequence[Bool], outside: Sequence[Bool]) -> Row:
    """AP and AR by the paper's GPS, detected boxes, of the people that count (see `verdicts_of`)."""
    verdicts = []
    for picture, count, away in zip(pictures, counts, outside, strict=True):
        known = picture.known["detected"]
        crowds = np.zeros(len(known.area_G) - len(count), bool)
        counts_G = known.annotated_G & np.concatenate([count, crowds])
        verdicts.append(verdicts_of(known, known.gps_at(KAPPA_PAPER_25), counts_G, away, THRESHOLD_T))
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


def all_errors(answers: Sequence[Answer]) -> Float:
    """Errors in metres of the points of everyone together."""
    return np.concatenate([np.zeros(0), *(one.error_M for one in answers if one.error_M is not None)])
