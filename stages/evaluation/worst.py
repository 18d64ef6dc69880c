"""Of the people a network found those it understood worst, side by side: photo, truth, answer."""

from __future__ import annotations

import heapq
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import U8
from models.metrics.gps import gps_paper
from models.structures import SurfaceMap
from stages.drawing.chart_colours import part_palette
from stages.evaluation.answers import Answer, PersonScore, PictureScore
from stages.evaluation.films import whole_surface
from stages.evaluation.truth import TruePicture
from stages.payloads import PersonSurface

SHOWN = 8
LEAST_HEIGHT, LEAST_SEEN = 40.0, 0.5
"""Smaller or more hidden people are hard to judge for anyone."""
SIDE, COLUMNS = 160, 2
MARGIN = 0.1
VIVID = 0.65


class WorstCases:
    """Keeps the worst people of a set while its pictures go by."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str, U8]] = []

    def add(self, picture: TruePicture, score: PictureScore) -> None:
        """One more picture; nothing is kept of people who were missed, or cannot be judged."""
        for g, person in enumerate(score.people):
            quality = quality_of(person)
            beaten = len(self._heap) == SHOWN and -quality <= self._heap[0][0]
            if score.surface_G[g] is None or np.isnan(quality) or beaten:
                continue
            entry = (-quality, f"{score.name}/{g}", panel(picture, g, score.surface_G[g], quality))
            heapq.heappush(self._heap, entry)
            if len(self._heap) > SHOWN:
                heapq.heappop(self._heap)

    def sheet(self) -> U8 | None:
        """All panels in one picture, the worst first; None without anybody."""
        panels = [one for _, _, one in sorted(self._heap, key=lambda entry: (-entry[0], entry[1]))]
        if not panels:
            return None
        panels += [np.zeros_like(panels[0])] * (-len(panels) % COLUMNS)
        rows = [np.hstack(panels[start : start + COLUMNS]) for start in range(0, len(panels), COLUMNS)]
        return np.vstack(rows)


def quality_of(person: PersonScore) -> float:
    """0..1, how well somebody was understood: part accuracy, else GPS of the points; nan where it cannot be said."""
    if person.height < LEAST_HEIGHT or person.seen_share < LEAST_SEEN:
        return float("nan")
    answer: Answer = next(iter(person.answers.values()))
    if answer.chart_2525 is not None and answer.chart_2525.any():
        return float(np.trace(answer.chart_2525) / answer.chart_2525.sum())
    return gps_paper(answer.error_M) if answer.error_M is not None and len(answer.error_M) else float("nan")


def panel(picture: TruePicture, g: int, surface: SurfaceMap | None, quality: float) -> U8:
    """Photo, truth and answer of person `g`, (SIDE, 3 SIDE, 3)."""
    height, width = picture.rgb_HW3.shape[:2]
    found = (
        []
        if surface is None
        else [PersonSurface(x0=surface.x0, y0=surface.y0, labels_hw=surface.labels_hw, uv_2hw=surface.uv_2hw)]
    )
    views = (
        picture.rgb_HW3,
        truth_view(picture, g),
        coloured(picture.rgb_HW3, whole_surface(found, height, width).label_HW),
    )
    row = np.hstack([square(view, picture.people[g].instance.box_4) for view in views])
    cv2.putText(row, f"{quality:.2f}", (4, SIDE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return row


def truth_view(picture: TruePicture, g: int) -> U8:
    """The person's true charts, or where only points are known, these."""
    if picture.dense is not None:
        return coloured(picture.rgb_HW3, np.where(picture.dense.instance_HW == g + 1, picture.dense.label_HW, 0))
    view = picture.rgb_HW3.copy()
    instance = picture.people[g].instance
    if instance.points is not None:
        x, y, width, height = instance.box_4
        radius = max(round(height / 90), 1)
        for px, py, chart in zip(instance.points.x_M, instance.points.y_M, instance.points.chart_M, strict=True):
            centre = round(x + px * width / 255), round(y + py * height / 255)
            cv2.circle(view, centre, radius, part_palette()[chart].tolist(), -1, cv2.LINE_AA)
    return view


def coloured(rgb_HW3: U8, label_HW: npt.NDArray[Any]) -> U8:
    """A picture with its charts in their colours."""
    mixed = (1 - VIVID) * rgb_HW3 + VIVID * part_palette()[label_HW]
    return np.where(label_HW[..., None] > 0, mixed, rgb_HW3).astype(np.uint8)


def square(rgb_HW3: U8, box_4: npt.NDArray[np.float64]) -> U8:
    """What lies around a box (x, y, width, height), SIDE × SIDE; beyond the picture it is black."""
    side = (1 + 2 * MARGIN) * max(box_4[2], box_4[3])
    x, y = box_4[:2] + box_4[2:] / 2 - side / 2
    matrix = np.array([[side / SIDE, 0, x], [0, side / SIDE, y]])
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP if side > SIDE else cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rgb_HW3, matrix, (SIDE, SIDE), flags=flags), np.uint8)
