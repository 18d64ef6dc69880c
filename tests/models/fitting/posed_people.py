"""People in known poses before a known camera, and their surfaces as a renderer gives them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32
from models.body.camera import PinholeCamera
from models.body.open_body import forward_kinematics, load_body, skin
from models.body.pose_library import all_bones, load_poses
from models.surface.raster import Camera, blend, rasterize

HEIGHT, WIDTH, FOCAL = 480, 400, 600.0
CAMERA = PinholeCamera(focal_px=FOCAL, center_2=np.array([WIDTH / 2, HEIGHT / 2], np.float32))
FACING = np.diag([1, -1, -1]).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class RenderedPerson:
    """A person's surface on the whole frame, and the true places in the camera's frame."""

    labels_hw: np.ndarray
    uv_2hw: np.ndarray
    vertex_V3: F32
    keypoint_J3: F32
    rotation_B33: F32
    root_3: F32
    shape_C: F32
    x0: int = 0
    y0: int = 0
    confidence_hw: F32 | None = None
    keypoint_K3: F32 | None = None


def person(pose: int, yaw: float, seed: int = 0, depth: float = 3.0) -> RenderedPerson:
    """A pose of the library, turned about the vertical axis, with a random body, `depth` metres before the camera."""
    body = load_body()
    shape = np.random.default_rng(seed).normal(0, 0.7, len(body.component_CV3)).astype(np.float32)
    turn = all_bones(load_poses().vector_NK3[pose])
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn[0] = FACING @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32) @ turn[0]
    vertex, head = body.rest(shape)
    placed = skin(body, vertex, head, *forward_kinematics(body, head, turn, np.zeros(3, np.float32)))
    middle = (placed.min(axis=0) + placed.max(axis=0)) / 2
    root = np.array([0, 0, depth], np.float32) - middle
    return rendered(turn, root.astype(np.float32), shape)


def rendered(turn_B33: F32, root_3: F32, shape_C: F32) -> RenderedPerson:
    """The surface of a posed body."""
    body = load_body()
    vertex, head = body.rest(shape_C)
    placed = skin(body, vertex, head, *forward_kinematics(body, head, turn_B33, root_3)).astype(np.float32)
    view = Camera(
        rotation_33=np.eye(3, dtype=np.float32), shift_3=np.zeros(3, np.float32), focal=FOCAL,
        center_2=(WIDTH / 2, HEIGHT / 2), height=HEIGHT, width=WIDTH,
    )
    hits = rasterize(view, placed, body.face_F3)
    labels, uv = np.zeros(HEIGHT * WIDTH, np.uint8), np.zeros((2, HEIGHT * WIDTH), np.float32)
    labels[hits.pixel_P] = body.chart_F[hits.face_P]
    corner = 3 * hits.face_P[:, None] + np.arange(3)
    uv[:, hits.pixel_P] = blend(body.corner_uv_F32.reshape(-1, 2), corner, hits.bary_P3).T
    return RenderedPerson(
        labels_hw=labels.reshape(HEIGHT, WIDTH), uv_2hw=uv.reshape(2, HEIGHT, WIDTH), vertex_V3=placed,
        keypoint_J3=body.keypoint_KV @ placed, rotation_B33=turn_B33, root_3=root_3, shape_C=shape_C,
    )
