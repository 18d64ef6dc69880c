"""One person cut out of a picture, as single-person networks see it: in training, as a teacher, and when they serve."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F64, U8
from models.inference.preprocess import MEAN_BGR

MARGIN = 0.15
"""Of the box's longer side, on either side of it."""
FILL = tuple(round(value) for value in reversed(MEAN_BGR))
"""What lies outside of the picture, and behind a person cut out: the mean colour, 0 to the network."""


def square_around(box_4: npt.NDArray[np.floating], scale: float = 1.0) -> F64:
    """x0, y0, x1, y1 of the square that shows a box; at a smaller scale the person is smaller in it."""
    box = np.asarray(box_4, np.float64)
    half = (0.5 + MARGIN) * max(box[2] - box[0], box[3] - box[1], 1.0) / scale
    center = (box[:2] + box[2:]) / 2
    return np.concatenate([center - half, center + half])


def cut(rgb_HW3: U8, square_4: F64, side: int) -> U8:
    """(side, side, 3): the square of a picture; averaged where it shrinks, so that nothing aliases."""
    shrink = (square_4[2] - square_4[0]) / side
    finer = 2 if shrink > 1.3 else 1
    fine = cv2.warpAffine(
        rgb_HW3,
        cut_matrix(square_4, side * finer),
        (side * finer, side * finer),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=FILL,
    )
    return np.asarray(fine if finer == 1 else cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def cut_matrix(square_4: F64, side: int) -> F64:
    """(2, 3): from pixels of the picture to those of the cut, pixel centres at whole numbers as OpenCV has them."""
    scale = side / (square_4[2:] - square_4[:2])
    shift = (0.5 - square_4[:2]) * scale - 0.5
    return np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])


def without_ground(rgb_HW3: U8, mask_HW: npt.NDArray[np.bool_]) -> U8:
    """The picture with everything but the person in the mean colour."""
    return np.where(mask_HW[..., None], rgb_HW3, np.array(FILL, np.uint8)).astype(np.uint8)
