"""Labels of photos by openly licensed teachers, for the training of the light network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import expit

from models.arrays import F32, U8, Float
from models.box_overlap import areas, expand_boxes, inside_share, iou
from models.light.teachers.box_teacher import BoxTeacher
from models.light.teachers.face_teacher import FaceTeacher
from models.light.teachers.joint_teacher import JointTeacher
from models.light.teachers.mask_teacher import NOWHERE, MaskTeacher, SilhouetteLogits
from models.light.teachers.part_teacher import PartTeacher
from models.light.teachers.pose_teacher import PoseTeacher, TeacherPose
from models.light.teachers.rotated_square import map_points, rotated_square
from stages.annotations.image_collections import SourceImage
from stages.training.data.face_labels import with_face
from stages.training.data.fused_pose import posed
from stages.training.data.labelled_photos import (
    DENSE,
    FALSE,
    IGNORE,
    IGNORED,
    LABELS,
    PERSON,
    SIDE,
    LabelledPhoto,
    PersonLabels,
    mask_of_labels,
    natural_size,
    no_uv,
)
from stages.training.data.mask_labels import annotated_mask_labels, mask_alone, teacher_mask_labels, within_mask
from stages.training.data.pose_correction import fuse, lean

UNPOSED = 0.6
"""Weight of the part teacher's labels of a person without a pose by the pose teacher."""
LEAST_AGREEMENT, LEAST_FILLED = 0.4, 0.2
"""A person is labelled from this agreement of the part teacher with its flipped prediction on, and this filled share
of the box."""
NEAR = 0.05
"""A box is expanded by this share of its sides for what lies near it."""
ASPECTS = (4 / 3, 3 / 2, 3 / 4, 2 / 3)
"""Aspect ratios that a squeezed photo may have had."""
LEAST_FALSE = 16
"""Pixels of the shorter side of a box on a thing, in a photo of the stored square's sides, from which it is kept."""
LEAST_HEIGHT, MOST_PEOPLE = 48, 4
"""Pixels of a person, in a photo of the stored square's area, from which they are labelled; how many: the largest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teachers:
    """The teachers of the labels; those of poses, joints (they correct poses), silhouettes and faces are optional."""

    parts: PartTeacher
    boxes: BoxTeacher
    poses: PoseTeacher | None
    joints: JointTeacher | None
    masks: MaskTeacher | None
    faces: FaceTeacher | None


def label_photo(image: SourceImage, teachers: Teachers, seed: int) -> LabelledPhoto:
    """Complete a photo's boxes, estimate its aspect ratio where it is lost, and label its four largest people twice."""
    height, width = image.rgb_HW3.shape[:2]
    square_SS3 = np.asarray(cv2.resize(image.rgb_HW3, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    if image.shows_nobody:
        return photo_of_nobody(image, square_SS3, teachers.boxes)
    to_square = np.asarray([SIDE / width, SIDE / height] * 2, np.float32)
    known_M4 = None if image.box_M4 is None else image.box_M4 * to_square
    first_M4 = np.zeros((0, 4), np.float32) if known_M4 is None else known_M4
    aspect = likely_aspect(teachers.parts, square_SS3, first_M4) if image.stretched else width / height
    natural = natural_size(aspect)
    to_natural = np.asarray([natural[0] / SIDE, natural[1] / SIDE] * 2, np.float32)
    rgb_HW3 = np.asarray(cv2.resize(image.rgb_HW3, natural, interpolation=cv2.INTER_AREA), np.uint8)
    found_N4, score_N = teachers.boxes(rgb_HW3)
    box_M4, kind_M = merge_boxes(None if known_M4 is None else known_M4 * to_natural, found_N4, score_N)
    photo = NaturalPhoto(source=image, rgb_HW3=rgb_HW3, box_M4=box_M4, kind_M=kind_M, to_natural_4=to_natural)
    return LabelledPhoto(
        name=image.name, aspect=aspect, rgb_SS3=square_SS3, box_M4=box_M4 / to_natural, kind_M=kind_M,
        dense_DD=dense_labels(teachers.parts, rgb_HW3),
        people=tuple(label_people(teachers, photo, np.random.default_rng(seed))),
    )


def photo_of_nobody(image: SourceImage, square_SS3: U8, boxes: BoxTeacher) -> LabelledPhoto:
    """A photo of nobody: all of it is background. Where the teacher sees a person it takes a thing for one."""
    height, width = image.rgb_HW3.shape[:2]
    box_N4, _ = boxes(image.rgb_HW3)
    box_N4 = box_N4[(box_N4[:, 2:] - box_N4[:, :2]).min(1, initial=np.inf) * SIDE >= LEAST_FALSE * max(height, width)]
    return LabelledPhoto(
        name=image.name, aspect=width / height, rgb_SS3=square_SS3,
        box_M4=(box_N4 * np.array([SIDE / width, SIDE / height] * 2, np.float32)).astype(np.float32),
        kind_M=np.full(len(box_N4), FALSE, np.uint8), dense_DD=np.zeros((DENSE, DENSE), np.uint8), people=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NaturalPhoto:
    """A photo at its true aspect ratio with all boxes, annotated people first.

    Attributes:
        source: the image with its annotations.
        to_natural_4: scale of x, y, x, y from the stored square.
    """

    source: SourceImage
    rgb_HW3: U8
    box_M4: Float
    kind_M: U8
    to_natural_4: Float

    def annotated_joints(self, person: int) -> F32 | None:
        """The annotated joints (J,3) of a person, in pixels; None where there are none."""
        keypoint_M173 = self.source.keypoint_M173
        if keypoint_M173 is None or person >= len(keypoint_M173) or not keypoint_M173[person, :, 2].any():
            return None
        scale_2 = np.divide(self.rgb_HW3.shape[1::-1], self.source.rgb_HW3.shape[1::-1])
        return (keypoint_M173[person] * (*scale_2, 1)).astype(np.float32)

    def annotated_mask(self, person: int, point_LL2: Float) -> U8 | None:
        """The annotated silhouette of a person at points x, y in pixels (`mask_labels`); None where there is none."""
        masks = self.source.mask_M
        mask = masks[person] if person < len(masks) else None
        crowds = [one for one in self.source.crowd_mask_K if one is not None]
        return None if mask is None else annotated_mask_labels(mask, crowds, point_LL2 / self.rgb_HW3.shape[1::-1])


def label_people(teachers: Teachers, photo: NaturalPhoto, random: np.random.Generator) -> Iterator[PersonLabels]:
    """Two labelled crops of each of the four largest people from 48 px on, where annotated or the teacher is sure."""
    box_M4, people = photo.box_M4, np.flatnonzero(photo.kind_M == PERSON)
    tall = people[(box_M4[people, 3] - box_M4[people, 1]) >= LEAST_HEIGHT]
    seen = teachers.masks(photo.rgb_HW3, box_M4[people]) if teachers.masks and len(tall) else ()
    silhouettes = dict(zip(people.tolist(), seen, strict=False))
    for index in tall[np.argsort(-areas(box_M4[tall]), kind="stable")][:MOST_PEOPLE]:
        box_4, others_M4 = box_M4[index], np.delete(box_M4, index, 0)
        pose, fused_J3 = posed(teachers.poses, teachers.joints, photo.rgb_HW3, box_4, box_M4[people[people != index]])
        true_J3 = photo.annotated_joints(index)
        for _ in range(2):
            region_4 = square_region(box_4, random.uniform(1.05, 1.35), random.uniform(-0.05, 0.05, 2))
            true_LL = photo.annotated_mask(index, label_cell_centres(region_4)[2])
            mask_LL = sure_mask(index, silhouettes, box_4, region_4) if true_LL is None and silhouettes else true_LL
            made = person_labels(teachers.parts, photo.rgb_HW3, box_4, others_M4, region_4, pose, mask_LL)
            if made is None:
                if true_LL is None:
                    continue
                made = mask_alone(true_LL)
            chart_LL, weight_LL = made
            uv_2LL = no_uv()
            if teachers.faces is not None:
                chart_LL, uv_2LL = with_face(teachers.faces, photo.rgb_HW3, region_4, chart_LL)
            yield PersonLabels(
                box_4=box_4 / photo.to_natural_4, region_4=region_4 / photo.to_natural_4, label_LL=chart_LL,
                weight_LL=weight_LL, uv_2LL=uv_2LL, mask_LL=mask_of_labels(chart_LL) if mask_LL is None else mask_LL,
                joint_J3=(fused_J3 if true_J3 is None else true_J3) / (*photo.to_natural_4[:2], 1),
            )


def sure_mask(person: int, silhouettes: Mapping[int, SilhouetteLogits], box_4: Float, region_4: Float) -> U8:
    """Labels of a person's silhouette in a region, by the mask teacher's logits of all people of the photo."""
    x_L, y_L, point_LL2 = label_cell_centres(region_4)
    others = [one.at(point_LL2) for other, one in silhouettes.items() if other != person]
    others_LL = np.max([np.full(point_LL2.shape[:2], NOWHERE), *others], axis=0)
    near_4 = expand_boxes(box_4[None], NEAR)[0]
    in_box_LL, near_LL = inside_box(box_4, x_L, y_L), inside_box(near_4, x_L, y_L)
    return teacher_mask_labels(silhouettes[person].at(point_LL2), others_LL, in_box_LL, near_LL)


def merge_boxes(labelled_M4: Float | None, found_N4: Float, score_N: Float) -> tuple[Float, U8]:
    """People's boxes and the teacher's: (K,4) and their kind.

    The teacher adds people that are not annotated; an annotated box around three or more of its people is a crowd.
    """
    if labelled_M4 is None:
        return found_N4, np.where(score_N >= 0.5, PERSON, IGNORED).astype(np.uint8)
    overlap = iou(labelled_M4, found_N4)
    sure = score_N >= 0.5
    inner = inside_share(found_N4[sure], labelled_M4)
    small = areas(found_N4[sure])[None] < 0.5 * areas(labelled_M4)[:, None]
    crowd = ((inner.T > 0.8) & small).sum(1) >= 3
    missed = overlap.max(0, initial=0) < 0.5
    missed &= inside_share(found_N4, labelled_M4).max(1, initial=0) < 0.8
    kinds = [np.where(crowd, IGNORED, PERSON), np.where(score_N[missed] >= 0.65, PERSON, IGNORED)]
    return np.concatenate([labelled_M4, found_N4[missed]]), np.concatenate(kinds).astype(np.uint8)


def person_labels(
    parts: PartTeacher,
    rgb_HW3: U8,
    box_4: Float,
    others_M4: Float,
    region_4: Float,
    pose: TeacherPose | None,
    mask_LL: U8 | None = None,
) -> tuple[U8, U8] | None:
    """Labels and weights (LABELS²) of one person from the teachers, or None where their confidence is low.

    Person probability < .35 is background; > .6 inside the target's box and no other is a part; > .35 in another's
    box and clear of the target's is background too, so that only this person is learnt; the rest is ignored. Where the
    silhouette is labelled (`mask_LL`), it decides what is background and what is a part. The part teacher predicts on a
    roll-aligned crop.
    """
    side = parts.grid.side
    to_photo_23 = rotated_square((region_4[:2] + region_4[2:]) / 2, (region_4[2] - region_4[0]) / 2, lean(pose), side)
    answer, agreement = parts.predict_with_flip(warp_square(rgb_HW3, to_photo_23, side))
    x_L, y_L, point_LL2 = label_cell_centres(region_4)
    back_23 = np.asarray(cv2.invertAffineTransform(to_photo_23), np.float64)
    person_LL, part_24LL = answer.at(map_points(point_LL2, back_23))
    person_LL, part_24LL, posed = fuse(expit(person_LL), part_24LL, pose, point_LL2)
    own_LL = inside_box(box_4, x_L, y_L)
    near_LL = inside_box(expand_boxes(box_4[None], NEAR)[0], x_L, y_L)
    other_LL = np.any([inside_box(other, x_L, y_L) for other in others_M4] or [np.zeros_like(own_LL)], axis=0)
    if agreement < LEAST_AGREEMENT or (person_LL[own_LL] > 0.6).mean() < LEAST_FILLED:
        return None
    label_LL = np.full((LABELS, LABELS), IGNORE, np.uint8)
    label_LL[person_LL < 0.35] = 0
    label_LL[other_LL & ~near_LL] = 0
    chart_LL = (part_24LL.argmax(0) + 1).astype(np.uint8)
    sure = (person_LL > 0.6) & own_LL & ~other_LL
    label_LL[sure] = chart_LL[sure]
    odds_24LL = np.exp(part_24LL - part_24LL.max(0))
    trust = 1.0 if posed or pose is None else UNPOSED
    weight_LL = np.round(255 * trust / odds_24LL.sum(0)).astype(np.uint8)
    return (label_LL, weight_LL) if mask_LL is None else within_mask(label_LL, chart_LL, weight_LL, mask_LL)


def label_cell_centres(region_4: Float) -> tuple[Float, Float, Float]:
    """Columns and rows (L) and both (L,L,2) of the centres of a label map's cells, in pixels of the image."""
    step = (region_4[2:] - region_4[:2]) / LABELS
    x_L = region_4[0] + step[0] * (np.arange(LABELS) + 0.5)
    y_L = region_4[1] + step[1] * (np.arange(LABELS) + 0.5)
    return x_L, y_L, np.stack(np.meshgrid(x_L, y_L), -1)


def inside_box(box_4: Float, x_W: Float, y_H: Float) -> npt.NDArray[np.bool_]:
    """Mask (H,W) of the points of a grid that lie in a box."""
    return ((y_H >= box_4[1]) & (y_H < box_4[3]))[:, None] & ((x_W >= box_4[0]) & (x_W < box_4[2]))[None]


def likely_aspect(teacher: PartTeacher, square_SS3: U8, box_M4: Float) -> float:
    """The aspect ratio of a squeezed photo at which the part teacher is most confident about the largest person."""
    box_4 = box_M4[areas(box_M4).argmax()] if len(box_M4) else np.asarray([0, 0, SIDE, SIDE], np.float32)

    def certainty(aspect: float) -> float:
        width, height = natural_size(aspect)
        scale_4 = np.asarray([width, height, width, height], np.float32) / SIDE
        image = np.asarray(cv2.resize(square_SS3, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        region_4 = square_region(box_4 * scale_4, 1.2, np.zeros(2))
        answer = teacher(crop(image, region_4, teacher.grid.side))
        inner = answer.person_hw > 0
        return float(answer.part_24hw.max(0)[inner].mean()) if inner.any() else -np.inf

    return max(ASPECTS, key=certainty)


def dense_labels(teacher: PartTeacher, rgb_HW3: U8) -> U8:
    """Part labels (DENSE²) of a whole photo: 0 background, 1..24, IGNORE at low confidence."""
    height, width = map(teacher.grid.valid_side, rgb_HW3.shape[:2])
    answer = teacher(np.asarray(cv2.resize(rgb_HW3, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8))
    logit_DD, part_24DD = answer.on_grid(DENSE)
    person_DD = expit(logit_DD)
    label_DD = (part_24DD.argmax(0) + 1).astype(np.uint8)
    label_DD[person_DD <= 0.6] = IGNORE
    label_DD[person_DD < 0.35] = 0
    return label_DD


def square_region(box_4: Float, scale: float, shift_2: Float) -> Float:
    """The square around a box, `scale` times its longer side, its centre shifted by parts of that side."""
    side = scale * max(box_4[2] - box_4[0], box_4[3] - box_4[1])
    centre = (box_4[:2] + box_4[2:]) / 2 + shift_2 * side
    return np.concatenate([centre - side / 2, centre + side / 2]).astype(np.float32)


def crop(rgb_HW3: U8, region_4: Float, side: int) -> U8:
    """The region (x0 y0 x1 y1, may reach outside) resized to side x side; outside is grey."""
    x0, y0, x1, y1 = region_4
    sx, sy = (x1 - x0) / side, (y1 - y0) / side
    matrix = np.asarray([[sx, 0, x0 + sx / 2 - 0.5], [0, sy, y0 + sy / 2 - 0.5]], np.float32)
    return warp_square(rgb_HW3, matrix, side)


def warp_square(rgb_HW3: U8, to_photo_23: Float, side: int) -> U8:
    """The square of `side` pixels whose pixel indices this affine map takes into the photo; outside is grey."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    made = cv2.warpAffine(rgb_HW3, to_photo_23, (side, side), flags=flags, borderValue=(114, 114, 114))
    return np.asarray(made, np.uint8)
