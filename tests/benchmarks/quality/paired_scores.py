"""Two evaluations of the same sets as a table of Markdown.

    python -m tests.benchmarks.quality.paired_scores BEFORE AFTER

BEFORE and AFTER are folders that `-c evaluate` wrote. For each set and column a row for each measure: both values with
their 95 % intervals, and the difference with the interval of the paired bootstrap. Differences beyond it are bold.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from models.metrics.bootstrap import Estimate, difference, estimate
from stages.evaluation.saved_samples import Columns, read_samples


def cell(one: Estimate, form: str = ".3f") -> str:
    """A value with its interval."""
    return f"{one.value:{form}}" + ("" if np.isnan(one.low) else f" [{one.low:{form}}, {one.high:{form}}]")


def rows(before: Columns, after: Columns) -> list[str]:
    """The table, without measures that only one of both has."""
    lines = ["| set, column | measure | before | after | after − before |", "|---|---|---|---|---|"]
    for key, own in after.items():
        for name, one in own.items():
            if name not in before.get(key, {}):
                continue
            change = difference(before[key][name], one)
            text = cell(change, "+.3f")
            clear = change.low > 0 or change.high < 0
            values = f"{cell(estimate(before[key][name]))} | {cell(estimate(one))}"
            lines.append(f"| {', '.join(key)} | {name} | {values} | {f'**{text}**' if clear else text} |")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args()
    print("\n".join(rows(read_samples(options.before), read_samples(options.after))))


if __name__ == "__main__":
    main()
