"""Shards of labelled photos, from which the training samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.arrays import U8, Float
from models.box_overlap import iou
from pipeline.stage import StageError
from stages.annotations.image_collections import held_out
from stages.training.data.labelled_photos import (
    FALSE,
    IGNORE,
    LABELS,
    is_chart_label,
    mask_of_labels,
    natural_size,
    no_joints,
    no_uv,
)
from stages.training.data.shards import map_shard

LEAST_BODY = 0.03
"""Least share of a label map with known parts, for a crop to be used."""
SAME = 0.9
"""Least IoU of a person's box and a photo's box that are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPhoto:
    """One labelled photo; boxes in pixels of the stored square, `natural` its width and height unstretched."""

    name: str
    natural: tuple[int, int]
    rgb_SS3: U8
    box_M4: Float
    kind_M: U8
    dense_DD: U8


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPerson:
    """One labelled crop of a photo (see `stages.training.data.labelled_photos.PersonLabels`).

    Attributes:
        other_K4: boxes of other people in the photo.
    """

    photo: int
    box_4: Float
    region_4: Float
    label_LL: U8
    weight_LL: U8
    mask_LL: U8
    joint_J3: Float = field(default_factory=no_joints)
    uv_2LL: U8 = field(default_factory=no_uv)
    other_K4: Float = field(default_factory=lambda: np.zeros((0, 4), np.float32))


def other_boxes(own_4: Float, box_M4: Float) -> Float:
    """The boxes (K, 4) of a photo without the person's own, the one that overlaps it most."""
    overlap_M = iou(own_4[None], box_M4)[0]
    return box_M4 if overlap_M.max(initial=0) < SAME else np.delete(box_M4, int(overlap_M.argmax()), 0)


def nobody_in(photo: int, box_4: Float) -> PoolPerson:
    """A box of a photo that holds nobody."""
    label_LL = np.zeros((LABELS, LABELS), np.uint8)
    return PoolPerson(photo=photo, box_4=box_4, region_4=box_4, label_LL=label_LL, weight_LL=label_LL, mask_LL=label_LL)


class PhotoPool:
    """All photos and labelled people of a list of shards that may be trained on; held-out photos are left out.

    Attributes:
        exact: indices of the people whose silhouette is known in every cell.
        annotated: indices of the photos with such people: their boxes are annotated, too.
        false: boxes in which a box teacher sees a person where nobody is; all of them is background.
    """

    def __init__(self, shards: Sequence[Path]) -> None:
        """Raises: StageError when there is no shard."""
        if not shards:
            raise StageError("there are no labelled photos", "", "run the stage `label_photos` first")
        self.photos: list[PoolPhoto] = []
        self.people: list[PoolPerson] = []
        self.false: list[PoolPerson] = []
        for shard in shards:
            self._add(map_shard(shard))
        self.exact = [index for index, one in enumerate(self.people) if not (one.mask_LL == IGNORE).any()]
        self.annotated = sorted({self.people[index].photo for index in self.exact})

    def _add(self, data: dict[str, np.ndarray]) -> None:
        place: dict[int, int] = {}
        for i, name in enumerate(data["name"]):
            if held_out(str(name)):
                continue
            place[i] = len(self.photos)
            mine = (data["box_photo"] == i) & (data["box_kind"] != FALSE)
            of_things = (data["box_photo"] == i) & (data["box_kind"] == FALSE)
            self.false += [nobody_in(place[i], box_4) for box_4 in data["box"][of_things]]
            self.photos.append(
                PoolPhoto(
                    name=str(name), natural=natural_size(float(data["aspect"][i])), rgb_SS3=data["rgb"][i],
                    box_M4=data["box"][mine], kind_M=data["box_kind"][mine], dense_DD=data["dense"][i],
                )
            )
        for i in range(len(data["person_photo"])):
            photo = place.get(int(data["person_photo"][i]))
            label = data["person_label"][i]
            if photo is not None and is_chart_label(label).mean() >= LEAST_BODY:
                self.people.append(
                    PoolPerson(
                        photo=photo,
                        box_4=data["person_box"][i],
                        region_4=data["person_region"][i],
                        label_LL=label,
                        weight_LL=data["person_weight"][i],
                        mask_LL=data["person_mask"][i] if "person_mask" in data else mask_of_labels(label),
                        other_K4=other_boxes(data["person_box"][i], self.photos[photo].box_M4),
                        joint_J3=data["person_joint"][i] if "person_joint" in data else no_joints(),
                        uv_2LL=data["person_uv"][i] if len(data.get("person_uv", ())) else no_uv(),
                    )
                )
