"""Fitted bodies as one npz per frame, and the mesh that they share once."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np

from models.body.body_pose import posed_keypoints
from models.body.fitted_body import FittedBody
from models.body.open_body import KEYPOINT_NAMES, load_body
from stages.results.formats.frame_result import FrameResult, vertices_of_bodies
from stages.results.formats.writer import ExportTarget, FilePerFrame, write_whole

MESH_FILE = "body.npz"
"""The file beside those of the frames that holds what all bodies share."""


class BodyFolder(FilePerFrame):
    """A file per frame, and `body.npz` before the first."""

    beside = (MESH_FILE,)

    def __init__(self, target: ExportTarget) -> None:
        super().__init__(target, ".npz", lambda result: frame_arrays(result, vertices=target.bodies.vertices))

    def add(self, result: FrameResult) -> None:
        """Write the frame's file."""
        if self.frames == 0:
            write_whole(self.folder / MESH_FILE, shared_arrays())
        super().add(result)


def frame_arrays(result: FrameResult, *, vertices: bool) -> bytes:
    """The N bodies of a frame, all in the camera's frame: metres, x right, y down, z forward.

    `ids_N` int32, −1 = none; `joint_names`; `joints_NJ3`; `confidence_NJ` 0..1; `rotations_NB33`, of each bone relative
    to its parent in rest axes; `roots_N3`, place of the root bone's head; `shape_NC`, the scores of the shape
    components; `seen_NB`, the visible share of each bone; `is_person_N` 0..1; `focal_px` and `center_2` of the camera;
    `frame` and `pts`, number and time stamp of the frame; with `vertices` also `vertices_NV3`.
    """
    bodies = [body for _, body in result.fitted]
    poses = [body.pose for body in bodies]
    shared = load_body()
    bones, components, joints = len(shared.bones), len(shared.component_CV3), len(KEYPOINT_NAMES)
    arrays: dict[str, Any] = {
        "ids_N": result.id_N[[i for i, _ in result.fitted]].astype(np.int32),
        "joint_names": np.array(KEYPOINT_NAMES),
        "joints_NJ3": _rows([posed_keypoints(pose) for pose in poses], (joints, 3)),
        "confidence_NJ": _rows([body.confidence_J for body in bodies], (joints,)),
        "rotations_NB33": _rows([pose.rotation_B33 for pose in poses], (bones, 3, 3)),
        "roots_N3": _rows([pose.root_3 for pose in poses], (3,)),
        "shape_NC": _rows([pose.shape_C for pose in poses], (components,)),
        "seen_NB": _rows([body.seen_B for body in bodies], (bones,)),
        "is_person_N": np.array([body.is_person for body in bodies], np.float32),
        "frame": np.int64(result.index),
        "pts": np.int64(result.pts),
    }
    arrays |= _camera(bodies)
    if vertices:
        arrays["vertices_NV3"] = _rows(vertices_of_bodies(result), shared.mean_V3.shape)
    return _compressed(arrays)


def shared_arrays() -> bytes:
    """`face_F3` (counter-clockwise from outside), `chart_F` 1..24, `corner_uv_F32`: U, V at each face's corners;
    `bone_names`, `parent_B` (−1 = none)."""
    body = load_body()
    return _compressed(
        {
            "face_F3": body.face_F3,
            "chart_F": body.chart_F,
            "corner_uv_F32": body.corner_uv_F32,
            "bone_names": np.array(body.bones),
            "parent_B": body.parent_B,
        }
    )


def _camera(bodies: Sequence[FittedBody]) -> dict[str, Any]:
    """The camera, which all bodies of a frame share; NaN without bodies."""
    if not bodies:
        return {"focal_px": np.float32(np.nan), "center_2": np.full(2, np.nan, np.float32)}
    camera = bodies[0].camera
    return {"focal_px": np.float32(camera.focal_px), "center_2": np.asarray(camera.center_2, np.float32)}


def _rows(rows: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Arrays of one shape as rows of one array, float32; also for none."""
    return np.array(rows, np.float32).reshape(len(rows), *shape)


def _compressed(arrays: dict[str, Any]) -> bytes:
    content = BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()
