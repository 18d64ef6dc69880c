"""Labelled photos of the light training, and their shards.

A pool is a folder of shards, each an npz of a few hundred photos. Photos are kept stretched to a square of 416 px, with
their true aspect ratio beside them; all boxes are in pixels of that square.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.arrays import F32, U8, Bool, Float
from models.body.open_body import COCO_KEYPOINTS
from models.files.atomic_file import atomic_write

SIDE = 416
"""Pixels of a stored photo's sides."""
LABELS = 112
"""Cells of a person's label map along a side; the grid of a crop of 192 pixels has 96 over a smaller region."""
DENSE = 52
"""Cells of a photo's label map along a side (stride 8)."""
IGNORE = 255
"""The label of a cell that is not supervised."""
PERSON, IGNORED, FALSE = 0, 1, 2
"""Kinds of boxes: people, ignored areas (neither person nor background), and those in which a box teacher sees a person
where nobody is."""


ABSENT_JOINT, UNKNOWN_JOINT, HIDDEN_JOINT, VISIBLE_JOINT, PLACED_JOINT = -1, 0, 1, 2, 3
"""Third number of a joint: it is outside the image; its place is unknown; known, but hidden; known and visible; known,
but whether it is visible is not."""


_NO_UV: U8 = np.zeros((2, LABELS, LABELS), np.uint8)
_NO_UV.setflags(write=False)


def no_joints() -> F32:
    """Joints (J,3), none of them known."""
    return np.zeros((len(COCO_KEYPOINTS), 3), np.float32)


def no_uv() -> U8:
    """U and V (2,L,L) of a person whose are not known anywhere."""
    return _NO_UV


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLabels:
    """One labelled crop: `label_LL` (0, 1..24, 255 = ignore) covers `region_4` (x0 y0 x1 y1) of the square photo.

    Attributes:
        mask_LL: the person's silhouette on the same cells: 0 outside, 1 inside, 255 unknown.
        joint_J3: COCO's joints: x, y in the pixels of the box, and one of the states above.
        uv_2LL: U and V, 0..255, in the same cells; both are 0 where they are not known.
    """

    box_4: Float
    region_4: Float
    label_LL: U8
    weight_LL: U8
    mask_LL: U8
    joint_J3: F32 = field(default_factory=no_joints)
    uv_2LL: U8 = field(default_factory=no_uv)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPhoto:
    """A photo with its labels; boxes in pixels of the square."""

    name: str
    aspect: float
    rgb_SS3: U8
    box_M4: Float
    kind_M: U8
    dense_DD: U8
    people: tuple[PersonLabels, ...]


def is_chart_label(label: U8) -> Bool:
    """Where labels are charts; of any shape."""
    return (label > 0) & (label != IGNORE)


def mask_of_labels(label: U8) -> U8:
    """The silhouette that chart labels imply: 0 background, 1 any chart, IGNORE where nothing is labelled."""
    return np.where(is_chart_label(label), 1, label).astype(np.uint8)


def natural_size(aspect: float) -> tuple[int, int]:
    """Width and height in pixels of a photo of that aspect with the area of the stored square."""
    return round(SIDE * aspect**0.5), round(SIDE / aspect**0.5)


def write_shard(path: Path, photos: Sequence[LabelledPhoto]) -> None:
    """Write one shard atomically."""
    people = [(i, person) for i, photo in enumerate(photos) for person in photo.people]
    joints = [person.joint_J3 for _, person in people]
    empty = np.zeros((0, LABELS, LABELS), np.uint8)
    known = any(person.uv_2LL.any() for _, person in people)
    with atomic_write(path) as draft, draft.open("wb") as file:
        np.savez(
            file,
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
            person_mask=np.stack([person.mask_LL for _, person in people]) if people else empty,
            person_weight=np.stack([person.weight_LL for _, person in people]) if people else empty,
            person_joint=np.array(joints, np.float32).reshape(-1, *no_joints().shape),
            person_uv=np.stack([person.uv_2LL for _, person in people]) if known else no_uv()[None][:0],
        )
