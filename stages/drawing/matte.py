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
        row_P, column_P = np.divmod(self.pixel_K[partly_P], canvas.rgb_HW3.shape[1])
        drawn_P3 = canvas.rgb_HW3[row_P, column_P]
        other_P3 = drawn_P3 != canvas.source_HW3[row_P, column_P]
        share_P = self.cover_K[partly_P] * ~(other_P3[:, 0] | other_P3[:, 1] | other_P3[:, 2])
        if alpha_hw is not None:
            share_P = share_P * (alpha_hw[row_P, column_P] / np.float32(255))
        clean_P3 = drawn_P3 - share_P[:, None] * self.spill_K3[partly_P]
        canvas.rgb_HW3[row_P, column_P] = cv2.convertScaleAbs(np.maximum(clean_P3, 0))


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
    pixel_K = np.flatnonzero(cv2.subtract(around_hw, core_hw))
    row_K, column_K = np.divmod(pixel_K, labels_hw.shape[1])
    person_K3, person_K = _usual(source_hw3, core_hw, reach, row_K, column_K)
    other_K3, other_K = _usual(source_hw3, beyond_hw, reach, row_K, column_K)
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


def _usual(source_hw3: U8, of_hw: U8, reach: int, row_K: Index, column_K: Index) -> tuple[F32, F32]:
    """Mean colour (K, 3) of the pixels of a mask around some pixels, and the share of these around, in 255ths.

    Every `reach`-th pixel of every `reach`-th row is looked at.
    """
    start = reach // 2
    of_cc = np.ascontiguousarray(of_hw[start::reach, start::reach])
    some_cc3 = np.ascontiguousarray(source_hw3[start::reach, start::reach])
    both_cc4 = np.concatenate([cv2.bitwise_and(some_cc3, some_cc3, mask=of_cc), of_cc[..., None]], axis=2)
    mean_cc4 = cv2.blur(both_cc4.astype(np.float32), (AROUND, AROUND), borderType=cv2.BORDER_CONSTANT)
    rows, columns = of_cc.shape
    cell_K = np.minimum(row_K // reach, rows - 1) * columns + np.minimum(column_K // reach, columns - 1)
    mean_K4 = mean_cc4.reshape(-1, 4).take(cell_K, axis=0)
    return mean_K4[:, :3] * (255 / np.maximum(mean_K4[:, 3:], 1)), mean_K4[:, 3]


def extend_texels(texel_hw4: U8, labels_hw: U8, reach: int) -> None:
    """Continue texels by `reach` pixels beyond the outline, in place: by the mean of those around a pixel."""
    inside_hw = person_mask(labels_hw)
    size = (2 * reach + 1, 2 * reach + 1)
    outside_hw = cv2.subtract(cv2.dilate(inside_hw, np.ones(size, np.uint8)), inside_hw)
    pixel_K = np.flatnonzero(outside_hw)
    mean_hw4 = cv2.blur(cv2.bitwise_and(texel_hw4, texel_hw4, mask=inside_hw), size, borderType=cv2.BORDER_CONSTANT)
    share_K = cv2.blur(inside_hw, size, borderType=cv2.BORDER_CONSTANT).reshape(-1)[pixel_K].astype(np.float32)
    texel_K4 = mean_hw4.reshape(-1, 4)[pixel_K] * (255 / np.maximum(share_K, 1))[:, None]
    texel_hw4.reshape(-1, 4)[pixel_K] = np.rint(np.minimum(texel_K4, 255))
