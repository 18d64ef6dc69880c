"""Scores by the height of people, by the share of visible joints, and by chart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from models.arrays import I64, Bool
from models.body.charts import CHART_NAMES, MIRROR_CHART
from models.metrics import pointwise
from models.metrics.average_precision import precision_and_recall
from models.metrics.densepose_evaluator import THRESHOLD_T, verdicts_of
from models.metrics.gps import KAPPA_PAPER_25
from models.metrics.pointwise import area_under_curve
from models.surface.geometry import Float
from stages.evaluation.person_scores import ImageScore, PersonResult, PersonScore

HEIGHTS = (0.0, 50.0, 80.0, 120.0, 160.0, 200.0, float("inf"))
"""Limits of the groups by height of the box, in pixels."""
VISIBLE = (0.0, 0.35, 0.65, 0.85, 1.01)
"""Limits of the groups by share of visible joints."""
FAR_M = 0.30
"""Limit of AUC30, metres."""

Row = dict[str, float]


def breakdowns(images: Sequence[ImageScore]) -> dict[str, dict[str, Row]]:
    """All tables for which a set has data, by title; each has rows by label."""
    people = [person for image in images for person in image.people]
    tables = {"by height": by_height(images)}
    if any(not np.isnan(person.visible_share) for person in people):
        tables["by joints seen"] = by_visible_share(images)
    protocol = "given" if "given" in images[0].known else "detected"
    results = [person.results[protocol] for person in people]
    if any(result.chart_2525 is not None for result in results):
        tables[f"by chart, {protocol} boxes"] = by_chart(results, people)
    return tables


def by_height(images: Sequence[ImageScore]) -> dict[str, Row]:
    """Rows by height in pixels. A false detection counts in the row of its height."""
    rows = {}
    for low, high in pairwise(HEIGHTS):
        counts = [np.array([low <= person.height < high for person in image.people], bool) for image in images]
        label = f"{low:.0f} to {high:.0f} px" if np.isfinite(high) else f"{low:.0f} px and more"
        rows[label] = share_row(images, counts)
        if "detected" in images[0].known:
            found = [image.known["detected"].found_D4[:, 3] for image in images]
            rows[label] |= ap_row(images, counts, [(height_D < low) | (height_D >= high) for height_D in found])
    return rows


def by_visible_share(images: Sequence[ImageScore]) -> dict[str, Row]:
    """Rows by the share of visible joints, without AP: false detections have no visible joints."""
    rows = {}
    for low, high in pairwise(VISIBLE):
        counts = [np.array([low <= person.visible_share < high for person in image.people], bool) for image in images]
        label = f"{low:.0%} to {min(high, 1.0):.0%} seen"
        rows[label] = share_row(images, counts)
        if "detected" in images[0].known:
            everything = [np.ones(len(image.known["detected"].score_D), bool) for image in images]
            rows[label]["GPS_AR"] = ap_row(images, counts, everything)["GPS_AR"]
    return rows


def by_chart(results: Sequence[PersonResult], people: Sequence[PersonScore]) -> dict[str, Row]:
    """Rows by true chart: shares of the predicted charts of its pixels, and AUC30 of its points."""
    pixels_2525 = total_charts(results)
    chart_M = np.concatenate([person.chart_M for person in people])
    auc_25 = pointwise.measure_by_chart(partial(area_under_curve, limit=FAR_M), all_errors(results), chart_M)
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


def share_row(images: Sequence[ImageScore], counts: Sequence[Bool]) -> Row:
    """The number of people, and by protocol the share found, part accuracy and AUC30."""
    people = [
        person
        for image, count in zip(images, counts, strict=True)
        for person, counted in zip(image.people, count, strict=True)
        if counted
    ]
    row = {"people": float(len(people))}
    for protocol in images[0].known:
        if protocol == "detected":
            row["found"] = float(np.mean([person.found for person in people])) if people else float("nan")
        results = [person.results[protocol] for person in people]
        row[f"parts_{protocol}"] = part_accuracy(results)
        row[f"AUC30_{protocol}"] = area_under_curve(all_errors(results), FAR_M)
    return row


def ap_row(images: Sequence[ImageScore], counts: Sequence[Bool], outside: Sequence[Bool]) -> Row:
    """AP and AR by the paper's GPS in detected boxes, for some people (see `verdicts_of`).

    Args:
        images: of the set.
        counts: for each image, whether each person counts.
        outside: for each image, whether each detection is ignored when it matches nobody.
    """
    verdicts = []
    for image, count, ignored in zip(images, counts, outside, strict=True):
        known = image.known["detected"]
        crowds = np.zeros(len(known.area_G) - len(count), bool)
        counts_G = known.annotated_G & np.concatenate([count, crowds])
        verdicts.append(verdicts_of(known, known.gps_at(KAPPA_PAPER_25), counts_G, ignored, THRESHOLD_T))
    curves = precision_and_recall(verdicts)
    if curves is None:
        return {"GPS_AP": float("nan"), "GPS_AR": float("nan")}
    return {"GPS_AP": float(curves[0].mean()), "GPS_AR": float(curves[1].mean())}


def total_charts(results: Sequence[PersonResult]) -> I64:
    """Pixels by true and predicted chart of all people, (25, 25)."""
    return sum((result.chart_2525 for result in results if result.chart_2525 is not None), np.zeros((25, 25), np.int64))


def part_accuracy(results: Sequence[PersonResult]) -> float:
    """Share of the pixels of true masks with the right chart; nan without pixels."""
    pixels_2525 = total_charts(results)
    return float(np.trace(pixels_2525) / pixels_2525.sum()) if pixels_2525.any() else float("nan")


def all_errors(results: Sequence[PersonResult]) -> Float:
    """Errors of the points of all people, in metres."""
    return np.concatenate([np.zeros(0), *(result.error_M for result in results if result.error_M is not None)])
