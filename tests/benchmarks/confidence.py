"""Is the light network right as often as it says? `python -m tests.benchmarks.confidence FOLDER [--write WEIGHTS]`.

FOLDER holds films that `tests.benchmarks.films` recorded with the weights in question. On the box grid of every person
who was found, a pixel's answer is right when its label is the true one. Slope and offset of the confidence (Platt
scaling: maximum likelihood of right and wrong, on pixels called person) are fitted on all synthetic films but one and
measured on that one, for each in turn: films differ, and few say little of the next. With --write those of all films
are put beside the weights, composed with what lay there while the films were recorded; write them only where the error
fell, and record the films again before fitting again.
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
from tests.benchmarks.films import SYNTHETIC, Film, Truth, read
from tests.benchmarks.temporal_scores import true_picture

Answers = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of many pixels: confidence, whether the label is right, whether it is a chart."""
THINNED = 7
"""Every so manieth pixel is taken."""


def answers_of(surface: PersonSurface, truth: Truth, number: int) -> Answers:
    """The pixels of one person's grid that lie in the frame."""
    place = surface.windows(*truth.label_HW.shape)
    assert place is not None and surface.confidence_hw is not None, "nothing to compare"
    frame, grid = place
    true_hw = np.where(truth.instance_HW[frame] == number, truth.label_HW[frame], 0)
    found_hw, sure_hw = surface.labels_hw[grid], surface.confidence_hw[grid]
    return tuple(one.ravel()[::THINNED] for one in (sure_hw, found_hw == true_hw, found_hw > 0))  # type: ignore[return-value]


def answers(film: Film) -> Answers:
    """All found people of a film."""
    gathered = [(np.zeros(0), np.zeros(0, bool), np.zeros(0, bool))]
    for truth, people, surfaces in zip(film.truth, film.people, film.surfaces, strict=True):
        for g, d in enumerate(match_people(true_picture(truth, people, surfaces))):
            if d >= 0:
                gathered.append(answers_of(surfaces.people[d], truth, g + 1))
    sure, right, chart = (np.concatenate(one) for one in zip(*gathered, strict=True))
    return sure.astype(np.float64), right, chart


def fitted(sure_M: np.ndarray, right_M: np.ndarray) -> Calibration:
    """Slope and offset of the greatest likelihood."""
    odds_M = log_odds(sure_M, MIN_PROBABILITY)

    def loss(line_2: np.ndarray) -> float:
        signed_M = np.where(right_M, 1, -1) * (line_2[0] * odds_M + line_2[1])
        return float(np.logaddexp(0, -signed_M).mean())

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return Calibration(slope=round(float(slope), 4), offset=round(float(offset), 4))


def charts(films: Sequence[Answers]) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and rightness of the pixels called person."""
    sure, right, chart = (np.concatenate(one) for one in zip(*films, strict=True))
    return sure[chart], right[chart]


def diagram(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> Reliability:
    """Of all parts together."""
    sure, right = (np.concatenate(one) for one in zip(*parts, strict=True))
    return reliability_diagram(sure, right)


def show(name: str, found: Reliability) -> None:
    """Print a diagram as a table."""
    print(f"{name}: ECE {found.ece:.4f}, {found.count_B.sum()} pixels")
    for count, said, right in zip(found.count_B, found.confidence_B, found.accuracy_B, strict=True):
        if count:
            print(f"  said {said:.3f}  right {right:.3f}  {count}")


def main() -> None:
    """Fit, measure, print; write where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path, metavar="WEIGHTS")
    wanted = parser.parse_args()
    known = (answers(film) for world, _, _ in SYNTHETIC for film in read(wanted.folder, world))
    films = [one for one in known if len(one[0])]
    own, left_out = [], []
    for k in range(len(films)):
        line = fitted(*charts(films[:k] + films[k + 1 :]))
        sure, right = charts(films[k : k + 1])
        own.append((sure, right))
        left_out.append((line(sure), right))
    show("charts, as the network says", diagram(own))
    show("charts, calibrated on the other films", diagram(left_out))
    show("background", diagram([(sure[~chart], right[~chart]) for sure, right, chart in films]))
    line = fitted(*charts(films))
    print(f"fitted on all {len(films)} films: slope {line.slope}, offset {line.offset}")
    if wanted.write:
        sha256 = file_sha256(wanted.write)
        write_calibration(wanted.write, sha256, line.after(read_calibration(wanted.write, sha256)))


if __name__ == "__main__":
    main()
