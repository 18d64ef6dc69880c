"""From the maps of the mask head and the keypoint head to a person's mask and joints in the frame (He et al. 2017)."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.arrays import F32, Bool

MASK_PROBABILITY = 0.5
"""Pixels with at least this probability belong to the mask."""
REACH = 2
"""Cells on each side of a joint's place whose probability is its score."""


def paste_mask(logit_SS: Tensor, box_4: F32, grid_4: tuple[int, int, int, int]) -> Bool:
    """The mask of a person on a pixel grid, as in Detectron2: bilinear between cells, 0 outside of them.

    Args:
        logit_SS: the mask head's map over the box.
        box_4: x0, y0, x1, y1 in pixels of the frame.
        grid_4: x, y, width and height of the grid.
    """
    x, y, width, height = grid_4
    x0, y0, x1, y1 = box_4.tolist()

    def unit(first: int, count: int, low: float, high: float) -> Tensor:
        """The pixels' centres along one axis of the box, from −1 to 1."""
        centre = torch.arange(first, first + count, device=logit_SS.device) + 0.5
        return (centre - low) * (2 / max(high - low, 1e-6)) - 1

    across, down = unit(x, width, x0, x1), unit(y, height, y0, y1)
    at_1hw2 = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=-1)[None].float()
    probability_11SS = logit_SS.float().sigmoid()[None, None]
    found_11hw = F.grid_sample(probability_11SS, at_1hw2, mode="bilinear", padding_mode="zeros", align_corners=False)
    return np.ascontiguousarray((found_11hw[0, 0] >= MASK_PROBABILITY).cpu().numpy())


def decode_keypoints(logit_JSS: Tensor, box_4: F32) -> F32:
    """The joints of a person: the best place of each map, resized to the pixels of the box, as in Detectron2.

    Maps are never resized to fewer cells than they have, so that small people keep places between pixels.

    Args:
        logit_JSS: the keypoint head's maps over the box.
        box_4: x0, y0, x1, y1 in pixels of the frame.

    Returns:
        (J, 3) float32: x, y in pixels of the frame; the probability, a softmax over the map's cells, that the joint is
        at most REACH cells away. (Detectron2's score is that of the best cell alone, which falls with the resolution.)
    """
    x0, y0 = box_4[:2].tolist()
    width, height = (max(float(side), 1.0) for side in box_4[2:] - box_4[:2])
    cells = logit_JSS.shape[-1]
    columns, rows = (max(math.ceil(side), cells) for side in (width, height))
    logit_JSS = logit_JSS.float()
    fine_JHW = F.interpolate(logit_JSS[None], size=(rows, columns), mode="bicubic", align_corners=False)[0]
    place_J = fine_JHW.flatten(1).argmax(dim=1)
    column_J, row_J = (place_J % columns + 0.5) / columns, (place_J // columns + 0.5) / rows
    around = 2 * REACH + 1
    probability_JSS = logit_JSS.flatten(1).softmax(dim=1).view_as(logit_JSS)
    around_JSS = F.avg_pool2d(probability_JSS, around, stride=1, padding=REACH) * around**2
    cell_J = (row_J * cells).long() * cells + (column_J * cells).long()
    score_J = around_JSS.flatten(1).gather(1, cell_J[:, None])[:, 0]
    x_J, y_J = column_J * width + x0, row_J * height + y0
    return np.ascontiguousarray(torch.stack([x_J, y_J, score_J], dim=1).float().cpu().numpy())
