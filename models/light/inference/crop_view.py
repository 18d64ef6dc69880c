"""Views: the part of a frame that a crop shows, possibly rotated; crops of views, and maps resampled between views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from models.arrays import F32, F64, U8, Float
from models.light.architecture.output_maps import chart_candidates
from models.light.architecture.preprocessing import CROP, GREY, resize_rgb
from models.light.inference.uv_planes import uv_at, uv_planes

INDEX_TO_CENTRE_33 = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
"""Affine map from indices of pixels or cells to the coordinates of their centres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropView:
    """A rectangle of a frame, possibly rotated, that is stretched to a square crop.

    Attributes:
        to_square_33: affine map from the frame in pixels (the centre of the first one is at .5, .5) to the square 0..1.
    """

    to_square_33: F64

    @classmethod
    def of_region(cls, region_4: F32) -> CropView:
        """The view of a region x0, y0, x1, y1 of the frame, not rotated."""
        scale_2 = 1 / (region_4[2:] - region_4[:2]).astype(np.float64)
        x, y = -region_4[:2] * scale_2
        return cls(to_square_33=np.array([[scale_2[0], 0, x], [0, scale_2[1], y], [0, 0, 1]]))

    def of_transformed_frame(self, affine_33: F64) -> CropView:
        """This view of a frame that is first transformed by an affine map, as a view of the original frame."""
        return CropView(to_square_33=self.to_square_33 @ affine_33)

    def to_square(self, xy_2K: Float) -> F64:
        """Points (2, K) in pixels of the frame as points of the square 0..1."""
        return apply_affine(self.to_square_33, xy_2K)

    def to_frame(self, xy_2K: Float) -> F64:
        """Points (2, K) of the square 0..1 in pixels of the frame."""
        return apply_affine(np.linalg.inv(self.to_square_33), xy_2K)


def rotated_crop(rgb_HW3: U8, view: CropView, side: int = CROP) -> U8:
    """The crop (side, side, 3) of a view that may be rotated; outside of the frame it is grey."""
    corner_24 = view.to_frame(np.array([[0.0, 1, 1, 0], [0, 0, 1, 1]]))
    low_2 = np.clip(np.floor(corner_24.min(1)) - 1, 0, None).astype(int)
    high_2 = np.clip(np.ceil(corner_24.max(1)) + 1, 0, rgb_HW3.shape[1::-1]).astype(int)
    part = rgb_HW3[low_2[1] : high_2[1], low_2[0] : high_2[0]]
    if 0 in part.shape:
        return np.full((side, side, 3), int(GREY[0]), np.uint8)
    to_crop_33 = np.diag([side, side, 1.0]) @ view.to_square_33 @ _translation(*low_2)
    scale = np.linalg.norm(to_crop_33[:2, :2], axis=1).max()
    if scale < 1:  # shrinking must average pixels, which warpAffine does not do
        size = [max(round(length * scale), 1) for length in part.shape[1::-1]]
        to_crop_33 = to_crop_33 @ np.diag([part.shape[1] / size[0], part.shape[0] / size[1], 1.0])
        part = resize_rgb(part, *size)
    crop_CC3 = cv2.warpAffine(
        part,
        between_indices(to_crop_33),
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=GREY,
    )
    return np.asarray(crop_CC3, np.uint8)


def resample_maps(maps_LGG: F32, source: CropView, target: CropView) -> F32:
    """Maps of one view (see `PickedSurface`) on the grid of another. Outside of the first view its edge continues.

    The person's logit is bilinear. Charts, their probabilities and the planes of U and V are those of the nearest cell.
    """
    cells = maps_LGG.shape[-1]
    grid_33 = np.diag([cells, cells, 1.0])
    source_to_target_33 = grid_33 @ source.to_square_33 @ np.linalg.inv(grid_33 @ target.to_square_33)
    matrix_23 = between_indices(source_to_target_33)

    def resample(map_GG: F32, interpolation: int = cv2.INTER_NEAREST) -> F32:
        flags = interpolation | cv2.WARP_INVERSE_MAP
        grid = (cells, cells)
        return cast(F32, cv2.warpAffine(map_GG, matrix_23, grid, flags=flags, borderMode=cv2.BORDER_REPLICATE))

    index = np.arange(cells, dtype=np.float32)
    column_GG, row_GG = np.clip(apply_affine(matrix_23, (index, index[:, None])), 0, cells - 1).astype(np.float32)
    resampled = [resample(maps_LGG[0], cv2.INTER_LINEAR)]
    for candidate_4GG in chart_candidates(maps_LGG):
        plane_6GG = uv_planes(candidate_4GG[0], candidate_4GG[1:3]).reshape(6, cells, cells)
        plane_6GG = np.stack([resample(each_GG) for each_GG in plane_6GG])
        uv_2GG = uv_at(plane_6GG.reshape(3, 2, cells, cells), row_GG, column_GG)
        resampled += [resample(candidate_4GG[0]), *uv_2GG, resample(candidate_4GG[3])]
    return np.stack(resampled)


def rotation_about(xy_2: Float, degrees: float) -> F64:
    """The affine map (3, 3) that rotates a frame clockwise about a point."""
    angle = np.radians(degrees)
    rotation_33 = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return _translation(*xy_2) @ rotation_33 @ _translation(*-xy_2)


def between_indices(affine_33: F64) -> F64:
    """An affine map between coordinates as OpenCV needs it (2, 3): between indices of pixels or cells."""
    return (np.linalg.inv(INDEX_TO_CENTRE_33) @ affine_33 @ INDEX_TO_CENTRE_33)[:2]


def _translation(x: float, y: float) -> F64:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def apply_affine(affine_33: Float, xy_2K: Float | tuple[Float, Float]) -> F64:
    """Points (2, ...), or all points of a pair of columns and rows, transformed by an affine map (2, 3) or (3, 3)."""
    (a, b, c), (d, e, f) = affine_33[:2]
    x_K, y_K = xy_2K
    return np.stack([a * x_K + b * y_K + c, d * x_K + e * y_K + f])
