"""Put real places behind synthetic people."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from stages.training.photo_pool import PhotoPool, PoolPhoto
from stages.training.photos import DENSE, IGNORE, SIDE

U8 = npt.NDArray[Any]

TRIES = 8
MOST_PERSON = 0.04


def over(rgb_HW3: U8, people_HW: U8, behind_HW3: U8) -> U8:
    """People (0..255 mask, its soft edge drawn inwards by half a pixel) over a background of the same size."""
    alpha = np.clip((people_HW.astype(np.int16) - 128) * 2, 0, 255).astype(np.float32)[..., None] / 255
    return (rgb_HW3 * alpha + behind_HW3 * (1 - alpha)).astype(np.uint8)


def random_background(pool: PhotoPool, random: np.random.Generator) -> U8 | None:
    """A window of a training photo that shows nobody: .25 to .8 of its side, touching no box; None if none is found."""
    for _ in range(TRIES):
        photo = pool.photos[random.integers(len(pool.photos))]
        side = random.uniform(0.25, 0.8) * SIDE
        x, y = random.uniform(0, SIDE - side, 2)
        if empty(photo, x, y, side):
            x0, y0, n = int(x), int(y), int(side)
            window = photo.rgb_SS3[y0 : y0 + n, x0 : x0 + n]
            return np.asarray(cv2.flip(window, 1)) if random.random() < 0.5 else window
    return None


def empty(photo: PoolPhoto, x: float, y: float, side: float) -> bool:
    """Whether a square window of a photo touches no box and holds less than MOST_PERSON of a person."""
    low, high = photo.box_M4[:, :2], photo.box_M4[:, 2:]
    touches = ((low < (x + side, y + side)) & (high > (x, y))).all(1)
    if touches.any():
        return False
    a, b, n = (int(value * DENSE / SIDE) for value in (x, y, side))
    seen = photo.dense_DD[b : b + n + 1, a : a + n + 1]
    return bool(((seen > 0) & (seen != IGNORE)).mean() < MOST_PERSON)
