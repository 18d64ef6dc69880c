"""Scores as text: a table of measures by set and protocol, and tables of rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.metrics.bootstrap import Estimate
from stages.evaluation.breakdown import Row

COLUMNS = 4
"""Number of columns side by side; further columns are below."""
COLUMN_WIDTH, NAME_WIDTH = 25, 19
"""Characters."""
COUNTED = frozenset({"people", "points", "hidden", "skipped", "off part"})
"""Measures that are whole numbers, beside those in millimetres and milliseconds."""


def score_table(
    columns: Mapping[tuple[str, str], Mapping[str, Estimate]], *, signed: bool = False, beside: int = COLUMNS
) -> list[str]:
    """Lines of the table: a line per measure, a column per set and protocol, values with 95 % intervals.

    Args:
        columns: measures by (set, protocol).
        signed: positive numbers have a sign, for differences.
        beside: number of columns side by side.
    """
    text: list[str] = []
    keys = list(columns)
    for start in range(0, len(keys), beside):
        group = keys[start : start + beside]
        names = list(dict.fromkeys(name for key in group for name in columns[key]))
        text += [
            "".join([" " * NAME_WIDTH, *(label.rjust(COLUMN_WIDTH) for label, _ in group)]),
            "".join([" " * NAME_WIDTH, *(label.rjust(COLUMN_WIDTH) for _, label in group)]),
        ]
        for name in names:
            cells = (_estimate(name, columns[key].get(name), signed).rjust(COLUMN_WIDTH) for key in group)
            text.append("".join([name.ljust(NAME_WIDTH), *cells]).rstrip())
        text.append("")
    return text[:-1]


def _estimate(name: str, estimate: Estimate | None, signed: bool) -> str:
    if estimate is None or np.isnan(estimate.value):
        return "-"
    form = ("+" if signed else "") + (".0f" if is_whole_number(name) else ".3f")
    if np.isnan(estimate.low):
        return f"{estimate.value:{form}}"
    return f"{estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"


def row_table(title: str, rows: Mapping[str, Row]) -> list[str]:
    """Lines of a table of rows: a line per row, a column per measure."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    width = {name: max(len(name), 6) + 2 for name in names}
    first = max(map(len, [title, *rows])) + 2
    head = title.ljust(first) + "".join(name.rjust(width[name]) for name in names)
    body = [
        label.ljust(first) + "".join(_cell(name, row.get(name)).rjust(width[name]) for name in names)
        for label, row in rows.items()
    ]
    return [head, *body]


def _cell(name: str, value: float | None) -> str:
    if value is None or np.isnan(value):
        return "-"
    return f"{value:.0f}" if is_whole_number(name) else f"{value:.3f}"


def is_whole_number(name: str) -> bool:
    """Whether a measure is printed without decimals."""
    measure = name.removesuffix("_whole")
    return measure in COUNTED or measure.endswith(("_mm", "_ms"))
