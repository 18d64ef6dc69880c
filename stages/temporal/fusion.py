"""What is known of a person's surface at one time, carried to another time, and two such knowledges made one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from stages.payloads import F32, U8, Surface
from stages.temporal.motion import Grid, Way

Bool = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]

LINES = 140
"""A person is remembered in at least so many lines, under twice as many, or in all there are: twice what the light
network has. Coarser cells are cheaper, but their edges flicker (docs/benchmarks/temporal.md)."""
LIKENESS = 0.15
"""UV distance at which two answers are averaged 1/e as much: several times the network's own jitter."""
NOISE_OF_SURE, NOISE_OF_UNSURE = 0.02, 0.27
"""Standard deviations of the network's UV where its confidence is 1 and where it is 0."""
NOISE_OF_FLOW = 0.03
"""What one frame's flow adds to the standard deviation of a UV carried along: half a cell on a chart of 16."""
RIVALS = 4.0
"""Charts that a cell could have beside the one that is named."""
UNSAID = 0.6
"""Confidence of a network that gives none."""
LEAST, MOST = 0.22, 0.995
"""Bounds of the confidence."""
MOST_STRENGTH = 5.0
"""Log-odds that a label gathers at most, so that a lasting change of mind is shown in time."""
MASK_STRENGTH = 2.5
"""Log-odds of the network's word that here is the person, or nobody."""
SUPPORT = 2
"""Cells on each side of one whose labels speak for or against it."""
SIDE = 2 * SUPPORT + 1
WEAK = 1.0
"""Log-odds under which a cell follows those around it."""


_SURE_101 = np.clip(np.arange(101) / 100, LEAST, MOST)
PRECISION_101 = (1 / (NOISE_OF_SURE + (NOISE_OF_UNSURE - NOISE_OF_SURE) * (1 - _SURE_101)) ** 2).astype(np.float32)
"""Precision of UV by percent of confidence."""
STRENGTH_101 = np.log(RIVALS * _SURE_101 / (1 - _SURE_101)).astype(np.float32)
"""Log-odds of the label by percent of confidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is known of a person's surface on a grid of cells.

    Attributes:
        grid: the cells of its frame.
        labels_hw: 0 = background, 1..24 = chart.
        known_hw4: float32: U, V (0 on background); their precision, 1 / variance; log-odds of the label. The last two
            are 0 where nothing is known.
    """

    grid: Grid
    labels_hw: U8
    known_hw4: F32


def first_memory(surface: Surface) -> Memory:
    """What one answer of the network says, read at the middle of every cell."""
    height, width = surface.labels_hw.shape
    step = max(1, height // LINES)
    rows = np.minimum(np.arange(0, height, step) + step // 2, height - 1)
    columns = np.minimum(np.arange(0, width, step) + step // 2, width - 1)
    at = np.ix_(rows, columns) if step > 1 else (slice(None), slice(None))
    labels_hw = np.ascontiguousarray(surface.labels_hw[at])
    seen_2hw = surface.uv_2hw[:, at[0], at[1]].astype(np.float32)
    sure_hw = np.full(labels_hw.shape, UNSAID) if surface.confidence_hw is None else surface.confidence_hw[at]
    percent_hw = np.clip(sure_hw * 100, 0, 100).astype(np.uint8)
    strength_hw = STRENGTH_101[percent_hw]
    strength_hw[labels_hw == 0] = MASK_STRENGTH
    known_hw4 = np.asarray(cv2.merge([*seen_2hw, PRECISION_101[percent_hw], strength_hw]), np.float32)
    grid = Grid(x0=surface.x0, y0=surface.y0, height=len(rows), width=len(columns), step=step)
    return Memory(grid=grid, labels_hw=labels_hw, known_hw4=known_hw4)


def carried(memory: Memory, way: Way, grid: Grid) -> Memory:
    """The memory at the cells of another frame's grid, weaker where the way is not trusted.

    UV is read between cells, else slow movement would be rounded away and lag; at a chart's border, from the nearest.
    """
    around = np.ones((3, 3), np.uint8)
    border_hw = cv2.compare(cv2.erode(memory.labels_hw, around), cv2.dilate(memory.labels_hw, around), cv2.CMP_NE)
    tags_hw2 = cv2.merge([memory.labels_hw, border_hw])
    labels_hw, border_hw = cv2.split(cv2.remap(tags_hw2, way.x_hw, way.y_hw, cv2.INTER_NEAREST))
    nearest_hw4 = cv2.remap(memory.known_hw4, way.x_hw, way.y_hw, cv2.INTER_NEAREST)
    known_hw4 = np.asarray(cv2.remap(memory.known_hw4, way.x_hw, way.y_hw, cv2.INTER_LINEAR), np.float32)
    cv2.copyTo(nearest_hw4, border_hw, known_hw4)
    precision_hw, strength_hw = known_hw4[..., 2], known_hw4[..., 3]
    precision_hw *= way.trust_hw / (1 + np.float32(NOISE_OF_FLOW**2) * precision_hw)
    np.minimum(strength_hw, np.float32(MOST_STRENGTH), out=strength_hw)
    strength_hw *= way.trust_hw
    return Memory(grid=grid, labels_hw=np.asarray(labels_hw, np.uint8), known_hw4=known_hw4)


def merged(here: Memory, other: Memory) -> Memory:
    """Two knowledges of the same cells made one: `other` was carried here.

    Where both name one chart, UV is their mean by precision, the less mutual the farther they are apart (a Kalman
    filter with a gate), and the log-odds add up; where they differ, the label with more behind it wins (`_yields`) and
    loses what speaks against it.
    """
    same_hw = here.labels_hw == other.labels_hw
    u_hw, v_hw, precision_hw, strength_hw = cv2.split(here.known_hw4)
    other_u, other_v, other_precision, other_strength = cv2.split(other.known_hw4)
    du_hw, dv_hw = other_u - u_hw, other_v - v_hw
    mutual_hw = other_precision * cv2.exp((du_hw * du_hw + dv_hw * dv_hw) * np.float32(-1 / LIKENESS**2)) * same_hw
    total_hw = precision_hw + mutual_hw
    share_hw = mutual_hw / total_hw
    known_hw4 = cv2.merge(
        [
            u_hw + du_hw * share_hw,
            v_hw + dv_hw * share_hw,
            total_hw,
            strength_hw + other_strength * same_hw,
        ]
    )
    labels_hw = here.labels_hw.copy()
    rows_K, columns_K = _yields(here, other)
    labels_hw[rows_K, columns_K] = other.labels_hw[rows_K, columns_K]
    taken_K4 = other.known_hw4[rows_K, columns_K]
    taken_K4[:, 3] = np.maximum(taken_K4[:, 3] - here.known_hw4[rows_K, columns_K, 3], np.float32(0.1))
    known_hw4[rows_K, columns_K] = taken_K4
    return settled(Memory(grid=here.grid, labels_hw=labels_hw, known_hw4=np.asarray(known_hw4, np.float32)))


def _yields(here: Memory, other: Memory) -> tuple[Index, Index]:
    """Rows and columns of the cells where the other's label wins.

    Between two charts: where a border between them runs nearby, the one with more cells around, here and there counted
    together, so that borders move on smoothly; where the two flatly contradict each other, the one with more log-odds
    around. Between person and background only where they flatly contradict each other: outlines belong to what is seen
    now (voted on, they cost 4 points of AUC10 on exact answers and gain nothing in steadiness).
    """
    rows_K, columns_K = np.nonzero((here.labels_hw != other.labels_hw) & (other.known_hw4[..., 3] > 0))
    here_K25, other_K25 = (_around(m.labels_hw, rows_K, columns_K) for m in (here, other))
    odds_K25, other_odds_K25 = (_around(m.known_hw4[..., 3], rows_K, columns_K) for m in (here, other))
    middle = SIDE * SIDE // 2
    mine_K1, theirs_K1 = here_K25[:, middle, None], other_K25[:, middle, None]
    at_K, other_at_K = odds_K25[:, middle], other_odds_K25[:, middle]
    for_here_K25, for_other_K25 = ((m == theirs_K1).astype(np.float32) - (m == mine_K1) for m in (here_K25, other_K25))
    counted_K = for_here_K25.sum(axis=1) + np.minimum(other_at_K / at_K, 1) * for_other_K25.sum(axis=1)
    weighed_K = (for_here_K25 * odds_K25).sum(axis=1) + (for_other_K25 * other_odds_K25).sum(axis=1)
    flat_K = (for_here_K25 <= 0).all(axis=1) & (for_other_K25 >= 0).all(axis=1)
    wins_K = np.where(flat_K, weighed_K, counted_K) > 0
    edge_K = ((mine_K1 == 0) | (theirs_K1 == 0))[:, 0]
    whole_K = ((here_K25 > 0) == (mine_K1 > 0)).all(axis=1) & ((other_K25 > 0) == (theirs_K1 > 0)).all(axis=1)
    wins_K = np.where(edge_K, whole_K & (other_at_K > np.maximum(at_K, MASK_STRENGTH)), wins_K)
    return rows_K[wins_K], columns_K[wins_K]


def settled(memory: Memory) -> Memory:
    """The memory with the labels of cells that little speaks for taken from around them, at borders between charts.

    There, flow that covers and uncovers leaves single cells that know nothing of what their neighbours remember.
    """
    around = np.ones((3, 3), np.uint8)
    low_hw, high_hw = cv2.erode(memory.labels_hw, around), cv2.dilate(memory.labels_hw, around)
    weak_hw = (memory.labels_hw > 0) & (low_hw != high_hw) & (memory.known_hw4[..., 3] < WEAK)
    rows_K, columns_K = np.nonzero(weak_hw)
    if not len(rows_K):
        return memory
    labels_K25 = _around(memory.labels_hw, rows_K, columns_K)
    weight_K25 = _around(memory.known_hw4[..., 3], rows_K, columns_K) * (labels_K25 > 0)
    slot_K25 = labels_K25 + 25 * np.arange(len(rows_K))[:, None]
    votes_K25 = np.bincount(slot_K25.ravel(), weights=weight_K25.ravel(), minlength=25 * len(rows_K)).reshape(-1, 25)
    chosen_K = votes_K25.argmax(axis=1)
    taken_K = chosen_K != labels_K25[:, SIDE * SIDE // 2]
    rows_K, columns_K, chosen_K = rows_K[taken_K], columns_K[taken_K], chosen_K[taken_K]
    best_K = np.where(labels_K25[taken_K] == chosen_K[:, None], weight_K25[taken_K], -1).argmax(axis=1)
    height, width = memory.labels_hw.shape
    source = (
        np.clip(rows_K + best_K // SIDE - SUPPORT, 0, height - 1),
        np.clip(columns_K + best_K % SIDE - SUPPORT, 0, width - 1),
    )
    labels_hw, known_hw4 = memory.labels_hw.copy(), memory.known_hw4.copy()
    labels_hw[rows_K, columns_K] = chosen_K
    known_hw4[rows_K, columns_K, :2] = memory.known_hw4[source][:, :2]
    return replace(memory, labels_hw=labels_hw, known_hw4=known_hw4)


def _around(values_hw: npt.NDArray, rows_K: Index, columns_K: Index) -> npt.NDArray:
    """The 5 × 5 values around each place, (K, 25); beyond the grid its edge goes on."""
    wide_hw = np.asarray(
        cv2.copyMakeBorder(np.ascontiguousarray(values_hw), SUPPORT, SUPPORT, SUPPORT, SUPPORT, cv2.BORDER_REPLICATE)
    )
    width = wide_hw.shape[1]
    steps = (np.arange(SIDE)[:, None] * width + np.arange(SIDE)[None, :]).reshape(-1)
    return wide_hw.reshape(-1).take((rows_K * width + columns_K)[:, None] + steps[None, :])


def corrected(surface: Surface, first: Memory, steady: Memory) -> Surface:
    """The surface with the memory's changes brought to every pixel.

    Args:
        surface: as the network gave it.
        first: `first_memory` of it.
        steady: what became of that: changes of UV are interpolated between cells, changed labels taken by the cell.
    """
    if first.grid.step == 1:
        uv_2hw = np.stack(cv2.split(steady.known_hw4)[:2]).astype(surface.uv_2hw.dtype, copy=False)
        return replace(surface, labels_hw=steady.labels_hw, uv_2hw=uv_2hw * (steady.labels_hw > 0))
    height, width = surface.labels_hw.shape
    step = first.grid.step
    relabelled_hw = first.labels_hw != steady.labels_hw
    changes = cv2.split(cv2.subtract(steady.known_hw4, first.known_hw4))[:2]
    uv_2hw = surface.uv_2hw.copy()
    inside_hw = surface.labels_hw > 0
    for axis_hw, change_hw in zip(uv_2hw, changes, strict=True):
        change_hw[relabelled_hw] = 0
        whole_hw = cv2.resize(change_hw, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)[:height, :width]
        np.add(axis_hw, whole_hw, out=axis_hw, where=inside_hw, casting="same_kind")
    labels_hw = surface.labels_hw
    if relabelled_hw.any():
        rows_K, columns_K = _pixels_of(relabelled_hw, step, height, width)
        cells_K = rows_K // step, columns_K // step
        labels_hw = labels_hw.copy()
        labels_hw[rows_K, columns_K] = steady.labels_hw[cells_K]
        uv_2hw[:, rows_K, columns_K] = steady.known_hw4[cells_K][:, :2].T
    return replace(surface, labels_hw=labels_hw, uv_2hw=uv_2hw)


def _pixels_of(cells_hw: Bool, step: int, height: int, width: int) -> tuple[Index, Index]:
    """Rows and columns of all pixels of the set cells."""
    rows_K, columns_K = np.nonzero(cells_hw)
    down, right = np.mgrid[0:step, 0:step].reshape(2, -1)
    rows_K, columns_K = (rows_K[:, None] * step + down).reshape(-1), (columns_K[:, None] * step + right).reshape(-1)
    inside_K = (rows_K < height) & (columns_K < width)
    return rows_K[inside_K], columns_K[inside_K]
