"""Motion blur: the frame at mid-exposure is smeared along exact optical flow, so nothing is rendered twice."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import F32, Bool, Float
from models.surface.raster import Hits
from stages.world.camera.optical_flow import ExactFlow

SUBPIXEL_OFFSETS = ((-0.25, -0.25), (0.25, 0.25), (-0.25, 0.25), (0.25, -0.25))
"""Subpixel offsets of the samples of an exposure; they soften edges as a lens does."""

MIN_SAMPLES, MAX_SAMPLES = 2, 8
"""Number of samples of an exposure: one for each pixel of the longest motion, within these limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Flow to the next and to the previous frame, and the exposure time as a share of the time between frames."""

    forward: ExactFlow
    backward: ExactFlow
    shutter: float

    def toward(self, time: float) -> tuple[ExactFlow, np.float32]:
        """The flow that leads to a time of the exposure (in frames, 0 is the middle), and the factor on it."""
        return (self.forward, np.float32(time)) if time > 0 else (self.backward, np.float32(-time))

    def sample_times(self, hits: Hits) -> list[float]:
        """Sample times in frames, evenly over the exposure; an even number, as subpixel offsets cancel out in pairs."""
        displacements = [
            self.forward.background_flow_2HW[:, ::8, ::8].reshape(2, -1),
            self.forward.flow_2HW.reshape(2, -1)[:, hits.pixel_P],
        ]
        longest = max(float(np.abs(displacement).max(initial=0)) for displacement in displacements) * self.shutter
        count = 2 * int(np.clip(np.ceil(longest / 2), MIN_SAMPLES // 2, MAX_SAMPLES // 2))
        return [self.shutter * ((k + 0.5) / count - 0.5) for k in range(count)]


def motion_blurred(exposure: Exposure, hits: Hits, color_P3: F32, background_HW3: F32) -> F32:
    """The motion-blurred frame (H, W, 3) in 0..1.

    Args:
        hits, color_P3: the people at mid-exposure, and their colours.
        background_HW3: the background without people, but with their shadows.
    """
    height, width = background_HW3.shape[:2]
    sample_times = exposure.sample_times(hits)
    behind = _blurred_background(exposure, sample_times, background_HW3)
    if not len(hits.pixel_P):
        return behind
    row, column = np.divmod(hits.pixel_P, width)
    positions = []
    for k, time in enumerate(sample_times):
        flow, share = exposure.toward(time)
        x, y = share * flow.flow_2HW.reshape(2, -1)[:, hits.pixel_P]
        positions.append(np.stack([column + x + SUBPIXEL_OFFSETS[k % 4][0], row + y + SUBPIXEL_OFFSETS[k % 4][1]]))
    sums_4HW = _splatted(np.concatenate(positions, axis=1), np.tile(color_P3, (len(sample_times), 1)), height, width)
    cover = sums_4HW[3]
    color_HW3 = sums_4HW[:3].transpose(1, 2, 0) / np.maximum(cover, 1e-3)[..., None]
    # Neighbouring points that move apart leave cracks in people: close them.
    closed = cv2.morphologyEx(np.minimum(cover / np.float32(len(sample_times)), 1), cv2.MORPH_CLOSE, np.ones((5, 5)))
    opaque = np.where(cover > 1e-3, closed, 0)[..., None]
    return np.asarray(behind + opaque * (color_HW3 - behind), np.float32)


def occluders_over_people(
    exposure: Exposure, hits: Hits, image_HW3: F32, background_HW3: F32, occluder_HW: Bool
) -> F32:
    """The frame with the motion-blurred occluders over it again.

    Args:
        occluder_HW: pixels of the background that show an occluder in front of people.
    """
    occluder_HW4 = np.dstack([background_HW3 * occluder_HW[..., None], occluder_HW]).astype(np.float32)
    blurred_HW4 = _blurred_background(exposure, exposure.sample_times(hits), occluder_HW4)
    return np.asarray(image_HW3 * (1 - blurred_HW4[..., 3:]) + blurred_HW4[..., :3], np.float32)


def _blurred_background(exposure: Exposure, sample_times: list[float], background_HW3: F32) -> F32:
    """The background (H, W, any number of layers), motion-blurred if the camera moves."""
    if np.abs(exposure.forward.background_flow_2HW).max() < 1e-3:
        return background_HW3
    height, width = background_HW3.shape[:2]
    column, row = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    total = np.zeros_like(background_HW3)
    for k, time in enumerate(sample_times):
        flow, share = exposure.toward(time)
        x = column - share * flow.background_flow_2HW[0] - np.float32(SUBPIXEL_OFFSETS[k % 4][0])
        y = row - share * flow.background_flow_2HW[1] - np.float32(SUBPIXEL_OFFSETS[k % 4][1])
        total += cv2.remap(background_HW3, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return total / np.float32(len(sample_times))


def _splatted(position_2Q: Float, color_Q3: F32, height: int, width: int) -> F32:
    """Bilinear splatting of colours at positions (x, y; whole numbers are pixel centres), (4, H, W).

    The first three layers are sums of colours, the fourth is the sum of weights.
    """
    # A margin of one pixel takes what falls outside.
    corner = np.clip(np.floor(position_2Q), -1, [[width - 1], [height - 1]]).astype(np.int64)
    part = np.clip(position_2Q - corner, 0, 1).astype(np.float32)
    first = (corner[1] + 1) * (width + 2) + corner[0] + 1
    pixel = np.concatenate([first, first + 1, first + width + 2, first + width + 3])
    x, y = part
    share = np.concatenate([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
    layers = [np.tile(color_Q3[:, k], 4) * share for k in range(3)]
    size = (height + 2) * (width + 2)
    sums = [np.bincount(pixel, layer, size).reshape(height + 2, width + 2) for layer in (*layers, share)]
    return np.stack(sums)[:, 1:-1, 1:-1].astype(np.float32)
