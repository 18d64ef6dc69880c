"""Draws docs/pictures/reliability.jpg: the built-in network's accuracy against its confidence.

    python -m tests.benchmarks.quality.recorded_videos FOLDER
    python -m tools.pictures.reliability_picture FOLDER

The videos hold calibrated confidences; the inverse of the calibration gives the network's own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from models.files.atomic_file import file_sha256
from models.light.architecture.weight_paths import BUILT_IN
from models.light.inference.calibration import log_odds, read_calibration
from models.metrics.calibration import Reliability
from tests.benchmarks.quality.confidence import charts, diagram, pixel_scores
from tests.benchmarks.quality.recorded_videos import SYNTHETIC, read
from tools.pictures import PICTURES

OUT = PICTURES / "reliability.jpg"
SIDE, LEFT, TOP, BELOW = 320, 46, 14, 84
INK, PALE = (60, 60, 60), (215, 215, 215)
COLOURS = ((40, 60, 200), (180, 110, 30), (70, 140, 60))
"""BGR, one a curve."""


def main() -> None:
    """Measure, draw, print."""
    videos = [
        one for world, _, _ in SYNTHETIC for one in map(pixel_scores, read(Path(sys.argv[1]), world)) if len(one[0])
    ]
    line = read_calibration(BUILT_IN, file_sha256(BUILT_IN))
    shown = [charts([video]) for video in videos]
    own = [(1 / (1 + np.exp(-(log_odds(confidence) - line.offset) / line.slope)), right) for confidence, right in shown]
    found = {
        "charts, the network's own word": diagram(own),
        "charts, calibrated": diagram(shown),
        "background": diagram([(confidence[~chart], right[~chart]) for confidence, right, chart in videos]),
    }
    cv2.imwrite(str(OUT), drawn(found), [cv2.IMWRITE_JPEG_QUALITY, 90])
    for name, one in found.items():
        print(f"{name}: ECE {one.ece:.3f}, {one.count_B.sum()} pixels of {len(videos)} videos")


def drawn(found: Mapping[str, Reliability]) -> np.ndarray:
    """One curve a diagram; circles are as large as their bin is full."""
    picture = np.full((TOP + SIDE + BELOW, LEFT + SIDE + 14, 3), 255, np.uint8)
    for tenth in range(0, 11, 2):
        cv2.line(picture, at(tenth / 10, 0), at(tenth / 10, 1), PALE, 1)
        cv2.line(picture, at(0, tenth / 10), at(1, tenth / 10), PALE, 1)
        write(picture, f"{tenth / 10:.1f}", (at(tenth / 10, 0)[0] - 10, TOP + SIDE + 16), INK)
        write(picture, f"{tenth / 10:.1f}", (14, at(0, tenth / 10)[1] + 4), INK)
    cv2.line(picture, at(0, 0), at(1, 1), INK, 1, cv2.LINE_AA)
    for row, ((name, one), colour) in enumerate(zip(found.items(), COLOURS, strict=True)):
        full_B = one.count_B > 0
        bins = zip(one.confidence_B[full_B], one.accuracy_B[full_B], one.count_B[full_B], strict=True)
        points = [(at(confidence, right), count) for confidence, right, count in bins]
        cv2.polylines(picture, [np.array([point for point, _ in points])], False, colour, 2, cv2.LINE_AA)
        for point, count in points:
            radius = 2 + round(10 * float(np.sqrt(count / one.count_B.sum())))
            cv2.circle(picture, point, radius, colour, cv2.FILLED, cv2.LINE_AA)
        write(picture, f"{name}: ECE {one.ece:.3f}", (LEFT, TOP + SIDE + 36 + 18 * row), colour)
    return picture


def at(confidence: float, right: float) -> tuple[int, int]:
    """Column and row of a point."""
    return LEFT + round(SIDE * confidence), TOP + round(SIDE * (1 - right))


def write(picture: np.ndarray, text: str, corner: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """Small letters."""
    cv2.putText(picture, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)


if __name__ == "__main__":
    main()
