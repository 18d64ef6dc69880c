"""Outlines of DensePose's charts, and the matching of chart borders with these outlines.

Points (U, V) were measured on DensePose's charts to about 0.01. A stretch is identified by the charts across the
border; 0 is the plane of symmetry. Only left charts are listed.
"""
from __future__ import annotations

import numpy as np

from tools.baking.cut import mesh_edges

Stretch = tuple[frozenset[int], tuple[tuple[float, float], ...]]


def _stretch(across: str, *points: tuple[float, float]) -> Stretch:
    return frozenset(int(name) for name in across.split()), points


OUTLINES: dict[int, tuple[Stretch, ...]] = {
    1: (
        _stretch("24", (0.07, 0.5), (0.06, 0.40), (0.0, 0.32)),
        _stretch("2", (0.0, 0.32), (0.04, 0.19), (0.04, 0.10), (0.03, 0.04)),
        _stretch("15 17", (0.03, 0.04), (0.07, 0.06), (0.17, 0.09), (0.31, 0.07), (0.40, 0.0)),
        _stretch("2", (0.40, 0.0), (0.44, 0.04), (0.51, 0.06), (0.59, 0.10), (0.75, 0.10), (0.91, 0.06), (0.99, 0.06)),
        _stretch("8 10", (0.99, 0.06), (0.99, 0.12), (1.0, 0.28), (1.0, 0.5)),
        _stretch("0", (1.0, 0.5), (0.07, 0.5)),
    ),
    2: (
        _stretch("24", (0.08, 0.5), (0.04, 0.40), (0.0, 0.36)),
        _stretch("1", (0.0, 0.36), (0.02, 0.29), (0.03, 0.22), (0.05, 0.18)),
        _stretch("15 17", (0.05, 0.18), (0.08, 0.18), (0.19, 0.17), (0.25, 0.08), (0.26, 0.0)),
        _stretch("1", (0.26, 0.0), (0.30, 0.01), (0.42, 0.02), (0.56, 0.04), (0.70, 0.03), (0.77, 0.0)),
        _stretch("8 10", (0.77, 0.0), (0.77, 0.05), (0.81, 0.20), (0.88, 0.35), (0.98, 0.46), (1.0, 0.49)),
        _stretch("0", (1.0, 0.5), (0.08, 0.5)),
    ),
    8: (
        _stretch("10", (0.11, 1.0), (0.29, 0.89), (0.49, 0.80), (0.68, 0.78), (1.0, 0.75)),
        _stretch("12 14", (1.0, 0.75), (0.96, 0.61), (0.97, 0.47), (0.98, 0.39)),
        _stretch("10", (0.98, 0.39), (0.76, 0.31), (0.59, 0.23), (0.44, 0.11), (0.36, 0.0)),
        _stretch("2 0", (0.36, 0.0), (0.33, 0.03), (0.31, 0.13), (0.24, 0.34), (0.17, 0.41), (0.09, 0.44), (0.0, 0.48)),
        _stretch("1", (0.0, 0.48), (0.06, 0.75), (0.11, 1.0)),
    ),
    10: (
        _stretch("8", (1.0, 0.16), (0.83, 0.05), (0.62, 0.01), (0.29, 0.02), (0.14, 0.0)),
        _stretch("12 14", (0.14, 0.0), (0.10, 0.26), (0.04, 0.48), (0.0, 0.67)),
        _stretch("8", (0.0, 0.67), (0.14, 0.80), (0.30, 0.90), (0.46, 0.99), (0.64, 1.0)),
        _stretch("2 0 1", (0.64, 1.0), (0.79, 0.82), (0.91, 0.54), (1.0, 0.16)),
    ),
    12: (
        _stretch("14", (0.98, 0.0), (0.72, 0.0), (0.44, 0.07), (0.16, 0.15), (0.0, 0.12)),
        _stretch("5", (0.0, 0.12), (0.02, 0.42), (0.01, 0.66), (0.01, 0.76)),
        _stretch("14", (0.01, 0.76), (0.15, 0.80), (0.43, 0.92), (0.73, 1.0), (0.99, 0.89)),
        _stretch("8 10", (0.99, 0.89), (1.0, 0.51), (0.98, 0.0)),
    ),
    14: (
        _stretch("12", (0.01, 0.0), (0.27, 0.01), (0.55, 0.06), (0.84, 0.18), (0.99, 0.20)),
        _stretch("5", (0.99, 0.20), (1.0, 0.51), (0.98, 0.77)),
        _stretch("12", (0.98, 0.77), (0.75, 0.82), (0.45, 0.93), (0.17, 0.96), (0.0, 1.0)),
        _stretch("8 10", (0.0, 1.0), (0.02, 0.85), (0.01, 0.52), (0.01, 0.0)),
    ),
    15: (
        _stretch("1 2", (0.02, 1.0), (0.0, 0.57), (0.02, 0.18), (0.08, 0.0)),
        _stretch("17", (0.08, 0.0), (0.13, 0.04), (0.31, 0.11), (0.52, 0.12), (0.78, 0.18), (1.0, 0.16)),
        _stretch("19 21", (1.0, 0.16), (0.98, 0.33), (0.93, 0.57), (0.93, 0.82)),
        _stretch("17", (0.93, 0.82), (0.79, 0.84), (0.53, 0.83), (0.28, 0.85), (0.02, 1.0)),
    ),
    17: (
        _stretch("1 2", (0.15, 1.0), (0.05, 0.74), (0.03, 0.54), (0.01, 0.39), (0.0, 0.13), (0.0, 0.0)),
        _stretch("15", (0.0, 0.0), (0.16, 0.08), (0.35, 0.10), (0.60, 0.11), (0.90, 0.13)),
        _stretch("19 21", (0.90, 0.13), (0.90, 0.33), (0.95, 0.50), (1.0, 0.69)),
        _stretch("15", (1.0, 0.69), (0.86, 0.69), (0.61, 0.77), (0.40, 0.88), (0.15, 1.0)),
    ),
    19: (
        _stretch("15 17", (1.0, 0.0), (0.98, 0.35), (0.94, 0.69), (0.91, 0.93)),
        _stretch("21", (0.91, 0.93), (0.86, 0.96), (0.64, 1.0), (0.42, 0.94), (0.20, 0.80), (0.0, 0.64)),
        _stretch("4", (0.0, 0.64), (0.03, 0.53), (0.06, 0.34), (0.06, 0.12)),
        _stretch("21", (0.06, 0.12), (0.22, 0.15), (0.43, 0.13), (0.64, 0.06), (1.0, 0.0)),
    ),
    21: (
        _stretch("15 17", (0.10, 0.99), (0.05, 0.66), (0.01, 0.36), (0.01, 0.0)),
        _stretch("19", (0.01, 0.0), (0.12, 0.05), (0.33, 0.09), (0.76, 0.13), (0.91, 0.10)),
        _stretch("4", (0.91, 0.10), (0.95, 0.32), (0.99, 0.57), (1.0, 0.72)),
        _stretch("19", (1.0, 0.72), (0.78, 0.77), (0.59, 0.85), (0.38, 0.96), (0.10, 0.99)),
    ),
}


def border_runs(face_F3: np.ndarray, chart_F: np.ndarray, chart: int) -> list[tuple[frozenset[int], list[int]]]:
    """The runs of a chart's outer border: (charts across, vertices from corner to corner); short runs are merged."""
    loop, across = _border(face_F3, chart_F, chart)
    outline = OUTLINES[chart]
    groups = [next(g for g, (names, _) in enumerate(outline) if a in names) for a in across]
    names = [outline[g][0] for g in groups]
    start = next(k for k in range(len(loop)) if names[k] != names[k - 1])
    loop, names = loop[start:] + loop[:start], names[start:] + names[:start]
    runs: list[tuple[frozenset[int], list[int]]] = []
    for k, name in enumerate(names):
        ends = [loop[k], loop[(k + 1) % len(loop)]]
        if runs and runs[-1][0] == name:
            runs[-1][1].append(ends[1])
        else:
            runs.append((name, ends))
    while len(runs) > len(outline):
        runs = _without_shortest(runs)
    return runs


def _without_shortest(runs: list[tuple[frozenset[int], list[int]]]) -> list[tuple[frozenset[int], list[int]]]:
    """Merge the shortest run with the one before it, and that one with the next if both have the same charts."""
    k = min(range(len(runs)), key=lambda r: len(runs[r][1]))
    runs = runs[k:] + runs[:k]
    (_, stray), rest = runs[0], runs[1:]
    rest[-1] = (rest[-1][0], rest[-1][1] + stray[1:])
    if rest[-1][0] == rest[0][0]:
        rest[0] = (rest[0][0], rest.pop()[1] + rest[0][1][1:])
    return rest


def _border(face_F3: np.ndarray, chart_F: np.ndarray, chart: int) -> tuple[list[int], list[int]]:
    """The longest border loop of a chart, and the chart across each of its edges (k to k + 1); 0 at an open edge."""
    edge_E2, edge_of_F3 = mesh_edges(face_F3)
    owners: dict[int, list[int]] = {}
    for f, row in enumerate(edge_of_F3):
        for e in row:
            owners.setdefault(int(e), []).append(int(chart_F[f]))
    neighbours: dict[int, dict[int, int]] = {}
    for e, charts in owners.items():
        if charts.count(chart) == 1:
            other = next((c for c in charts if c != chart), 0)
            a, b = (int(v) for v in edge_E2[e])
            neighbours.setdefault(a, {})[b] = other
            neighbours.setdefault(b, {})[a] = other
    loops = []
    left = set(neighbours)
    while left:
        loop, here = [], min(left)
        while here in left:
            left.discard(here)
            loop.append(here)
            here = next((n for n in neighbours[here] if n in left), loop[0])
        loops.append(loop)
    loop = max(loops, key=len)
    return loop, [neighbours[v][loop[(k + 1) % len(loop)]] for k, v in enumerate(loop)]


def matched_landmarks(
    runs: list[tuple[frozenset[int], list[int]]], point_V3: np.ndarray, uv_V2: np.ndarray, chart: int
) -> tuple[np.ndarray, np.ndarray]:
    """Border vertices and their target UV on the outline. Of all alignments, the one nearest to `uv_V2` is chosen."""
    outline = OUTLINES[chart]
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for candidate in (runs, [(name, line[::-1]) for name, line in runs[::-1]]):
        for turn in range(len(candidate)):
            rotated = candidate[turn:] + candidate[:turn]
            if [name for name, _ in rotated] != [name for name, _ in outline]:
                continue
            stretches = zip(rotated, outline, strict=True)
            pairs = [_along(line, point_V3, np.array(points)) for (_, line), (_, points) in stretches]
            vertex, target = np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])
            cost = float(np.linalg.norm(uv_V2[vertex] - target, axis=1).mean())
            if best is None or cost < best[0]:
                best = cost, vertex, target
    if best is None:
        raise ValueError(f"chart {chart} has other neighbours than its outline: {[sorted(name) for name, _ in runs]}")
    _, once = np.unique(best[1], return_index=True)
    return best[1][once], best[2][once]


def _along(line: list[int], point_V3: np.ndarray, outline_P2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Seven vertices of a border run, and the outline's points at the same shares of the length."""
    share, to = arc_share(point_V3[line]), arc_share(outline_P2)
    pick = np.unique(np.searchsorted(share, np.linspace(0, 1, 7) - 1e-9).clip(0, len(line) - 1))
    place = np.stack([np.interp(share[pick], to, outline_P2[:, k]) for k in (0, 1)], axis=1)
    return np.array(line)[pick], place


def arc_share(line_N: np.ndarray) -> np.ndarray:
    """Relative arc length 0..1 at each point of a polyline."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line_N, axis=0), axis=1))])
    return length / length[-1]
