"""Occluders: what hides a part of a person in a training crop, another person or an object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from models.arrays import F64, U8, Float
from models.light.architecture.preprocessing import GREY
from stages.training.data.backgrounds import over, random_background
from stages.training.data.labelled_photos import HIDDEN_JOINT, IGNORE, SIDE, is_chart_label
from stages.training.data.photo_pool import PhotoPool, PoolPerson, PoolPhoto
from stages.training.data.scene_pool import PoolScene
from stages.training.light.crops import Crop, warp
from stages.training.light.other_people import with_box_in_front

LEAST_VISIBLE = 0.4
"""Share of a person's cells that an occluder must leave visible."""
MOST_UNKNOWN = 0.02
"""Share of a crop's cells whose silhouette may be unknown where another person is put behind."""
PLAIN = 0.5
"""Share of objects of one colour; the others show a part of a photo."""


def placed_person(scene: PoolScene, person: int, side: int, random: np.random.Generator) -> tuple[U8, U8]:
    """A person of a synthetic scene at a random place of a crop: mask (side, side; 0..255) and RGB."""
    box_4 = np.asarray(scene.box_N4[person], np.float64)
    height = max(box_4[3] - box_4[1], 1.0)
    size = random.uniform(0.7, 1.3) * side / height  # crop pixels for a pixel of the scene
    centre_2 = (box_4[:2] + box_4[2:]) / 2
    at_2 = np.array([random.choice((-1, 1)) * random.uniform(0.15, 0.5) + 0.5, random.uniform(0.4, 0.8)]) * side
    matrix = np.array([[1 / size, 0, centre_2[0] - at_2[0] / size], [0, 1 / size, centre_2[1] - at_2[1] / size]])
    mine = (scene.instance_HW == person + 1).astype(np.uint8) * 255
    cover_CC = warp(mine, matrix, side, smooth=True, outside=0)
    return cover_CC, warp(scene.rgb_HW3, matrix, side, smooth=True, outside=GREY)


def placed_real_person(
    photo: PoolPhoto, person: PoolPerson, side: int, random: np.random.Generator
) -> tuple[U8, U8]:
    """The same of a person of a photo, cut out by their mask."""
    scale_2 = np.array(photo.natural, np.float64) / SIDE
    size_2 = (person.box_4[2:] - person.box_4[:2]) * scale_2
    size = random.uniform(0.7, 1.3) * side / max(float(size_2[1]), 1.0)  # crop pixels for a pixel of the natural photo
    at_2 = np.array([random.choice((-1, 1)) * random.uniform(0.15, 0.5) + 0.5, random.uniform(0.4, 0.8)]) * side
    centre_2 = np.asarray((person.box_4[:2] + person.box_4[2:]) / 2, np.float64)
    step_2 = 1 / (size * scale_2)  # pixels of the stored square for a pixel of the crop
    to_photo_23 = np.column_stack([np.diag(step_2), centre_2 - at_2 * step_2])
    per_cell_2 = (person.region_4[2:] - person.region_4[:2]) / len(person.mask_LL)
    low_2 = np.asarray(person.region_4[:2], np.float64)
    to_cells_23 = np.column_stack([np.diag(step_2 / per_cell_2), (to_photo_23[:, 2] - low_2) / per_cell_2 - 0.5])
    mine_LL = (person.mask_LL == 1).astype(np.uint8) * 255
    cover_CC = warp(mine_LL, to_cells_23, side, smooth=True, outside=0)
    return cover_CC, warp(photo.rgb_SS3, to_photo_23, side, smooth=True, outside=GREY)


def put_in_front(crop: Crop, cover_CC: U8, pixels_CC3: U8, random: np.random.Generator) -> Crop:
    """The crop with another person in front; unchanged where too little would be left visible.

    The other is labelled as background, as all others in a crop are, and their box is among those that it shows.
    """
    made = occlude(crop, cover_CC, pixels_CC3)
    return made if made is crop else replace(made, others_CC2=with_box_in_front(made.others_CC2, cover_CC, random))


def put_behind(crop: Crop, cover_CC: U8, pixels_CC3: U8, random: np.random.Generator) -> Crop:
    """The crop with another person behind; unchanged where the silhouette is not known almost everywhere.

    No label changes: only background is covered.
    """
    if (crop.mask_GG == IGNORE).mean() > MOST_UNKNOWN:
        return crop
    side = len(crop.rgb_CC3)
    own_GG = np.where(crop.mask_GG == 0, np.uint8(0), np.uint8(255))
    own_CC = cv2.resize(own_GG, (side, side), interpolation=cv2.INTER_LINEAR)
    seen_CC = np.minimum(cover_CC, 255 - own_CC)
    return replace(
        crop, rgb_CC3=over(pixels_CC3, seen_CC, crop.rgb_CC3),
        others_CC2=with_box_in_front(crop.others_CC2, seen_CC, random),
    )


def occlude_by_object(crop: Crop, photos: PhotoPool, random: np.random.Generator) -> Crop:
    """The crop with an object in front; unchanged where too little of the person would be left visible."""
    return occlude(crop, *random_object(len(crop.rgb_CC3), photos, random))


def random_object(side: int, photos: PhotoPool, random: np.random.Generator) -> tuple[U8, U8]:
    """Slats, a post or an ellipse, plain or with a photo's pixels (Sárándi et al. 2018): mask (0..255) and RGB."""
    shape: Callable[[int, np.random.Generator], U8] = (slats, post, ellipse)[random.integers(3)]
    cover_CC = shape(side, random)
    seen_HW3 = None if random.random() < PLAIN else random_background(photos, random)
    if seen_HW3 is None:
        seen_HW3 = random.integers(0, 256, (1, 1, 3), dtype=np.uint8)
    return cover_CC, np.asarray(cv2.resize(seen_HW3, (side, side), interpolation=cv2.INTER_AREA))


def occlude(crop: Crop, cover_CC: U8, pixels_CC3: U8) -> Crop:
    """The crop under other pixels where a mask (0..255) is set; unchanged if it hides too much."""
    cells = len(crop.label_GG)
    covered_GG = cv2.resize(cover_CC, (cells, cells), interpolation=cv2.INTER_AREA) > 127
    body = is_chart_label(crop.label_GG)
    if (body & ~covered_GG).sum() < LEAST_VISIBLE * body.sum():
        return crop
    return replace(
        crop, rgb_CC3=over(pixels_CC3, cover_CC, crop.rgb_CC3), label_GG=np.where(covered_GG, 0, crop.label_GG),
        weight_GG=np.where(covered_GG, np.float32(1), crop.weight_GG),
        mask_GG=np.where(covered_GG, np.uint8(0), crop.mask_GG), joint_J3=hidden_under(cover_CC, crop.joint_J3),
    )


def hidden_under(cover_CC: U8, joint_J3: Float) -> Float:
    """Joints (J,3; x, y in pixels) of which those under a mask (0..255) are hidden."""
    column_J, row_J = np.floor(joint_J3[:, :2]).astype(int).T
    inside_J = ((joint_J3[:, :2] >= 0) & (joint_J3[:, :2] < len(cover_CC))).all(1)
    limit = len(cover_CC) - 1
    covered_J = inside_J & (cover_CC[row_J.clip(0, limit), column_J.clip(0, limit)] > 127)
    state_J = np.where(covered_J, np.minimum(joint_J3[:, 2], HIDDEN_JOINT), joint_J3[:, 2])
    return np.column_stack([joint_J3[:, :2], state_J]).astype(np.float32)


def slats(side: int, random: np.random.Generator) -> U8:
    """A mask (side, side), 0..255, of parallel bars at any angle."""
    across_CC = _across(side, random)
    pitch = random.uniform(0.12, 0.6) * side
    return _bars((across_CC + random.uniform(0, pitch)) % pitch - pitch / 2, pitch * random.uniform(0.08, 0.4))


def post(side: int, random: np.random.Generator) -> U8:
    """A mask of one bar at any angle, near the middle."""
    return _bars(_across(side, random) - random.normal(0, 0.25) * side, random.uniform(0.05, 0.35) * side)


def ellipse(side: int, random: np.random.Generator) -> U8:
    """A mask of an ellipse that may reach outside."""
    mask_CC = np.zeros((side, side), np.uint8)
    centre = tuple(map(int, random.uniform(0.1, 0.9, 2) * side))
    axes = tuple(map(int, random.uniform(0.06, 0.3, 2) * side))
    cv2.ellipse(mask_CC, centre, axes, random.uniform(0, 180), 0, 360, 255, cv2.FILLED)
    return np.asarray(cv2.GaussianBlur(mask_CC, (0, 0), 0.7), np.uint8)


def _across(side: int, random: np.random.Generator) -> F64:
    """The distance of each pixel from the centre along a random direction, in pixels."""
    angle = random.uniform(0, np.pi)
    place_C = np.arange(side) - (side - 1) / 2
    return np.asarray(place_C[None] * np.cos(angle) + place_C[:, None] * np.sin(angle))


def _bars(distance_CC: F64, width: float) -> U8:
    """Pixels nearer to a line than half a width, with soft edges."""
    return (np.clip(width / 2 - np.abs(distance_CC) + 0.5, 0, 1) * 255).astype(np.uint8)
