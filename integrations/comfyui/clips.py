"""From ComfyUI's batches of images to frames with people, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import cv2
import numpy as np
import torch

from . import host, product


def images_of(image: torch.Tensor, resolution: int = 0) -> np.ndarray:
    """A batch (B, H, W, 3) of floats from 0 to 1 as bytes; `resolution` is the shorter side, 0 leaves the size.

    As the DensePose node of controlnet_aux does: cubic where it grows, means over areas where it shrinks.
    """
    rgb_BHW3 = np.rint(image[..., :3].detach().cpu().float().clamp(0, 1).numpy() * np.float32(255)).astype(np.uint8)
    height, width = rgb_BHW3.shape[1:3]
    scale = resolution / min(height, width)
    if resolution == 0 or scale == 1:
        return rgb_BHW3
    size = round(width * scale), round(height * scale)
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return np.stack([cv2.resize(rgb_HW3, size, interpolation=method) for rgb_HW3 in rgb_BHW3])


def batch_of(images: Sequence[np.ndarray]) -> torch.Tensor:
    """Images (H, W, 3) of bytes as a batch of floats from 0 to 1."""
    return torch.from_numpy(np.stack(images)).float() / 255


def grey_depth(millimetres: Sequence[np.ndarray]) -> torch.Tensor:
    """Distances (H, W), 0 = nothing, as a batch of grey images: the least distance of all over each; 0 is black."""
    depth_BHW = np.stack(millimetres).astype(np.float32)
    nearest = depth_BHW[depth_BHW > 0].min(initial=np.float32(np.inf))
    grey_BHW = np.divide(nearest, depth_BHW, out=np.zeros_like(depth_BHW), where=depth_BHW > 0)
    return torch.from_numpy(grey_BHW)[..., None].repeat(1, 1, 1, 3)


def masks_of(images: Sequence[np.ndarray]) -> torch.Tensor:
    """Images (H, W) of booleans as a batch of masks."""
    return torch.from_numpy(np.stack(images)).float()


def frames_of(rgb_BHW3: np.ndarray, settings: Mapping[str, Any], *, clip: bool, rate: float) -> Iterator[Any]:
    """The frames of a batch with their people: tracked and smoothed if it is a clip, else each image on its own.

    The network is loaded by the first call in the process and stays.
    """
    run = product.package().run
    films = [rgb_BHW3] if clip and len(rgb_BHW3) > 1 else list(rgb_BHW3)

    def each() -> Iterator[Any]:
        for film in films:
            with closing(run("video", film, settings=dict(settings), rate=rate)) as frames:
                yield from frames

    with closing(each()) as frames:
        yield from host.shown(frames, len(rgb_BHW3))
