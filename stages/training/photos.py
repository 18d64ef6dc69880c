"""Real photos of people, labelled by hand and by openly licensed teachers: the real half of the light training.

A pool is a folder of shards, each an npz of a few hundred photos. Photos are kept stretched to a square of 416 px, with
the aspect they are meant to have; all boxes are in pixels of that square.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import expit

from models.light.box_teacher import BoxTeacher
from models.light.part_teacher import PartTeacher
from models.light.pose_teacher import Pose, PoseTeacher
from models.light.turned_square import moved, turned_square
from stages.training.carried_labels import IGNORE, NearFrame, near_frames, voted
from stages.training.pose_labels import fuse, lean

F32 = npt.NDArray[Any]
U8 = npt.NDArray[Any]

SIDE = 416
"""Pixels of a stored photo's sides."""
LABELS = 80
"""Cells of a person's label map along a side."""
DENSE = 52
"""Cells of a photo's label map along a side (stride 8)."""
PERSON, UNSURE = 0, 1
UNPOSED = 0.6
"""Trust in the part teacher's labels of a person whose pose the pose teacher, when it is asked, does not find."""
LEAST_AGREEMENT, LEAST_FILLED = 0.4, 0.2
"""A person is labelled where the part teacher says as much in the mirror, and sees the person in as much of the box."""
ASPECTS = (4 / 3, 3 / 2, 3 / 4, 2 / 3)
"""Width over height that a stretched photo may have had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One photo as it came: upright RGB, what people annotated (pixels of `rgb_HW3`), and its origin.

    Attributes:
        box_M4: annotated people, or None when nobody annotated the photo.
        stretched: True when the photo was squeezed into a square and its aspect is lost.
        crowd_K4: regions full of people that nobody counted.
        keypoint_M173: COCO-17 keypoints of the annotated people.
        near: of a film: the frames before and after that vote on its labels, each of the same size.
    """

    name: str
    rgb_HW3: U8
    box_M4: F32 | None
    stretched: bool
    crowd_K4: F32 | None = None
    keypoint_M173: F32 | None = None
    near: tuple[U8, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLabels:
    """One labelled crop: `label_LL` (0, 1..24, 255 = ignore) covers `region_4` (x0 y0 x1 y1) of the square photo."""

    box_4: F32
    region_4: F32
    label_LL: U8
    weight_LL: U8


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPhoto:
    """A photo with everything that is known about it; boxes in pixels of the square."""

    name: str
    aspect: float
    rgb_SS3: U8
    box_M4: F32
    kind_M: U8
    dense_DD: U8
    people: tuple[PersonLabels, ...]


def held_out(name: str) -> bool:
    """One photo in sixteen is kept out of training, by a hash of its id (the name up to the first `_jpg` or dot)."""
    identity = Path(name).name.split("_jpg")[0].split(".")[0]
    return hashlib.sha256(identity.encode()).digest()[0] % 16 == 0


def merge_boxes(labelled_M4: F32 | None, found_N4: F32, score_N: F32) -> tuple[F32, U8]:
    """People's boxes and the teacher's: (K,4) and their kind (PERSON to learn, UNSURE to leave alone).

    The teacher adds people that nobody labelled; a label around three or more of its people is a crowd.
    """
    if labelled_M4 is None:
        return found_N4, np.where(score_N >= 0.5, PERSON, UNSURE).astype(np.uint8)
    overlap = iou(labelled_M4, found_N4)
    sure = score_N >= 0.5
    inner = inside_share(found_N4[sure], labelled_M4)
    small = areas(found_N4[sure])[None] < 0.5 * areas(labelled_M4)[:, None]
    crowd = ((inner.T > 0.8) & small).sum(1) >= 3
    missed = overlap.max(0, initial=0) < 0.5
    missed &= inside_share(found_N4, labelled_M4).max(1, initial=0) < 0.8
    kinds = [np.where(crowd, UNSURE, PERSON), np.where(score_N[missed] >= 0.65, PERSON, UNSURE)]
    return np.concatenate([labelled_M4, found_N4[missed]]), np.concatenate(kinds).astype(np.uint8)


def areas(box_N4: F32) -> F32:
    """Areas of boxes."""
    return (box_N4[:, 2] - box_N4[:, 0]) * (box_N4[:, 3] - box_N4[:, 1])


def intersections(a_N4: F32, b_M4: F32) -> F32:
    """Areas common to each pair of boxes, (N,M)."""
    low = np.maximum(a_N4[:, None, :2], b_M4[None, :, :2])
    high = np.minimum(a_N4[:, None, 2:], b_M4[None, :, 2:])
    return np.clip(high - low, 0, None).prod(2)


def iou(a_N4: F32, b_M4: F32) -> F32:
    """Intersection over union of each pair of boxes, (N,M)."""
    common = intersections(a_N4, b_M4)
    return common / (areas(a_N4)[:, None] + areas(b_M4)[None] - common + 1e-9)


def inside_share(a_N4: F32, b_M4: F32) -> F32:
    """Share of each box of the first set that lies in each of the second, (N,M)."""
    return intersections(a_N4, b_M4) / (areas(a_N4)[:, None] + 1e-9)


def crop(rgb_HW3: U8, region_4: F32, side: int) -> U8:
    """The region (x0 y0 x1 y1, may reach outside) resized to side x side; outside is grey."""
    x0, y0, x1, y1 = region_4
    sx, sy = (x1 - x0) / side, (y1 - y0) / side
    matrix = np.asarray([[sx, 0, x0 + sx / 2 - 0.5], [0, sy, y0 + sy / 2 - 0.5]], np.float32)
    return cut_out(rgb_HW3, matrix, side)


def cut_out(rgb_HW3: U8, to_photo_23: F32, side: int) -> U8:
    """The square of `side` pixels whose pixel indices this affine map takes into the photo; outside is grey."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(rgb_HW3, to_photo_23, (side, side), flags=flags, borderValue=(114, 114, 114))


def square_region(box_4: F32, scale: float, shift_2: F32) -> F32:
    """The square around a box, `scale` times its longer side, its centre shifted by parts of that side."""
    side = scale * max(box_4[2] - box_4[0], box_4[3] - box_4[1])
    centre = (box_4[:2] + box_4[2:]) / 2 + shift_2 * side
    return np.concatenate([centre - side / 2, centre + side / 2]).astype(np.float32)


def person_labels(
    parts: PartTeacher, rgb_HW3: U8, box_4: F32, others_M4: F32, region_4: F32, pose: Pose | None
) -> tuple[U8, U8] | None:
    """Labels and weights (LABELS²) of one person from the teachers, or None where they do not trust themselves.

    Person probability < .35 is background; > .6 inside the target's box and no other is a part; > .35 in another's
    box and clear of the target's is background too (it teaches "only this person"); the rest is ignored. The part
    teacher is shown a person who leans over as if upright.
    """
    side = parts.geometry.side
    to_photo_23 = turned_square((region_4[:2] + region_4[2:]) / 2, (region_4[2] - region_4[0]) / 2, lean(pose), side)
    answer, agreement = parts.both_ways(cut_out(rgb_HW3, to_photo_23, side))
    x_L, y_L, point_LL2 = cells_of(region_4)
    person_LL, part_24LL = answer.at(moved(point_LL2, cv2.invertAffineTransform(to_photo_23)))
    person_LL, part_24LL, posed = fuse(expit(person_LL), part_24LL, pose, point_LL2)
    own_LL = inside(box_4, x_L, y_L)
    near_LL = inside(square_free(box_4, 1.1), x_L, y_L)
    other_LL = np.any([inside(other, x_L, y_L) for other in others_M4] or [np.zeros_like(own_LL)], axis=0)
    if agreement < LEAST_AGREEMENT or (person_LL[own_LL] > 0.6).mean() < LEAST_FILLED:
        return None
    label_LL = np.full((LABELS, LABELS), IGNORE, np.uint8)
    label_LL[person_LL < 0.35] = 0
    label_LL[other_LL & ~near_LL] = 0
    sure = (person_LL > 0.6) & own_LL & ~other_LL
    label_LL[sure] = (part_24LL.argmax(0) + 1).astype(np.uint8)[sure]
    odds_24LL = np.exp(part_24LL - part_24LL.max(0))
    trust = 1.0 if posed or pose is None else UNPOSED
    return label_LL, np.round(255 * trust / odds_24LL.sum(0)).astype(np.uint8)


def cells_of(region_4: F32) -> tuple[F32, F32, F32]:
    """Columns and rows (L) and both (L,L,2) of the middles of a label map's cells, in pixels of the picture."""
    step = (region_4[2:] - region_4[:2]) / LABELS
    x_L = region_4[0] + step[0] * (np.arange(LABELS) + 0.5)
    y_L = region_4[1] + step[1] * (np.arange(LABELS) + 0.5)
    return x_L, y_L, np.stack(np.meshgrid(x_L, y_L), -1)


def inside(box_4: F32, x_W: F32, y_H: F32) -> npt.NDArray[np.bool_]:
    """Mask (H,W) of the points of a grid that lie in a box."""
    return ((y_H >= box_4[1]) & (y_H < box_4[3]))[:, None] & ((x_W >= box_4[0]) & (x_W < box_4[2]))[None]


def square_free(box_4: F32, scale: float) -> F32:
    """A box grown about its centre."""
    centre, half = (box_4[:2] + box_4[2:]) / 2, (box_4[2:] - box_4[:2]) / 2 * scale
    return np.concatenate([centre - half, centre + half])


def natural_size(aspect: float) -> tuple[int, int]:
    """Width and height in pixels of a photo of that aspect with the area of the stored square."""
    return round(SIDE * aspect**0.5), round(SIDE / aspect**0.5)


def likely_aspect(teacher: PartTeacher, square_SS3: U8, box_M4: F32) -> float:
    """The aspect of a stretched photo in which the part teacher is most certain about the largest person."""
    box_4 = box_M4[areas(box_M4).argmax()] if len(box_M4) else np.asarray([0, 0, SIDE, SIDE], np.float32)

    def certainty(aspect: float) -> float:
        width, height = natural_size(aspect)
        scale_4 = np.asarray([width, height, width, height], np.float32) / SIDE
        picture = cv2.resize(square_SS3, (width, height), interpolation=cv2.INTER_LINEAR)
        region_4 = square_region(box_4 * scale_4, 1.2, np.zeros(2))
        answer = teacher(crop(picture, region_4, teacher.geometry.side))
        inner = answer.person_hw > 0
        return float(answer.part_24hw.max(0)[inner].mean()) if inner.any() else -np.inf

    return max(ASPECTS, key=certainty)


def dense_labels(teacher: PartTeacher, rgb_HW3: U8) -> U8:
    """Part labels (DENSE²) of a whole photo: 0 background, 1..24, IGNORE where the teacher is unsure."""
    height, width = map(teacher.geometry.fitting, rgb_HW3.shape[:2])
    answer = teacher(cv2.resize(rgb_HW3, (width, height), interpolation=cv2.INTER_LINEAR))
    logit_DD, part_24DD = answer.everywhere(DENSE)
    person_DD = expit(logit_DD)
    label_DD = (part_24DD.argmax(0) + 1).astype(np.uint8)
    label_DD[person_DD <= 0.6] = IGNORE
    label_DD[person_DD < 0.35] = 0
    return label_DD


@dataclass(frozen=True, slots=True, kw_only=True)
class Teachers:
    """Who labels the photos; the pose teacher is optional."""

    parts: PartTeacher
    boxes: BoxTeacher
    poses: PoseTeacher | None


def label_photo(picture: Picture, teachers: Teachers, seed: int) -> LabelledPhoto:
    """Complete a photo's boxes, guess its aspect where it is lost, and label its four largest people twice each."""
    height, width = picture.rgb_HW3.shape[:2]
    square_SS3 = cv2.resize(picture.rgb_HW3, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    to_square = np.asarray([SIDE / width, SIDE / height] * 2, np.float32)
    known_M4 = None if picture.box_M4 is None else picture.box_M4 * to_square
    first_M4 = np.zeros((0, 4), np.float32) if known_M4 is None else known_M4
    aspect = likely_aspect(teachers.parts, square_SS3, first_M4) if picture.stretched else width / height
    natural = natural_size(aspect)
    to_natural = np.asarray([natural[0] / SIDE, natural[1] / SIDE] * 2, np.float32)
    rgb_HW3 = cv2.resize(picture.rgb_HW3, natural, interpolation=cv2.INTER_AREA)
    found_N4, score_N = teachers.boxes(rgb_HW3)
    box_M4, kind_M = merge_boxes(None if known_M4 is None else known_M4 * to_natural, found_N4, score_N)
    near = near_frames(rgb_HW3, [cv2.resize(one, natural, interpolation=cv2.INTER_AREA) for one in picture.near])
    people = list(label_people(teachers, rgb_HW3, box_M4, kind_M, to_natural, np.random.default_rng(seed), near))
    return LabelledPhoto(
        name=picture.name,
        aspect=aspect,
        rgb_SS3=square_SS3,
        box_M4=box_M4 / to_natural,
        kind_M=kind_M,
        dense_DD=dense_labels(teachers.parts, rgb_HW3),
        people=tuple(people),
    )


def label_people(
    teachers: Teachers,
    rgb_HW3: U8,
    box_M4: F32,
    kind_M: U8,
    to_natural_4: F32,
    random: np.random.Generator,
    near: Sequence[NearFrame] = (),
) -> Iterable[PersonLabels]:
    """Two labelled crops of each of the four largest people that are at least 48 px tall, where the teacher is sure."""
    tall = np.flatnonzero((kind_M == PERSON) & (box_M4[:, 3] - box_M4[:, 1] >= 48))
    for index in tall[np.argsort(-areas(box_M4[tall]), kind="stable")][:4]:
        pose = teachers.poses(rgb_HW3, box_M4[index]) if teachers.poses else None
        poses = [teachers.poses(one.rgb_HW3, one.moved(box_M4[index])) if teachers.poses else None for one in near]
        for _ in range(2):
            region_4 = square_region(box_M4[index], random.uniform(1.05, 1.35), random.uniform(-0.05, 0.05, 2))
            others_M4 = np.delete(box_M4, index, 0)
            made = person_labels(teachers.parts, rgb_HW3, box_M4[index], others_M4, region_4, pose)
            if made is not None:
                around = [
                    carried_labels(teachers.parts, one, box_M4[index], others_M4, region_4, pose_there)
                    for one, pose_there in zip(near, poses, strict=True)
                ]
                if len(around) == 2 and around[0] is not None and around[1] is not None:
                    made = voted(made, around[0], around[1])
                yield PersonLabels(
                    box_4=box_M4[index] / to_natural_4,
                    region_4=region_4 / to_natural_4,
                    label_LL=made[0],
                    weight_LL=made[1],
                )


def carried_labels(
    parts: PartTeacher, near: NearFrame, box_4: F32, others_M4: F32, region_4: F32, pose: Pose | None
) -> tuple[U8, U8] | None:
    """What the part teacher says of a person in a near frame, carried to the cells of `region_4` in the labelled one.

    `pose` is the person's in the near frame.
    """
    there_4 = near.moved(box_4)
    region_there_4 = region_4 + there_4 - box_4
    others_there_M4 = np.array([near.moved(other_4) for other_4 in others_M4], np.float32).reshape(-1, 4)
    said = person_labels(parts, near.rgb_HW3, there_4, others_there_M4, region_there_4, pose)
    return None if said is None else near.carried(said, region_there_4, cells_of(region_4)[2])


def write_shard(path: Path, photos: Sequence[LabelledPhoto]) -> None:
    """Write one shard whole: it stands under its name only when complete."""
    people = [(i, person) for i, photo in enumerate(photos) for person in photo.people]
    empty = np.zeros((0, LABELS, LABELS), np.uint8)
    temporary = path.with_suffix(".partial.npz")
    np.savez(
        temporary,
        name=np.array([photo.name for photo in photos]),
        aspect=np.asarray([photo.aspect for photo in photos], np.float32),
        rgb=np.stack([photo.rgb_SS3 for photo in photos]),
        dense=np.stack([photo.dense_DD for photo in photos]),
        box_photo=np.repeat(np.arange(len(photos)), [len(photo.box_M4) for photo in photos]),
        box=np.concatenate([photo.box_M4 for photo in photos]).astype(np.float32),
        box_kind=np.concatenate([photo.kind_M for photo in photos]),
        person_photo=np.array([i for i, _ in people], np.int64),
        person_box=np.array([person.box_4 for _, person in people], np.float32).reshape(-1, 4),
        person_region=np.array([person.region_4 for _, person in people], np.float32).reshape(-1, 4),
        person_label=np.stack([person.label_LL for _, person in people]) if people else empty,
        person_weight=np.stack([person.weight_LL for _, person in people]) if people else empty,
    )
    temporary.rename(path)
