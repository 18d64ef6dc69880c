"""Augmentation of annotated images: flip, scale, crop around a person, colours; labels follow the pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32, F64, U8
from models.body.charts import MIRROR_CHART, MIRROR_COARSE, mirror_maps, mirror_uv
from models.body.open_body import MIRROR_JOINT
from models.inference.preprocess import resize_bgr
from models.inference.single_person import crop_matrix, crop_square, square_around, without_background
from models.metrics.instances import AnnotatedPoints
from stages.training.data.annotated_images import LabelledImage, LabelledPerson
from stages.training.data.photometry import degrade, recolour

Rng = np.random.Generator

POINT_SPAN = 256.0
"""Annotated coordinates span the box in as many steps, in training (facts §8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentedPerson:
    """A person of an augmented image: box, mask, joints and points in its pixels.

    Attributes:
        masked: whether the mask is annotated; where not, it is the box.
        point_xy_M2, chart_M, uv_M2, weight_M: annotated points and points drawn from a dense surface.
        coarse_LL: None where parts are not annotated.
    """

    box_4: F32
    mask_HW: U8
    masked: bool
    keypoint_173: F32
    coarse_LL: U8 | None
    point_xy_M2: F32
    chart_M: npt.NDArray[np.int64]
    uv_M2: F32
    weight_M: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentedImage:
    """An augmented image (H, W as the network reads it, without padding) and its people."""

    rgb_HW3: U8
    people: tuple[AugmentedPerson, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DensePoints:
    """How a dense surface supervises: `count` points a person, drawn anew for each image, each of `weight`."""

    count: int = 100
    weight: float = 0.3


def flipped_image(image: LabelledImage) -> LabelledImage:
    """The image flipped horizontally; sides, charts, U and V change by the symmetry of the body."""
    width = image.rgb_HW3.shape[1]
    label_HW, uv_2HW = image.label_HW, image.uv_2HW
    if label_HW is not None and uv_2HW is not None:
        label_HW, turned = mirror_maps(label_HW, uv_2HW.astype(np.float32) / 255)
        uv_2HW = np.round(turned * 255).astype(np.uint8)
    return LabelledImage(
        rgb_HW3=np.ascontiguousarray(image.rgb_HW3[:, ::-1]),
        people=tuple(flipped_person(one, width) for one in image.people), label_HW=label_HW, uv_2HW=uv_2HW,
    )


def flipped_person(person: LabelledPerson, width: int) -> LabelledPerson:
    """One person of an image of this width, flipped horizontally."""
    x0, y0, x1, y1 = person.box_4
    joint_173 = person.keypoint_173[MIRROR_JOINT].copy()
    joint_173[:, 0] = np.where(joint_173[:, 2] > 0, width - joint_173[:, 0], 0)
    points = person.points
    if points is not None:
        turned = mirror_uv(points.chart_M.astype(np.uint8), points.u_M, points.v_M)
        u, v = (value.astype(np.float64) for value in turned)
        chart = MIRROR_CHART[points.chart_M].astype(np.int64)
        points = AnnotatedPoints(x_M=POINT_SPAN - points.x_M, y_M=points.y_M, chart_M=chart, u_M=u, v_M=v)
    coarse = None if person.coarse_LL is None else MIRROR_COARSE[person.coarse_LL[:, ::-1]]
    return LabelledPerson(
        box_4=np.array([width - x1, y0, width - x0, y1], np.float32), mask_HW=person.mask_HW[:, ::-1],
        masked=person.masked, keypoint_173=joint_173, coarse_LL=coarse, points=points,
    )


def frame_view(image: LabelledImage, size_hw: tuple[int, int], dense: DensePoints, random: Rng) -> AugmentedImage:
    """The whole image at a size, resized as at inference (PIL, `preprocess`)."""
    height, width = image.rgb_HW3.shape[:2]
    matrix = np.array([[size_hw[1] / width, 0, 0], [0, size_hw[0] / height, 0]])
    rgb = np.ascontiguousarray(resize_bgr(image.rgb_HW3, size_hw)[:, :, ::-1])
    resized = {"interpolation": cv2.INTER_AREA}
    masks = [cv2.resize(one.mask_HW, size_hw[::-1], **resized) for one in image.people]  # type: ignore[call-overload]
    people = tuple(
        augmented_person(image, index, matrix, np.asarray(mask), dense, random) for index, mask in enumerate(masks)
    )
    return AugmentedImage(rgb_HW3=rgb, people=people)


def person_view(
    image: LabelledImage, person: int, side: int, square_4: F64, dense: DensePoints, random: Rng, *, ground: bool
) -> AugmentedImage:
    """A square crop around one person; other people in it are background.

    Args:
        image, person: the image and the index of the person.
        side: pixels of the crop.
        square_4: the square in pixels of the image.
        dense, random: how points are drawn from a dense surface.
        ground: whether the background stays; without it only the pixels of the person's mask do.
    """
    mask_HW = image.people[person].mask_HW
    rgb_HW3 = image.rgb_HW3 if ground else without_background(image.rgb_HW3, mask_HW > 0)
    to_view = crop_matrix(square_4, side)
    cut_mask = cv2.warpAffine(mask_HW * 255, to_view, (side, side), flags=cv2.INTER_LINEAR) > 127
    # In `augmented_person` pixel edges are at whole numbers, in OpenCV pixel centres.
    corner = np.array(
        [[to_view[0, 0], 0, -square_4[0] * to_view[0, 0]], [0, to_view[1, 1], -square_4[1] * to_view[1, 1]]]
    )
    one = augmented_person(image, person, corner, cut_mask.astype(np.uint8), dense, random)
    return AugmentedImage(rgb_HW3=crop_square(rgb_HW3, square_4, side), people=(one,))


def jittered_square(box_4: F32, scales: tuple[float, float], random: Rng) -> F64:
    """The square around a box, shifted a little and at a random scale, as detectors give boxes."""
    square = square_around(box_4, float(np.exp(random.uniform(np.log(scales[0]), np.log(scales[1])))))
    return square + np.tile(random.normal(0, 0.03, 2) * (square[2] - square[0]), 2)


def augmented_person(
    image: LabelledImage, index: int, matrix: F64, mask_HW: U8, dense: DensePoints, random: Rng
) -> AugmentedPerson:
    """One person through a (2, 3) map from pixels of the image to those of the augmented one (edges at integers)."""
    person = image.people[index]
    joint_173 = person.keypoint_173.copy()
    joint_173[:, :2] = transformed(joint_173[:, :2], matrix)
    xy, chart, uv, weight = annotated_points(person)
    if image.label_HW is not None and image.uv_2HW is not None:
        more = drawn_points(image, person.mask_HW, dense, random)
        xy, chart, uv, weight = (np.concatenate(pair) for pair in zip((xy, chart, uv, weight), more, strict=True))
    return AugmentedPerson(
        box_4=transformed(person.box_4.reshape(2, 2), matrix).reshape(4).astype(np.float32),
        mask_HW=mask_HW,
        masked=person.masked,
        keypoint_173=joint_173,
        coarse_LL=person.coarse_LL,
        point_xy_M2=transformed(xy, matrix).astype(np.float32),
        chart_M=chart,
        uv_M2=uv.astype(np.float32),
        weight_M=weight.astype(np.float32),
    )


def transformed(xy_M2: npt.NDArray[np.floating], matrix: F64) -> F64:
    """Points through a (2, 3) map."""
    return xy_M2.astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]


Points = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]


def annotated_points(person: LabelledPerson) -> Points:
    """Positions in the image, charts, UV and weights (1) of a person's annotated points."""
    points = person.points
    if points is None:
        return np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0)
    size = person.box_4[2:] - person.box_4[:2]
    xy = person.box_4[:2] + np.stack([points.x_M, points.y_M], axis=1) * size / POINT_SPAN
    return xy, points.chart_M, np.stack([points.u_M, points.v_M], axis=1), np.ones(len(points))


def drawn_points(image: LabelledImage, mask_HW: U8, dense: DensePoints, random: Rng) -> Points:
    """Points at random pixels of a person's dense surface, at the pixels' centres."""
    assert image.label_HW is not None and image.uv_2HW is not None
    row_K, column_K = np.nonzero((mask_HW > 0) & (image.label_HW > 0))
    if not len(row_K):
        return np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0)
    chosen = random.integers(0, len(row_K), dense.count)
    row, column = row_K[chosen], column_K[chosen]
    uv = image.uv_2HW[:, row, column].T / np.float32(255)
    xy = np.stack([column, row], axis=1) + 0.5
    return xy, image.label_HW[row, column].astype(np.int64), uv, np.full(dense.count, dense.weight)


def colour_jittered(view: AugmentedImage, random: Rng) -> AugmentedImage:
    """The image with changed colours, and at times blur, noise or compression."""
    return replace(view, rgb_HW3=degrade(recolour(view.rgb_HW3, random), random))
