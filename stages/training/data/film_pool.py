"""Shards of pairs of film frames that optical flow connects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.arrays import F32, F64, U8, Float
from models.files.atomic_file import atomic_write
from stages.training.data.labelled_photos import DENSE, IGNORE, SIDE
from stages.training.data.photo_pool import PoolPerson, PoolPhoto
from stages.training.data.shards import map_shard

FLOW = 104
"""Cells of a flow map along a side."""
_UNKNOWN: U8 = np.full((8, 8), IGNORE, np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePair:
    """A region of two frames around a person, as it is stored.

    Attributes:
        rgb_2SS3: of both frames.
        box_24: the person's box in both, in pixels of the region.
        flow_2FF2: for each cell of one the place x, y in the other, in pixels of the region; NaN where it is not sure.
    """

    rgb_2SS3: U8
    box_24: F32
    flow_2FF2: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmPair:
    """A pair as crops are made from it: nothing of it is labelled."""

    photo_2: tuple[PoolPhoto, PoolPhoto]
    person_2: tuple[PoolPerson, PoolPerson]
    flow_2FF2: F32


class FilmPool:
    """All pairs of a list of shards; none without shards."""

    def __init__(self, shards: Sequence[Path]) -> None:
        """Raises: StageError for a shard that cannot be read."""
        self._shards = [map_shard(shard) for shard in shards]
        self._places = [(shard, row) for shard, data in enumerate(self._shards) for row in range(len(data["box"]))]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> FilmPair:
        """A pair."""
        shard, row = self._places[index]
        data = self._shards[shard]
        photos = tuple(_photo(rgb_SS3) for rgb_SS3 in data["rgb"][row])
        people = tuple(_person(box_4) for box_4 in data["box"][row])
        return FilmPair(photo_2=photos, person_2=people, flow_2FF2=data["flow"][row].astype(np.float32))  # type: ignore[arg-type]


def _photo(rgb_SS3: U8) -> PoolPhoto:
    no_boxes = np.zeros((0, 4), np.float32)
    dense_DD = np.full((DENSE, DENSE), IGNORE, np.uint8)
    return PoolPhoto(
        name="", natural=(SIDE, SIDE), rgb_SS3=rgb_SS3, box_M4=no_boxes, kind_M=np.zeros(0, np.uint8), dense_DD=dense_DD
    )


def _person(box_4: Float) -> PoolPerson:
    whole_4 = np.array([0, 0, SIDE, SIDE], np.float32)
    return PoolPerson(
        photo=0, box_4=box_4, region_4=whole_4, label_LL=_UNKNOWN, weight_LL=_UNKNOWN, mask_LL=_UNKNOWN
    )


def moved_by_flow(at_X2: F64, flow_FF2: F32) -> F64:
    """Places x, y in pixels of one frame as places in the other; NaN where the flow is not sure or they lie outside."""
    cell_X2 = (at_X2 * (len(flow_FF2) / SIDE) - 0.5).astype(np.float32)
    column, row = (np.ascontiguousarray(cell_X2[..., axis]) for axis in (0, 1))
    nowhere = (np.nan, np.nan)
    moved = cv2.remap(flow_FF2, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=nowhere)
    return np.asarray(moved, np.float64).reshape(at_X2.shape)


def write_film(path: Path, pairs: Sequence[FramePair]) -> None:
    """Write one shard atomically."""
    with atomic_write(path) as draft, draft.open("wb") as file:
        np.savez(
            file, rgb=np.stack([pair.rgb_2SS3 for pair in pairs]),
            box=np.stack([pair.box_24 for pair in pairs]).astype(np.float32),
            flow=np.stack([pair.flow_2FF2 for pair in pairs]).astype(np.float16),
        )
