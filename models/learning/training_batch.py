"""A training batch: images as network input, with all their annotations."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.losses.points import RegionPoints


class TrainingBatch(NamedTuple):
    """Tensors of B images with N people and M points. Coordinates are network pixels of the person's image.

    Attributes:
        x_BHW3: float32, from `preprocess.network_input`.
        size_B2: int64, height and width without padding.
        seed_B3: int64, seeds the random choices of an image (seed, step, index in the batch of all workers).
        image_N: int64, image of each person.
        box_N4: float32 x0, y0, x1, y1.
        mask_NHW: uint8, 1 on the person; the whole box if the mask is not annotated.
        masked_N: bool, whether the mask is annotated.
        keypoint_N173: float32 x, y, visibility; visibility 0: not labelled.
        annotated_N: bool, whether the person has part masks and points.
        coarse_NLL: uint8 coarse labels over the person's box; 0 if not annotated.
        point_person_M: int64, person of each point.
        point_xy_M2, point_chart_M, point_uv_M2, point_weight_M: as in `RegionPoints`.
    """

    x_BHW3: Tensor
    size_B2: Tensor
    seed_B3: Tensor
    image_N: Tensor
    box_N4: Tensor
    mask_NHW: Tensor
    masked_N: Tensor
    keypoint_N173: Tensor
    annotated_N: Tensor
    coarse_NLL: Tensor
    point_person_M: Tensor
    point_xy_M2: Tensor
    point_chart_M: Tensor
    point_uv_M2: Tensor
    point_weight_M: Tensor

    def points_of(self, person_K: Tensor) -> RegionPoints:
        """The points of K regions. A person's points are repeated for each of its regions.

        Args:
            person_K: int64, person of each region.
        """
        region_M, point_M = (person_K[:, None] == self.point_person_M[None]).nonzero(as_tuple=True)
        return RegionPoints(
            region_M=region_M,
            xy_M2=self.point_xy_M2[point_M],
            chart_M=self.point_chart_M[point_M],
            uv_M2=self.point_uv_M2[point_M],
            weight_M=self.point_weight_M[point_M],
        )

    def whole_images(self) -> tuple[RegionPoints, Tensor]:
        """All points, with the padded images as their regions (B, 4)."""
        height, width = self.x_BHW3.shape[1:3]
        box_B4 = self.x_BHW3.new_tensor([0.0, 0.0, width, height]).repeat(len(self.x_BHW3), 1)
        points = RegionPoints(
            region_M=self.image_N[self.point_person_M],
            xy_M2=self.point_xy_M2,
            chart_M=self.point_chart_M,
            uv_M2=self.point_uv_M2,
            weight_M=self.point_weight_M,
        )
        return points, box_B4

    def to(self, device: torch.device) -> TrainingBatch:
        """The batch on a device."""
        return TrainingBatch(*(value.to(device, non_blocking=True) for value in self))
