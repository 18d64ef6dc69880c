"""Which part of a frame a person's crop shows, and turned by how much: crops, and maps carried from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.light.architecture.choices import choices
from models.light.architecture.pixels import CROP, GREY, resized
from models.light.inference.planes import at_places, planes

F32 = npt.NDArray[Any]
U8 = npt.NDArray[Any]
F64 = npt.NDArray[np.floating]

HALF = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
"""From the whole numbers of pixels or cells to where their middles are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A rectangle of a frame, stretched to a square crop.

    Attributes:
        to_square_33: affine, from the frame in pixels (the first one's middle is at .5, .5) to the square 0..1.
    """

    to_square_33: F64

    @classmethod
    def straight(cls, region_4: F32) -> View:
        """Of a region x0, y0, x1, y1 of the frame, as it is."""
        scale_2 = 1 / (region_4[2:] - region_4[:2]).astype(np.float64)
        x, y = -region_4[:2] * scale_2
        return cls(to_square_33=np.array([[scale_2[0], 0, x], [0, scale_2[1], y], [0, 0, 1]]))

    def before(self, turn_33: F64) -> View:
        """This one, of a frame turned before by an affine map."""
        return View(to_square_33=self.to_square_33 @ turn_33)

    def places(self, xy_2K: F64) -> F64:
        """Places (2, K) of the square in pixels of the frame."""
        return mapped(np.linalg.inv(self.to_square_33), xy_2K)


def turned_crop(rgb_HW3: U8, view: View) -> U8:
    """The crop (CROP, CROP, 3) of a view that may be turned; outside of the frame is grey."""
    corner_24 = view.places(np.array([[0.0, 1, 1, 0], [0, 0, 1, 1]]))
    low_2 = np.clip(np.floor(corner_24.min(1)) - 1, 0, None).astype(int)
    high_2 = np.clip(np.ceil(corner_24.max(1)) + 1, 0, rgb_HW3.shape[1::-1]).astype(int)
    part = rgb_HW3[low_2[1] : high_2[1], low_2[0] : high_2[0]]
    if 0 in part.shape:
        return np.full((CROP, CROP, 3), int(GREY[0]), np.uint8)
    to_crop_33 = np.diag([CROP, CROP, 1.0]) @ view.to_square_33 @ _moved(*low_2)
    scale = np.linalg.norm(to_crop_33[:2, :2], axis=1).max()
    if scale < 1:  # a picture that shrinks is averaged, which turning it would not do
        size = [max(round(side * scale), 1) for side in part.shape[1::-1]]
        to_crop_33 = to_crop_33 @ np.diag([part.shape[1] / size[0], part.shape[0] / size[1], 1.0])
        part = resized(part, *size)
    return np.asarray(
        cv2.warpAffine(
            part,
            _of_whole_numbers(to_crop_33),
            (CROP, CROP),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=GREY,
        )
    )


def moved_maps(maps_LGG: F32, view: View, to: View) -> F32:
    """What `PickedSurface` says of one view, on the grid of another. Beyond the first it stays as at its edge.

    The person's logit is bilinear; charts and their probability are those of the nearest cell, and so are the planes of
    U and V.
    """
    cells = maps_LGG.shape[-1]
    grid_33 = np.diag([cells, cells, 1.0])
    there_33 = grid_33 @ view.to_square_33 @ np.linalg.inv(grid_33 @ to.to_square_33)
    matrix_23 = _of_whole_numbers(there_33)

    def moved(map_GG: F32, how: int = cv2.INTER_NEAREST) -> F32:
        flags = how | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(map_GG, matrix_23, (cells, cells), flags=flags, borderMode=cv2.BORDER_REPLICATE)

    whole = np.arange(cells, dtype=np.float32)
    column_GG, row_GG = np.clip(mapped(matrix_23, (whole, whole[:, None])), 0, cells - 1).astype(np.float32)
    there = [moved(maps_LGG[0], cv2.INTER_LINEAR)]
    for said_4GG in choices(maps_LGG):
        plane_6GG = planes(said_4GG[0], said_4GG[1:3]).reshape(6, cells, cells)
        plane_6GG = np.stack([moved(each_GG) for each_GG in plane_6GG])
        uv_2GG = at_places(plane_6GG.reshape(3, 2, cells, cells), row_GG, column_GG)
        there += [moved(said_4GG[0]), *uv_2GG, moved(said_4GG[3])]
    return np.stack(there)


def turn_about(xy_2: F64, degrees: float) -> F64:
    """The affine map (3, 3) that turns a frame clockwise about a place of it."""
    angle = np.radians(degrees)
    turn_33 = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return _moved(*xy_2) @ turn_33 @ _moved(*-xy_2)


def _of_whole_numbers(affine_33: F64) -> F64:
    """An affine map as OpenCV takes it (2, 3), by the whole numbers of pixels or cells."""
    return (np.linalg.inv(HALF) @ affine_33 @ HALF)[:2]


def _moved(x: float, y: float) -> F64:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def mapped(affine_33: F64, xy_2K: F64 | tuple[F64, F64]) -> F64:
    """Places (2, ...), or all of some columns and rows, moved by an affine map."""
    (a, b, c), (d, e, f) = affine_33[:2]
    x_K, y_K = xy_2K
    return np.stack([a * x_K + b * y_K + c, d * x_K + e * y_K + f])
