"""The edge of a person: how much of each pixel near the outline is person, from the colours on both sides of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import Index
from stages.drawing.compositing import FrameCanvas, Visible, person_mask, soft_cover
from stages.payloads import F32, U8

ROWS_PER_PIXEL = 250
"""Rows of a person for each pixel by which the outline may be wrong, beyond the first."""
CONTRAST = 24.0
"""Difference in grey levels between both sides, as a length in RGB, from which colours count more than the outline."""
AROUND = 7
"""Cells of `Matte.reach` pixels over which the usual colours are means."""
OFF_LINE = 4.0
"""How much colours that are not between both count against them, in squares."""
GATE = 3.0
"""Share of person pixels around a pixel, times this, that its cover may have at most; the same at least, less two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matte:
    """The K pixels near a person's outline, on the person's grid.

    Attributes:
        pixel_K: their numbers, row by row.
        cover_K: share of each pixel that is person, 0..1.
        person_K3: usual colour of the person beside it, RGB.
        spill_K3: by how much the usual colour of the person exceeds that of the background.
        reach: pixels on either side of the outline.
    """

    pixel_K: Index
    cover_K: F32
    person_K3: F32
    spill_K3: F32
    reach: int

    def cover(self, labels_hw: U8) -> U8:
        """Cover of every pixel in 255ths: 255 inside of the person."""
        cover_hw = person_mask(labels_hw)
        cover_hw.reshape(-1)[self.pixel_K] = np.rint(255 * self.cover_K).astype(np.uint8)
        return cover_hw

    def without_background(self, source_hw3: U8) -> U8:
        """The picture whose pixels near the outline have the usual colour of the person beside them."""
        person_hw3 = np.ascontiguousarray(source_hw3).copy()
        person_hw3.reshape(-1, 3)[self.pixel_K] = np.rint(self.person_K3)
        return person_hw3

    def remove_spill(self, canvas: FrameCanvas, alpha_hw: U8 | None = None) -> None:
        """Take the person's share out of the canvas near the outline, in place, where it still shows the frame.

        `alpha_hw`: of the texture that is drawn over it; where that is transparent, the frame stays. None: opaque.
        """
        partly_P = np.flatnonzero((self.cover_K > 0) & (self.cover_K < 1))
        if not len(partly_P):
            return
        pixel_P = self.pixel_K[partly_P]
        # Copies without gaps between rows: `take` is several times faster than indexing by rows and columns.
        rgb_hw3 = canvas.rgb_HW3.copy()
        drawn_P3, source_P3 = (
            np.ascontiguousarray(one_hw3).reshape(-1, 3).take(pixel_P, axis=0)
            for one_hw3 in (rgb_hw3, canvas.source_HW3)
        )
        other_P3 = drawn_P3 != source_P3
        share_P = self.cover_K[partly_P] * ~(other_P3[:, 0] | other_P3[:, 1] | other_P3[:, 2])
        if alpha_hw is not None:
            share_P = share_P * (np.ascontiguousarray(alpha_hw).reshape(-1).take(pixel_P) / np.float32(255))
        clean_P3 = drawn_P3 - share_P[:, None] * self.spill_K3.take(partly_P, axis=0)
        rgb_hw3.reshape(-1, 3)[pixel_P] = cv2.convertScaleAbs(np.maximum(clean_P3, 0))
        canvas.rgb_HW3[...] = rgb_hw3


def matte_of(visible: Visible) -> Matte:
    """The matte of a person: the colour of each pixel lies between those of the person and of the background beside it.

    Where these are alike, the cover follows the outline alone, as for surfaces.
    """
    labels_hw, source_hw3 = visible.labels_hw, visible.canvas.source_HW3
    reach = 1 + round(labels_hw.shape[0] / ROWS_PER_PIXEL)
    inside_hw = person_mask(labels_hw)
    window = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    core_hw = np.asarray(cv2.erode(inside_hw, window), np.uint8)
    around_hw = np.asarray(cv2.dilate(inside_hw, window), np.uint8)
    beyond_hw = np.asarray(cv2.bitwise_not(around_hw), np.uint8)
    pixel_K = np.flatnonzero(around_hw != core_hw)
    person_K3, person_K = _usual(source_hw3, core_hw, pixel_K, reach)
    other_K3, other_K = _usual(source_hw3, beyond_hw, pixel_K, reach)
    spill_K3 = person_K3 - other_K3
    square_K = _dots(spill_K3, spill_K3)
    colour_K3 = np.ascontiguousarray(source_hw3).reshape(-1, 3).take(pixel_K, axis=0).astype(np.float32)
    colour_K3 -= other_K3
    share_K = _dots(colour_K3, spill_K3) / np.maximum(square_K, 1)
    # Squared distance of the colour from all mixtures of both.
    unlike_K = _dots(colour_K3, colour_K3) - np.clip(share_K, 0, 1) * (2 * share_K - np.clip(share_K, 0, 1)) * square_K
    known_K = (person_K > 0) & (other_K > 0)
    trust_K = np.where(known_K, square_K / (square_K + CONTRAST**2 + OFF_LINE * unlike_K), 0)
    near_K = cv2.blur(inside_hw, window.shape, borderType=cv2.BORDER_REPLICATE).reshape(-1)[pixel_K] / np.float32(255)
    outline_K = soft_cover(labels_hw, 1.0).reshape(-1)[pixel_K] / np.float32(255)
    bounded_K = np.clip(share_K, np.clip(GATE * near_K - (GATE - 1), 0, 1), np.clip(GATE * near_K, 0, 1))
    inside_hw.reshape(-1)[pixel_K] = np.rint(255 * (trust_K * bounded_K + (1 - trust_K) * outline_K))
    cover_K = cv2.medianBlur(inside_hw, 3).reshape(-1)[pixel_K] / np.float32(255)
    return Matte(
        pixel_K=pixel_K, cover_K=cover_K, person_K3=np.where(known_K[:, None], person_K3, colour_K3 + other_K3),
        spill_K3=spill_K3 * known_K[:, None], reach=reach,
    )  # fmt: skip


def _dots(one_K3: F32, other_K3: F32) -> F32:
    return np.asarray(np.einsum("ki,ki->k", one_K3, other_K3), np.float32)


def _usual(colour_hwC: U8, of_hw: U8, pixel_K: Index, every: int, around: int = AROUND) -> tuple[F32, F32]:
    """Mean colour (K, C) of the pixels of a mask around some pixels, and the share of these around, in 255ths.

    Args:
        colour_hwC: colours of three or four channels.
        of_hw: the mask, 0 or 255.
        pixel_K: the pixels, row by row.
        every: every how many pixels, along rows and columns, are looked at.
        around: over how many of these a mean is.
    """
    some_ccC, of_cc = _every(colour_hwC, every), _every(of_hw, every)
    sum_ccC, share_cc = (
        cv2.blur(one.astype(np.float32), (around, around), borderType=cv2.BORDER_CONSTANT)
        for one in (cv2.bitwise_and(some_ccC, some_ccC, mask=of_cc), of_cc)
    )
    rows, columns = of_cc.shape
    row_K = pixel_K // of_hw.shape[1]
    column_K = pixel_K - row_K * of_hw.shape[1]
    cell_K = np.minimum(row_K // every, rows - 1) * columns + np.minimum(column_K // every, columns - 1)
    share_K = share_cc.reshape(-1).take(cell_K)
    sum_KC = sum_ccC.reshape(rows * columns, -1).take(cell_K, axis=0)
    return sum_KC * (255 / np.maximum(share_K, 1))[:, None], share_K


def _every(image: U8, every: int) -> U8:
    """Each `every`-th pixel of each `every`-th row, in the middle of its square."""
    starts = [min(every // 2, side - 1) for side in image.shape[:2]]
    counts = [max(1, (side - start) // every) for side, start in zip(image.shape, starts, strict=False)]
    rows, columns = (slice(at, at + every * count) for at, count in zip(starts, counts, strict=True))
    return np.asarray(cv2.resize(image[rows, columns], counts[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def extend_texels(texel_hw4: U8, labels_hw: U8, reach: int) -> None:
    """Continue texels by `reach` pixels beyond the outline, in place: by the mean of those around a pixel."""
    inside_hw = person_mask(labels_hw)
    window = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    pixel_K = np.flatnonzero(cv2.dilate(inside_hw, window) != inside_hw)
    every = max(1, reach // 2)
    texel_K4, _ = _usual(texel_hw4, inside_hw, pixel_K, every, 2 * -(-reach // every) + 1)
    texel_hw4.reshape(-1, 4)[pixel_K] = np.rint(np.minimum(texel_K4, 255))
