"""Training images of the detector: photos and scenes scaled, shifted, flipped, joined to mosaics, recoloured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32, I32, U8, Bool
from models.body.charts import MIRROR_CHART
from models.light.architecture.preprocessing import MEAN
from stages.training.data.labelled_photos import IGNORE, IGNORED, PERSON
from stages.training.data.photometry import degrade, recolour

CANVAS = 416
"""Side of a training image in pixels: the input size of the box teacher, and that of a stored photo."""
ZOOM = (0.6, 1.8)
"""Size of a sheet relative to the size at which it fits: photos have 250 to 750 pixels, as in use."""
MOSAIC = (18, 35)
"""Where the four sheets of a mosaic meet, in cells of 8 pixels; the end is open."""
MOST_PEOPLE = 24
SMALLEST = 6.0
"""Boxes with a shorter side of fewer pixels are ignored."""
LEAST_VISIBLE = 0.3
"""People are ignored of whose box a smaller share is on the canvas."""

_MIRROR = np.arange(256, dtype=np.uint8)
_MIRROR[:25] = MIRROR_CHART


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """An image with boxes (in its pixels); canvases are made of sheets.

    `natural` is its width and height at the true aspect ratio; `real` is whether it is a photo; `nobody` is whether
    it is known to show no person; `annotated` is whether all its boxes are people's annotations.
    """

    rgb_HW3: U8
    natural: tuple[float, float]
    box_M4: F32
    kind_M: U8
    part_hw: U8
    real: bool
    nobody: bool = False
    annotated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorCanvas:
    """A training image: boxes in its pixels, padded; kind 0 person, 1 ignored, -1 padding; part labels at stride 8.

    `real`: nothing on it is synthetic. `nobody_hw`, `annotated_hw`: where sheets without people and sheets with
    annotated boxes lie, at stride 8.
    """

    rgb_HW3: U8
    box_M4: F32
    kind_M: I32
    part_hw: U8
    real: bool
    nobody_hw: Bool
    annotated_hw: Bool


def mirror_label(label: U8) -> U8:
    """Labels (0..24, 255) after a horizontal flip of the image."""
    return _MIRROR[label]


def flipped_sheet(sheet: Sheet) -> Sheet:
    """The sheet, flipped horizontally."""
    width = sheet.rgb_HW3.shape[1]
    box_M4 = sheet.box_M4.copy()
    box_M4[:, [0, 2]] = width - sheet.box_M4[:, [2, 0]]
    return Sheet(
        rgb_HW3=np.ascontiguousarray(sheet.rgb_HW3[:, ::-1]), natural=sheet.natural, box_M4=box_M4,
        kind_M=sheet.kind_M, part_hw=mirror_label(sheet.part_hw[:, ::-1]), real=sheet.real, nobody=sheet.nobody,
        annotated=sheet.annotated,
    )


class _Painter:
    """A canvas that is filled rectangle by rectangle."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.rgb_HW3 = np.full((CANVAS, CANVAS, 3), int(MEAN), np.uint8)
        self.part_hw = np.full((CANVAS // 8, CANVAS // 8), IGNORE, np.uint8)
        self.nobody_hw = np.zeros((CANVAS // 8, CANVAS // 8), bool)
        self.annotated_hw = np.zeros_like(self.nobody_hw)
        self.boxes: list[F32] = []
        self.kinds: list[U8] = []
        self.real = True

    def paint(self, sheet: Sheet, x0: int, y0: int, width: int, height: int) -> None:
        """Paint the sheet into a rectangle whose corners are multiples of 8, at a random size and place."""
        self.real &= sheet.real
        rows, columns = slice(y0 // 8, (y0 + height) // 8), slice(x0 // 8, (x0 + width) // 8)
        self.nobody_hw[rows, columns], self.annotated_hw[rows, columns] = sheet.nobody, sheet.annotated
        if self.random.random() < 0.5:
            sheet = flipped_sheet(sheet)
        natural = np.asarray(sheet.natural, np.float64) * np.exp(self.random.uniform(-0.2, 0.2, 2))
        fit = min(width / natural[0], height / natural[1])
        size = np.maximum(np.round(natural * fit * np.exp(self.random.uniform(*np.log(ZOOM)))), 8).astype(int)
        slack = np.array([width, height]) - size
        at = self.random.uniform(np.minimum(slack, 0), np.maximum(slack, 0)).round().astype(int)
        image = cv2.resize(sheet.rgb_HW3, size.tolist(), interpolation=cv2.INTER_AREA)
        low, high = np.maximum(at, 0), np.minimum(at + size, [width, height])
        target = self.rgb_HW3[y0 : y0 + height, x0 : x0 + width]
        target[low[1] : high[1], low[0] : high[0]] = image[
            low[1] - at[1] : high[1] - at[1], low[0] - at[0] : high[0] - at[0]
        ]
        self._paint_parts(sheet.part_hw, at, size, (x0, y0, width, height))
        self._add_boxes(sheet, at, size, (x0, y0, width, height))

    def _paint_parts(self, part_hw: U8, at: npt.NDArray[np.int64], size: npt.NDArray[np.int64], frame: tuple) -> None:
        x0, y0, width, height = (value // 8 for value in frame)
        step = np.array(part_hw.shape[::-1]) / size
        x = ((np.arange(width) * 8 + 4 - at[0]) * step[0]).astype(int)
        y = ((np.arange(height) * 8 + 4 - at[1]) * step[1]).astype(int)
        seen = ((y >= 0) & (y < part_hw.shape[0]))[:, None] & ((x >= 0) & (x < part_hw.shape[1]))[None]
        label = part_hw[y.clip(0, part_hw.shape[0] - 1)][:, x.clip(0, part_hw.shape[1] - 1)]
        self.part_hw[y0 : y0 + height, x0 : x0 + width] = np.where(seen, label, 0)

    def _add_boxes(self, sheet: Sheet, at: npt.NDArray[np.int64], size: npt.NDArray[np.int64], frame: tuple) -> None:
        x0, y0, width, height = frame
        scale = size / np.array(sheet.rgb_HW3.shape[1::-1])
        box_M4 = sheet.box_M4 * np.tile(scale, 2) + np.tile(at, 2)
        full = (box_M4[:, 2:] - box_M4[:, :2]).prod(1)
        box_M4 = np.clip(box_M4, 0, [width, height, width, height]).astype(np.float32)
        sides = box_M4[:, 2:] - box_M4[:, :2]
        visible = sides.prod(1) / np.maximum(full, 1e-6)
        kind_M = np.where((visible < LEAST_VISIBLE) | (sides.min(1) < SMALLEST), IGNORED, sheet.kind_M).astype(np.uint8)
        keep = sides.min(1) > 1
        self.boxes.append(box_M4[keep] + np.asarray([x0, y0, x0, y0], np.float32))
        self.kinds.append(kind_M[keep])

    def canvas(self) -> DetectorCanvas:
        """The canvas; the largest people first, padded to MOST_PEOPLE."""
        box_M4, kind_M = np.concatenate(self.boxes), np.concatenate(self.kinds)
        area = (box_M4[:, 2:] - box_M4[:, :2]).prod(1)
        order = np.argsort(-(area + 1e9 * (kind_M == PERSON)), kind="stable")[:MOST_PEOPLE]
        boxes = np.zeros((MOST_PEOPLE, 4), np.float32)
        kinds = np.full(MOST_PEOPLE, -1, np.int32)
        boxes[: len(order)], kinds[: len(order)] = box_M4[order], kind_M[order]
        rgb_HW3 = degrade(recolour(self.rgb_HW3, self.random), self.random)
        return DetectorCanvas(
            rgb_HW3=rgb_HW3, box_M4=boxes, kind_M=kinds, part_hw=self.part_hw, real=self.real,
            nobody_hw=self.nobody_hw, annotated_hw=self.annotated_hw,
        )


def make_canvas(
    draw: Callable[[np.random.Generator], Sheet],
    random: np.random.Generator,
    *,
    mosaic: float,
) -> DetectorCanvas:
    """One training image from one sheet, or a mosaic of four with probability `mosaic`."""
    painter = _Painter(random)
    if random.random() < mosaic:
        x, y = (8 * int(random.integers(*MOSAIC)) for _ in range(2))
        for x0, y0, width, height in (
            (0, 0, x, y),
            (x, 0, CANVAS - x, y),
            (0, y, x, CANVAS - y),
            (x, y, CANVAS - x, CANVAS - y),
        ):
            painter.paint(draw(random), x0, y0, width, height)
    else:
        painter.paint(draw(random), 0, 0, CANVAS, CANVAS)
    return painter.canvas()
