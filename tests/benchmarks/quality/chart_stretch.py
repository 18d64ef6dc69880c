"""How charts stretch the skin, and where landmarks lie on them.

    python -m tests.benchmarks.quality.chart_stretch

Prints the stretch of each chart (docs/open_body.md). The right side of the body is the mirror image of the left.
"""

from __future__ import annotations

from models.body.charts import CHART_NAMES
from models.body.open_body import load_body
from models.surface.distortion import chart_distortion
from tests.models.body.test_open_body import LANDMARKS, landmark_error


def main() -> None:
    """Two tables in Markdown."""
    body = load_body()
    print("| chart | part | cm² | share of the square | flipped | stretch, median | stretch, p95 |")
    print("|---|---|---|---|---|---|---|")
    for chart, name in enumerate(CHART_NAMES):
        if not chart or name.startswith(("right", "head right")):
            continue
        found = chart_distortion(body, chart)
        print(
            f"| {chart} | {name} | {found.area * 1e4:.0f} | {found.filled:.2f} | {found.flipped:g} "
            f"| {found.stretch_median:.2f} | {found.stretch_p95:.2f} |"
        )
    print("\n| landmark | distance in UV |\n|---|---|")
    for name in LANDMARKS:
        print(f"| {name} | {landmark_error(body, name):.3f} |")


if __name__ == "__main__":
    main()
