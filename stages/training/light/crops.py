"""Training crops of the surface network: one person, rotated, stretched, flipped, on another background."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F64, U8, Float
from models.body.charts import mirror_uv
from models.light.architecture.preprocessing import GREY
from models.losses.light_surface import UNKNOWN_UV
from stages.training.data.backgrounds import over
from stages.training.data.labelled_photos import ABSENT_JOINT, IGNORE, SIDE, UNKNOWN_JOINT, is_chart_label, no_joints
from stages.training.data.photo_pool import PoolPerson, PoolPhoto
from stages.training.data.photometry import degrade, recolour
from stages.training.data.scene_pool import PoolScene
from stages.training.light.canvases import mirror_label
from stages.training.light.crop_geometry import CropTransform, person_crop_transform
from stages.training.light.hard_light import hard_light
from stages.training.light.mixes import CropMix
from stages.training.light.other_people import other_people_planes, own_plane
from stages.training.light.video_degradation import video_degraded

TRUNCATED_SIDES = (0.18, 0.14, 0.18, 0.5)
"""Probability that a person is truncated at the left, top, right and bottom."""
LEAST_VISIBLE_PIXELS, LEAST_VISIBLE_SHARE = 150, 0.0235
"""What truncation must leave of a person: pixels of a scene, and the share of a photo's label map."""
LEAST_PIXELS = 32
"""Pixels along a side of the crop of the most distant person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A training crop: pixels, labels (0, 1..24, 255 ignored), their weights (0..1).

    Attributes:
        uv_2GG: U and V, 0..1; both are UNKNOWN_UV where they are not known.
        mask_GG: the silhouette: 0 outside, 1 inside, 255 unknown.
        joint_J3: x and y in pixels of the crop, and a state (see `stages.training.data.labelled_photos`).
        others_CC2: planes of other people (see `other_people_planes`).
        own_CC: plane of the person's own box, 0..255.
        view: what the crop shows of its image.
        person: whether the box holds a person; False where a detector would take a thing for one.
    """

    rgb_CC3: U8
    label_GG: U8
    weight_GG: Float
    mask_GG: U8
    uv_2GG: Float
    others_CC2: U8
    own_CC: U8
    view: CropTransform
    joint_J3: Float = field(default_factory=no_joints)
    person: bool = True


def truncating_window(box_4: F64, random: np.random.Generator) -> F64:
    """A window that truncates a person at one side or two: (x0, y0, x1, y1) in the pixels of the box.

    People at an image's edge are truncated, most often at their feet, and are the hardest to predict.
    """
    window = np.array([-np.inf, -np.inf, np.inf, np.inf])
    first = int(random.choice(4, p=TRUNCATED_SIDES))
    second = (first + int(random.choice((1, 3)))) % 4
    for side in (first, second)[: 1 + int(random.random() < 0.3)]:
        low, high = box_4[side % 2], box_4[2 + side % 2]
        kept = random.uniform(0.2 if side % 2 else 0.4, 0.85) * (high - low)
        window[side] = high - kept if side < 2 else low + kept
    return window


def window_slices(window_4: F64, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of an array of that shape (H, W, ...) that lie in a window (at least one of each)."""
    height, width = shape[:2]
    x0, y0, x1, y1 = np.clip(window_4, 0, (width, height, width, height)).round().astype(int)
    return slice(min(y0, height - 1), max(y1, y0 + 1)), slice(min(x0, width - 1), max(x1, x0 + 1))


def mask_bounds(mask_HW: npt.NDArray[Any]) -> F64:
    """Box around the nonzero cells: (x0, y0, x1, y1)."""
    x0, y0, wide, high = cv2.boundingRect(mask_HW.astype(np.uint8))
    return np.array([x0, y0, x0 + wide, y0 + high], np.float64)


def truncated_scene(scene: PoolScene, person: int, random: np.random.Generator) -> PoolScene:
    """The part of a scene that shows a person truncated; the scene itself where too little would be left of them."""
    window_4 = truncating_window(np.asarray(scene.box_N4[person], np.float64), random)
    rows, columns = window_slices(window_4, scene.label_HW.shape)
    mine = scene.instance_HW[rows, columns] == person + 1
    if mine.sum() < LEAST_VISIBLE_PIXELS:
        return scene
    box_N4 = moved_boxes(scene.box_N4, (columns.start, rows.start), mine.shape)
    box_N4[person] = mask_bounds(mine)
    corner_2 = np.array([columns.start, rows.start], np.float64)
    joint_NJ3 = np.stack([moved_joints(joint_J3, corner_2, mine.shape) for joint_J3 in scene.joint_NJ3])
    return PoolScene(
        rgb_HW3=scene.rgb_HW3[rows, columns], label_HW=scene.label_HW[rows, columns],
        uv_2HW=scene.uv_2HW[:, rows, columns], instance_HW=scene.instance_HW[rows, columns], box_N4=box_N4,
        joint_NJ3=joint_NJ3,
    )


def moved_boxes(box_N4: Float, corner_2: tuple[int, int], shape: tuple[int, ...]) -> Float:
    """Boxes in an array of that shape (H, W, …) cut out at a corner (x, y); those outside become empty."""
    height, width = shape[:2]
    return np.clip(box_N4 - np.tile(corner_2, 2), 0, (width, height, width, height)).astype(np.float32)


def moved_joints(joint_J3: Float, corner_2: F64, shape: tuple[int, ...]) -> Float:
    """Joints (J,3) in an array of that shape (H, W, …) cut out at a corner (x, y); those outside are unknown."""
    at_J2 = joint_J3[:, :2] - corner_2
    inside_J = ((at_J2 >= 0) & (at_J2 < shape[1::-1])).all(1)
    return np.concatenate([at_J2, (joint_J3[:, 2] * inside_J)[:, None]], 1)


def truncated_photo(photo: PoolPhoto, person: PoolPerson, random: np.random.Generator) -> tuple[PoolPhoto, PoolPerson]:
    """The part of a photo that shows a person truncated; both unchanged where too little would be left of them."""
    window_4 = truncating_window(np.asarray(person.box_4, np.float64), random)
    rows, columns = window_slices(window_4, photo.rgb_SS3.shape)
    corner_4 = np.tile(np.array([columns.start, rows.start], np.float64), 2)
    per_cell = (person.region_4[2:] - person.region_4[:2]) / len(person.label_LL)
    edges = np.array([columns.start, rows.start, columns.stop, rows.stop], np.float64)
    cells = (edges - np.tile(person.region_4[:2], 2)) / np.tile(per_cell, 2)
    kept = np.zeros(person.label_LL.shape, bool)
    kept[window_slices(cells, kept.shape)] = True
    label_LL, mask_LL = (np.where(kept, labels_LL, IGNORE) for labels_LL in (person.label_LL, person.mask_LL))
    body = is_chart_label(label_LL)
    if body.mean() < LEAST_VISIBLE_SHARE:
        return photo, person
    region_4 = person.region_4 - corner_4
    box_4 = mask_bounds(body) * np.tile(per_cell, 2) + np.tile(region_4[:2], 2)
    cut = dataclasses.replace(photo, rgb_SS3=photo.rgb_SS3[rows, columns])
    joint_J3 = moved_joints(person.joint_J3, corner_4[:2], cut.rgb_SS3.shape)
    other_K4 = moved_boxes(person.other_K4, (columns.start, rows.start), cut.rgb_SS3.shape)
    return cut, dataclasses.replace(
        person, box_4=box_4, region_4=region_4, label_LL=label_LL, mask_LL=mask_LL, joint_J3=joint_J3,
        other_K4=other_K4,
    )


def labelled_points(label_HW: U8) -> F64:
    """x and y of the centres of the pixels that show a person, and their charts: (3, K)."""
    row_K, column_K = np.nonzero(label_HW)
    return np.stack([column_K + 0.5, row_K + 0.5, label_HW[row_K, column_K]])


def warp(array: npt.NDArray, matrix: F64, cells: int, *, smooth: bool, outside: int | tuple[int, ...]) -> npt.NDArray:
    """Sample an array through a 2x3 map; `smooth` interpolates linearly, else the nearest pixel is taken."""
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST)
    return cv2.warpAffine(
        array, matrix, (cells, cells), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=outside
    )


def area_resized(rgb_CC3: U8, side: int) -> U8:
    """A square image of fewer pixels, each a mean."""
    return np.asarray(cv2.resize(rgb_CC3, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def warp_antialiased(rgb_HW3: U8, view: CropTransform, scale_2: F64, side: int) -> U8:
    """The crop of an image, sampled twice as densely and averaged, so that it does not alias."""
    fine = warp(rgb_HW3, view.matrix(2 * side, scale_2, np.zeros(2)), 2 * side, smooth=True, outside=GREY)
    return area_resized(fine, side)


def degraded(rgb_CC3: U8, random: np.random.Generator, mix: CropMix) -> U8:
    """The crop with changed colours, and at times blurred, noisy or compressed."""
    if mix.degraded < 1 and random.random() >= mix.degraded:
        return rgb_CC3
    return degrade(recolour(rgb_CC3, random), random)


def camera_augmented(rgb_CC3: U8, source_pixels: float, random: np.random.Generator, mix: CropMix) -> U8:
    """The crop as a camera gives it: degraded, and at times from further away, where the body takes fewer pixels.

    Args:
        source_pixels: along a side of the crop. A distant crop has between LEAST_PIXELS and all of them, more often
            few; one degraded as video has all of them. Both are enlarged again.
    """
    side = len(rgb_CC3)
    most = min(source_pixels, side)
    if mix.video_degraded and random.random() < mix.video_degraded:
        few = max(2 * round(most / 2), LEAST_PIXELS)
        small = video_degraded(recolour(area_resized(rgb_CC3, few), random), random)
    elif mix.distant and random.random() < mix.distant and most > LEAST_PIXELS:
        few = round(float(np.exp(random.uniform(np.log(LEAST_PIXELS), np.log(most)))))
        small = degraded(area_resized(rgb_CC3, few), random, mix)
    else:
        return degraded(rgb_CC3, random, mix)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR))


def photo_crop(
    photo: PoolPhoto, person: PoolPerson, side: int, random: np.random.Generator, mix: CropMix
) -> Crop:
    """A crop (side x side pixels) of a labelled person of a photo."""
    cells = side // 2
    scale_2 = SIDE / np.array(photo.natural, np.float64)
    per_cell = len(person.label_LL) / np.asarray(person.region_4[2:] - person.region_4[:2], np.float64)

    def points_in_photo() -> F64:
        x_K, y_K, chart_K = labelled_points(np.where(is_chart_label(person.label_LL), person.label_LL, 0))
        xy_K2 = (np.stack([x_K, y_K], 1) / per_cell + person.region_4[:2]) / scale_2
        return np.stack([*xy_K2.T, chart_K])

    box_4 = np.asarray(person.box_4, np.float64) / np.tile(scale_2, 2)
    view = person_crop_transform(box_4, points_in_photo, random, mix)
    matrix = view.matrix(cells, scale_2 * per_cell, -person.region_4[:2] * per_cell)
    label_GG = warp(person.label_LL, matrix, cells, smooth=False, outside=IGNORE)
    mask_GG = warp(person.mask_LL, matrix, cells, smooth=False, outside=IGNORE)
    weight_GG = warp(person.weight_LL, matrix, cells, smooth=False, outside=0)
    rgb_CC3 = warp_antialiased(photo.rgb_SS3, view, scale_2, side)
    return Crop(
        rgb_CC3=camera_augmented(hard_light(rgb_CC3, label_GG, random, mix), view.pixels(scale_2), random, mix),
        label_GG=mirror_label(label_GG) if view.flip else label_GG,
        weight_GG=weight_GG.astype(np.float32) / 255,
        mask_GG=mask_GG,
        uv_2GG=_uv_of_photo(person, label_GG, matrix, flip=view.flip),
        others_CC2=other_people_planes(view, box_4, person.other_K4 / np.tile(scale_2, 2), None, side, random),
        own_CC=own_plane(view, side),
        view=view,
        joint_J3=view.joints(person.joint_J3 / (*scale_2, 1), side),
    )


def _uv_of_photo(person: PoolPerson, label_GG: U8, matrix: F64, *, flip: bool) -> Float:
    """U and V of a crop of a photo, for its labels before they are mirrored."""
    if not person.uv_2LL.any():
        return np.full((2, *label_GG.shape), UNKNOWN_UV, np.float32)
    code_2GG = np.stack([warp(one_LL, matrix, len(label_GG), smooth=False, outside=0) for one_LL in person.uv_2LL])
    known_GG = code_2GG.any(0) & is_chart_label(label_GG)
    u_GG, v_GG = code_2GG / np.float32(255)
    if flip:
        u_GG, v_GG = mirror_uv(np.where(known_GG, label_GG, np.uint8(0)), u_GG, v_GG)
    return np.where(known_GG, np.stack([u_GG, v_GG]), UNKNOWN_UV).astype(np.float32)


def scene_crop(
    scene: PoolScene,
    person: int,
    background_HW3: U8 | None,
    side: int,
    random: np.random.Generator,
    mix: CropMix,
) -> Crop:
    """A crop of a person of a synthetic scene, its UV known.

    Args:
        person: index of the person in the scene.
        background_HW3: an image to put behind all people; None leaves the scene's own background.
        side: pixels of the crop.
    """
    cells = side // 2
    mine_HW = scene.instance_HW == person + 1
    box_4 = np.asarray(scene.box_N4[person], np.float64)
    view = person_crop_transform(box_4, lambda: labelled_points(scene.label_HW * mine_HW), random, mix)
    one, none = np.ones(2), np.zeros(2)
    matrix = view.matrix(cells, one, none)
    mine = warp(mine_HW.astype(np.uint8), matrix, cells, smooth=False, outside=0) > 0
    label_GG = warp(scene.label_HW, matrix, cells, smooth=False, outside=0) * mine
    uv_2GG = np.stack([warp(one_HW, matrix, cells, smooth=False, outside=0) for one_HW in scene.uv_2HW]) / np.float32(
        255
    )
    if view.flip:
        uv_2GG = np.stack(mirror_uv(label_GG, uv_2GG[0], uv_2GG[1])).astype(np.float32)
        label_GG = mirror_label(label_GG)
    rgb_CC3 = _crop_pixels(scene, view, background_HW3, side)
    joint_J3 = view.joints(scene.joint_NJ3[person], side)
    joint_J3[:, 2][joint_J3[:, 2] == UNKNOWN_JOINT] = ABSENT_JOINT
    return Crop(
        rgb_CC3=camera_augmented(hard_light(rgb_CC3, label_GG, random, mix), view.pixels(one), random, mix),
        label_GG=label_GG,
        weight_GG=np.ones((cells, cells), np.float32),
        mask_GG=mine.astype(np.uint8),
        uv_2GG=uv_2GG,
        others_CC2=_others_of_scene(scene, person, view, side, random),
        own_CC=own_plane(view, side),
        view=view,
        joint_J3=joint_J3,
    )


def _others_of_scene(
    scene: PoolScene, person: int, view: CropTransform, side: int, random: np.random.Generator
) -> U8:
    other_HW = ((scene.instance_HW != person + 1) & (scene.instance_HW > 0)).astype(np.uint8) * 255
    seen_CC = warp(other_HW, view.matrix(side, np.ones(2), np.zeros(2)), side, smooth=True, outside=0)
    own_4 = np.asarray(scene.box_N4[person], np.float64)
    return other_people_planes(view, own_4, np.delete(scene.box_N4, person, 0), seen_CC, side, random)


def _crop_pixels(scene: PoolScene, view: CropTransform, background_HW3: U8 | None, side: int) -> U8:
    if background_HW3 is None:
        return warp_antialiased(scene.rgb_HW3, view, np.ones(2), side)
    fine = 2 * side
    matrix = view.matrix(fine, np.ones(2), np.zeros(2))
    rgb = warp(scene.rgb_HW3, matrix, fine, smooth=True, outside=GREY)
    people = warp((scene.instance_HW > 0).astype(np.uint8) * 255, matrix, fine, smooth=True, outside=0)
    behind = np.asarray(cv2.resize(background_HW3, (fine, fine), interpolation=cv2.INTER_LINEAR), np.uint8)
    return area_resized(over(rgb, people, behind), side)
