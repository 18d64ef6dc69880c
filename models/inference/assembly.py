"""From predicted maps to a person's surface on the pixels of the box, as in the reference.

The segmentations are resized to the box before the label of each pixel is chosen. Of U and V, only the channel of the
chosen chart is interpolated at a pixel: the result is the same as resizing all 25 channels.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.architecture.dense_heads import KEYPOINTS, MASK
from models.arrays import F32
from models.inference.confidence import body_probability, chart_probability, near_probability, tempered
from models.inference.region_heads import decode_keypoints, paste_mask
from models.structures import SurfaceMap

PER_PART = ("u", "v", "sigma_2", "kappa_u", "kappa_v")
WHOLE = ("fine_segm_confidence", "coarse_segm_confidence")


def pixel_grid(box_4: F32) -> tuple[int, int, int, int]:
    """x, y, width and height of the integer grid of a float32 box: truncated toward zero, sides at least 1."""
    x0, y0, x1, y1 = box_4
    return int(x0), int(y0), max(int(x1 - x0), 1), max(int(y1 - y0), 1)


def assemble_surface(maps: dict[str, Tensor], box_4: F32) -> SurfaceMap:
    """The surface of one person.

    Args:
        maps: by name, (channels, S, S) float32; `mask` and `keypoints` only if the network has these heads.
        box_4: x0, y0, x1, y1 float32 in pixels of the original frame.

    Confidence on the person: the probability that the chart is right, and for networks that predict the uncertainty of
    U and V (`sigma_2`) that they are near the truth, too. Confidence elsewhere: the probability of background.
    """
    x0, y0, width, height = pixel_grid(box_4)
    labels_hw = decide_labels(maps["fine_segm"], maps["coarse_segm"], (height, width))
    names = [name for name in PER_PART if name in maps]
    layers = [maps[name] for name in names]
    body_SS = body_probability(maps["coarse_segm"])
    layers.append(chart_probability(maps["fine_segm"], body_SS))
    values = gather_parts(torch.stack(layers, dim=-1), labels_hw)
    spread = dict(zip(names[2:], values[2:], strict=False))
    right_hw = values[-1] * near_probability(spread) if "sigma_2" in spread else tempered(values[-1])
    background_hw = 1 - resize(body_SS[None], (height, width))[:, :, 0]
    uncertainty = {name: to_numpy(value) for name, value in spread.items()}
    for name in WHOLE:
        if name in maps:
            uncertainty[name] = to_numpy(resize(maps[name], (height, width))[:, :, 0])
    return SurfaceMap(
        x0=x0,
        y0=y0,
        labels_hw=labels_hw.cpu().numpy(),
        uv_2hw=to_numpy(values[:2]),
        confidence_hw=to_numpy(torch.where(labels_hw > 0, right_hw, background_hw)),
        uncertainty=uncertainty,
        keypoint_K3=decode_keypoints(maps[KEYPOINTS], box_4) if KEYPOINTS in maps else None,
        mask_hw=paste_mask(maps[MASK][0], box_4, (x0, y0, width, height)) if MASK in maps else None,
    )


def to_numpy(x: Tensor) -> F32:
    """A contiguous NumPy copy."""
    return np.ascontiguousarray(x.cpu().numpy())


def resize(map_CSS: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Bilinear resize to (h, w, C), corners not aligned, no antialiasing.

    Channels last: on a CPU, resizing and argmax are then several times faster.
    """
    cells = map_CSS[None].contiguous(memory_format=torch.channels_last)
    return F.interpolate(cells, size=size_hw, mode="bilinear", align_corners=False)[0].permute(1, 2, 0)


def decide_labels(fine_25SS: Tensor, coarse_KSS: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Labels (h, w) uint8: the best chart where the best coarse channel is not the background, else 0."""
    fine = resize(fine_25SS, size_hw).argmax(dim=2)
    body = resize(coarse_KSS, size_hw).argmax(dim=2) > 0
    return (fine * body).to(torch.uint8)


def axis_neighbours(size: int, cells: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Cells that torch's bilinear resize reads along one axis: lower cell, upper cell, weight of the upper; (size,)."""
    at = ((torch.arange(size, device=device, dtype=torch.float32) + 0.5) * (cells / size) - 0.5).clamp(min=0)
    low = at.floor().to(torch.int64).clamp(max=cells - 1)
    return low, (low + 1).clamp(max=cells - 1), at - low


def gather_parts(maps_PSSM: Tensor, labels_hw: Tensor) -> Tensor:
    """Resize maps per chart to the label grid; each pixel gets the channel of its own label.

    Args:
        maps_PSSM: (25 charts with background, S, S, M maps) float32.
        labels_hw: uint8.

    Returns:
        (M, h, w) float32, 0 where the label is 0.
    """
    parts, side, _, count = maps_PSSM.shape
    height, width = labels_hw.shape
    rows, columns = labels_hw.nonzero(as_tuple=True)
    part = labels_hw[rows, columns].to(torch.int64) * (side * side)
    top, bottom, down = (axis[rows] for axis in axis_neighbours(height, side, labels_hw.device))
    left, right, across = (axis[columns] for axis in axis_neighbours(width, side, labels_hw.device))
    flat = maps_PSSM.reshape(parts * side * side, count)
    across, down = across[:, None], down[:, None]
    upper = flat[part + top * side + left] * (1 - across) + flat[part + top * side + right] * across
    lower = flat[part + bottom * side + left] * (1 - across) + flat[part + bottom * side + right] * across
    values = flat.new_zeros((height, width, count))
    values[rows, columns] = upper * (1 - down) + lower * down
    return values.permute(2, 0, 1)
