"""Parts of photos without people: backgrounds of synthetic people, and training crops of background alone."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from models.arrays import F64, U8
from stages.training.data.labelled_photos import DENSE, SIDE, is_chart_label
from stages.training.data.photo_pool import PhotoPool, PoolPerson, PoolPhoto, nobody_in

TRIES = 8
MOST_PERSON = 0.04


def over(rgb_HW3: U8, people_HW: U8, behind_HW3: U8) -> U8:
    """People (mask 0..255, its soft edge moved inwards by half a pixel) over a background of the same size."""
    share_HW = (np.maximum(people_HW, 128) - 128).astype(np.float32) * np.float32(2 / 255)
    return np.asarray(cv2.blendLinear(rgb_HW3, behind_HW3, share_HW, 1 - share_HW))


def random_background(pool: PhotoPool, random: np.random.Generator) -> U8 | None:
    """A window of a training photo without people, .25 to .8 of its side, touching no box; None if none is found."""
    found = place_without_people(pool, random, lambda: np.full(2, random.uniform(0.25, 0.8) * SIDE))
    if found is None:
        return None
    index, corner_2, size_2 = found
    (x0, y0), n = corner_2.astype(int), int(size_2[0])
    window = pool.photos[index].rgb_SS3[y0 : y0 + n, x0 : x0 + n]
    return np.asarray(cv2.flip(window, 1)) if random.random() < 0.5 else window


def background_person(pool: PhotoPool, random: np.random.Generator) -> PoolPerson | None:
    """A box of a person's shape in a training photo that shows background alone; None if none is found."""

    def size() -> F64:
        shape_4 = pool.people[random.integers(len(pool.people))].box_4
        size_2 = shape_4[2:] - shape_4[:2]
        return np.asarray(size_2 / np.max(size_2) * random.uniform(0.25, 1.0) * SIDE)

    found = place_without_people(pool, random, size)
    if found is None:
        return None
    index, corner_2, size_2 = found
    box_4 = np.concatenate([corner_2, corner_2 + size_2]).astype(np.float32)
    return nobody_in(index, box_4)


def place_without_people(
    pool: PhotoPool, random: np.random.Generator, size: Callable[[], F64]
) -> tuple[int, F64, F64] | None:
    """A photo's index, and corner and size (x, y) of a window in it without people; None if none is found.

    `size` draws the size anew for every try.
    """
    for _ in range(TRIES):
        index = int(random.integers(len(pool.photos)))
        size_2 = size()
        corner_2 = random.uniform(0, SIDE - size_2)
        if shows_background(pool.photos[index], np.concatenate([corner_2, corner_2 + size_2])):
            return index, corner_2, size_2
    return None


def shows_background(photo: PoolPhoto, window_4: F64) -> bool:
    """Whether a window of a photo touches no box and holds less than MOST_PERSON of a person."""
    touches = ((photo.box_M4[:, :2] < window_4[2:]) & (photo.box_M4[:, 2:] > window_4[:2])).all(1)
    if touches.any():
        return False
    a, b = (window_4[:2] * DENSE / SIDE).astype(int)
    wide, high = ((window_4[2:] - window_4[:2]) * DENSE / SIDE).astype(int)
    seen = photo.dense_DD[b : b + high + 1, a : a + wide + 1]
    return bool(is_chart_label(seen).mean() < MOST_PERSON)
