"""Quality of the silhouettes that teachers give photos, measured at annotated masks.

    python -m tests.benchmarks.quality.teacher_masks --part BODYPIX --pose BLAZEPOSE --mask LIGHT --data COCO

People of at least 100 px (`--tall`), in their true boxes, on 160 x 160 cells of the labelled square: mean IoU of all,
of people alone in their box and of those with others in it, the share above .85, the median of the area ratio, boundary
F (2 % of the box's diagonal). Below, the labels of `mask_labels`: of cells labelled as the person's, and of those
labelled as background near the person, the share that is right, and which share of all such cells these are; each
person counts alike.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from scipy.special import expit

from models.arrays import F32, U8, Bool, Float
from models.box_overlap import intersections
from models.light.inference.light_network import LightNetwork
from models.light.teachers.graph_model import GraphModel
from models.light.teachers.mask_teacher import NOWHERE, MaskTeacher, SilhouetteLogits
from models.light.teachers.part_teacher import open_part_teacher
from models.light.teachers.pose_teacher import PoseTeacher
from models.light.teachers.rotated_square import map_points, rotated_square
from models.metrics.silhouettes import NEAR_SHARE, boundary_f, overlap
from models.network import NetworkConfig
from stages.evaluation.coco_truth import FileOptions
from stages.evaluation.set_lookup import sets_named
from stages.evaluation.synthetic_truth import Worlds
from stages.evaluation.true_images import TrueImage
from stages.training.data.labelled_photos import LABELS
from stages.training.data.labels_from_annotations import WIDER
from stages.training.data.labels_from_teachers import square_region, sure_mask, warp_square
from stages.training.data.mask_labels import mask_at
from stages.training.data.pose_correction import fuse, lean, pose_mask
from tests.benchmarks.training.surface_experiments import refused

CELLS = 2 * LABELS
NEARBY = CELLS // 12
"""Cells from the person within which background is counted: a tenth of the box's longer side."""
THRESHOLDS = (-0.4, 0.0, 0.5, 1.5)


class Sources:
    """Silhouettes of people by every source."""

    def __init__(self, part: Path, pose: Path, mask: Path, selfie: Path | None) -> None:
        """Args: the teachers' files."""
        self.parts, self.poses, self.masks = open_part_teacher(part), PoseTeacher(pose), MaskTeacher(mask)
        self.selfie = GraphModel(selfie) if selfie else None
        self.all_passes = LightNetwork(NetworkConfig(tta="full"), 1, mask).predictor

    def __call__(self, image: TrueImage, tall: float) -> Iterator[tuple[Mapping[str, Bool], Bool, Bool, Bool, F32, U8]]:
        """Silhouettes by name, true one, whether cells count, whether others are in the box, box in cells, labels."""
        box_M4 = np.asarray(image.boxes, np.float32)
        chosen = [i for i, one in enumerate(image.people) if one.height >= tall and one.instance.mask is not None]
        if not chosen:
            return
        rgb_HW3 = np.ascontiguousarray(image.rgb_HW3)
        one_pass = dict(enumerate(self.masks(rgb_HW3, box_M4)))
        full = self.all_passes.run(self.all_passes.predict(rgb_HW3, box_M4[i], tta="full") for i in chosen)
        for i, prediction in zip(chosen, full, strict=True):
            region_4 = square_region(box_M4[i], WIDER, np.zeros(2))
            point_GG2 = centres(region_4)
            share_GG2 = point_GG2 / rgb_HW3.shape[1::-1]
            counts_GG = ((share_GG2 >= 0) & (share_GG2 < 1)).all(-1)
            for crowd in image.crowds:
                counts_GG &= ~mask_at(crowd.mask, share_GG2) if crowd.mask is not None else True
            found = dict(self._teachers(rgb_HW3, box_M4[i], region_4, point_GG2))
            own_GG = one_pass[i].at(point_GG2)
            others = [one.at(point_GG2) for other, one in one_pass.items() if other != i]
            found["light network, 1 pass, above .5"] = own_GG > 0.5
            found["… and above every other person's"] = (own_GG > 0.5) & (
                own_GG > np.max([own_GG * 0 + NOWHERE, *others], 0)
            )
            logits = SilhouetteLogits(logit_GG=prediction.maps_LGG[0], region_4=prediction.region_4).at(point_GG2)
            found |= {f"light network, 8 passes, above {level}": logits > level for level in THRESHOLDS}
            inside = intersections(box_M4[i][None], np.delete(box_M4, i, 0)).any()
            labels_LL = sure_mask(i, one_pass, box_M4[i], region_4)
            box = (box_M4[i] - np.tile(region_4[:2], 2)) / (region_4[2] - region_4[0]) * CELLS
            true_GG = mask_at(image.people[i].instance.mask, share_GG2)  # type: ignore[arg-type]
            yield found, true_GG, counts_GG, np.array(inside), box, labels_LL

    def _teachers(self, rgb_HW3: U8, box_4: F32, region_4: F32, point_GG2: Float) -> Iterator[tuple[str, Bool]]:
        pose = self.poses(rgb_HW3, box_4)
        half, centre_2 = float(region_4[2] - region_4[0]) / 2, (region_4[:2] + region_4[2:]) / 2
        side = self.parts.grid.side
        to_photo_23 = rotated_square(centre_2, half, lean(pose), side)
        answer, _ = self.parts.predict_with_flip(warp_square(rgb_HW3, to_photo_23, side))
        person_GG, part_24GG = answer.at(map_points(point_GG2, np.asarray(cv2.invertAffineTransform(to_photo_23))))
        yield "part teacher", person_GG > 0
        yield "pose teacher", pose_mask(pose, point_GG2) > 0.5
        yield "both fused", fuse(expit(person_GG), part_24GG, pose, point_GG2)[0] > 0.5
        if self.selfie is not None:
            crop = warp_square(rgb_HW3, rotated_square(centre_2, half, 0.0, 256), 256)
            (mask,) = self.selfie(crop[None] / np.float32(255)).values()
            yield "selfie", SilhouetteLogits(logit_GG=mask[0, :, :, 0], region_4=region_4).at(point_GG2) > 0.5


def centres(region_4: Float) -> Float:
    """Centres (CELLS,CELLS,2) of a square's cells, in pixels of the image."""
    share_G = (np.arange(CELLS) + 0.5) / CELLS
    return region_4[:2] + np.stack(np.meshgrid(share_G, share_G), -1) * (region_4[2:] - region_4[:2])


def label_shares(label_LL: U8, true_GG: Bool, counts_GG: Bool) -> tuple[float, ...]:
    """Of cells labelled as the person's: right, wrong; of near background: right, wrong, all; in true areas."""
    label_GG = label_LL.repeat(2, 0).repeat(2, 1)
    near_GG = cv2.dilate(true_GG.astype(np.uint8), np.ones((2 * NEARBY + 1, 2 * NEARBY + 1), np.uint8)) > 0
    near_GG &= counts_GG
    person_GG, empty_GG = (label_GG == 1) & counts_GG, (label_GG == 0) & near_GG
    cells = (person_GG & true_GG, person_GG & ~true_GG, empty_GG & ~true_GG, empty_GG & true_GG, near_GG & ~true_GG)
    return tuple(float(one.sum()) / max(float(true_GG.sum()), 1.0) for one in cells)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, what in (
        ("part", "a BodyPix file"),
        ("pose", "a BlazePose file"),
        ("mask", "the light network's weights"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    parser.add_argument("--selfie", type=Path, help="selfie.json")
    parser.add_argument("--data", nargs="+", required=True, help="sets of people with masks")
    parser.add_argument("--tall", type=float, default=100)
    chosen = parser.parse_args(arguments)
    sources = Sources(chosen.part, chosen.pose, chosen.mask, chosen.selfie)
    reading = FileOptions(images="", annotators=(), damage=refused)
    fits: dict[str, list[tuple[float, float, float]]] = {}
    shares, together = [], []
    for one in sets_named(tuple(chosen.data), Worlds(seed=0, scenes=1, frames=1), reading):
        for image in one.images:
            for found, true_GG, counts_GG, others, box_4, label_LL in sources(image, chosen.tall):
                true_GG = true_GG & counts_GG
                reach = max(NEAR_SHARE * float(np.hypot(*(box_4[2:] - box_4[:2]))), 1.0)
                for name, mask_GG in found.items():
                    seen_GG = mask_GG & counts_GG
                    area = float(seen_GG.sum()) / max(float(true_GG.sum()), 1.0)
                    fits.setdefault(name, []).append(
                        (overlap(seen_GG, true_GG), area, boundary_f(seen_GG, true_GG, reach))
                    )
                shares.append(label_shares(label_LL, true_GG, counts_GG))
                together.append(bool(others))
    report(fits, np.array(shares), np.array(together))
    return 0


def report(fits: Mapping[str, list[tuple[float, float, float]]], share_P5: Float, together_P: Bool) -> None:
    """Print the table of sources and that of labels."""
    print(f"| {len(together_P)} people, {together_P.sum()} with others in the box | IoU | alone | with others |"
          " above .85 | area | boundary F |\n|" + "---|" * 7)  # fmt: skip
    for name, rows in fits.items():
        iou_P, area_P, f_P = np.array(rows).T
        numbers = (iou_P.mean(), iou_P[~together_P].mean(), iou_P[together_P].mean(), (iou_P > 0.85).mean())
        print(f"| {name} | " + " | ".join(f"{x:.3f}" for x in (*numbers, np.median(area_P), f_P.mean())) + " |")
    print("\n| labels of | person right | of all | background right | of all |\n|" + "---|" * 5)
    for name, rows_P in (("all", together_P | True), ("people alone", ~together_P), ("with others", together_P)):
        right, wrong, empty, missed, all_empty = share_P5[rows_P].mean(0)
        numbers = (right / (right + wrong), right, empty / (empty + missed), empty / all_empty)
        print(f"| {name} | " + " | ".join(f"{x:.3f}" for x in numbers) + " |")


if __name__ == "__main__":
    sys.exit(main())
