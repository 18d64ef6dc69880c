"""Measures of annotators: errors of their answers at pixels of known truth, and their agreement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from models.arrays import F64, Bool, Float, Int
from models.body.charts import COARSE_NAMES, COARSE_OF_CHART
from models.metrics.bootstrap import Ratio, ratio, unpaired_difference, whole_value
from models.surface.geometry import SurfaceGeometry
from stages.annotations.densepose_coco import AnnotatedPerson, DenseSet
from stages.annotations.point_picking import POINT_RANGE
from stages.evaluation.breakdown import Row
from stages.synthetic.simulated_annotators import add_annotation_error

SIMULATIONS = 20
"""Number of simulated answers to each point."""
FAR_M = 0.10
"""Metres; the share of larger errors is a measure."""
ALL = "all"
"""Label of the row of all parts."""
Pixel = tuple[str, int, int]
"""Name of the image, x, y."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredPerson:
    """The M answers of an annotator about a person that are points of the surface.

    Attributes:
        annotator, image: their names.
        pixels: of the points.
        chart_M, u_M, v_M: the answers.
        seconds: active time; nan where the file does not have it.
        hidden, skipped: numbers of further points with these answers.
        off_part: number of further points whose pixel is not on the asked part; known for gold items only.
        at: time of the last action, seconds since 1970; nan where the file does not have it.
        hint: whether the network's guess was shown.
    """

    annotator: str
    image: str
    pixels: tuple[Pixel, ...]
    chart_M: Int
    u_M: Float
    v_M: Float
    seconds: float
    hidden: int
    skipped: int
    off_part: int = 0
    at: float = float("nan")
    hint: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PointErrors:
    """Errors of M answers.

    Attributes:
        person_M: index of the answered person.
        part_M: drawn part of the true point.
        vertex_M: number of the true point (`SurfaceGeometry.nearest`).
        error_M: geodesic distance from the true point, metres.
        simulated_SM: errors of the simulated annotator, who answers each point S times, metres.
    """

    person_M: Int
    part_M: Int
    vertex_M: Int
    error_M: Float
    simulated_SM: Float


def answered_people(dense_set: DenseSet) -> list[AnsweredPerson]:
    """The people of a file who have points."""
    names = {image.id: image.file_name for image in dense_set.images}
    return [_answered(person, names[person.image]) for person in dense_set.people if person.points is not None]


def _answered(person: AnnotatedPerson, image: str) -> AnsweredPerson:
    points, about = person.points, person.rest.get("dp_annotation")
    assert points is not None
    stated = about if isinstance(about, Mapping) else {}
    x0, y0, width, height = person.box_4
    column_M = np.floor(points.x_M * width / POINT_RANGE + x0).astype(int).tolist()
    row_M = np.floor(points.y_M * height / POINT_RANGE + y0).astype(int).tolist()
    return AnsweredPerson(
        annotator=str(stated.get("annotator", "?")), image=image,
        pixels=tuple((image, x, y) for x, y in zip(column_M, row_M, strict=True)),
        chart_M=points.chart_M, u_M=points.u_M, v_M=points.v_M, seconds=_number(stated.get("seconds")),
        hidden=int(np.nan_to_num(_number(stated.get("hidden")))),
        skipped=int(np.nan_to_num(_number(stated.get("skipped")))),
        at=_number(stated.get("at")), hint=stated.get("hints") is True,
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def answer_errors(
    geometry: SurfaceGeometry, people: Sequence[AnsweredPerson], truth: Sequence[AnsweredPerson]
) -> PointErrors:
    """Errors of all answers at pixels of the truth; answers at other pixels do not count."""
    true_points = {
        pixel: point_3 for person in truth for pixel, point_3 in zip(person.pixels, _points(person), strict=True)
    }
    rows = [
        (p, point_3, true_points[pixel])
        for p, person in enumerate(people)
        for pixel, point_3 in zip(person.pixels, _points(person), strict=True)
        if pixel in true_points
    ]
    found_M3 = np.array([found for _, found, _ in rows], np.float64).reshape(-1, 3)
    true_M3 = np.array([true for _, _, true in rows], np.float64).reshape(-1, 3)
    chart_M = true_M3[:, 0].astype(np.int64)
    return PointErrors(
        person_M=np.array([p for p, _, _ in rows], np.int64), part_M=COARSE_OF_CHART[chart_M].astype(np.int64),
        vertex_M=geometry.nearest(chart_M, true_M3[:, 1], true_M3[:, 2]),
        error_M=point_distances(geometry, found_M3, true_M3), simulated_SM=_simulated(geometry, true_M3),
    )


def _points(person: AnsweredPerson) -> F64:
    """Chart, U and V of each point, (M, 3)."""
    return np.stack([person.chart_M.astype(np.float64), person.u_M, person.v_M], axis=1)


def point_distances(geometry: SurfaceGeometry, first_M3: Float, second_M3: Float) -> Float:
    """Geodesic distances of M pairs of points, each chart, U and V: (M,), metres."""
    ends = [
        geometry.points(point_M3[:, 0].astype(np.int64), point_M3[:, 1], point_M3[:, 2])
        for point_M3 in (first_M3, second_M3)
    ]
    return geometry.between(*ends).astype(np.float64)


def _simulated(geometry: SurfaceGeometry, true_M3: F64) -> F64:
    if not len(true_M3):
        return np.zeros((SIMULATIONS, 0))
    rng, chart_M = np.random.default_rng(0), true_M3[:, 0].astype(np.int64)
    drawn = [add_annotation_error(chart_M, true_M3[:, 1:], 1.0, rng) for _ in range(SIMULATIONS)]
    return np.stack([point_distances(geometry, np.column_stack([true_M3[:, 0], uv_M2]), true_M3) for uv_M2 in drawn])


def part_rows(errors: PointErrors) -> dict[str, Row]:
    """Errors by part, left and right together, and of the simulated annotator; centimetres."""
    names = np.array([_without_side(COARSE_NAMES[part]) for part in errors.part_M], object)
    return {
        name: _row(errors, np.ones(len(names), bool) if name == ALL else names == name)
        for name in (ALL, *sorted(set(names.tolist())))
    }


def _without_side(name: str) -> str:
    return name.replace("left ", "").replace("right ", "")


def _row(errors: PointErrors, here_M: Bool) -> Row:
    """The measures of the chosen points. The interval of the mean is that of the bootstrap over people."""
    people = int(errors.person_M.max(initial=-1)) + 1
    error_M, person_M = 100 * errors.error_M[here_M], errors.person_M[here_M]
    count_P = np.bincount(person_M, minlength=people).astype(np.float64)
    mean = ratio(np.bincount(person_M, error_M, people).astype(np.float64), count_P)
    return {
        "points": float(len(error_M)), "mean": mean.value, "low": mean.low, "high": mean.high,
        "median": float(np.median(error_M)), "over 10 cm": float((error_M > 100 * FAR_M).mean()),
        "simulated": float(100 * errors.simulated_SM[:, here_M].mean()),
    }


def annotator_rows(people: Sequence[AnsweredPerson], errors: PointErrors) -> dict[str, Row]:
    """Errors and time by annotator."""
    rows: dict[str, Row] = {}
    for name in sorted({person.annotator for person in people}):
        chosen = [p for p, person in enumerate(people) if person.annotator == name]
        error_M = 100 * errors.error_M[np.isin(errors.person_M, chosen)]
        seconds = sum(people[p].seconds for p in chosen)
        asked = sum(
            len(people[p].pixels) + people[p].hidden + people[p].skipped + people[p].off_part for p in chosen
        )
        rows[name] = {
            "people": float(len(chosen)), "points": float(len(error_M)),
            "hidden": float(sum(people[p].hidden for p in chosen)),
            "skipped": float(sum(people[p].skipped for p in chosen)),
            "off part": float(sum(people[p].off_part for p in chosen)),
            "mean": float(error_M.mean()) if len(error_M) else float("nan"),
            "median": float(np.median(error_M)) if len(error_M) else float("nan"),
            "s/person": seconds / len(chosen), "s/point": seconds / max(asked, 1),
        }
    return rows


def drift_rows(people: Sequence[AnsweredPerson], errors: PointErrors) -> dict[str, Row]:
    """Change of each annotator's mean error, in centimetres, from the first third of their people to the last third.

    People are ordered by time. The interval of the change is that of the bootstrap over people.
    """
    sum_P, count_P = _sums(errors.error_M, errors.person_M, len(people))
    rows: dict[str, Row] = {}
    for name in sorted({person.annotator for person in people}):
        chosen = [p for p, person in enumerate(people) if person.annotator == name and count_P[p]]
        chosen = [p for p in chosen if np.isfinite(people[p].at)]
        chosen.sort(key=lambda p: people[p].at)
        third = len(chosen) // 3
        if third:
            first, last = (Ratio(hits_P=sum_P[p], trials_P=count_P[p]) for p in (chosen[:third], chosen[-third:]))
            rows[name] = {"people": float(len(chosen)), **_change_row("first third", first, "last third", last)}
    return rows


def hint_row(value_M: Float, person_M: Int, people: Sequence[AnsweredPerson]) -> Row | None:
    """Mean distance with the network's guess hidden and shown, centimetres; None unless both kinds of answers exist.

    Args:
        value_M: a distance of each answer, metres.
        person_M: index of each answer's person.
        people: who answered.
    """
    sum_P, count_P = _sums(value_M, person_M, len(people))
    shown_P = np.array([person.hint for person in people], bool)
    hidden, shown = (
        Ratio(hits_P=sum_P[here_P], trials_P=count_P[here_P])
        for here_P in (~shown_P & (count_P > 0), shown_P & (count_P > 0))
    )
    if not hidden.count or not shown.count:
        return None
    counts: Row = {"people": float(hidden.count + shown.count), "points": float(len(value_M))}
    return {**counts, **_change_row("no hint", hidden, "hint", shown)}


def _sums(value_M: Float, person_M: Int, people: int) -> tuple[F64, F64]:
    """Sum (centimetres) and number of each person's values."""
    sum_P = np.bincount(person_M, 100 * value_M, people).astype(np.float64)
    return sum_P, np.bincount(person_M, minlength=people).astype(np.float64)


def _change_row(first_name: str, first: Ratio, last_name: str, last: Ratio) -> Row:
    change = unpaired_difference(first, last)
    return {
        first_name: whole_value(first), last_name: whole_value(last), "change": change.value, "low": change.low,
        "high": change.high,
    }


def agreement_rows(geometry: SurfaceGeometry, people: Sequence[AnsweredPerson]) -> dict[str, Row]:
    """Distance of the answers of each two annotators at the same pixels, centimetres."""
    known: dict[str, dict[Pixel, Float]] = {}
    for person in people:
        known.setdefault(person.annotator, {}).update(zip(person.pixels, _points(person), strict=True))
    rows: dict[str, Row] = {}
    for first, second in combinations(sorted(known), 2):
        same = [pixel for pixel in known[first] if pixel in known[second]]
        if same:
            ends = (np.stack([known[name][pixel] for pixel in same]) for name in (first, second))
            cm_M = 100 * point_distances(geometry, *ends)
            rows[f"{first}, {second}"] = {
                "points": float(len(same)), "mean": float(cm_M.mean()), "median": float(np.median(cm_M)),
            }
    return rows


def drawn_errors(errors: PointErrors) -> Iterator[tuple[str, Int, Float]]:
    """The pictures of errors on the body: title, numbered points, and their errors in metres."""
    yield "annotators", errors.vertex_M, errors.error_M
    yield "simulated", np.tile(errors.vertex_M, SIMULATIONS), errors.simulated_SM.ravel()
