"""Calibration of the light network's confidence.

    python -m tests.benchmarks.quality.confidence FOLDER [--write WEIGHTS]

FOLDER holds the output of `tests.benchmarks.quality.recorded_videos` with the same weights. A pixel of a detected
person's box grid is right where its label is the true one. Slope and offset (Platt scaling: maximum likelihood of right
and wrong, on pixels labelled as person) are fitted on all synthetic videos but one and measured on that one, for each
in turn, because videos differ. `--write` fits on all videos and writes the result beside the weights, composed with
the calibration under which the videos were recorded. Write only where the error falls, and record the videos again
before the next fit.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from models.files.atomic_file import file_sha256
from models.light.inference.calibration import MIN_PROBABILITY, Calibration, read_calibration, write_calibration
from models.light.inference.logistic import log_odds
from models.metrics.calibration import Reliability, reliability_diagram
from models.metrics.person_matching import match_people
from stages.payloads import PersonSurface
from tests.benchmarks.quality.recorded_videos import SYNTHETIC, RecordedVideo, Truth, read
from tests.benchmarks.quality.temporal_scores import true_image

PixelScores = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of M pixels: confidence, whether the label is right, whether it is a chart."""
THINNED = 7
"""One pixel in so many counts."""


def answers_of(surface: PersonSurface, truth: Truth, number: int) -> PixelScores:
    """The pixels of one person's grid that lie in the frame."""
    place = surface.windows(*truth.label_HW.shape)
    assert place is not None and surface.confidence_hw is not None, "nothing to compare"
    frame, grid = place
    true_hw = np.where(truth.instance_HW[frame] == number, truth.label_HW[frame], 0)
    found_hw, sure_hw = surface.labels_hw[grid], surface.confidence_hw[grid]
    return tuple(one.ravel()[::THINNED] for one in (sure_hw, found_hw == true_hw, found_hw > 0))  # type: ignore[return-value]


def pixel_scores(video: RecordedVideo) -> PixelScores:
    """The pixels of all detected people of a video."""
    gathered = [(np.zeros(0), np.zeros(0, bool), np.zeros(0, bool))]
    for truth, people, surfaces in zip(video.truth, video.people, video.surfaces, strict=True):
        for g, d in enumerate(match_people(true_image(truth, people, surfaces))):
            if d >= 0:
                gathered.append(answers_of(surfaces.people[d], truth, g + 1))
    confidence, right, chart = (np.concatenate(one) for one in zip(*gathered, strict=True))
    return confidence.astype(np.float64), right, chart


def fitted(sure_M: np.ndarray, right_M: np.ndarray) -> Calibration:
    """Slope and offset of maximum likelihood."""
    odds_M = log_odds(sure_M, MIN_PROBABILITY)

    def loss(line_2: np.ndarray) -> float:
        signed_M = np.where(right_M, 1, -1) * (line_2[0] * odds_M + line_2[1])
        return float(np.logaddexp(0, -signed_M).mean())

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return Calibration(slope=round(float(slope), 4), offset=round(float(offset), 4))


def charts(videos: Sequence[PixelScores]) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and correctness of the pixels labelled as person."""
    confidence, right, chart = (np.concatenate(one) for one in zip(*videos, strict=True))
    return confidence[chart], right[chart]


def diagram(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> Reliability:
    """The reliability diagram of all videos together."""
    confidence, right = (np.concatenate(one) for one in zip(*parts, strict=True))
    return reliability_diagram(confidence, right)


def show(name: str, found: Reliability) -> None:
    """Print a diagram as a table."""
    print(f"{name}: ECE {found.ece:.4f}, {found.count_B.sum()} pixels")
    for count, confidence, right in zip(found.count_B, found.confidence_B, found.accuracy_B, strict=True):
        if count:
            print(f"  confidence {confidence:.3f}  right {right:.3f}  {count}")


def main() -> None:
    """Fit, measure, print; write with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path, metavar="WEIGHTS")
    options = parser.parse_args()
    known = (pixel_scores(video) for world, _, _ in SYNTHETIC for video in read(options.folder, world))
    videos = [one for one in known if len(one[0])]
    own, left_out = [], []
    for k in range(len(videos)):
        line = fitted(*charts(videos[:k] + videos[k + 1 :]))
        confidence, right = charts(videos[k : k + 1])
        own.append((confidence, right))
        left_out.append((line(confidence), right))
    show("charts, as the network says", diagram(own))
    show("charts, calibrated on the other videos", diagram(left_out))
    show("background", diagram([(confidence[~chart], right[~chart]) for confidence, right, chart in videos]))
    line = fitted(*charts(videos))
    print(f"fitted on all {len(videos)} videos: slope {line.slope}, offset {line.offset}")
    if options.write:
        sha256 = file_sha256(options.write)
        write_calibration(options.write, sha256, line.after(read_calibration(options.write, sha256)))


if __name__ == "__main__":
    main()
