"""Fits a person's padding to the outlines of the person's surface in many frames.

At each vertex of the body's outline the edge of the body and the edge of the surface are searched along the vertex's
normal in the image. Their distance is linear in the padding, so sums over frames are enough for its least squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F32, F64, Bool, Index
from models.body.body_pose import posed_bones, posed_vertices
from models.body.fitted_body import FittedBody
from models.body.open_body import load_body
from models.body.reduced_pose import driven_bones, driven_weights
from models.fitting.correspondences import SurfaceOfPerson
from models.structures import SurfaceMap
from models.surface.body_image import body_image
from models.surface.chart_lookup import CHARTS
from models.surface.mesh_normals import vertex_normals
from models.surface.padding import outward, padding_shares

EDGE_ON = 0.12
"""Vertices are at the outline where the cosine between their normal and the line of sight is smaller."""
REACH, PLACES = 0.045, 33
"""An edge is searched at this number of places, up to this distance on both sides, as a share of height."""
OWN_EDGE = 0.008
"""Where the edge of the body is farther from a vertex, the vertex is hidden, or inside of the outline."""
SPREAD = 0.009
"""Standard deviation of a distance, as a share of height. Distances above four times as much have less weight."""
FRAME_POINTS, MOST_FRAMES, LEAST_FRAMES = 60.0, 8.0, 3
"""Neighbouring distances, and frames of one video, have similar errors: a frame counts as at most this number of
independent distances, and all frames as at most this number of frames. With fewer frames there is no padding."""
THICKNESS, SHIFT = 0.018, 0.012
"""Standard deviations of the padding's thickness and of each axis of its shift, as shares of height."""
STEP = 0.008
"""Standard deviation of the difference between the paddings of neighbouring bones, so that the skin has no steps."""
WITHOUT_PADDING = ("wrist",)
"""Bones without padding: hands are not bent as in the video. Of faces and soles see `padding_shares`."""
LEAST_POINTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineSums:
    """Sums over frames: the matrix (4 D, 4 D) and the right side (4 D,) of least squares, and the number of frames."""

    matrix_PP: F32
    right_P: F32
    frames: int

    def added(self, other: OutlineSums) -> OutlineSums:
        """The sums over the frames of both."""
        return OutlineSums(
            matrix_PP=self.matrix_PP + other.matrix_PP, right_P=self.right_P + other.right_P,
            frames=self.frames + other.frames,
        )


def outline_sums(surface: SurfaceOfPerson, body: FittedBody, height: int, width: int) -> OutlineSums | None:
    """The sums of one frame; None if too little of the body's outline is at an edge of the surface.

    Args:
        surface: the person's surface.
        body: the fit to this surface.
        height, width: of the frame.
    """
    rest_V3, _ = load_body().rest(body.pose.shape_C)
    metres, vertex_V3 = float(np.ptp(rest_V3[:, 1])), posed_vertices(body.pose)
    normal_V3 = vertex_normals(vertex_V3, load_body().face_F3)
    sight_V3 = vertex_V3 / np.linalg.norm(vertex_V3, axis=1, keepdims=True)
    at_N = np.flatnonzero((np.abs((normal_V3 * sight_V3).sum(axis=1)) < EDGE_ON) & (vertex_V3[:, 2] > 0))
    across_N2 = normal_V3[at_N, :2] / np.maximum(np.linalg.norm(normal_V3[at_N, :2], axis=1, keepdims=True), 1e-6)
    pixels_N = body.camera.focal_px * metres / vertex_V3[at_N, 2]
    away_NK = pixels_N[:, None] * np.linspace(-REACH, REACH, PLACES)
    place_NK2 = body.camera.project(vertex_V3[at_N])[:, None] + away_NK[..., None] * across_N2[:, None]
    pixel_NK2 = np.floor(place_NK2).astype(int)
    own_N = _edge_places(_own_surface(vertex_V3, body, height, width), pixel_NK2, at_N)
    away_N = _edge_places(surface, pixel_NK2, at_N) - own_N
    kept_N = np.isfinite(away_N) & (np.abs(own_N) < OWN_EDGE)
    away_N, at_N = away_N[kept_N], at_N[kept_N]
    if len(at_N) < LEAST_POINTS:
        return None
    turned_D33 = posed_bones(body.pose)[0][driven_bones().bone_D].astype(np.float64)
    along_ND4 = np.empty((len(at_N), len(turned_D33), 4))
    along_ND4[..., 1:] = np.tensordot(normal_V3[at_N].astype(np.float64), turned_D33, axes=([1], [1]))
    along_ND4[..., 1:] *= padding_shares()[at_N, None]
    along_ND4[..., 0] = (along_ND4[..., 1:] * outward(rest_V3)[at_N, None]).sum(axis=2)
    row_NP = (driven_weights()[at_N, :, None] * along_ND4).reshape(len(at_N), -1)
    weight_N = min(1, FRAME_POINTS / len(at_N)) / SPREAD**2 / (1 + (away_N / (4 * SPREAD)) ** 2)
    weighted_NP = row_NP * weight_N[:, None]
    return OutlineSums(
        matrix_PP=(weighted_NP.T @ row_NP).astype(np.float32), right_P=(away_N @ weighted_NP).astype(np.float32),
        frames=1,
    )


def padding_of(sums: OutlineSums) -> F32 | None:
    """The most probable padding (D, 4), see `padded_skin`; None for too few frames."""
    if sums.frames < LEAST_FRAMES:
        return None
    share = min(1.0, MOST_FRAMES / sums.frames)
    matrix_PP = share * sums.matrix_PP.astype(np.float64) + _prior()
    padding_P = np.linalg.solve(matrix_PP, share * sums.right_P.astype(np.float64))
    return padding_P.reshape(-1, 4).astype(np.float32)


def _own_surface(vertex_V3: F32, body: FittedBody, height: int, width: int) -> SurfaceMap:
    """The surface of the body itself, empty where the frame does not show it."""
    image = body_image(vertex_V3, body.camera, height, width)
    if image is None:
        return SurfaceMap(x0=0, y0=0, labels_hw=np.zeros((1, 1), np.uint8), uv_2hw=np.zeros((2, 1, 1), np.float32))
    labels_hw, uv_2hw = image.surface()
    return SurfaceMap(x0=image.x0, y0=image.y0, labels_hw=labels_hw, uv_2hw=uv_2hw)


def _edge_places(surface: SurfaceOfPerson, pixel_NK2: Index, at_N: Index) -> F64:
    """How far the nearest edge of a surface is from each vertex (N,), as a share of height; nan without an edge.

    At the edge the surface shows a chart of the vertex's bone.
    """
    x_NK, y_NK = pixel_NK2[..., 0] - surface.x0, pixel_NK2[..., 1] - surface.y0
    height, width = surface.labels_hw.shape
    inside_NK = (x_NK >= 0) & (x_NK < width) & (y_NK >= 0) & (y_NK < height)
    label_NK = surface.labels_hw[y_NK.clip(0, height - 1), x_NK.clip(0, width - 1)]
    label_NK = np.where(inside_NK, label_NK, 0)
    ends_NK = (label_NK[:, :-1] > 0) & (label_NK[:, 1:] == 0)
    chart_of_DC, bone_V = _bone_charts()
    ends_NK &= chart_of_DC[bone_V[at_N][:, None], label_NK[:, :-1]]
    middle_K = (np.arange(PLACES - 1) + 0.5) * (2 * REACH / (PLACES - 1)) - REACH
    nearest_N = np.where(ends_NK, np.abs(middle_K), np.inf).argmin(axis=1)
    return np.where(ends_NK.any(axis=1), middle_K[nearest_N], np.nan)


@cache
def _bone_charts() -> tuple[Bool, Index]:
    """Which charts (D, 25) the skin of each driven bone has, and the driven bone that moves each vertex most (V,)."""
    body, bone_V = load_body(), driven_weights().argmax(axis=1)
    chart_of_DC = np.zeros((len(driven_bones().bone_D), CHARTS + 1), bool)
    chart_of_DC[bone_V[body.face_F3], body.chart_F[:, None]] = True
    return chart_of_DC, bone_V


@cache
def _prior() -> F64:
    """The precision of the padding (4 D, 4 D)."""
    spread_D4 = np.tile([THICKNESS, SHIFT, SHIFT, SHIFT], (len(driven_bones().bone_D), 1))
    names = [load_body().bones[bone] for bone in driven_bones().bone_D.tolist()]
    spread_D4[[d for d, name in enumerate(names) if name.startswith(WITHOUT_PADDING)]] = 1e-6
    precision_D4D4 = np.zeros((*spread_D4.shape, *spread_D4.shape))
    for bone, parent in enumerate(driven_bones().parent_D.tolist()):
        for k in range(4):
            precision_D4D4[bone, k, bone, k] += spread_D4[bone, k] ** -2
            if parent >= 0:
                pair = [bone, parent]
                precision_D4D4[np.ix_(pair, [k], pair, [k])] += np.reshape([1, -1, -1, 1], (2, 1, 2, 1)) / STEP**2
    return precision_D4D4.reshape(spread_D4.size, -1)
