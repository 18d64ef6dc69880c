"""The teacher for silhouettes: the light network itself, in one pass over the crop of every person of a photo.

No other openly licensed teacher separates people as well; a student learns from its predecessor's certain predictions
(Furlanello et al., *Born-Again Neural Networks*, 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.arrays import F32, U8, Float
from models.light.inference.light_network import LightNetwork
from models.light.inference.neighbours import neighbours_of_each
from models.network import NetworkConfig

NOWHERE = -20.0
"""Logit outside of a person's crop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilhouetteLogits:
    """Logits of one person (G,G), positive inside, over the region x0, y0, x1, y1 of the photo."""

    logit_GG: F32
    region_4: F32

    def at(self, point_LL2: Float) -> F32:
        """The logits at points x, y in pixels of the photo, bilinear; NOWHERE outside of the region."""
        share_LL2 = (point_LL2 - self.region_4[:2]) / (self.region_4[2:] - self.region_4[:2])
        column_LL, row_LL = np.moveaxis((share_LL2 * len(self.logit_GG) - 0.5).astype(np.float32), -1, 0)
        border = cv2.BORDER_REPLICATE
        found_LL = cv2.remap(self.logit_GG, column_LL, row_LL, cv2.INTER_LINEAR, borderMode=border)
        inside_LL = ((share_LL2 >= 0) & (share_LL2 <= 1)).all(-1)
        return np.where(inside_LL, found_LL, NOWHERE).astype(np.float32)


class MaskTeacher:
    """Silhouettes of the people in boxes."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Args: path of the light network's weights. Raises: ModelError when they are missing or do not fit."""
        self._predictor = LightNetwork(NetworkConfig(), threads, path).predictor

    def __call__(self, rgb_HW3: U8, box_N4: Float) -> tuple[SilhouetteLogits, ...]:
        """One for each box (x0, y0, x1, y1) of the photo."""
        box_N4 = np.asarray(box_N4, np.float32)
        neighbours = neighbours_of_each(box_N4, np.ones(len(box_N4), np.float32))
        people = self._predictor.run(
            self._predictor.first_pass(rgb_HW3, box_4, others if self._predictor.crops.others else None)
            for box_4, others in zip(box_N4, neighbours, strict=True)
        )
        return tuple(
            SilhouetteLogits(logit_GG=one.maps_LGG[0].astype(np.float32), region_4=one.region_4) for one in people
        )
