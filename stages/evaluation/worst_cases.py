"""The people with the worst predictions of a set: photo, truth and prediction side by side."""

from __future__ import annotations

import heapq

import cv2
import numpy as np

from models.arrays import F64, U8, Int
from models.metrics.gps import gps_paper
from models.structures import SurfaceMap
from stages.drawing.chart_colours import part_palette
from stages.evaluation.person_scores import ImageScore, PersonResult, PersonScore
from stages.evaluation.true_images import TrueImage
from stages.evaluation.video_scores import frame_surface
from stages.payloads import PersonSurface

CASES = 8
"""Number of people on a sheet."""
MIN_HEIGHT, MIN_VISIBLE = 40.0, 0.5
"""Pixels, and share of joints. Smaller or more occluded people are left out: their quality is hard to see."""
SIDE, COLUMNS = 160, 2
"""Pixels of a view's side; panels in a row."""
MARGIN = 0.1
"""Around the box, as a share of its longer side."""
OPACITY = 0.65
"""Of the chart colours over the photo."""


class WorstCases:
    """Collects the worst predictions of a set, image by image."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str, U8]] = []

    def add(self, image: TrueImage, score: ImageScore) -> None:
        """Add the people of one image, except missed people and people without a quality."""
        for g, person in enumerate(score.people):
            quality = quality_of(person)
            better = len(self._heap) == CASES and -quality <= self._heap[0][0]
            if score.surface_G[g] is None or np.isnan(quality) or better:
                continue
            entry = (-quality, f"{score.name}/{g}", panel(image, g, score.surface_G[g], quality))
            heapq.heappush(self._heap, entry)
            if len(self._heap) > CASES:
                heapq.heappop(self._heap)

    def sheet(self) -> U8 | None:
        """All panels in one image, the worst first; None without people."""
        panels = [image for _, _, image in sorted(self._heap, key=lambda entry: (-entry[0], entry[1]))]
        if not panels:
            return None
        panels += [np.zeros_like(panels[0])] * (-len(panels) % COLUMNS)
        rows = [np.hstack(panels[start : start + COLUMNS]) for start in range(0, len(panels), COLUMNS)]
        return np.vstack(rows)


def quality_of(person: PersonScore) -> float:
    """Quality 0..1 of a prediction: part accuracy, else GPS of the points; nan where neither is known."""
    if person.height < MIN_HEIGHT or person.visible_share < MIN_VISIBLE:
        return float("nan")
    result: PersonResult = next(iter(person.results.values()))
    if result.chart_2525 is not None and result.chart_2525.any():
        return float(np.trace(result.chart_2525) / result.chart_2525.sum())
    return gps_paper(result.error_M) if result.error_M is not None and len(result.error_M) else float("nan")


def panel(image: TrueImage, g: int, surface: SurfaceMap | None, quality: float) -> U8:
    """Photo, truth and prediction of person `g`, (SIDE, 3 SIDE, 3)."""
    height, width = image.rgb_HW3.shape[:2]
    found = (
        []
        if surface is None
        else [PersonSurface(x0=surface.x0, y0=surface.y0, labels_hw=surface.labels_hw, uv_2hw=surface.uv_2hw)]
    )
    views = (
        image.rgb_HW3,
        truth_view(image, g),
        colour_charts(image.rgb_HW3, frame_surface(found, height, width).label_HW),
    )
    row = np.hstack([square(view, image.people[g].instance.box_4) for view in views])
    cv2.putText(row, f"{quality:.2f}", (4, SIDE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return row


def truth_view(image: TrueImage, g: int) -> U8:
    """The person's true charts; the annotated points where the charts are unknown."""
    if image.dense is not None:
        return colour_charts(image.rgb_HW3, np.where(image.dense.instance_HW == g + 1, image.dense.label_HW, 0))
    view = image.rgb_HW3.copy()
    instance = image.people[g].instance
    if instance.points is not None:
        x, y, width, height = instance.box_4
        radius = max(round(height / 90), 1)
        for px, py, chart in zip(instance.points.x_M, instance.points.y_M, instance.points.chart_M, strict=True):
            centre = round(x + px * width / 255), round(y + py * height / 255)
            cv2.circle(view, centre, radius, part_palette()[chart].tolist(), -1, cv2.LINE_AA)
    return view


def colour_charts(rgb_HW3: U8, label_HW: Int) -> U8:
    """An image with its charts in colour over it."""
    mixed = (1 - OPACITY) * rgb_HW3 + OPACITY * part_palette()[label_HW]
    return np.where(label_HW[..., None] > 0, mixed, rgb_HW3).astype(np.uint8)


def square(rgb_HW3: U8, box_4: F64) -> U8:
    """The square around a box (x, y, width, height), SIDE × SIDE; black outside of the image."""
    side = (1 + 2 * MARGIN) * max(box_4[2], box_4[3])
    x, y = box_4[:2] + box_4[2:] / 2 - side / 2
    matrix = np.array([[side / SIDE, 0, x], [0, side / SIDE, y]])
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP if side > SIDE else cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rgb_HW3, matrix, (SIDE, SIDE), flags=flags), np.uint8)
