"""Checks of annotations: suspicious points and parts without points, and pictures as in the paper (parts, U, V)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.arrays import U8, Bool, Float, Int
from models.body.charts import COARSE_NAMES, COARSE_OF_CHART
from models.metrics.instances import AnnotatedPoints
from models.metrics.masks import part_labels
from pipeline.stage import StageError
from stages.annotations.densepose_coco import MASK_SIDE, AnnotatedPerson, DenseSet
from stages.annotations.image_folders import read_rgb
from stages.annotations.point_picking import POINT_RANGE
from stages.drawing.chart_colours import ramp_256
from stages.studio.answer_preview import rest_points
from stages.studio.studio_files import GivenImage
from stages.studio.written_images import write_png

NEIGHBOURS = 7
"""Number of neighbours of the same part with which a point is compared."""
MIN_POINTS = 5
"""Parts with fewer points are not compared: an affine map of three neighbours fits every point."""
FAR_M = 0.15
"""A point is suspicious from this distance on, in metres on the body at rest."""
STIFFNESS = 1e-3
"""Weight of the ridge that limits the slope of the affine map where neighbours lie on a line."""
PICTURE_HEIGHT = 640
"""Pixels."""
MARGIN = 0.08
"""Of a picture around the box, as a share of the box's longer side."""
MARK, RING = (255, 255, 255), (255, 40, 40)
"""Colours of points, and of the marks of wrong points, RGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What looks wrong with a person.

    Attributes:
        suspicious_M: points whose answers are far from what their neighbours predict.
        outside_M: points whose answers are on another part than the painted one.
        empty_parts: names of painted parts without a point.
    """

    suspicious_M: Bool
    outside_M: Bool
    empty_parts: tuple[str, ...]

    def text(self) -> str:
        """The findings in one line; "" without findings."""
        sentences = []
        if self.suspicious_M.any():
            sentences.append(f"{int(self.suspicious_M.sum())} points far from where their neighbours put them")
        if self.outside_M.any():
            sentences.append(f"{int(self.outside_M.sum())} points on another part than is painted")
        if self.empty_parts:
            sentences.append(f"no points on: {', '.join(self.empty_parts)}")
        return "; ".join(sentences)


def findings(person: AnnotatedPerson) -> Findings:
    """What looks wrong with a person. Distances are Euclidean, on the body at rest."""
    points = person.points
    count = 0 if points is None else len(points.x_M)
    label_GG = None if person.part_masks is None else labels_of(person)
    outside_M, used = np.zeros(count, bool), set()
    if points is not None:
        part_M = COARSE_OF_CHART[points.chart_M]
        used = set(part_M.tolist())
        if label_GG is not None:
            outside_M = _far_from_part(label_GG, part_M, _cells(points.x_M), _cells(points.y_M))
    painted = [] if label_GG is None else [part for part in np.unique(label_GG).tolist() if part and part not in used]
    suspicious_M = np.zeros(0, bool) if points is None else suspicious_points(points, person.box_4)
    return Findings(
        suspicious_M=suspicious_M, outside_M=outside_M, empty_parts=tuple(COARSE_NAMES[part] for part in painted)
    )


def _cells(at_M: Float) -> Int:
    """The cell of the masks' grid for each coordinate of points."""
    return np.clip(at_M * MASK_SIDE / POINT_RANGE, 0, MASK_SIDE - 1).astype(np.int64)


def _far_from_part(label_GG: U8, part_M: U8, column_M: Int, row_M: Int) -> Bool:
    """Whether each point has no pixel of its part within three cells, which allows for the rounding of pixels."""
    found = []
    for part, column, row in zip(part_M.tolist(), column_M.tolist(), row_M.tolist(), strict=True):
        around = label_GG[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4]
        found.append(not (around == part).any())
    return np.array(found, bool)


def suspicious_points(points: AnnotatedPoints, box_4: tuple[float, float, float, float]) -> Bool:
    """Whether each of M points is `FAR_M` or more from the prediction of its neighbours (`_gaps`), bool (M,).

    Neighbours are points of the same part, near in the image. The worst point of a part is removed, and the others are
    compared again, so that one wrong point does not make its neighbours suspicious.
    """
    _, _, width, height = box_4
    pixel_M2 = np.stack([points.x_M * width, points.y_M * height], axis=1) / POINT_RANGE
    point_M3 = rest_points(points.chart_M, points.u_M, points.v_M).astype(np.float64)
    part_M = COARSE_OF_CHART[points.chart_M]
    found_M = np.zeros(len(part_M), bool)
    for part in np.unique(part_M):
        index_K = np.flatnonzero(part_M == part)
        while len(index_K) >= MIN_POINTS:
            gap_K = _gaps(pixel_M2[index_K], point_M3[index_K])
            worst = int(gap_K.argmax())
            if gap_K[worst] < FAR_M:
                break
            found_M[index_K[worst]] = True
            index_K = np.delete(index_K, worst)
    return found_M


def _gaps(pixel_K2: Float, point_K3: Float) -> Float:
    """Distance of each body point from its prediction, metres: the affine map that fits its neighbours' pixels."""
    gap_K = np.zeros(len(pixel_K2))
    for number, pixel_2 in enumerate(pixel_K2):
        square_K = ((pixel_K2 - pixel_2) ** 2).sum(axis=1)
        square_K[number] = np.inf
        near = np.argsort(square_K)[: min(NEIGHBOURS, len(pixel_K2) - 1)]
        side_n3 = np.column_stack([pixel_K2[near] - pixel_2, np.ones(len(near))])
        ridge = STIFFNESS * square_K[near].sum() * np.array([1.0, 1, 0]) + 1e-9
        fitted_33 = np.linalg.solve(side_n3.T @ side_n3 + np.diag(ridge), side_n3.T @ point_K3[near])
        gap_K[number] = np.linalg.norm(fitted_33[2] - point_K3[number])
    return gap_K


def check_pictures(known: DenseSet, images: list[GivenImage], folder: Path) -> Iterator[tuple[str, str]]:
    """Write a picture of each person with parts or points; yields the picture's name and the findings as text.

    Raises: StageError for an image of the file that is not given, and a folder that cannot be written.
    """
    paths = {image.task.name: image.path for image in images}
    names = {image.id: image.file_name for image in known.images}
    count: Counter[str] = Counter()
    for person in known.people:
        name = names[person.image]
        count[name] += 1
        if person.points is None and person.part_masks is None:
            continue
        if name not in paths:
            raise StageError("this image of the annotations is not given", name, "name all images of the file")
        found = findings(person)
        target = folder / f"{name.replace('/', '_')}.{count[name]}.png"
        write_png(target, person_picture(read_rgb(paths[name]), person, found))
        yield target.name, found.text()


def person_picture(rgb_HW3: U8, person: AnnotatedPerson, found: Findings) -> U8:
    """Parts with points, U and V of a person side by side, RGB uint8. Suspicious points get a ring, points on a wrong
    part a cross."""
    x, y, width, height = person.box_4
    pad = MARGIN * max(width, height)
    left, top = max(int(x - pad), 0), max(int(y - pad), 0)
    crop = rgb_HW3[top : int(y + height + pad) + 1, left : int(x + width + pad) + 1]
    scale = PICTURE_HEIGHT / crop.shape[0]
    base: U8 = np.asarray(cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
    panels: list[U8] = [base, base.copy(), base.copy()]
    if person.part_masks is not None:
        corner_4 = np.rint(np.array([x - left, y - top, width, height]) * scale).astype(np.int64)
        _tint(panels[0], labels_of(person), corner_4)
    points = person.points
    if points is not None:
        at_M2 = np.stack([points.x_M * width, points.y_M * height], axis=1) / POINT_RANGE + (x - left, y - top)
        ramp = ramp_256()
        for number, (column, row) in enumerate((at_M2 * scale).round().astype(int).tolist()):
            colours = [MARK, *(ramp[int(255 * uv_M[number])].tolist() for uv_M in (points.u_M, points.v_M))]
            for panel, colour in zip(panels, colours, strict=True):
                cv2.circle(panel, (column, row), 5, (0, 0, 0), -1, cv2.LINE_AA)
                cv2.circle(panel, (column, row), 4, colour, -1, cv2.LINE_AA)
            if found.suspicious_M[number]:
                cv2.circle(panels[0], (column, row), 11, RING, 2, cv2.LINE_AA)
            if found.outside_M[number]:
                cv2.drawMarker(panels[0], (column, row), RING, cv2.MARKER_TILTED_CROSS, 16, 2, cv2.LINE_AA)
    for panel, title in zip(panels, ("parts and points", "U", "V"), strict=True):
        cv2.putText(panel, title, (9, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)
        cv2.putText(panel, title, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, MARK, 1, cv2.LINE_AA)
    return np.hstack(panels)


def _tint(panel: U8, label_GG: U8, box_4: Int) -> None:
    """Colour the parts inside the box (x, y, width, height in pixels of the panel), in place."""
    x, y, width, height = box_4.tolist()
    shown = panel[y : y + height, x : x + width]
    label_hw = cv2.resize(label_GG, (width, height), interpolation=cv2.INTER_NEAREST)
    label_hw = label_hw[: shown.shape[0], : shown.shape[1]]
    tint_hw3 = part_colours()[label_hw]
    shown[label_hw > 0] = (0.55 * shown[label_hw > 0] + 0.45 * tint_hw3[label_hw > 0]).astype(np.uint8)


def labels_of(person: AnnotatedPerson) -> U8:
    """The part masks as one map of labels 0..14, (256, 256)."""
    return part_labels([mask or () for mask in person.part_masks or ()])


def part_colours() -> U8:
    """A colour for each of the parts 0..14, RGB (15, 3)."""
    hue = (np.arange(len(COARSE_NAMES)) * 67 % 180).astype(np.uint8)
    hsv = np.stack([hue, np.full_like(hue, 200), np.full_like(hue, 255)], axis=-1)[None]
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0], np.uint8)
