"""Charts, U and V of a person through the fitted body: a mesh without tears, where the network agrees with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

import cv2
import numpy as np

from models.arrays import F32, U8, Bool, Float, Index
from models.body.charts import COARSE_OF_CHART
from models.body.fitted_body import FittedBody
from models.painting.gap_fill import filled
from models.painting.mesh_image import AROUND, MeshImage, mesh_image
from models.painting.painting_mesh import anchors, load_painting_mesh, skin_places
from models.painting.skin_cells import SKIN_CELLS, skin_cells
from models.painting.skin_warp import fitted_warp, seen_skin
from models.painting.steadying import steadying
from models.surface.raster import NEAR
from models.time_steps import FRAME_S, remaining

FINE_PIXELS = 30_000
"""The mesh of people with more pixels is drawn on a coarser grid of about this many squares."""
COMPARED_CELLS = 5_000
"""Places at which body and network are compared, about."""
HIDDEN_M = 0.03
"""Depth behind the picture's beyond which a vertex is hidden, metres."""
TILE = 64
"""Points of the skin along U and V."""
APART_M = 0.08
"""Distance on the skin beyond which the network's own chart, U and V count."""
OTHER_LIMB_M = 0.05
"""The same where body and network see different limbs."""
IS_HAND = np.isin(np.arange(25), (3, 4))
"""Fits do not bend fingers: where one of both sees a hand, the network is right."""
HYSTERESIS = 0.25
"""Share by which the limit moves away from what was decided for this part of the skin in the frame before."""
SMOOTH_M = 0.035
"""Radius over which pixels decide together, metres."""
KEEP = 0.6
"""Weight of the past in the memory of a part of the skin, after `FRAME_S`."""
WRONG_SHARE, RIGHT_SHARE = 0.14, 0.09
"""Shares of pixels where body and network disagree: above the first the fit is wrong, below the second it is right."""

Grid = TypeVar("Grid", U8, Float)
PointFlowSearch = Callable[[F32, F32], F32]
"""Places in the frame before, and about where they are in this frame, (K, 2) pixels → where the optical flow carries
them, NaN where it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintMemory:
    """What is known of a person after a frame.

    Attributes:
        network_Q: how much the network was right and the body wrong in each cell of the skin (SKIN_CELLS, 0..1).
        by_surface: whether the fit was wrong as a whole.
        vertex_K, pixel_K2: anchors of the painting mesh that were seen, and where, pixels of the frame.
    """

    network_Q: F32 = field(default_factory=lambda: np.zeros(SKIN_CELLS, np.float32))
    by_surface: bool = False
    vertex_K: Index = field(default_factory=lambda: np.zeros(0, np.intp))
    pixel_K2: F32 = field(default_factory=lambda: np.zeros((0, 2), np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPaint:
    """A person painted through the body.

    Attributes:
        labels_hw, uv_2hw: on the grid of the person's surface, with the same silhouette.
        apart: share of the silhouette where body and network disagree.
        body_share: share of the silhouette that the body paints.
        memory: after this frame; `memory.by_surface`: the fit is wrong, so that the surface itself is better.
    """

    labels_hw: U8
    uv_2hw: F32
    apart: float
    body_share: float
    memory: PaintMemory


def body_paint(
    labels_hw: U8, uv_2hw: Float, confidence_hw: Float | None, origin_2: tuple[int, int], body: FittedBody,
    memory: PaintMemory | None, carry: PointFlowSearch | None = None, seconds: float = FRAME_S,
) -> BodyPaint | None:
    """A person's chart, U and V through the fitted body; None where the body is not in the picture.

    Args:
        labels_hw, uv_2hw, confidence_hw: the person's surface as the network sees it.
        origin_2: x, y of its first pixel in the frame.
        body: fitted to it.
        memory: after the frame before; None: the person is new.
        carry: where the optical flow carries places of the frame before; None: unknown.
        seconds: time since the frame of the memory.
    """
    painting, memory = load_painting_mesh(), memory or PaintMemory()
    vertex_V3 = painting.body_vertices.posed(body.pose)
    if float(vertex_V3[:, 2].min()) <= NEAR:
        return None
    place_V2 = body.camera.project(vertex_V3)
    metre_px = body.camera.focal_px / float(vertex_V3[:, 2].mean())
    seen = seen_skin(painting, labels_hw, uv_2hw, confidence_hw, origin_2)
    place_V2 = place_V2 + fitted_warp(painting, place_V2, seen, metre_px)
    if carry is not None and len(memory.vertex_K):
        carried_K2 = carry(memory.pixel_K2, place_V2[memory.vertex_K])
        place_V2 = place_V2 + steadying(place_V2, memory.vertex_K, memory.pixel_K2, carried_K2, metre_px, seconds)
    height, width = labels_hw.shape
    pixels = cv2.countNonZero(labels_hw)
    step = max(1, round(math.sqrt(pixels / FINE_PIXELS)))
    image = mesh_image(place_V2 - np.array(origin_2, np.float32), vertex_V3[:, 2], height, width, step)
    if image is None:
        return None
    vertex_K = _seen_vertices(image, place_V2 - np.array(origin_2, np.float32), vertex_V3[:, 2])
    every = max(1, round(math.sqrt(pixels / COMPARED_CELLS) / step))
    paint = _decided(image, every, labels_hw, uv_2hw, metre_px, memory, remaining(KEEP, seconds))
    return replace(paint, memory=replace(paint.memory, vertex_K=vertex_K, pixel_K2=place_V2[vertex_K]))


def _seen_vertices(image: MeshImage, place_V2: F32, depth_V: F32) -> Index:
    """The anchors before which the picture shows nothing nearer."""
    vertex_A = anchors().vertex_A
    column_A, row_A = np.floor(place_V2[vertex_A].T / image.step).astype(np.intp)
    rows, columns = image.labels_hw.shape
    inside_A = (column_A >= 0) & (column_A < columns) & (row_A >= 0) & (row_A < rows)
    vertex_A, at_2A = vertex_A[inside_A], (row_A[inside_A], column_A[inside_A])
    return vertex_A[np.abs(image.depth_hw[at_2A] - depth_V[vertex_A]) < HIDDEN_M]


def _decided(
    image: MeshImage, every: int, labels_hw: U8, uv_2hw: Float, metre_px: float, memory: PaintMemory, kept: float
) -> BodyPaint:
    """Body or network in each pixel.

    Args:
        image: the mesh.
        every: body and network are compared in each `every`-th square of its rows and columns.
        labels_hw, uv_2hw: as the network sees the person.
        metre_px: pixels of the frame that a metre of the body spans.
        memory: after the frame before.
        kept: weight of the memory in the next one.
    """
    own_hw = _middles(labels_hw, image.step, image.labels_hw.shape)
    # One square more than the person, so that U and V can be interpolated up to the outline.
    image = filled(image, own_hw, np.asarray(cv2.dilate(own_hw, AROUND), np.uint8), metre_px / image.step)
    step, rows, columns = image.step * every, *(-(-side // every) for side in own_hw.shape)
    own_cc, mesh_cc = (_middles(one, of, (rows, columns)) for one, of in ((labels_hw, step), (image.labels_hw, every)))
    at_M = np.flatnonzero(own_cc != 0)
    own_M, mesh_M = own_cc.reshape(-1)[at_M], mesh_cc.reshape(-1)[at_M]
    own_2M, mesh_2M = (
        np.stack([_middles(axis_hw, of, (rows, columns)).reshape(-1)[at_M] for axis_hw in one_2hw])
        for one_2hw, of in ((uv_2hw, step), (image.uv_2hw, every))
    )
    away_M = np.sqrt(np.square(_rest(own_M, own_2M) - _rest(mesh_M, mesh_2M)).sum(axis=0))
    away_M[mesh_M == 0] = np.inf
    cell_M = skin_cells(own_M, own_2M)
    limit_M = np.where(COARSE_OF_CHART[own_M] != COARSE_OF_CHART[mesh_M], np.float32(OTHER_LIMB_M), np.float32(APART_M))
    limit_M *= 1 + HYSTERESIS * (1 - 2 * memory.network_Q[cell_M])
    apart_cc = np.zeros((rows, columns), np.float32)
    apart_cc.reshape(-1)[at_M] = away_M > limit_M
    network_cc = _together(apart_cc, own_cc, SMOOTH_M * metre_px / step)
    network_cc.reshape(-1)[at_M[IS_HAND[own_M] != IS_HAND[mesh_M]]] = 1
    by_network_M = network_cc.reshape(-1)[at_M] > 0.5
    count = max(len(at_M), 1)
    share = int(np.count_nonzero(away_M > APART_M)) / count
    by_surface = share > (RIGHT_SHARE if memory.by_surface else WRONG_SHARE)
    label_hw, painted_2hw = _painted(image, _enlarged(network_cc, step, *labels_hw.shape), labels_hw, uv_2hw)
    return BodyPaint(
        labels_hw=label_hw, uv_2hw=painted_2hw, apart=share, body_share=1 - np.count_nonzero(by_network_M) / count,
        memory=PaintMemory(network_Q=_remembered(memory.network_Q, cell_M, by_network_M, kept), by_surface=by_surface),
    )  # fmt: skip


def _painted(image: MeshImage, network_hw: F32, labels_hw: U8, uv_2hw: Float) -> tuple[U8, F32]:
    """Labels and U, V (2, h, w) of every pixel, of the body where the network's share is below a half."""
    body_hw, painted_2hw = image.pixels(*labels_hw.shape)
    by_network_hw = ((network_hw > 0.5) | (body_hw == 0)).view(np.uint8)
    label_hw = cv2.copyTo(body_hw, labels_hw)
    cv2.copyTo(labels_hw, by_network_hw, label_hw)
    painted_2hw = np.ascontiguousarray(painted_2hw)
    for painted_hw, own_hw in zip(painted_2hw, uv_2hw, strict=True):
        cv2.copyTo(np.ascontiguousarray(own_hw, np.float32), by_network_hw, painted_hw)
    return np.asarray(label_hw, np.uint8), painted_2hw


def _middles(value_hw: Grid, step: int, shape: tuple[int, int]) -> Grid:
    """Values in the middles of squares of `step` × `step` pixels, on a grid of this shape."""
    row, column = (
        np.minimum(np.arange(count) * step + step // 2, side - 1)
        for count, side in zip(shape, value_hw.shape, strict=True)
    )
    return value_hw.take(row, axis=0).take(column, axis=1)


def _rest(label_M: U8, uv_2M: F32) -> F32:
    """Places on the body at rest (3, M) under chart, U and V, metres, of the nearest known point; arbitrary for 0."""
    u_M, v_M = np.rint(np.clip(uv_2M, 0, 1) * (TILE - 1)).astype(np.intp)
    place_3K = _places()
    return place_3K.take(((np.maximum(label_M, 1) - np.intp(1)) * TILE + TILE - 1 - v_M) * TILE + u_M, axis=1)


@cache
def _places() -> F32:
    """`skin_places`, axes first."""
    return np.ascontiguousarray(skin_places(TILE).reshape(-1, 3).T)


def _together(apart_hw: F32, labels_hw: U8, radius: float) -> F32:
    """Share of the person's cells around each that disagree; the radius is in cells."""
    size = 2 * max(1, round(radius)) + 1
    sum_hw = cv2.blur(apart_hw, (size, size), borderType=cv2.BORDER_CONSTANT)
    count_hw = cv2.blur((labels_hw > 0).astype(np.float32), (size, size), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(sum_hw / np.maximum(count_hw, 1e-6), np.float32)


def _remembered(network_Q: F32, cell_M: Index, network_M: Bool, kept: float) -> F32:
    """The memory after a frame: the share of pixels of each cell that the network painted, mixed with the past."""
    count_Q = np.bincount(cell_M, minlength=len(network_Q))
    share_Q = np.bincount(cell_M, weights=network_M, minlength=len(network_Q)) / np.maximum(count_Q, 1)
    mixed_Q = kept * network_Q + (1 - kept) * share_Q
    return np.where(count_Q > 0, mixed_Q, network_Q).astype(np.float32)


def _enlarged(value_hw: F32, step: int, height: int, width: int) -> F32:
    """Values of cells at every pixel, interpolated."""
    whole = (value_hw.shape[1] * step, value_hw.shape[0] * step)
    return np.asarray(cv2.resize(value_hw, whole, interpolation=cv2.INTER_LINEAR), np.float32)[:height, :width]
