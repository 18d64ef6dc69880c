"""One person read at a time, at one or several scales: the study's single-person network, and the teacher (paper §3.2).

The teacher sees people with their background cut away, reads each at several scales and averages; what it says inside
of the person becomes the dense supervision of the student.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import roi_align

from models.architecture.fcn import FullConvNet
from models.arrays import F32, U8
from models.inference.assembly import assemble
from models.inference.person_crop import cut, square_around
from models.inference.preprocess import network_input
from models.structures import SurfaceMap

WINDOW = 112
"""Cells a side of a person's maps, as DensePose-RCNN has them."""


def window(maps: dict[str, Tensor], box_4: Sequence[float]) -> dict[str, Tensor]:
    """The part of whole-picture maps that a box covers, as a region's head would have given it.

    Args:
        maps: by name, (channels, H, W) float32.
        box_4: x0, y0, x1, y1 in cells.

    Returns:
        By name (channels, WINDOW, WINDOW).
    """
    rows = torch.tensor([[0.0, *box_4]], dtype=torch.float32)
    return {
        name: roi_align(value[None], rows, (WINDOW, WINDOW), sampling_ratio=1, aligned=True)[0]
        for name, value in maps.items()
    }


class PersonReader:
    """Reads the surface of a person in a given box."""

    def __init__(self, network: FullConvNet, *, side: int, scales: tuple[float, ...] = (1.0,)) -> None:
        """Args: network; side of its square input in pixels; scales that are averaged, 1 = as trained."""
        self.network = network.eval().requires_grad_(False)
        self.side = side
        self.scales = scales

    @torch.inference_mode()
    def maps(self, rgb_HW3: U8, box_4: F32) -> dict[str, Tensor]:
        """Maps over the box by name, (channels, WINDOW, WINDOW), the mean over scales."""
        total: dict[str, Tensor] = {}
        for scale in self.scales:
            square = square_around(box_4, scale)
            picture = cut(rgb_HW3, square, self.side)
            x_1HW3 = network_input(picture[None], (self.side, self.side))
            maps = {name: value[0] for name, value in self.network(x_1HW3.permute(0, 3, 1, 2)).items()}
            cells = (np.asarray(box_4, np.float64) - np.tile(square[:2], 2)) * self.side / (square[2] - square[0])
            for name, value in window(maps, cells.tolist()).items():
                total[name] = total.get(name, 0) + value / len(self.scales)
        return total

    def surface(self, rgb_HW3: U8, box_4: F32) -> SurfaceMap:
        """The surface on the box's own pixels."""
        return assemble(self.maps(rgb_HW3, box_4), np.asarray(box_4, np.float32))
