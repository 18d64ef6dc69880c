"""A perspective camera and an exact z-buffer in NumPy: face, position on the face and depth of every pixel.

A pixel shows the nearest face that covers its centre. Image axes: x right, y down, pixel (0, 0) covers
[0, 1) × [0, 1). Camera axes: x right, y down, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32, I32, Bool, Index, Int

NEAR = 0.05
PIECE = 16384


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole camera.

    Attributes:
        rotation_33, shift_3: world → camera, metres.
        focal: pixels.
        center_2: principal point in pixels.
        height, width: pixels of the image.
    """

    rotation_33: F32
    shift_3: F32
    focal: float
    center_2: tuple[float, float]
    height: int
    width: int

    def to_camera(self, point_N3: F32) -> F32:
        """World points in camera axes."""
        camera_N3 = np.empty(point_N3.shape, np.result_type(point_N3, self.rotation_33))
        # In pieces that are too small for the linear algebra library to use threads, which would be slower.
        for first in range(0, len(point_N3), PIECE):
            piece = slice(first, first + PIECE)
            np.matmul(point_N3[piece], self.rotation_33.T, out=camera_N3[piece])
        return camera_N3 + self.shift_3

    def to_pixels(self, camera_N3: F32) -> F32:
        """Project camera points (z > 0) to pixels (N, 2)."""
        depth_N, focal = np.maximum(camera_N3[:, 2], NEAR), np.float32(self.focal)
        pixel_N2 = np.empty((len(camera_N3), 2), np.float32)
        # Axis by axis: NumPy is slow over a last axis of two.
        for axis in (0, 1):
            pixel_N2[:, axis] = camera_N3[:, axis] / depth_N * focal + np.float32(self.center_2[axis])
        return pixel_N2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """The visible surface in P covered pixels.

    Attributes:
        pixel_P: row · width + column.
        face_P: index of the visible face.
        bary_P3: perspective-correct barycentric weights of its corners.
        depth_P: metres along the camera's axis.
    """

    pixel_P: I32
    face_P: I32
    bary_P3: F32
    depth_P: F32


def blend(value_VC: F32, corner_P3: Int, bary_P3: F32) -> F32:
    """Interpolate values of vertices at points of faces, (P, C)."""
    # `take` is faster than indexing.
    a, b, c = (value_VC.take(corner_P3[:, k], axis=0) for k in range(3))
    return a * bary_P3[:, :1] + b * bary_P3[:, 1:2] + c * bary_P3[:, 2:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facing:
    """A mesh projected to a camera's image, without occlusion; see `facing`.

    Attributes:
        camera: the camera.
        turned_F: which of the F faces show their outside (without culling: all faces with an area).
        face_T: indices of the T faces that can be visible: turned, partly in the image, completely before the camera.
        x_3T, y_3T, inverse_3T: their corners in pixels, and the corners' inverse depths.
    """

    camera: Camera
    turned_F: Bool
    face_T: Index
    x_3T: F32
    y_3T: F32
    inverse_3T: F32


def facing(camera: Camera, camera_V3: F32, face_F3: Int, *, cull: bool = True) -> Facing:
    """The faces that can be visible or occlude others.

    Args:
        camera: the camera.
        camera_V3: vertices in camera axes. Faces with a corner nearer than `NEAR` are removed.
        face_F3: corners of the faces.
        cull: remove faces seen from behind (corners are counter-clockwise from outside); for closed bodies.
    """
    x_V, y_V = np.ascontiguousarray(camera.to_pixels(camera_V3).T)
    # Corners first: NumPy is slow over a last axis of three.
    corner_3F = np.ascontiguousarray(face_F3.T, np.intp)
    x_3F, y_3F = x_V[corner_3F], y_V[corner_3F]
    (x0, x1, x2), (y0, y1, y2) = x_3F, y_3F
    area_F = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    # Outward faces are counter-clockwise; with y down their area is negative.
    turned_F = area_F < 0 if cull else area_F != 0
    shown_F = (greatest(x_3F) >= 0) & (least(x_3F) < camera.width) & (greatest(y_3F) >= 0)
    kept = np.flatnonzero(turned_F & shown_F & (least(y_3F) < camera.height))
    if camera_V3[:, 2].min() <= NEAR:
        kept = kept[(camera_V3[:, 2] > NEAR)[corner_3F[:, kept]].all(axis=0)]
    inverse_V = np.reciprocal(np.maximum(camera_V3[:, 2], np.float32(NEAR)))
    return Facing(
        camera=camera, turned_F=turned_F, face_T=kept, x_3T=x_3F.take(kept, axis=1), y_3T=y_3F.take(kept, axis=1),
        inverse_3T=inverse_V[corner_3F.take(kept, axis=1)],
    )


def least(value_3T: F32) -> F32:
    """Minimum over the first axis of three, (T,); pairwise, because NumPy reduces short axes slowly."""
    return np.minimum(np.minimum(value_3T[0], value_3T[1]), value_3T[2])


def greatest(value_3T: F32) -> F32:
    """Maximum over the first axis of three, (T,)."""
    return np.maximum(np.maximum(value_3T[0], value_3T[1]), value_3T[2])


def rasterize(camera: Camera, camera_V3: F32, face_F3: Int, *, cull: bool = True) -> Hits:
    """The nearest face at every pixel centre. Arguments as for `facing`."""
    return nearest_faces(facing(camera, camera_V3, face_F3, cull=cull))


def nearest_faces(seen: Facing) -> Hits:
    """The nearest face at every pixel centre."""
    camera = seen.camera
    owner_P, column_P, row_P = _centres_in_boxes(seen)
    weight_3P, inside_P = _edge_weights(seen, owner_P, column_P, row_P)
    owner_P = owner_P[inside_P]
    pixel_P = row_P[inside_P] * camera.width + column_P[inside_P]
    weight_3P *= seen.inverse_3T[:, owner_P]
    near_P = weight_3P[0] + weight_3P[1] + weight_3P[2]
    first_P = _nearest(pixel_P, near_P, camera.height * camera.width)
    near = near_P[first_P]
    return Hits(
        pixel_P=pixel_P[first_P].astype(np.int32), face_P=seen.face_T[owner_P[first_P]].astype(np.int32),
        bary_P3=np.ascontiguousarray((weight_3P[:, first_P] / near).T), depth_P=np.reciprocal(near),
    )


def _centres_in_boxes(seen: Facing) -> tuple[Index, Index, Index]:
    """All pixel centres in each face's box: (index of the face, column, row)."""
    camera = seen.camera
    left_T, top_T = (np.maximum(np.ceil(least(at) - 0.5), 0).astype(np.intp) for at in (seen.x_3T, seen.y_3T))
    right_T = np.minimum(np.floor(greatest(seen.x_3T) - 0.5), camera.width - 1).astype(np.intp)
    bottom_T = np.minimum(np.floor(greatest(seen.y_3T) - 0.5), camera.height - 1).astype(np.intp)
    return rectangle_cells(left_T, top_T, np.maximum(right_T - left_T + 1, 0), np.maximum(bottom_T - top_T + 1, 0))


def rectangle_cells(left_T: Index, top_T: Index, wide_T: Index, high_T: Index) -> tuple[Index, Index, Index]:
    """All cells of T rectangles of a grid: (index of the rectangle, column, row)."""
    # First rows, then cells: repeating twice is faster than integer division.
    owner_R = np.repeat(np.arange(len(wide_T)), high_T)
    row_R = np.arange(len(owner_R)) - np.repeat(np.cumsum(high_T) - high_T - top_T, high_T)
    wide_R = wide_T[owner_R]
    before_R = np.cumsum(wide_R) - wide_R - left_T[owner_R]
    column_P = np.arange(int(wide_R.sum())) - np.repeat(before_R, wide_R)
    return np.repeat(owner_R, wide_R), column_P, np.repeat(row_R, wide_R)


def _edge_weights(
    seen: Facing, owner_P: Index, column_P: Index, row_P: Index
) -> tuple[F32, Index]:
    """Screen-space weights (3, P) of the corners at the centres inside of the faces, and the indices of these."""
    (ax, bx, cx), (ay, by, cy) = seen.x_3T.astype(np.float64), seen.y_3T.astype(np.float64)
    scale = 1 / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
    # Weight of b and of c as affine functions of the position relative to a.
    x, y = column_P + 0.5 - ax[owner_P], row_P + 0.5 - ay[owner_P]
    weight_b = ((cy - ay) * scale)[owner_P] * x + (-(cx - ax) * scale)[owner_P] * y
    weight_c = (-(by - ay) * scale)[owner_P] * x + ((bx - ax) * scale)[owner_P] * y
    weight_a = 1 - weight_b - weight_c
    inside = np.flatnonzero((weight_a >= -1e-9) & (weight_b >= -1e-9) & (weight_c >= -1e-9))
    weights = [weight_a[inside], weight_b[inside], weight_c[inside]]
    return np.stack(weights).astype(np.float32), inside


def _nearest(pixel_P: Index, near_P: F32, pixels: int) -> Index:
    """For each covered pixel the candidate with the greatest inverse depth."""
    best = np.zeros(pixels, np.float32)
    np.maximum.at(best, pixel_P, near_P)
    winner = np.full(pixels, -1)
    ties = np.flatnonzero(near_P == best[pixel_P])
    winner[pixel_P[ties]] = ties
    return winner[winner >= 0]
