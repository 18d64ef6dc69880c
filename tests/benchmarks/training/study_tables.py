"""The tables of docs/study.md: the study's record beside the paper's numbers.

python -m tests.benchmarks.training.study_tables                    writes them between the marks in docs/study.md
python -m tests.benchmarks.training.study_tables --of trainings     those of docs/benchmarks/trainings.md
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.training.study import OF, record_of

PAGES = {"study": Path("docs/study.md"), "trainings": Path("docs/benchmarks/trainings.md")}
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
ABSENT = "–"
SPREAD = 0.003
"""The least half difference between seeds that a cell states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the page.

    Attributes:
        title: its heading.
        measures: ours by the name of the world; a column a world.
        paper: measures that the paper's column holds.
        rows: label, row of the record, protocol, and the paper's values where it has some.
    """

    title: str
    measures: Mapping[str, tuple[str, ...]]
    rows: tuple[Mapping[str, Any], ...]
    paper: tuple[str, ...] = ()


def tables_listed(of: str = "study") -> list[Table]:
    """The tables in the order of the page."""
    path = Path(__file__).with_name(f"{of}_tables.yaml")
    listed = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [
        Table(
            title=one["title"],
            measures={world: tuple(names) for world, names in one["measures"].items()},
            rows=tuple(one["rows"]),
            paper=tuple(one.get("paper", ())),
        )
        for one in listed
    ]


def read_record(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The lines of a record by row; where a row and seed have two lines, the later counts."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    latest = {(line["row"], line["seed"]): line for line in lines}
    found: dict[str, list[dict[str, Any]]] = {}
    for (row, _), line in sorted(latest.items()):
        found.setdefault(row, []).append(line)
    return found


def thousandths(value: float) -> str:
    """A score as the pages print it: .093."""
    return f"{value:.3f}".removeprefix("0")


def cell(lines: Sequence[Mapping[str, Any]], world: str, protocol: str, measure: str) -> str:
    """Mean over seeds, and half of their range from `SPREAD` on; for one seed its interval; a dash for none."""
    known = [line["scores"].get(world, {}).get(protocol, {}).get(measure) for line in lines]
    values = [one for one in known if one is not None]
    if not values:
        return ABSENT
    if len(values) == 1:
        value, low, high = values[0]
        return f"{thousandths(value)} [{thousandths(low)}, {thousandths(high)}]"
    centres = [value for value, _, _ in values]
    mean, spread = sum(centres) / len(centres), (max(centres) - min(centres)) / 2
    return thousandths(mean) + (f" ± {thousandths(spread)}" if round(spread, 3) >= SPREAD else "")


def markdown(table: Table, record: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """A table as lines of Markdown; rows that are not trained yet hold dashes."""
    head = ["", *(f"`{world}` {', '.join(names)}" for world, names in table.measures.items())]
    head += [f"paper {', '.join(table.paper)}"] if table.paper else []
    head += ["min"]
    lines = [f"### {table.title}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in table.rows:
        trained = record.get(row["row"], [])
        cells = [
            ", ".join(cell(trained, world, row["protocol"], name) for name in names)
            for world, names in table.measures.items()
        ]
        cells += [", ".join(map(thousandths, row["paper"])) if "paper" in row else ABSENT] if table.paper else []
        cells += [f"{sum(one['cpu_minutes'] for one in trained) / len(trained):.0f}" if trained else ABSENT]
        lines.append("| " + " | ".join([row["label"], *cells]) + " |")
    return [*lines, ""]


def with_tables(page: str, text: Sequence[str]) -> str:
    """The page with its tables replaced. Raises ValueError where its marks are missing."""
    if BEGIN not in page or END not in page:
        raise ValueError(f"the page has no marks {BEGIN} and {END}")
    before, rest = page.split(BEGIN, 1)
    return "\n".join([before + BEGIN, "", *text]) + END + rest.split(END, 1)[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tables into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=OF, default=OF[0])
    parser.add_argument("--record", type=Path)
    parser.add_argument("--page", type=Path)
    chosen = parser.parse_args(arguments)
    record, page = read_record(chosen.record or record_of(chosen.of)), chosen.page or PAGES[chosen.of]
    text = [line for table in tables_listed(chosen.of) for line in markdown(table, record)]
    page.write_text(with_tables(page.read_text(encoding="utf-8"), text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
