"""Scores as text: one table of measures by sets and protocols, and tables of rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.metrics.bootstrap import Estimate
from stages.evaluation.breakdown import Row

COLUMNS = 4
"""Columns of the table side by side; more go on below."""
WIDE, NAME = 25, 16
COUNTED = "people"


def score_table(columns: Mapping[tuple[str, str], Mapping[str, Estimate]]) -> list[str]:
    """Lines of the table: a line a measure, a column a set and protocol, each value with its 95 % interval.

    Args:
        columns: measures by (set, protocol).
    """
    text: list[str] = []
    keys = list(columns)
    for start in range(0, len(keys), COLUMNS):
        group = keys[start : start + COLUMNS]
        names = list(dict.fromkeys(name for key in group for name in columns[key]))
        text += [
            "".join([" " * NAME, *(label.rjust(WIDE) for label, _ in group)]),
            "".join([" " * NAME, *(label.rjust(WIDE) for _, label in group)]),
        ]
        for name in names:
            cells = (_estimate(columns[key].get(name)).rjust(WIDE) for key in group)
            text.append("".join([name.ljust(NAME), *cells]).rstrip())
        text.append("")
    return text[:-1]


def _estimate(one: Estimate | None) -> str:
    if one is None or np.isnan(one.value):
        return "-"
    return f"{one.value:.3f}" if np.isnan(one.low) else f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def row_table(title: str, rows: Mapping[str, Row]) -> list[str]:
    """A table of rows: a line a row, a column a measure."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    wide = {name: max(len(name), 6) + 2 for name in names}
    first = max(map(len, [title, *rows])) + 2
    head = title.ljust(first) + "".join(name.rjust(wide[name]) for name in names)
    body = [
        label.ljust(first) + "".join(_cell(name, row.get(name)).rjust(wide[name]) for name in names)
        for label, row in rows.items()
    ]
    return [head, *body]


def _cell(name: str, value: float | None) -> str:
    if value is None or np.isnan(value):
        return "-"
    return f"{value:.0f}" if name == COUNTED else f"{value:.3f}"
