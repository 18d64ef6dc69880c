"""Six views of each drawn part, alone, in the rest pose of the open body, with the surface at every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F32, U8, Int
from models.body.charts import COARSE_NAMES, COARSE_OF_CHART
from models.surface.charted_mesh import ChartedMesh, open_body_mesh
from models.surface.raster import Camera, blend, rasterize
from stages.world.clothes.rest_body import rest_normals

SIDE = 360
"""Pixels along a side of a view."""
FILLED_SHARE = 0.92
"""Share of the view's side that the part fills."""
DISTANCE = 20.0
"""Distance of the camera, in sizes of the part: perspective is weak, so that all of the part has about one scale."""

Direction = tuple[float, float, float]
TRUNK_VIEWS: dict[str, Direction] = {
    "front": (0, 0, 1), "back": (0, 0, -1), "left side": (1, 0, 0), "right side": (-1, 0, 0),
    "from above": (0, 1, 0.5), "from below": (0, -1, 0.5),
}  # fmt: skip
"""Views of the torso and the head: direction from the part to the camera, in the part's axes."""
FOOT_VIEWS: dict[str, Direction] = {**TRUNK_VIEWS, "from above": (0, 1, 0), "from below": (0, -1, 0)}
LIMB_VIEWS: dict[str, Direction] = {
    "front": (0, 0, 1), "back": (0, 0, -1), "left side": (1, 0, 0), "right side": (-1, 0, 0),
    "half left": (1, 0, 1), "half right, from behind": (-1, 0, -1),
}  # fmt: skip
HAND_VIEWS: dict[str, Direction] = {
    "palm": (0, 0, 1), "back of the hand": (0, 0, -1), "side": (1, 0, 0), "other side": (-1, 0, 0),
    "half palm": (1, 0, 1), "half back": (-1, 0, -1),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """One view of a part.

    Attributes:
        name: for annotators.
        camera: maps the rest pose to pixels of the view.
        chart_SS: the chart at each pixel; 0 beside the part.
        uv_2SS: U and V.
        point_SS3: the surface point in the rest pose, metres; NaN beside the part.
        normal_SS3: unit normals in the camera's axes; 0 beside the part.
    """

    name: str
    camera: Camera
    chart_SS: U8
    uv_2SS: F32
    point_SS3: F32
    normal_SS3: F32


@cache
def part_views(part: int) -> tuple[PartView, ...]:
    """The six views of a drawn part 1..14."""
    mesh = open_body_mesh()
    face_K = np.flatnonzero(COARSE_OF_CHART[mesh.chart_F] == part)
    axes_33 = part_axes(mesh, face_K, COARSE_NAMES[part])
    return tuple(_view(mesh, face_K, axes_33, name, toward) for name, toward in view_directions(part).items())


def view_directions(part: int) -> dict[str, Direction]:
    """The views of a part: their names, and the direction from the part to the camera, in the part's axes."""
    name = COARSE_NAMES[part]
    if "hand" in name:
        return HAND_VIEWS
    if "foot" in name:
        return FOOT_VIEWS
    return LIMB_VIEWS if "arm" in name or "leg" in name else TRUNK_VIEWS


def part_axes(mesh: ChartedMesh, face_K: Int, name: str) -> F32:
    """Axes x, y, z of a part, as rows. Torso, head and feet have the axes of the body.

    Of limbs and hands, y points along the limb to the shoulder or hip, z to the front; of hands, z points out of the
    palm.
    """
    up_3, front_3 = np.array([0.0, 1, 0]), np.array([0.0, 0, 1])
    if any(word in name for word in ("arm", "leg", "hand")):
        point_V3 = mesh.vertex_V3[np.unique(mesh.face_F3[face_K])].astype(np.float64)
        principal_33 = np.linalg.svd(point_V3 - point_V3.mean(axis=0), full_matrices=False)[2]
        up_3 = principal_33[0] * np.sign(principal_33[0, 1])
        if "hand" in name:
            inward = -1 if "left" in name else 1
            front_3 = principal_33[2] * np.sign(principal_33[2, 0]) * inward
    front_3 = front_3 - up_3 * (front_3 @ up_3)
    front_3 /= np.linalg.norm(front_3)
    return np.stack([np.cross(up_3, front_3), up_3, front_3]).astype(np.float32)


def _view(mesh: ChartedMesh, face_K: Int, axes_33: F32, name: str, toward: Direction) -> PartView:
    corner_K3 = mesh.face_F3[face_K]
    camera = _camera(mesh.vertex_V3[np.unique(corner_K3)], axes_33, toward)
    hits = rasterize(camera, camera.to_camera(mesh.vertex_V3), corner_K3)
    corner_P3 = corner_K3[hits.face_P]
    chart, uv = np.zeros(SIDE * SIDE, np.uint8), np.zeros((2, SIDE * SIDE), np.float32)
    point, normal = np.full((SIDE * SIDE, 3), np.nan, np.float32), np.zeros((SIDE * SIDE, 3), np.float32)
    chart[hits.pixel_P] = mesh.chart_F[face_K[hits.face_P]]
    corner_uv_32 = mesh.corner_uv_F32[face_K].reshape(-1, 2)
    uv[:, hits.pixel_P] = blend(corner_uv_32, 3 * hits.face_P[:, None] + np.arange(3), hits.bary_P3).T
    point[hits.pixel_P] = blend(mesh.vertex_V3, corner_P3, hits.bary_P3)
    lit_P3 = blend(rest_normals(), corner_P3, hits.bary_P3) @ camera.rotation_33.T
    normal[hits.pixel_P] = lit_P3 / np.linalg.norm(lit_P3, axis=1, keepdims=True)
    return PartView(
        name=name, camera=camera, chart_SS=chart.reshape(SIDE, SIDE), uv_2SS=uv.reshape(2, SIDE, SIDE),
        point_SS3=point.reshape(SIDE, SIDE, 3), normal_SS3=normal.reshape(SIDE, SIDE, 3),
    )


def _camera(point_V3: F32, axes_33: F32, toward: Direction) -> Camera:
    """A camera in a direction from the part, whose image the part fills to `FILLED_SHARE`."""
    ahead_3 = -np.array(toward, np.float64) / np.linalg.norm(toward)
    down_3 = np.array([0.0, -1, 0]) if abs(ahead_3[1]) < 0.9 else np.array([0, 0, -np.sign(ahead_3[1])])
    right_3 = np.cross(down_3, ahead_3)
    right_3 /= np.linalg.norm(right_3)
    rotation_33 = np.stack([right_3, np.cross(ahead_3, right_3), ahead_3]) @ axes_33
    turned_V3 = point_V3 @ rotation_33.T
    low_3, high_3 = turned_V3.min(axis=0), turned_V3.max(axis=0)
    distance = DISTANCE * float((high_3 - low_3).max())
    return Camera(
        rotation_33=rotation_33.astype(np.float32),
        shift_3=(np.array([0, 0, distance]) - (low_3 + high_3) / 2).astype(np.float32),
        focal=FILLED_SHARE * SIDE * distance / float((high_3 - low_3)[:2].max()),
        center_2=(SIDE / 2, SIDE / 2), height=SIDE, width=SIDE,
    )

