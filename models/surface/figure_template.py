"""Writes an image to paint clothes on: `python -m models.surface.figure_template template.png`.

It is a whole-body map (`render.layout=figures`): the body from the front and from the back with a grid in centimetres,
the places that logos know, and directions.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from models.arrays import U8, Float
from models.surface.atlas import CHARTS
from models.surface.charted_mesh import open_body_mesh
from models.surface.printed_logo import PLACES
from models.surface.whole_body_map import figures, map_of_tiles

SIZE = 2000
"""Pixels along the image's side."""
PAPER, CLOTH, FINE, COARSE, INK = (255, 255, 255), (236, 236, 236), (200, 208, 220), (140, 155, 185), (60, 60, 70)
STEP_CM = 5
"""Distance of grid lines; every second one is darker and has a number."""
FONT = cv2.FONT_HERSHEY_SIMPLEX


def figure_template(size: int = SIZE) -> U8:
    """The image (size, size, 3) uint8."""
    tiles = np.full((CHARTS, 64, 64, 3), CLOTH, np.uint8)
    body_HW = map_of_tiles(tiles, figures(), size)[..., 3] > 0
    image_HW3 = np.full((size, size, 3), PAPER, np.uint8)
    image_HW3[body_HW] = CLOTH
    grid_HW3, pixel_px = image_HW3.copy(), max(size // 1000, 1)
    for cm in range(0, 181, STEP_CM):
        _line(grid_HW3, (0, _row(cm, size)), (size, _row(cm, size)), cm)
    for front in (True, False):
        for cm in range(-60, 61, STEP_CM):
            column = _column(cm, size, front=front)
            _line(grid_HW3, (column, 0), (column, size), cm)
    image_HW3[body_HW] = grid_HW3[body_HW]
    for cm in range(0, 181, 2 * STEP_CM):
        _text(image_HW3, f"{cm}", (size // 2, _row(cm, size)), pixel_px)
    for name, (origin_3, outward_3, _, _) in PLACES.items():
        front = outward_3[2] >= 0
        place = _column(100 * origin_3[0], size, front=front), _row(100 * origin_3[1], size)
        _text(image_HW3, name, place, pixel_px)
    for front, title in ((True, "front: < wearer's right | wearer's left >"), (False, "back: < left | right >")):
        _text(image_HW3, title, (_column(0, size, front=front), size // 40), pixel_px)
    return image_HW3


def write_figure_template(path: Path, size: int = SIZE) -> None:
    """Write the image."""
    Image.fromarray(figure_template(size)).save(path, optimize=True)


def _line(image_HW3: U8, start: tuple[int, int], end: tuple[int, int], cm: int) -> None:
    cv2.line(image_HW3, start, end, FINE if cm % (2 * STEP_CM) else COARSE, max(len(image_HW3) // 1000, 1))


def _text(image_HW3: U8, text: str, middle: tuple[int, int], thick: int) -> None:
    scale = len(image_HW3) / 3600
    (width, height), _ = cv2.getTextSize(text, FONT, scale, thick)
    corner = middle[0] - width // 2, middle[1] + height // 2
    cv2.putText(image_HW3, text, corner, FONT, scale, INK, thick, cv2.LINE_AA)


def _row(cm: float, size: int) -> int:
    """The row of a height over the soles."""
    slope, start = _scale(1)
    return round(float((slope * cm / 100 + start) * size))


def _column(cm: float, size: int, *, front: bool) -> int:
    """The column of a place so far to the wearer's left, in one of both figures."""
    slope, _ = _scale(0)
    return round(float(((0.25 if front else 0.75) + (1 if front else -1) * abs(slope) * cm / 100) * size))


def _scale(axis: int) -> Float:
    """Slope and start of the line from a place on the body, metres, to the map, 0..1, in the front figure."""
    mesh, layout = open_body_mesh(), figures()
    ahead_F = layout.map_xy_F32[..., 0].max(axis=1) < 0.5
    place_K = mesh.vertex_V3[mesh.face_F3[ahead_F]][..., axis].ravel()
    return np.polyfit(place_K, layout.map_xy_F32[ahead_F][..., axis].ravel(), 1)


if __name__ == "__main__":
    write_figure_template(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("template.png"))
