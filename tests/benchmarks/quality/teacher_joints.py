"""Quality of the joints that teachers give photos, measured at annotated joints.

    python -m tests.benchmarks.quality.teacher_joints --pose BLAZEPOSE --joint MOVENET --data COCO LSP/lsp.json

People of at least 100 px (`--tall`), in their true boxes. Of the annotated joints, hidden ones too: the share that a
source names, and the share of these within .1 and within .05 of the box's longer side; for all joints of people with at
least four, the recall of object keypoint similarity, the mean over thresholds .50 to .95 (where areas are annotated).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.arrays import F32, F64, Float
from models.light.teachers.joint_teacher import JointTeacher
from models.light.teachers.pose_teacher import PoseTeacher
from models.metrics.bootstrap import ratio
from models.metrics.joints import SIGMA_17
from stages.evaluation.coco_truth import FileOptions
from stages.evaluation.set_lookup import sets_named
from stages.evaluation.synthetic_truth import Worlds
from stages.evaluation.true_images import TrueImage
from stages.training.data.fused_pose import fuse_poses
from stages.training.data.pose_correction import COCO_JOINTS, joints_of
from tests.benchmarks.training.surface_experiments import refused

NEAR, NEARER = 0.1, 0.05
THRESHOLDS = np.arange(0.5, 0.96, 0.05)


class Row(NamedTuple):
    """One person by one source: joints annotated, named, of these near, nearer; the similarity (nan: not counted)."""

    annotated: int
    named: int
    near: int
    nearer: int
    similarity: float


class Joints:
    """The joints (J,3) of every person by each source: x, y in pixels, and above 0 where the source names it."""

    def __init__(self, pose: Path, joint: Path, tall: float) -> None:
        """Args: the teachers' files; the minimum height of a person in pixels."""
        self.poses, self.joints, self.tall = PoseTeacher(pose), JointTeacher(joint), tall

    def __call__(self, image: TrueImage) -> list[dict[str, Row]]:
        """The people of an image that have annotated joints."""
        box_M4 = image.boxes
        found = []
        for i, person in enumerate(image.people):
            if person.keypoint_173 is None or person.height < self.tall:
                continue
            sources = self._sources(image, box_M4[i], np.delete(box_M4, i, 0))
            side = float((box_M4[i][2:] - box_M4[i][:2]).max())
            area = person.instance.area if person.instance.mask is not None else float("nan")
            rows = {name: compare(one_J3, person.keypoint_173, side, area) for name, one_J3 in sources.items()}
            found.append(rows)
        return found

    def _sources(self, image: TrueImage, box_4: F32, others_M4: F32) -> dict[str, Float]:
        pose, moved_J3 = self.poses(image.rgb_HW3, box_4), self.joints(image.rgb_HW3, box_4)
        landmark_J2 = pose.point_K2[list(COCO_JOINTS)]
        fused_J3 = fuse_poses(pose, moved_J3, box_4, others_M4).joint_J3
        gap_J = np.hypot(*(landmark_J2 - moved_J3[:, :2]).T) / (box_4[2:] - box_4[:2]).max()
        every_J = np.ones(len(gap_J))
        return {
            "BlazePose": np.column_stack([landmark_J2, every_J]),
            "BlazePose, trusted": joints_of(pose),
            "MoveNet": np.column_stack([moved_J3[:, :2], every_J]),
            "MoveNet, score above .3": np.column_stack([moved_J3[:, :2], moved_J3[:, 2] > 0.3]),
            "both agree within .1": np.column_stack([moved_J3[:, :2], gap_J < NEAR]),
            "labels": fused_J3,
            "labels, as visible": np.column_stack([fused_J3[:, :2], fused_J3[:, 2] > 1]),
        }


def compare(joint_J3: Float, true_J3: F64, side: float, area: float) -> Row:
    """One person's joints with the annotated ones; an area that is not a number gives no similarity."""
    there_J = true_J3[:, 2] > 0
    named_J = there_J & (joint_J3[:, 2] > 0)
    away_J = np.hypot(*(joint_J3[:, :2] - true_J3[:, :2]).T)
    near, nearer = (int((away_J[named_J] < limit * side).sum()) for limit in (NEAR, NEARER))
    similar_J = np.exp(-(away_J**2) / (2 * area * (2 * SIGMA_17) ** 2)) * named_J
    similarity = float(similar_J[there_J].mean()) if there_J.sum() >= 4 else float("nan")
    return Row(int(there_J.sum()), int(named_J.sum()), near, nearer, similarity)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each set and source."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pose", type=Path, required=True, help="a BlazePose file")
    parser.add_argument("--joint", type=Path, required=True, help="MoveNet's movenet-thunder.json")
    parser.add_argument("--data", nargs="+", required=True, help="sets of people whose joints are marked")
    parser.add_argument("--tall", type=float, default=100)
    chosen = parser.parse_args(arguments)
    measure = Joints(chosen.pose, chosen.joint, chosen.tall)
    reading = FileOptions(images="", annotators=(), damage=refused)
    print("| set | joints by | people | named | of these within .1 | within .05 | OKS recall |\n|" + "---|" * 7)
    for one in sets_named(tuple(chosen.data), Worlds(seed=0, scenes=1, frames=1), reading):
        people = [rows for image in one.images for rows in measure(image)]
        for name in people[0]:
            annotated_P, named_P, near_P, nearer_P, similar_P = np.array([rows[name] for rows in people], float).T
            shares = ratio(named_P, annotated_P), ratio(near_P, named_P), ratio(nearer_P, named_P)
            cells = [f"{share.value:.3f} [{share.low:.3f}, {share.high:.3f}]" for share in shares]
            counted_Q = similar_P[~np.isnan(similar_P)]
            recall = f"{(counted_Q[:, None] >= THRESHOLDS).mean():.3f} of {len(counted_Q)}" if len(counted_Q) else "–"
            print(" | ".join(["", one.name, name, str(len(people)), *cells, recall, ""]).strip(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
