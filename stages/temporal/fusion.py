"""What was known of a person's surface a frame ago, carried here and fused with what the network says now."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from stages.payloads import F32, U8, Surface
from stages.temporal.motion import Grid, Origin

Bool = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]

LIKENESS = 0.15
"""UV distance at which the past counts 1/e: several times the network's own jitter, less than a limb's step."""
TRUSTED = 0.5
"""Trust in the flow under which the past is forgotten."""
LINES = 256
"""A person is remembered in at least so many lines, or in all there are: more than the network itself has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A person's surface as it was given out last, on every `grid.step`-th pixel.

    Attributes:
        grid: the pixels of its frame that are remembered.
        labels_hw: 0 = background, 1..24 = chart.
        uv_hw2: float32; 0 on background.
        age_hw: uint8, of how many frames each cell's UV is the mean.
    """

    grid: Grid
    labels_hw: U8
    uv_hw2: F32
    age_hw: U8


def first_memory(surface: Surface) -> Memory:
    """What is kept of a person seen for the first time."""
    step = max(1, surface.labels_hw.shape[0] // LINES)
    labels_hw = np.ascontiguousarray(surface.labels_hw[::step, ::step])
    u_hw, v_hw = surface.uv_2hw[:, ::step, ::step].astype(np.float32)
    return Memory(
        grid=Grid(x0=surface.x0, y0=surface.y0, height=labels_hw.shape[0], width=labels_hw.shape[1], step=step),
        labels_hw=labels_hw,
        uv_hw2=np.asarray(cv2.merge([u_hw, v_hw]), np.float32),
        age_hw=np.ones_like(labels_hw),
    )


def fuse(surface: Surface, memory: Memory, origin: Origin, frames: int) -> tuple[Surface, Memory]:
    """One person's surface now, steadied by the past; `origin` is that of `first_memory(surface).grid`.

    Where both name the same chart, UV becomes their mean over up to `frames` frames, less so the farther apart they are
    and the less the flow is trusted. Where they differ, see `_keeps`.
    """
    past = _carried(memory, origin)
    now = first_memory(surface)
    same_hw = past.labels_hw == now.labels_hw
    kept_hw, age_hw = _keeps(past, now.labels_hw, origin.trust_hw)
    change_hw2 = np.asarray(cv2.subtract(past.uv_hw2, now.uv_hw2), np.float32)
    weight_hw = _weight_of_past(change_hw2, past.age_hw, origin.trust_hw)
    weight_hw[~same_hw] = 0
    weight_hw[kept_hw] = 1
    cv2.multiply(change_hw2, cv2.merge([weight_hw, weight_hw]), dst=change_hw2)
    labels_hw = np.where(kept_hw, past.labels_hw, now.labels_hw)
    stood_hw = same_hw & (origin.trust_hw >= TRUSTED)
    steady = replace(
        now,
        labels_hw=labels_hw,
        uv_hw2=np.asarray(cv2.add(now.uv_hw2, change_hw2), np.float32),
        age_hw=np.where(stood_hw, np.minimum(past.age_hw + 1, frames), age_hw).astype(np.uint8),
    )
    change_hw2[kept_hw] = 0
    return _corrected(surface, change_hw2, kept_hw, steady), steady


def _keeps(past: Memory, labels_hw: U8, trust_hw: F32) -> tuple[Bool, U8]:
    """Where the past's label stays though the network names another now, and the age of those cells.

    Near a border between the two labels the one with more cells among the 5 × 5 around wins, past and present counted
    together: borders move on smoothly. Where past and present flatly contradict each other, the present knowing nothing
    of the old label nor the past of the new, a label that stood for two frames or more stays for one: a slip of a frame
    disappears, a change that lasts comes one frame late.
    """
    kept_hw, age_hw = np.zeros(labels_hw.shape, bool), np.ones_like(labels_hw)
    rows_K, columns_K = np.nonzero((past.labels_hw != labels_hw) & (trust_hw >= TRUSTED) & (past.age_hw > 0))
    old_K, new_K = past.labels_hw[rows_K, columns_K, None], labels_hw[rows_K, columns_K, None]
    past_K25 = _around(past.labels_hw, rows_K, columns_K)
    now_K25 = _around(labels_hw, rows_K, columns_K)
    past_old_K, past_new_K = (past_K25 == old_K).sum(axis=1), (past_K25 == new_K).sum(axis=1)
    now_old_K, now_new_K = (now_K25 == old_K).sum(axis=1), (now_K25 == new_K).sum(axis=1)
    flatly_K = (past_new_K == 0) & (now_old_K == 0)
    age_K = past.age_hw[rows_K, columns_K]
    stays_K = np.where(flatly_K, age_K >= 2, past_old_K + now_old_K > past_new_K + now_new_K)
    kept_hw[rows_K, columns_K] = stays_K
    age_hw[rows_K, columns_K] = np.where(stays_K & ~flatly_K, age_K, 1)
    return kept_hw, age_hw


def _around(labels_hw: U8, rows_K: Index, columns_K: Index) -> U8:
    """The 5 × 5 labels around each place, (K, 25); beyond the grid its edge goes on."""
    wide_hw = np.asarray(cv2.copyMakeBorder(labels_hw, 2, 2, 2, 2, cv2.BORDER_REPLICATE), np.uint8)
    width = wide_hw.shape[1]
    steps_25 = (np.arange(5)[:, None] * width + np.arange(5)[None, :]).reshape(-1)
    return wide_hw.reshape(-1).take((rows_K * width + columns_K)[:, None] + steps_25[None, :])


def _corrected(surface: Surface, change_hw2: F32, kept_hw: Bool, steady: Memory) -> Surface:
    """The surface with the memory's changes brought to every pixel: UV changes between cells, kept labels by cell."""
    height, width = surface.labels_hw.shape
    step = steady.grid.step
    to_cells = np.array([[1 / step, 0, 0], [0, 1 / step, 0]])
    inside_hw = surface.labels_hw > 0
    uv_2hw = np.empty((2, height, width), np.float32)
    for uv_hw, seen_hw, axis_hw in zip(uv_2hw, surface.uv_2hw, cv2.split(change_hw2), strict=True):
        if step > 1:
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            cv2.warpAffine(axis_hw, to_cells, (width, height), dst=uv_hw, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        else:
            uv_hw[...] = axis_hw
        uv_hw += seen_hw
        uv_hw *= inside_hw
    labels_hw = surface.labels_hw
    if kept_hw.any():
        rows_K, columns_K = _pixels_of(kept_hw, step, height, width)
        cells_K = rows_K // step, columns_K // step
        labels_hw = labels_hw.copy()
        labels_hw[rows_K, columns_K] = steady.labels_hw[cells_K]
        uv_2hw[:, rows_K, columns_K] = steady.uv_hw2[cells_K].T
    return replace(surface, labels_hw=labels_hw, uv_2hw=uv_2hw.astype(surface.uv_2hw.dtype, copy=False))


def _pixels_of(cells_hw: Bool, step: int, height: int, width: int) -> tuple[Index, Index]:
    """Rows and columns of all pixels of the set cells."""
    rows_K, columns_K = np.nonzero(cells_hw)
    down, right = np.mgrid[0:step, 0:step].reshape(2, -1)
    rows_K, columns_K = (rows_K[:, None] * step + down).reshape(-1), (columns_K[:, None] * step + right).reshape(-1)
    inside_K = (rows_K < height) & (columns_K < width)
    return rows_K[inside_K], columns_K[inside_K]


def _weight_of_past(apart_hw2: F32, age_hw: U8, trust_hw: F32) -> F32:
    """Share of the past in the mean: age / (age + 1) when the two agree and the flow is sure."""
    u_hw, v_hw = cv2.split(apart_hw2)
    apart_hw = (u_hw * u_hw + v_hw * v_hw) * np.float32(-1 / LIKENESS**2)
    share_256 = np.arange(256, dtype=np.float32) / np.arange(1, 257, dtype=np.float32)
    return np.asarray(share_256[age_hw] * trust_hw * cv2.exp(apart_hw), np.float32)


def _carried(memory: Memory, origin: Origin) -> Memory:
    """The past on this frame's grid; `age_hw` is 0 where nothing was known.

    UV is read between cells, else slow movement would be rounded away and lag; at a chart's border, from the nearest.
    """
    x_hw = (origin.x_hw - np.float32(memory.grid.x0)) / np.float32(memory.grid.step)
    y_hw = (origin.y_hw - np.float32(memory.grid.y0)) / np.float32(memory.grid.step)
    around = np.ones((3, 3), np.uint8)
    border_hw = cv2.compare(cv2.erode(memory.labels_hw, around), cv2.dilate(memory.labels_hw, around), cv2.CMP_NE)
    tags_hw3 = cv2.merge([memory.labels_hw, memory.age_hw, border_hw])
    labels_hw, age_hw, border_hw = cv2.split(cv2.remap(tags_hw3, x_hw, y_hw, cv2.INTER_NEAREST))
    nearest_hw2 = cv2.remap(memory.uv_hw2, x_hw, y_hw, cv2.INTER_NEAREST)
    between_hw2 = cv2.remap(memory.uv_hw2, x_hw, y_hw, cv2.INTER_LINEAR)
    cv2.copyTo(nearest_hw2, border_hw, between_hw2)
    return Memory(
        grid=memory.grid,
        labels_hw=np.asarray(labels_hw, np.uint8),
        uv_hw2=np.asarray(between_hw2, np.float32),
        age_hw=np.asarray(age_hw, np.uint8),
    )
