"""Motion blur: the frame at mid-exposure is smeared along exact optical flow, so nothing is rendered twice."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32
from models.surface.raster import Hits
from stages.world.camera.optical_flow import Flow

OFFSETS = ((-0.25, -0.25), (0.25, 0.25), (-0.25, 0.25), (0.25, -0.25))
"""Parts of a pixel by which the instants of an exposure lie apart: edges come out soft, as lenses make them."""

FEWEST, MOST = 2, 8
"""Instants of an exposure; one for each pixel of the longest way within these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The ways to the frames after and before, and the share of a frame's time in which the shutter is open."""

    on: Flow
    back: Flow
    shutter: float

    def toward(self, instant: float) -> tuple[Flow, np.float32]:
        """The flow that leads to an instant (frames) of the exposure, and how much of it."""
        return (self.on, np.float32(instant)) if instant > 0 else (self.back, np.float32(-instant))

    def instants(self, hits: Hits) -> list[float]:
        """Times in frames, evenly over the exposure: an even number, as `OFFSETS` cancel out in pairs."""
        ways = [self.on.place_2HW[:, ::8, ::8].reshape(2, -1), self.on.way_2HW.reshape(2, -1)[:, hits.pixel_P]]
        longest = max(float(np.abs(way).max(initial=0)) for way in ways) * self.shutter
        count = 2 * int(np.clip(np.ceil(longest / 2), FEWEST // 2, MOST // 2))
        return [self.shutter * ((k + 0.5) / count - 0.5) for k in range(count)]


def exposed(exposure: Exposure, hits: Hits, color_P3: F32, place_HW3: F32) -> F32:
    """The picture (H, W, 3) in 0..1.

    Args:
        hits, color_P3: people in the middle of the exposure, and their colours.
        place_HW3: the place without them, with their shadows.
    """
    height, width = place_HW3.shape[:2]
    instants = exposure.instants(hits)
    behind = _smeared_place(exposure, instants, place_HW3)
    if not len(hits.pixel_P):
        return behind
    row, column = np.divmod(hits.pixel_P, width)
    places = []
    for k, instant in enumerate(instants):
        flow, share = exposure.toward(instant)
        x, y = share * flow.way_2HW.reshape(2, -1)[:, hits.pixel_P]
        places.append(np.stack([column + x + OFFSETS[k % 4][0], row + y + OFFSETS[k % 4][1]]))
    layer_4HW = _splatted(np.concatenate(places, axis=1), np.tile(color_P3, (len(instants), 1)), height, width)
    cover = layer_4HW[3]
    color_HW3 = layer_4HW[:3].transpose(1, 2, 0) / np.maximum(cover, 1e-3)[..., None]
    # Neighbours that part leave a crack between them, through which nothing is seen: it is closed.
    closed = cv2.morphologyEx(np.minimum(cover / np.float32(len(instants)), 1), cv2.MORPH_CLOSE, np.ones((5, 5)))
    opaque = np.where(cover > 1e-3, closed, 0)[..., None]
    return np.asarray(behind + opaque * (color_HW3 - behind), np.float32)


def covered(exposure: Exposure, hits: Hits, picture_HW3: F32, place_HW3: F32, front_HW: npt.NDArray[np.bool_]) -> F32:
    """The picture with that part of the place laid over it again that stands before people, smeared as it is."""
    front_HW4 = np.dstack([place_HW3 * front_HW[..., None], front_HW]).astype(np.float32)
    smeared_HW4 = _smeared_place(exposure, exposure.instants(hits), front_HW4)
    return np.asarray(picture_HW3 * (1 - smeared_HW4[..., 3:]) + smeared_HW4[..., :3], np.float32)


def _smeared_place(exposure: Exposure, instants: list[float], place_HW3: F32) -> F32:
    """The place, of any number of layers; smeared if the camera moves."""
    if np.abs(exposure.on.place_2HW).max() < 1e-3:
        return place_HW3
    height, width = place_HW3.shape[:2]
    column, row = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    total = np.zeros_like(place_HW3)
    for k, instant in enumerate(instants):
        flow, share = exposure.toward(instant)
        x = column - share * flow.place_2HW[0] - np.float32(OFFSETS[k % 4][0])
        y = row - share * flow.place_2HW[1] - np.float32(OFFSETS[k % 4][1])
        total += cv2.remap(place_HW3, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return total / np.float32(len(instants))


def _splatted(place_2Q: npt.NDArray[np.floating], color_Q3: F32, height: int, width: int) -> F32:
    """Colours laid down at places (x, y; whole numbers are centres), shared by the four pixels around; (4, H, W).

    The fourth layer is how much lies on each pixel.
    """
    # One row and column more on every side take what falls outside.
    corner = np.clip(np.floor(place_2Q), -1, [[width - 1], [height - 1]]).astype(np.int64)
    part = np.clip(place_2Q - corner, 0, 1).astype(np.float32)
    first = (corner[1] + 1) * (width + 2) + corner[0] + 1
    pixel = np.concatenate([first, first + 1, first + width + 2, first + width + 3])
    x, y = part
    share = np.concatenate([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
    layers = [np.tile(color_Q3[:, k], 4) * share for k in range(3)]
    size = (height + 2) * (width + 2)
    sums = [np.bincount(pixel, layer, size).reshape(height + 2, width + 2) for layer in (*layers, share)]
    return np.stack(sums)[:, 1:-1, 1:-1].astype(np.float32)
