"""Prediction of one person from a square crop: the single-person network and the teacher (Güler et al. 2018, §3.2).

The teacher sees people without background, predicts each at several scales and averages the maps. Its predictions on
the person are the dense supervision of the student.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.ops import roi_align

from models.architecture.fcn import FullConvNet
from models.arrays import F32, F64, U8, Bool, Float
from models.inference.assembly import assemble_surface
from models.inference.preprocess import network_input
from models.structures import SurfaceMap
from models.variant import MEAN_BGR

WINDOW = 112
"""Cells per side of a person's maps, as in DensePose-RCNN."""


def region_maps(maps: dict[str, Tensor], box_4: Sequence[float]) -> dict[str, Tensor]:
    """The part of whole-image maps that a box covers, resampled to the size of a region head's output.

    Args:
        maps: by name, (channels, H, W) float32.
        box_4: x0, y0, x1, y1 in cells.

    Returns:
        Maps by name, (channels, WINDOW, WINDOW).
    """
    rows = torch.tensor([[0.0, *box_4]], dtype=torch.float32)
    return {
        name: roi_align(value[None], rows, (WINDOW, WINDOW), sampling_ratio=1, aligned=True)[0]
        for name, value in maps.items()
    }


class SinglePersonPredictor:
    """Predicts the surface of a person in a given box."""

    def __init__(self, network: FullConvNet, *, side: int, scales: tuple[float, ...] = (1.0,)) -> None:
        """Args: network; side of its square input in pixels; scales to average (1 = as in training)."""
        self.network = network.eval().requires_grad_(False)
        self.side = side
        self.scales = scales

    @torch.inference_mode()
    def maps(self, rgb_HW3: U8, box_4: F32) -> dict[str, Tensor]:
        """Maps over the box by name, (channels, WINDOW, WINDOW): the mean over the scales."""
        total: dict[str, Tensor] = {}
        for scale in self.scales:
            square = square_around(box_4, scale)
            crop = crop_square(rgb_HW3, square, self.side)
            x_1HW3 = network_input(crop[None], (self.side, self.side))
            maps = {name: value[0] for name, value in self.network(x_1HW3.permute(0, 3, 1, 2)).items()}
            cells = (np.asarray(box_4, np.float64) - np.tile(square[:2], 2)) * self.side / (square[2] - square[0])
            for name, value in region_maps(maps, cells.tolist()).items():
                total[name] = total.get(name, 0) + value / len(self.scales)
        return total

    def surface(self, rgb_HW3: U8, box_4: F32) -> SurfaceMap:
        """The surface on the pixels of the box."""
        return assemble_surface(self.maps(rgb_HW3, box_4), np.asarray(box_4, np.float32))


MARGIN = 0.15
"""Margin on each side of the box, as a share of its longer side."""
FILL = tuple(round(value) for value in reversed(MEAN_BGR))
"""Colour outside of the image and in place of removed background: the mean colour, 0 for the network."""


def square_around(box_4: Float, scale: float = 1.0) -> F64:
    """x0, y0, x1, y1 of the square crop of a box; with a smaller scale the person is smaller in it."""
    box = np.asarray(box_4, np.float64)
    half = (0.5 + MARGIN) * max(box[2] - box[0], box[3] - box[1], 1.0) / scale
    center = (box[:2] + box[2:]) / 2
    return np.concatenate([center - half, center + half])


def crop_square(rgb_HW3: U8, square_4: F64, side: int) -> U8:
    """Crop a square of an image to (side, side, 3), with antialiasing when it shrinks."""
    shrink = (square_4[2] - square_4[0]) / side
    finer = 2 if shrink > 1.3 else 1
    fine = cv2.warpAffine(
        rgb_HW3,
        crop_matrix(square_4, side * finer),
        (side * finer, side * finer),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=FILL,
    )
    return np.asarray(fine if finer == 1 else cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def crop_matrix(square_4: F64, side: int) -> F64:
    """Affine map (2, 3) from pixels of the image to pixels of the crop; pixel centres are integers, as in OpenCV."""
    scale = side / (square_4[2:] - square_4[:2])
    shift = (0.5 - square_4[:2]) * scale - 0.5
    return np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])


def without_background(rgb_HW3: U8, mask_HW: Bool) -> U8:
    """The image with everything but the person in the mean colour."""
    return np.where(mask_HW[..., None], rgb_HW3, np.array(FILL, np.uint8)).astype(np.uint8)
