"""What a review finds: two simulated annotators with mistakes, and which of their points the list of a review names.

    python -m tests.benchmarks.quality.annotation_review

Both err as the simulated annotator does; besides, some of their answers are another person's place on the same part, at
least 15 cm away. The reviewer takes the better of the listed answers.
"""

from __future__ import annotations

import argparse

import numpy as np

from models.arrays import Bool, Float, Int
from models.body.charts import COARSE_OF_CHART
from stages.studio.answer_preview import rest_points
from stages.studio.disagreements import disagreements
from stages.studio.synthetic_task import SyntheticTask, asked_people
from stages.studio.work.actions import Answer
from stages.studio.work.sheet import AskedPoint, PersonWork
from stages.synthetic.simulated_annotators import add_annotation_error

MISTAKE_M = 0.15


def main() -> None:
    """Print what is listed, and the errors without and with a review."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--points", type=int, default=80)
    parser.add_argument("--mistakes", type=float, default=0.05)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    people = true_places(options.people, options.points)
    everything_M3 = np.concatenate(people)
    error, listed = [], []
    for true_M3 in people:
        answers = [answered(true_M3, everything_M3, options.mistakes, rng) for _ in range(2)]
        works = {name: work_of(answer_M3) for name, answer_M3 in zip("ab", answers, strict=True)}
        listed.append(named(works, true_M3))
        error.append([far_m(answer_M3, true_M3) for answer_M3 in answers])
    told(np.concatenate(error, axis=1), np.concatenate(listed))


def true_places(people: int, points: int) -> list[Float]:
    """Chart, U, V of each person's points, (M, 3), in the order of their parts."""
    found = []
    for scene, _, asked in asked_people(SyntheticTask(people=people, points=points), people):
        row_M, column_M = np.concatenate([asked[part] for part in sorted(asked)]).T
        uv_2M = np.clip(scene.uv_2HW[:, row_M, column_M].astype(np.float64), 0, 1)
        found.append(np.column_stack([scene.label_HW[row_M, column_M], uv_2M.T]))
    return found


def answered(true_M3: Float, everything_M3: Float, mistakes: float, rng: np.random.Generator) -> Float:
    """What an annotator answers."""
    chart_M = true_M3[:, 0].astype(np.int64)
    answer_M3 = np.column_stack([chart_M, add_annotation_error(chart_M, true_M3[:, 1:], 1.0, rng)])
    part_A = COARSE_OF_CHART[everything_M3[:, 0].astype(np.int64)]
    for number in np.flatnonzero(rng.random(len(true_M3)) < mistakes):
        same_K3 = everything_M3[part_A == COARSE_OF_CHART[chart_M[number]]]
        far_K3 = same_K3[far_m(same_K3, np.tile(true_M3[number], (len(same_K3), 1))) >= MISTAKE_M]
        if len(far_K3):
            answer_M3[number] = far_K3[rng.integers(len(far_K3))]
    return answer_M3


def far_m(one_M3: Float, other_M3: Float) -> Float:
    """Straight metres on the body at rest between places."""
    ends = [rest_points(at_M3[:, 0].astype(np.int64), at_M3[:, 1], at_M3[:, 2]) for at_M3 in (one_M3, other_M3)]
    return np.asarray(np.linalg.norm(ends[0] - ends[1], axis=1), np.float64)


def work_of(answer_M3: Float) -> PersonWork:
    """The answers as an annotator's work; the number of a point stands for its pixel."""
    asked: dict[int, list[AskedPoint]] = {}
    for number, (chart, u, v) in enumerate(answer_M3.tolist()):
        points = asked.setdefault(int(COARSE_OF_CHART[int(chart)]), [])
        answer = Answer(
            person=1, part=0, number=len(points), verdict="surface", chart=int(chart), u=float(u), v=float(v)
        )
        points.append(AskedPoint(x=number, y=0, answer=answer))
    return PersonWork(box_4=(0, 0, 9, 9), asked={part: tuple(points) for part, points in asked.items()})


def named(works: dict[str, PersonWork], true_M3: Float) -> Bool:
    """Which points the list of a review names."""
    part_M: Int = COARSE_OF_CHART[true_M3[:, 0].astype(np.int64)]
    items = {one.item for one in disagreements(works, list(works))}
    number_M = [int((part_M[:at] == part).sum()) for at, part in enumerate(part_M)]
    return np.array([f"point {part} {number}" in items for part, number in zip(part_M, number_M, strict=True)])


def told(error_2M: Float, listed_M: Bool) -> None:
    """Print the shares and the errors."""
    wrong_M = (error_2M >= MISTAKE_M).any(axis=0)
    reviewed_M = np.where(listed_M, error_2M.min(axis=0), error_2M[0])
    print(f"points: {len(listed_M)}, with an answer {100 * MISTAKE_M:.0f} cm off or more: {wrong_M.mean():.3f}")
    print(f"listed: {listed_M.mean():.3f}; of those points {listed_M[wrong_M].mean():.3f}, of the others"
          f" {listed_M[~wrong_M].mean():.3f}")
    for name, error_M in (("first annotator", error_2M[0]), ("after the review", reviewed_M)):
        share = (error_M >= MISTAKE_M).mean()
        print(f"{name}: mean {100 * error_M.mean():.2f} cm, {100 * MISTAKE_M:.0f} cm or more: {share:.4f}")


if __name__ == "__main__":
    main()
