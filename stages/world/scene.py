"""A scene: one image of people with labels, UV, instances, boxes and keypoints, all exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8
from models.surface.raster import Camera
from stages.world.bodies.people import Mesh
from stages.world.camera.rendering import Truth

LEAST_PIXELS = 24
"""A person with fewer visible pixels is not annotated, where a world says nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture and all that is true of it; N people, nearest last.

    Attributes:
        rgb_HW3: the picture.
        label_HW: 0 background, 1..24 the chart seen.
        uv_2HW: U, V of the chart, float16; 0 on the background.
        instance_HW: 0 background, 1..N.
        box_N4: x0, y0, x1, y1 of each person's visible pixels, in pixels (x1, y1 exclusive).
        keypoint_N173: COCO-17 as x, y, visibility (2 seen, 1 hidden but in the picture, 0 outside: x = y = 0).
        depth_HW: metres along the camera's axis, of everything that stands in space; infinite in the sky and where the
            background is only a picture; 0 on things that were painted over people.
        moving: flow and identities, in worlds that move.
    """

    rgb_HW3: U8
    label_HW: U8
    uv_2HW: npt.NDArray[np.float16]
    instance_HW: U8
    box_N4: F32
    keypoint_N173: F32
    depth_HW: F32
    moving: Moving | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """What is true of a frame among its neighbours.

    Attributes:
        track_N: identity of each person of the scene; the same person keeps it as long as the clip lasts.
        next_2HW, previous_2HW: where the point that a pixel's centre shows is seen one frame later and earlier: way
            right and down, pixels, float32. Known everywhere: people, floor, walls, sky.
        next_seen_HW, previous_seen_HW: that it is seen there: inside the picture and with nothing before it.
    """

    track_N: npt.NDArray[np.int32]
    next_2HW: F32
    previous_2HW: F32
    next_seen_HW: npt.NDArray[np.bool_]
    previous_seen_HW: npt.NDArray[np.bool_]


def annotated(
    rgb_HW3: U8, truth: Truth, hidden_HW: npt.NDArray[np.bool_], meshes: list[Mesh], camera: Camera,
    least: int = LEAST_PIXELS,
) -> Scene:
    """Truth without what is hidden; people with too few visible pixels are left out of all annotations."""
    instance = np.where(hidden_HW, 0, truth.instance_HW)
    numbers = shown(instance, meshes, camera, least)
    renumber = np.zeros(len(meshes) + 1, np.uint8)
    renumber[numbers] = np.arange(1, len(numbers) + 1)
    instance = renumber[instance]
    label = np.where(instance > 0, truth.label_HW, 0).astype(np.uint8)
    uv = np.where(instance > 0, truth.uv_2HW, 0).astype(np.float16)
    boxes = [mask_box(instance == k + 1) for k in range(len(numbers))]
    keypoints = [_keypoints(meshes[k - 1], truth, hidden_HW, k, camera) for k in numbers]
    depth = np.where(hidden_HW, 0, np.where(truth.depth_HW > 0, truth.depth_HW, np.inf))
    return Scene(
        rgb_HW3=rgb_HW3, label_HW=label, uv_2HW=uv, instance_HW=instance,
        box_N4=np.array(boxes, np.float32).reshape(-1, 4),
        keypoint_N173=np.array(keypoints, np.float32).reshape(-1, 17, 3), depth_HW=depth.astype(np.float32),
    )


def shown(instance_HW: U8, meshes: list[Mesh], camera: Camera, least: int = LEAST_PIXELS) -> list[int]:
    """Numbers (from 1) of those with enough visible pixels, the furthest first: a new number says who is nearer."""
    numbers = [k + 1 for k in range(len(meshes)) if (instance_HW == k + 1).sum() >= least]
    numbers.sort(key=lambda k: -float(camera.to_camera(meshes[k - 1].vertex_V3.mean(axis=0, keepdims=True))[0, 2]))
    return numbers


def mask_box(mask_HW: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 around the set pixels, the last two exclusive."""
    rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _keypoints(mesh: Mesh, truth: Truth, hidden_HW: npt.NDArray[np.bool_], number: int, camera: Camera) -> F32:
    """Joints lie inside the body: one is seen when its own person's surface is at most 0.16 m before it."""
    seen = camera.to_camera(mesh.keypoint_K3[:17])
    pixel = camera.to_pixels(seen)
    height, width = truth.label_HW.shape
    column, row = np.floor(pixel[:, 0]).astype(int), np.floor(pixel[:, 1]).astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (seen[:, 2] > 0.05)
    column, row = column.clip(0, width - 1), row.clip(0, height - 1)
    before = seen[:, 2] - truth.depth_HW[row, column]
    clear = inside & (truth.instance_HW[row, column] == number) & (before < 0.16) & ~hidden_HW[row, column]
    state = np.where(clear, 2.0, np.where(inside, 1.0, 0.0))
    return np.concatenate([np.where(inside[:, None], pixel, 0), state[:, None]], axis=1)
