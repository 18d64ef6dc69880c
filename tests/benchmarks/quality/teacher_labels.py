"""Quality of the labels that teachers give photos, measured at annotated joints.

    python -m tests.benchmarks.quality.teacher_labels --part BODYPIX --data COCO …
    … --part BODYPIX --pose BLAZEPOSE --joint MOVENET --mask LIGHT --data COCO LSP/lsp.json

Every person of at least 100 px (`--tall`) is labelled in a square of 1.2 times the box's longer side, by the rules of
`-c train_light`. Of the visible joints: the share whose cell has a label; the share of these that is right (a chart
that touches the joint); the share of all that is right. With bootstrap intervals of 95 % over people.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from models.light.teachers.joint_teacher import JointTeacher
from models.light.teachers.mask_teacher import MaskTeacher
from models.light.teachers.part_teacher import open_part_teacher
from models.light.teachers.pose_teacher import PoseTeacher
from models.metrics.bootstrap import ratio
from models.metrics.part_of_joint import charts_under, part_of_joint
from models.structures import SurfaceMap
from stages.evaluation.coco_truth import FileOptions
from stages.evaluation.set_lookup import sets_named
from stages.evaluation.synthetic_truth import Worlds
from stages.evaluation.true_images import TrueImage
from stages.training.data.fused_pose import posed
from stages.training.data.labelled_photos import IGNORE, LABELS
from stages.training.data.labels_from_annotations import WIDER
from stages.training.data.labels_from_teachers import person_labels, square_region, sure_mask
from tests.benchmarks.training.surface_experiments import refused


class Labeller:
    """Counts an image's joints for each person: right, labelled, visible."""

    def __init__(self, part: Path, pose: Path | None, joint: Path | None, mask: Path | None, tall: float) -> None:
        """Args: the teachers' files; the minimum height of a person in pixels."""
        self.parts = open_part_teacher(part)
        self.poses = PoseTeacher(pose) if pose else None
        self.joints = JointTeacher(joint) if joint else None
        self.masks = MaskTeacher(mask) if mask else None
        self.tall = tall

    def __call__(self, image: TrueImage) -> Iterator[tuple[int, int, int]]:
        """People of at least the minimum height with annotated joints."""
        box_M4 = image.boxes
        silhouettes = dict(enumerate(self.masks(image.rgb_HW3, box_M4))) if self.masks else {}
        for i, person in enumerate(image.people):
            if person.keypoint_173 is None or person.height < self.tall:
                continue
            region_4 = square_region(box_M4[i], WIDER, np.zeros(2))
            others_M4 = np.delete(box_M4, i, 0)
            pose, _ = posed(self.poses, self.joints, image.rgb_HW3, box_M4[i], others_M4)
            mask_LL = sure_mask(i, silhouettes, box_M4[i], region_4) if silhouettes else None
            made = person_labels(self.parts, image.rgb_HW3, box_M4[i], others_M4, region_4, pose, mask_LL)
            label_LL = np.full((LABELS, LABELS), IGNORE, np.uint8) if made is None else made[0]
            at_173 = person.keypoint_173.copy()
            at_173[:, :2] = (at_173[:, :2] - region_4[:2]) / (region_4[2:] - region_4[:2]) * LABELS
            grid = SurfaceMap(x0=0, y0=0, labels_hw=label_LL, uv_2hw=np.zeros((2, LABELS, LABELS), np.float32))
            right_17, seen_17 = part_of_joint(grid, at_173)
            labelled_17 = seen_17 & (charts_under(grid, at_173[:, :2]) != IGNORE)
            yield int(right_17.sum()), int(labelled_17.sum()), int(seen_17.sum())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", type=Path, required=True, help="a BodyPix file")
    parser.add_argument("--pose", type=Path, help="a BlazePose file")
    parser.add_argument("--joint", type=Path, help="MoveNet's movenet-thunder.json")
    parser.add_argument("--mask", type=Path, help="weights of the light network")
    parser.add_argument("--data", nargs="+", required=True, help="sets of people whose joints are marked")
    parser.add_argument("--tall", type=float, default=100)
    chosen = parser.parse_args(arguments)
    label = Labeller(chosen.part, chosen.pose, chosen.joint, chosen.mask, chosen.tall)
    reading = FileOptions(images="", annotators=(), damage=refused)
    print("| set | people | labelled | of these right | of all right |\n|---|---|---|---|---|")
    for one in sets_named(tuple(chosen.data), Worlds(seed=0, scenes=1, frames=1), reading):
        count_P3 = np.array([row for image in one.images for row in label(image)], float).reshape(-1, 3)
        right_P, labelled_P, seen_P = count_P3.T
        shares = ratio(labelled_P, seen_P), ratio(right_P, labelled_P), ratio(right_P, seen_P)
        cells = [f"{share.value:.3f} [{share.low:.3f}, {share.high:.3f}]" for share in shares]
        print(" | ".join(["", one.name, str(len(count_P3)), *cells, ""]).strip(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
