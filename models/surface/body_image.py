"""A posed body as a camera sees it: charts, U and V, depth and normals of every pixel that shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import F32, U8
from models.body.camera import PinholeCamera
from models.body.open_body import load_body
from models.surface.mesh_normals import summed_normals
from models.surface.raster import NEAR, Camera, Hits, blend, rasterize


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyImage:
    """The part of a frame around one body.

    Attributes:
        x0, y0: pixel of the frame under the upper left pixel of the part.
        height, width: of the part.
        hits: the nearest face of the body in each pixel that shows it.
        vertex_V3: the body's vertices in the camera's frame, metres.
    """

    x0: int
    y0: int
    height: int
    width: int
    hits: Hits
    vertex_V3: F32

    def surface(self) -> tuple[U8, F32]:
        """Labels (h, w) and U, V (2, h, w), as networks predict them: 0 where the body is not."""
        body = load_body()
        corner_P3 = 3 * self.hits.face_P[:, None] + np.arange(3)
        uv_P2 = blend(body.corner_uv_F32.reshape(-1, 2), corner_P3, self.hits.bary_P3)
        labels_P = body.chart_F[self.hits.face_P]
        return self._placed(labels_P), np.stack([self._placed(uv_P2[:, 0]), self._placed(uv_P2[:, 1])])

    def depth_hw(self) -> F32:
        """Distance along the camera's axis, metres; 0 where the body is not."""
        depth_hw: F32 = self._placed(self.hits.depth_P)
        return depth_hw

    def normal_hw3(self) -> F32:
        """Unit normals in the camera's frame (x right, y down, z forward); 0 where the body is not."""
        corner_P3 = load_body().face_F3[self.hits.face_P]
        summed_V3 = summed_normals(self.vertex_V3, load_body().face_F3).astype(np.float32)
        normal_P3 = blend(summed_V3, corner_P3, self.hits.bary_P3)
        normal_P3 /= np.maximum(np.linalg.norm(normal_P3, axis=1, keepdims=True), 1e-9)
        return np.dstack([self._placed(np.ascontiguousarray(normal_P3[:, axis])) for axis in range(3)])

    def _placed(self, value_P: Any) -> Any:
        """Values of the hits as an image, (h, w); 0 where the body is not."""
        whole = np.zeros(self.height * self.width, value_P.dtype)
        whole[self.hits.pixel_P] = value_P
        return whole.reshape(self.height, self.width)


def body_image(vertex_V3: F32, camera: PinholeCamera, height: int, width: int) -> BodyImage | None:
    """A body in a frame of this size; None if the frame does not show it.

    Args:
        vertex_V3: vertices in the camera's frame, metres.
    """
    ahead_V3 = vertex_V3[vertex_V3[:, 2] > NEAR]
    if not len(ahead_V3):
        return None
    pixel_V2 = camera.project(ahead_V3)
    (left, top), (right, bottom) = pixel_V2.min(axis=0).tolist(), pixel_V2.max(axis=0).tolist()
    x0, y0 = max(math.floor(min(left, width)), 0), max(math.floor(min(top, height)), 0)
    x1, y1 = min(math.ceil(max(right, 0)), width), min(math.ceil(max(bottom, 0)), height)
    if x0 >= x1 or y0 >= y1:
        return None
    view = Camera(
        rotation_33=np.eye(3, dtype=np.float32),
        shift_3=np.zeros(3, np.float32),
        focal=camera.focal_px,
        center_2=(float(camera.center_2[0]) - x0, float(camera.center_2[1]) - y0),
        height=y1 - y0,
        width=x1 - x0,
    )
    hits = rasterize(view, vertex_V3.astype(np.float32, copy=False), load_body().face_F3)
    if not len(hits.pixel_P):
        return None
    return BodyImage(x0=x0, y0=y0, height=view.height, width=view.width, hits=hits, vertex_V3=vertex_V3)
