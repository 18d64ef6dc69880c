"""Ground truth of a synthetic scene as payloads: people and surfaces as a faultless network would predict them."""

from __future__ import annotations

import numpy as np

from stages.payloads import People, PersonSurface, Surfaces
from stages.world.camera.rendering import SurfaceMaps
from stages.world.scene import Scene, mask_box


def ground_truth_people(scene: Scene) -> People:
    """All people of a scene with score 1. The identity is the track in videos, else the instance number − 1."""
    count = len(scene.box_N4)
    identity = np.arange(count, dtype=np.int32) if scene.moving is None else scene.moving.track_N
    return People(
        frame_N=np.zeros(count, np.int32), box_N4=scene.box_N4, score_N=np.ones(count, np.float32), id_N=identity
    )


def ground_truth_surfaces(scene: Scene) -> Surfaces:
    """The visible surfaces of all people of a scene, each on its box grid."""
    return Surfaces(people=tuple(ground_truth_surface(scene, number) for number in range(1, len(scene.box_N4) + 1)))


def ground_truth_surface(maps: SurfaceMaps | Scene, number: int) -> PersonSurface:
    """One person's surface on the grid of its visible pixels, UV float32.

    Args:
        maps: exact maps of the whole image.
        number: instance number, from 1; at least one pixel of it must be visible.
    """
    mine_HW = maps.instance_HW == number
    x0, y0, x1, y1 = mask_box(mine_HW)
    grid = (slice(y0, y1), slice(x0, x1))
    mine_hw = mine_HW[grid]
    return PersonSurface(
        x0=x0, y0=y0, labels_hw=np.where(mine_hw, maps.label_HW[grid], 0).astype(np.uint8),
        uv_2hw=np.where(mine_hw, maps.uv_2HW[:, *grid], 0).astype(np.float32),
    )
