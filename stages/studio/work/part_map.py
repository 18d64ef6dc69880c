"""Maps of a person's painted parts, compressed, so that the maps of all steps fit into memory for undo."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from models.arrays import U8, Bool
from stages.annotations.coco_masks import decode_mask, encode_mask

ERASE = 0
"""The part that erases."""


@dataclass(frozen=True, kw_only=True)
class PixelMask:
    """A mask of an image, inside a rectangle.

    Attributes:
        x, y: upper left pixel of the rectangle.
        size: height and width of the rectangle.
        counts: COCO's compressed run lengths of the rectangle.
    """

    x: int
    y: int
    size: tuple[int, int]
    counts: str

    @property
    def inside_hw(self) -> Bool:
        """The mask inside the rectangle, bool (h, w). Raises: ValueError for run lengths that do not fill it."""
        return decode_mask({"size": list(self.size), "counts": self.counts}) > 0

    @classmethod
    def of_array(cls, inside_hw: Bool, x: int, y: int) -> PixelMask:
        """A mask whose upper left pixel is (x, y) of the image."""
        rle = encode_mask(inside_hw)
        return cls(x=x, y=y, size=(rle["size"][0], rle["size"][1]), counts=rle["counts"])


@dataclass(frozen=True, kw_only=True)
class PartMap:
    """Labels of pixels in the smallest rectangle that contains them all; equal maps have equal fields.

    Attributes:
        x, y: upper left pixel of the rectangle.
        height, width: pixels of the rectangle.
        packed: the labels 0..14, compressed.
    """

    x: int
    y: int
    height: int
    width: int
    packed: bytes

    @property
    def label_hw(self) -> U8:
        """Coarse labels of the rectangle, (h, w); 0 = no part."""
        labels = np.frombuffer(zlib.decompress(self.packed), np.uint8)
        return labels.reshape(self.height, self.width)

    def labels_in(self, x0: int, y0: int, x1: int, y1: int) -> U8:
        """Labels of another rectangle (x1, y1 exclusive); 0 outside of this one."""
        found_hw = np.zeros((y1 - y0, x1 - x0), np.uint8)
        left, top = max(x0, self.x), max(y0, self.y)
        right, bottom = min(x1, self.x + self.width), min(y1, self.y + self.height)
        if right > left and bottom > top:
            mine_hw = self.label_hw[top - self.y : bottom - self.y, left - self.x : right - self.x]
            found_hw[top - y0 : bottom - y0, left - x0 : right - x0] = mine_hw
        return found_hw


def painted(before: PartMap | None, mask: PixelMask, part: int) -> PartMap | None:
    """The map after the pixels of a mask are painted with `part`; None when no pixel has a part.

    `part` replaces other parts; `ERASE` leaves no part.
    """
    x0, y0, x1, y1 = mask.x, mask.y, mask.x + mask.size[1], mask.y + mask.size[0]
    if before is not None:
        x0, y0 = min(x0, before.x), min(y0, before.y)
        x1, y1 = max(x1, before.x + before.width), max(y1, before.y + before.height)
    label_hw = np.zeros((y1 - y0, x1 - x0), np.uint8) if before is None else before.labels_in(x0, y0, x1, y1)
    top, left = mask.y - y0, mask.x - x0
    label_hw[top : top + mask.size[0], left : left + mask.size[1]][mask.inside_hw] = part
    return packed_map(label_hw, x0, y0)


def labels_under(parts: PartMap | None, mask: PixelMask) -> set[int]:
    """The parts of the pixels of a mask."""
    if parts is None:
        return set()
    label_hw = parts.labels_in(mask.x, mask.y, mask.x + mask.size[1], mask.y + mask.size[0])
    return set(np.unique(label_hw[mask.inside_hw]).tolist()) - {ERASE}


@lru_cache(maxsize=1024)
def painted_parts(parts: PartMap | None) -> frozenset[int]:
    """The parts of a map."""
    return frozenset() if parts is None else frozenset(np.unique(parts.label_hw).tolist()) - {ERASE}


def packed_map(label_hw: U8, x: int, y: int) -> PartMap | None:
    """A map of labels whose upper left pixel is (x, y) of the image; None when all are 0."""
    rows, columns = np.flatnonzero(label_hw.any(axis=1)), np.flatnonzero(label_hw.any(axis=0))
    if not len(rows):
        return None
    tight_hw = np.ascontiguousarray(label_hw[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    height, width = tight_hw.shape
    return PartMap(
        x=x + int(columns[0]), y=y + int(rows[0]), height=height, width=width,
        packed=zlib.compress(tight_hw.tobytes(), level=1),
    )
