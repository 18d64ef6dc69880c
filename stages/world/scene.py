"""A scene: one image of people with its exact ground truth: charts, UV, instances, boxes, keypoints, depth, flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F16, F32, I32, U8, Bool
from models.body.body_pose import BodyPose
from models.body.camera import PinholeCamera
from models.body.open_body import load_body
from models.surface.raster import Camera
from stages.world.bodies.people import Mesh
from stages.world.bodies.poses import bone_rotations
from stages.world.camera.rendering import SurfaceMaps

MIN_PIXELS = 24
"""Default of the worlds: a person with fewer visible pixels is not annotated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One image and its ground truth; N people, the nearest last.

    Attributes:
        rgb_HW3: the image.
        label_HW: the visible chart, 1..24; 0 is background.
        uv_2HW: U, V of the chart, float16; 0 on the background.
        instance_HW: the visible person, 1..N; 0 is background.
        box_N4: x0, y0, x1, y1 of each person's visible pixels, in pixels (x1, y1 exclusive).
        keypoint_N173: COCO-17 as x, y, visibility (2 visible, 1 occluded, 0 outside the image: x = y = 0).
        depth_HW: metres along the camera's axis; infinite in sky and painted backgrounds, 0 on painted occluders.
        moving: flow and identities in clips; None in single images.
        pose_N: the body of each person, without clothes, in the camera's frame.
        camera: of the image; None in images without people.
    """

    rgb_HW3: U8
    label_HW: U8
    uv_2HW: F16
    instance_HW: U8
    box_N4: F32
    keypoint_N173: F32
    depth_HW: F32
    moving: MotionTruth | None = None
    pose_N: tuple[BodyPose, ...] = ()
    camera: PinholeCamera | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionTruth:
    """Ground truth that relates a frame of a clip to its neighbours.

    Attributes:
        track_N: identity of each person of the scene, constant through the clip.
        next_2HW, previous_2HW: optical flow from pixel centres to the next and the previous frame: right and down,
            pixels, float32. It is known everywhere: on people, floor, walls and sky.
        next_seen_HW, previous_seen_HW: whether the point is visible there: inside the image and not occluded.
    """

    track_N: I32
    next_2HW: F32
    previous_2HW: F32
    next_seen_HW: Bool
    previous_seen_HW: Bool


def annotated_scene(
    rgb_HW3: U8,
    maps: SurfaceMaps,
    hidden_HW: Bool,
    meshes: list[Mesh],
    camera: Camera,
    min_pixels: int = MIN_PIXELS,
) -> Scene:
    """A scene from rendered maps.

    Args:
        maps: the maps before any occluder.
        hidden_HW: pixels that occluders cover.
        min_pixels: people with fewer visible pixels are left out of all annotations.
    """
    instance = np.where(hidden_HW, 0, maps.instance_HW)
    numbers = visible_people_far_to_near(instance, meshes, camera, min_pixels)
    renumber = np.zeros(len(meshes) + 1, np.uint8)
    renumber[numbers] = np.arange(1, len(numbers) + 1)
    instance = renumber[instance]
    label = np.where(instance > 0, maps.label_HW, 0).astype(np.uint8)
    uv = np.where(instance > 0, maps.uv_2HW, 0).astype(np.float16)
    boxes = [mask_box(instance == k + 1) for k in range(len(numbers))]
    keypoints = [_keypoints(meshes[k - 1], maps, hidden_HW, k, camera) for k in numbers]
    depth = np.where(hidden_HW, 0, np.where(maps.depth_HW > 0, maps.depth_HW, np.inf))
    return Scene(
        rgb_HW3=rgb_HW3,
        label_HW=label,
        uv_2HW=uv,
        instance_HW=instance,
        box_N4=np.array(boxes, np.float32).reshape(-1, 4),
        keypoint_N173=np.array(keypoints, np.float32).reshape(-1, 17, 3),
        depth_HW=depth.astype(np.float32),
        pose_N=tuple(pose_before(meshes[k - 1], camera) for k in numbers),
        camera=PinholeCamera(focal_px=float(camera.focal), center_2=np.array(camera.center_2, np.float32)),
    )


def pose_before(mesh: Mesh, camera: Camera) -> BodyPose:
    """The pose of a person's body in the camera's frame."""
    turn_B33 = bone_rotations(load_body(), mesh.pose, mesh.yaw)
    turn_B33[0] = camera.rotation_33 @ turn_B33[0]
    return BodyPose(
        rotation_B33=turn_B33.astype(np.float32), root_3=camera.to_camera(mesh.root_3[None])[0], shape_C=mesh.score_C
    )


def visible_people_far_to_near(
    instance_HW: U8, meshes: list[Mesh], camera: Camera, min_pixels: int = MIN_PIXELS
) -> list[int]:
    """Numbers (from 1) of the people with at least `min_pixels` visible pixels, the furthest first."""
    numbers = [k + 1 for k in range(len(meshes)) if (instance_HW == k + 1).sum() >= min_pixels]
    numbers.sort(key=lambda k: -float(camera.to_camera(meshes[k - 1].vertex_V3.mean(axis=0, keepdims=True))[0, 2]))
    return numbers


def mask_box(mask_HW: Bool) -> tuple[int, int, int, int]:
    """The box x0, y0, x1, y1 around the set pixels; x1 and y1 are exclusive."""
    rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _keypoints(mesh: Mesh, maps: SurfaceMaps, hidden_HW: Bool, number: int, camera: Camera) -> F32:
    """Keypoints with visibility (17, 3).

    Joints lie inside the body: one is visible when the surface of its own person is at most 0.16 m before it.
    """
    seen = camera.to_camera(mesh.keypoint_K3[:17])
    pixel = camera.to_pixels(seen)
    height, width = maps.label_HW.shape
    column, row = np.floor(pixel[:, 0]).astype(int), np.floor(pixel[:, 1]).astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (seen[:, 2] > 0.05)
    column, row = column.clip(0, width - 1), row.clip(0, height - 1)
    before = seen[:, 2] - maps.depth_HW[row, column]
    clear = inside & (maps.instance_HW[row, column] == number) & (before < 0.16) & ~hidden_HW[row, column]
    state = np.where(clear, 2.0, np.where(inside, 1.0, 0.0))
    return np.concatenate([np.where(inside[:, None], pixel, 0), state[:, None]], axis=1)
