"""Charts, U and V of a mesh in the picture, by OpenCV's compiled rasteriser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from models.arrays import F32, I32, U8
from models.painting.painting_mesh import load_painting_mesh

FAR_M = 1000.0
"""Depth of pixels without a face, metres."""
CHART_UNITS = 32
"""Charts are drawn as shares of this number, because the rasteriser takes colours from 0 to 1."""
FIELD_OF_VIEW = math.pi / 2
"""Field of view of the picture's height: its focal length is half of the height."""
AROUND = np.ones((3, 3), np.uint8)
JUMP = 0.2
"""Change of U or V within two pixels from which they do not belong to one sheet of skin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshImage:
    """The nearest faces of a mesh on a grid of pixels, or of squares of `step` × `step` pixels.

    Attributes:
        step: pixels along a square.
        labels_hw, uv_2hw: chart, 0 where no face is seen, and U and V.
        depth_hw: distance of the face, metres; FAR_M where none is seen.
    """

    step: int
    labels_hw: U8
    uv_2hw: F32
    depth_hw: F32

    def pixels(self, height: int, width: int) -> tuple[U8, F32]:
        """Labels (height, width) and U, V (2, height, width) of every pixel.

        Inside of a chart U and V are interpolated between squares; at borders each pixel has those of its square.
        """
        if self.step == 1:
            return self.labels_hw, self.uv_2hw
        rows, columns = self.labels_hw.shape
        whole = (columns * self.step, rows * self.step)
        # Squares without a label become the highest one for the minimum: they make no border.
        lowest_hw = cv2.erode(cv2.bitwise_or(self.labels_hw, (self.labels_hw == 0) * np.uint8(255)), AROUND)
        meets_hw = cv2.dilate(self.labels_hw, AROUND) != lowest_hw
        for axis_hw in self.uv_2hw:
            meets_hw |= cv2.subtract(cv2.dilate(axis_hw, AROUND), cv2.erode(axis_hw, AROUND)) > JUMP
        border_hw = cv2.resize(meets_hw.view(np.uint8), whole, interpolation=cv2.INTER_NEAREST)
        fine_2hw = np.empty((2, *border_hw.shape), np.float32)
        for axis_hw, fine_hw in zip(self.uv_2hw, fine_2hw, strict=True):
            cv2.resize(axis_hw, whole, dst=fine_hw, interpolation=cv2.INTER_LINEAR)
            cv2.copyTo(cv2.resize(axis_hw, whole, interpolation=cv2.INTER_NEAREST), border_hw, fine_hw)
        labels_hw = np.asarray(cv2.resize(self.labels_hw, whole, interpolation=cv2.INTER_NEAREST), np.uint8)
        return labels_hw[:height, :width], fine_2hw[:, :height, :width]


def mesh_image(place_V2: F32, depth_V: F32, height: int, width: int, step: int = 1) -> MeshImage | None:
    """The painting mesh on a grid that spans at least `height` × `width` pixels; None where no face is seen.

    Args:
        place_V2: vertices in pixels from the grid's corner.
        depth_V: their distances, metres; all above 0.
        step: pixels along a square of the grid.
    """
    rows, columns = -(-height // step), -(-width // step)
    place_2V = np.ascontiguousarray(place_V2.T, np.float32) / np.float32(step)
    face_F3, corner_3F, colour_F33, number_F3 = _faces()
    (ax, bx, cx), (ay, by, cy) = place_2V[0][corner_3F], place_2V[1][corner_3F]
    # Faces that show their outside are counter-clockwise; with y down their area is negative.
    shown_T = np.flatnonzero((bx - ax) * (cy - ay) - (cx - ax) * (by - ay) < 0)
    per_pixel_V = depth_V * np.float32(2 / rows)
    point_V3 = np.stack(
        [(place_2V[0] - columns / 2) * per_pixel_V, (place_2V[1] - rows / 2) * per_pixel_V, -depth_V], axis=1
    )
    point_K3 = point_V3.take(face_F3.take(shown_T, axis=0).reshape(-1), axis=0)
    colour_hw3, depth_hw = np.zeros((rows, columns, 3), np.float32), np.full((rows, columns), FAR_M, np.float32)
    if len(shown_T):
        cv2.triangleRasterize(
            point_K3, number_F3[: len(shown_T)], colour_F33.take(shown_T, axis=0).reshape(-1, 3), colour_hw3, depth_hw,
            np.eye(4, dtype=np.float32), FIELD_OF_VIEW, float(depth_V.min()) / 2, FAR_M, _settings(),
        )  # fmt: skip
    # The first row of the rasteriser is the lowest one.
    u_hw, v_hw, chart_hw = cv2.split(colour_hw3[::-1])
    labels_hw = np.asarray(cv2.convertScaleAbs(chart_hw, alpha=CHART_UNITS), np.uint8)
    if not cv2.countNonZero(labels_hw):
        return None
    uv_2hw = np.stack([u_hw, v_hw]).astype(np.float32, copy=False)
    return MeshImage(step=step, labels_hw=labels_hw, uv_2hw=uv_2hw, depth_hw=depth_hw[::-1])


@cache
def _faces() -> tuple[I32, I32, F32, I32]:
    """Of all faces of the painting mesh: corners (F, 3) and (3, F), colours of corners (F, 3, 3), and numbers (F, 3) of
    corners where no face shares them."""
    mesh = load_painting_mesh().mesh
    colour_F33 = np.empty((len(mesh.face_F3), 3, 3), np.float32)
    colour_F33[..., :2], colour_F33[..., 2] = mesh.corner_uv_F32, mesh.chart_F[:, None] / np.float32(CHART_UNITS)
    number_F3 = np.arange(3 * len(mesh.face_F3), dtype=np.int32).reshape(-1, 3)
    face_F3 = np.asarray(mesh.face_F3, np.int32)
    return face_F3, np.ascontiguousarray(face_F3.T), colour_F33, number_F3


@cache
def _settings() -> cv2.TriangleRasterizeSettings:
    """Colours are interpolated, and faces are culled before."""
    settings = cv2.TriangleRasterizeSettings()
    settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
    settings.setGlCompatibleMode(cv2.RASTERIZE_COMPAT_DISABLED)
    settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
    return settings
