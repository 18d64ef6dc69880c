"""A perspective camera and an exact z-buffer in plain NumPy: which face, where on it, how far, for every pixel.

A pixel belongs to the nearest face that covers its centre. Image axes: x right, y down, pixel (0, 0) covers
[0, 1) × [0, 1). Camera axes: x right, y down, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]

NEAR = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole.

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
        return point_N3 @ self.rotation_33.T + self.shift_3

    def to_pixels(self, camera_N3: F32) -> F32:
        """Camera points (z > 0) on the image, (N, 2) pixels."""
        depth_N, focal = np.maximum(camera_N3[:, 2], NEAR), np.float32(self.focal)
        pixel_N2 = np.empty((len(camera_N3), 2), np.float32)
        # Axis by axis: arithmetic over so short a last axis takes three times as long.
        for axis in (0, 1):
            pixel_N2[:, axis] = camera_N3[:, axis] / depth_N * focal + np.float32(self.center_2[axis])
        return pixel_N2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """The visible surface: P covered pixels.

    Attributes:
        pixel_P: row · width + column.
        face_P: index of the face seen there.
        bary_P3: perspective-correct weights of its corners.
        depth_P: metres along the camera's axis.
    """

    pixel_P: I32
    face_P: I32
    bary_P3: F32
    depth_P: F32


def rasterize(camera: Camera, camera_V3: F32, face_F3: npt.NDArray[np.integer], *, cull: bool = True) -> Hits:
    """The nearest face at every pixel centre.

    Args:
        camera_V3: vertices in camera axes. Faces that reach nearer than `NEAR` are left out.
        cull: leave out faces seen from behind (outward normals are counter-clockwise); for closed bodies.
    """
    pixel_V2 = camera.to_pixels(camera_V3)
    inverse_V = 1 / np.maximum(camera_V3[:, 2], np.float32(NEAR))
    kept = _in_view(camera, camera_V3, pixel_V2, face_F3, cull=cull)
    corner_T32, inverse_T3 = pixel_V2[face_F3[kept]], inverse_V[face_F3[kept]]
    owner_P, column_P, row_P = _centres_in_boxes(camera, corner_T32)
    weight_P3, inside_P = _edge_weights(corner_T32, owner_P, column_P, row_P)
    owner_P = owner_P[inside_P]
    pixel_P = row_P[inside_P] * camera.width + column_P[inside_P]
    weight_P3 *= inverse_T3[owner_P]
    near_P = weight_P3[:, 0] + weight_P3[:, 1] + weight_P3[:, 2]
    first_P = _nearest(pixel_P, near_P, camera.height * camera.width)
    near = near_P[first_P]
    return Hits(
        pixel_P=pixel_P[first_P].astype(np.int32), face_P=kept[owner_P[first_P]].astype(np.int32),
        bary_P3=weight_P3[first_P] / near[:, None], depth_P=np.reciprocal(near),
    )


def _in_view(
    camera: Camera, camera_V3: F32, pixel_V2: F32, face_F3: npt.NDArray[np.integer], *, cull: bool
) -> npt.NDArray[np.intp]:
    """Faces before the camera, turned to it, and with a pixel centre inside their box."""
    x, y = pixel_V2[:, 0][face_F3], pixel_V2[:, 1][face_F3]
    (x0, x1, x2), (y0, y1, y2) = x.T, y.T
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    # Outward faces run counter-clockwise, which the downward y axis turns into negative area.
    turned = area < 0 if cull else area != 0
    low_x, high_x = np.minimum(np.minimum(x0, x1), x2), np.maximum(np.maximum(x0, x1), x2)
    low_y, high_y = np.minimum(np.minimum(y0, y1), y2), np.maximum(np.maximum(y0, y1), y2)
    centred = (np.ceil(low_x - 0.5) <= np.floor(high_x - 0.5)) & (np.ceil(low_y - 0.5) <= np.floor(high_y - 0.5))
    shown = (high_x > 0.5) & (low_x < camera.width - 0.5) & (high_y > 0.5) & (low_y < camera.height - 0.5)
    kept = np.flatnonzero(turned & centred & shown)
    before_V = camera_V3[:, 2] > NEAR
    corner_K3 = face_F3[kept]
    return kept[before_V[corner_K3[:, 0]] & before_V[corner_K3[:, 1]] & before_V[corner_K3[:, 2]]]


def _centres_in_boxes(
    camera: Camera, corner_T32: F32
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Every pixel centre in every face's box: (index of the face, column, row)."""
    # Least and greatest of three, pair by pair: reducing over so short an axis takes ten times as long.
    a, b, c = corner_T32[:, 0], corner_T32[:, 1], corner_T32[:, 2]
    low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c) - 0.5), 0).astype(np.int64)
    limit = np.array([camera.width - 1, camera.height - 1])
    high = np.minimum(np.floor(np.maximum(np.maximum(a, b), c) - 0.5), limit).astype(np.int64)
    size = np.maximum(high - low + 1, 0)
    count = size[:, 0] * size[:, 1]
    owner = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    wide = np.repeat(size[:, 0], count)
    down = within // wide
    return owner, within - down * wide + np.repeat(low[:, 0], count), down + np.repeat(low[:, 1], count)


def _edge_weights(
    corner_T32: F32, owner_P: npt.NDArray[np.intp], column_P: npt.NDArray[np.int64], row_P: npt.NDArray[np.int64]
) -> tuple[F32, npt.NDArray[np.bool_]]:
    """Which centres are inside, and the screen-space weights of the three corners at those."""
    (ax, ay), (bx, by), (cx, cy) = np.ascontiguousarray(corner_T32.transpose(1, 2, 0), np.float64)
    scale = 1 / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
    # Weight of b and of c as affine functions of the position relative to a.
    x, y = column_P + 0.5 - ax[owner_P], row_P + 0.5 - ay[owner_P]
    weight_b = ((cy - ay) * scale)[owner_P] * x + (-(cx - ax) * scale)[owner_P] * y
    weight_c = (-(by - ay) * scale)[owner_P] * x + ((bx - ax) * scale)[owner_P] * y
    weight_a = 1 - weight_b - weight_c
    inside = (weight_a >= -1e-9) & (weight_b >= -1e-9) & (weight_c >= -1e-9)
    weights = [weight_a[inside], weight_b[inside], weight_c[inside]]
    return np.stack(weights, axis=1).astype(np.float32), inside


def _nearest(pixel_P: npt.NDArray[np.int64], near_P: F32, pixels: int) -> npt.NDArray[np.intp]:
    """For each covered pixel the candidate with the greatest inverse depth (one of them where two are equal)."""
    best = np.zeros(pixels, np.float32)
    np.maximum.at(best, pixel_P, near_P)
    winner = np.full(pixels, -1)
    ties = np.flatnonzero(near_P == best[pixel_P])
    winner[pixel_P[ties]] = ties
    return winner[winner >= 0]
