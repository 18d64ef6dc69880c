"""From frames to the network's input, as in the reference (detectron2)."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.arrays import U8
from models.variant import MEAN_BGR

DIVISOR = 32


def network_size(height: float, width: float, min_size: int, max_size: int) -> tuple[int, int]:
    """Input size (H, W): the short side is `min_size` unless the long side would exceed `max_size`; at least 1.

    Height and width are those of the image as shown: the network's pixels are square.
    """
    scale = min_size / min(height, width)
    if scale * max(height, width) > max_size:
        scale = max_size / max(height, width)
    return max(int(height * scale + 0.5), 1), max(int(width * scale + 0.5), 1)


def resize_bgr(rgb_HW3: U8, size_hw: tuple[int, int]) -> U8:
    """Resize to BGR uint8 with PIL's bilinear filter, which averages when it shrinks and rounds to bytes."""
    height, width = size_hw
    resized = Image.fromarray(rgb_HW3).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)[:, :, ::-1]


def network_input(rgb_THW3: U8, size_hw: tuple[int, int]) -> Tensor:
    """Normalised frames, padded with zeros on the right and at the bottom to multiples of 32.

    Args:
        rgb_THW3: uint8 frames of one size.
        size_hw: from `network_size`.

    Returns:
        (T, H', W', 3) float32, BGR minus the mean.
    """
    height, width = size_hw
    padded_hw = -(-height // DIVISOR) * DIVISOR, -(-width // DIVISOR) * DIVISOR
    x_THW3 = torch.zeros((len(rgb_THW3), *padded_hw, 3))
    for index, frame in enumerate(rgb_THW3):
        bgr = torch.from_numpy(np.ascontiguousarray(resize_bgr(frame, size_hw)))
        torch.sub(bgr, torch.tensor(MEAN_BGR), out=x_THW3[index, :height, :width])
    return x_THW3
