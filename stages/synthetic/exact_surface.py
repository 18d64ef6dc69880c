"""What a faultless network would say of a person: the exact maps of a drawing, cut out."""

from __future__ import annotations

import numpy as np

from stages.payloads import PersonSurface
from stages.world.camera.rendering import SurfaceMaps
from stages.world.scene import Scene, mask_box


def exact_surface(truth: SurfaceMaps | Scene, number: int) -> PersonSurface:
    """One person's surface on the grid of its visible pixels, UV float32; `number` counts from 1 and must be seen."""
    mine_HW = truth.instance_HW == number
    x0, y0, x1, y1 = mask_box(mine_HW)
    grid = (slice(y0, y1), slice(x0, x1))
    mine_hw = mine_HW[grid]
    return PersonSurface(
        x0=x0,
        y0=y0,
        labels_hw=np.where(mine_hw, truth.label_HW[grid], 0).astype(np.uint8),
        uv_2hw=np.where(mine_hw, truth.uv_2HW[:, *grid], 0).astype(np.float32),
    )
