"""UV layout of each chart in [0,1]², with the axes and landmarks of DensePose's charts (measured, not copied).

Torso, limbs and head: multidimensional scaling, then rotation to the axes below; the head is also fitted to landmarks.
Hands and feet: MakeHuman's islands, fitted to landmarks. All for the left side; the right side is its mirror image.
"""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tools.baking import partition as charts
from tools.baking.cut import HalfBody, mesh_edges
from tools.baking.outline import arc_share, border_runs, matched_landmarks
from tools.baking.unfold import landmark_fit, oriented_unit, scaled_plane, signed_area

LEFT, UP, FRONT = np.eye(3)

# Landmarks (MakeHuman u, v → chart U, V). Targets at tips, heels and toes are DensePose's; the others follow the
# outlines of its tiles. The little fingers are a little further apart than there, so that the islands do not overlap.
HAND_BACK = (
    ((0.5875, 0.0596), (0.983, 0.358)), ((0.6238, 0.0205), (0.957, 0.798)), ((0.6787, 0.0180), (0.788, 0.976)),
    ((0.7107, 0.0482), (0.633, 0.980)), ((0.7165, 0.0838), (0.562, 0.860)), ((0.5872, 0.1395), (0.800, 0.060)),
    ((0.6485, 0.1370), (0.560, 0.200)), ((0.6175, 0.1161), (0.690, 0.200)),
)
PALM = (
    ((0.7065, 0.1970), (0.017, 0.358)), ((0.7557, 0.1630), (0.043, 0.798)), ((0.7607, 0.1264), (0.212, 0.976)),
    ((0.7468, 0.0974), (0.367, 0.980)), ((0.7190, 0.0898), (0.438, 0.860)), ((0.6700, 0.1500), (0.200, 0.130)),
    ((0.6737, 0.1253), (0.400, 0.200)),
)
FOOT = (
    ((0.3585, 0.1650), (0.000, 0.920)), ((0.3297, 0.1692), (0.050, 0.660)), ((0.3041, 0.1203), (0.340, 0.600)),
    ((0.2675, 0.1536), (0.130, 0.350)), ((0.2438, 0.1382), (0.200, 0.150)), ((0.2800, 0.0168), (0.867, 0.650)),
    ((0.3651, 0.0578), (0.642, 1.000)), ((0.1993, 0.0552), (0.880, 0.150)), ((0.2152, 0.1150), (0.400, 0.010)),
)
# Outline of the head's chart: down the face from the nose, along the neck's base, up the back, over the crown.
FACE_OUTLINE = ((0.0, 0.477), (0.0, 0.0))
NECK_OUTLINE = ((0.0, 0.0), (0.26, 0.0), (0.53, 0.03), (0.74, 0.05), (0.97, 0.10))
# DensePose's cut over the forehead is only approximated.
CROWN_OUTLINE = ((0.0, 0.477), (0.0, 0.90), (0.20, 0.88), (0.35, 0.93), (0.62, 0.99), (0.90, 0.91), (0.98, 0.81),
                 (0.99, 0.54), (0.97, 0.33), (0.97, 0.10))
EYE_UV, EAR_UV = (0.214, 0.597), (0.554, 0.485)


def chart_uv(body: HalfBody, chart_F: np.ndarray, joint: Mapping[str, np.ndarray]) -> np.ndarray:
    """Corner UV (F, 3, 2) of the left half in DensePose's axes, in [0, 1] and without folds."""
    uv_F32 = np.zeros((len(chart_F), 3, 2))
    for chart, (u_direction, v_direction) in _uv_directions(joint).items():
        uv_F32[chart_F == chart] = _scaled(body, chart_F, chart, u_direction, v_direction)
    uv_F32[chart_F == charts.HEAD] = _head(body, chart_F == charts.HEAD, joint)
    back_F = charts.back_of_hand(body)
    hand_F = chart_F == charts.HAND
    for region_F, landmarks, u_range in (
        (hand_F & back_F, HAND_BACK, (0.503, 1.0)), (hand_F & ~back_F, PALM, (0.0, 0.497)),
        (chart_F == charts.FOOT, FOOT, (0.0, 1.0)),
    ):
        uv_F32[region_F] = _island(body.corner_uv_F32[region_F], landmarks, u_range)
    return uv_F32


def _uv_directions(joint: Mapping[str, np.ndarray]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Directions of growing U and V on the neutral left half. Approximate directions are enough."""
    shoulder, elbow, wrist = (joint[n] for n in ("upperarm01.L", "lowerarm01.L", "wrist.L"))
    upper, lower = (elbow - shoulder), (wrist - elbow)
    upper, lower = upper / np.linalg.norm(upper), lower / np.linalg.norm(lower)
    over = np.cross(FRONT, upper)  # across the arm, up and out
    thumb = joint["finger1-2.L"] - joint["finger5-1.L"]
    thumb = thumb - (thumb @ lower) * lower
    thumb = thumb / np.linalg.norm(thumb)
    return {
        charts.BACK: (-UP, -LEFT), charts.FRONT: (-UP, -LEFT),
        charts.THIGH_BACK: (-UP, LEFT), charts.THIGH_FRONT: (UP, -LEFT),
        charts.SHIN_BACK: (UP, LEFT), charts.SHIN_FRONT: (-UP, LEFT),
        charts.UPPER_ARM_INNER: (upper, over), charts.UPPER_ARM_OUTER: (upper, over),
        charts.LOWER_ARM_INNER: (-lower, -thumb), charts.LOWER_ARM_OUTER: (lower, thumb),
    }


def _local(body: HalfBody, region_F: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices of a region, its faces with local vertex numbers, and its points."""
    used = np.unique(body.face_F3[region_F])
    renumber = np.full(len(body.point_V3), -1)
    renumber[used] = np.arange(len(used))
    return used, renumber[body.face_F3[region_F]], body.point_V3[used]


def _scaled(
    body: HalfBody, chart_F: np.ndarray, chart: int, u_direction: np.ndarray, v_direction: np.ndarray
) -> np.ndarray:
    """One chart of torso or limbs: embedded in a plane, rotated, and fitted to DensePose's outline."""
    used, own, own_point = _local(body, chart_F == chart)
    face, point = own, own_point
    whole = chart <= charts.FRONT
    middle = np.abs(point[:, 0]) < 1e-6
    if whole:  # the torso's charts extend over both sides: unfold them as a whole
        twin = np.where(middle, np.arange(len(point)), len(point) + np.cumsum(~middle) - 1)
        face = np.concatenate([face, twin[face][:, ::-1]])
        point = np.concatenate([point, (point * [-1, 1, 1])[~middle]])
    uv = oriented_unit(scaled_plane(point, face), point, face, u_direction, v_direction)[: len(own_point)]
    runs = border_runs(body.face_F3, chart_F, chart)
    at = {int(v): k for k, v in enumerate(used)}
    vertex, target = matched_landmarks([(n, [at[v] for v in line]) for n, line in runs], own_point, uv, chart)
    uv = _bent(uv, own, uv[vertex], target)
    if whole:
        uv[middle, 1] = 0.5
    uv = undo_folds(_within(uv, (0.0, 1.0)), own)
    if whole and np.abs(uv[middle, 1] - 0.5).max() > 0:
        raise ValueError("removing a fold has moved the torso's midline")
    return uv[own]


def _bent(uv_V2: np.ndarray, face_F3: np.ndarray, source_L2: np.ndarray, target_L2: np.ndarray) -> np.ndarray:
    """`landmark_fit` with the lowest stiffness that folds almost no faces."""
    for stiffness in (1e-4, 1e-3, 1e-2, 1e-1, 1.0):
        bent = landmark_fit(uv_V2, source_L2, target_L2, stiffness=stiffness)
        area = signed_area(bent, face_F3)
        if (area * np.sign(area.sum()) < 0).mean() < 0.003:
            break
    return bent


def _within(uv_V2: np.ndarray, u_range: tuple[float, float]) -> np.ndarray:
    """Fit into u_range × [0, 1] by an affine map per axis, if it extends beyond."""
    uv_V2 = uv_V2.copy()
    for axis, (low, high) in enumerate((u_range, (0.0, 1.0))):
        at = uv_V2[:, axis].min(), uv_V2[:, axis].max()
        to = max(low, at[0]), min(high, at[1])
        uv_V2[:, axis] = to[0] + (uv_V2[:, axis] - at[0]) * (to[1] - to[0]) / (at[1] - at[0])
    return uv_V2


def undo_folds(uv_V2: np.ndarray, face_F3: np.ndarray, *, rounds: int = 200) -> np.ndarray:
    """Remove small folds: corners of flipped faces move toward the mean of their neighbours until none is flipped."""
    edge_E2, _ = mesh_edges(face_F3)
    pairs = np.concatenate([edge_E2, edge_E2[:, ::-1]])
    count = np.bincount(pairs[:, 0], minlength=len(uv_V2))[:, None]
    uv_V2 = uv_V2.copy()
    for _ in range(rounds):
        area = signed_area(uv_V2, face_F3)
        folded = area * np.sign(area.sum()) <= 1e-9
        if not folded.any():
            return uv_V2
        mean = np.stack([np.bincount(pairs[:, 0], uv_V2[pairs[:, 1], k], len(uv_V2)) for k in (0, 1)], 1) / count
        move = np.unique(face_F3[folded])
        uv_V2[move] = 0.5 * uv_V2[move] + 0.5 * mean[move]
    raise ValueError(f"{int(folded.sum())} faces of a chart are still folded")


def _island(corner_uv_F32: np.ndarray, landmarks: tuple, u_range: tuple[float, float]) -> np.ndarray:
    source, target = (np.array([pair[k] for pair in landmarks]) for k in (0, 1))
    place_N2, corner_F3 = np.unique(np.round(corner_uv_F32.reshape(-1, 2), 7), axis=0, return_inverse=True)
    corner_F3 = corner_F3.reshape(-1, 3)
    scale = np.ptp(source)
    uv = _bent(place_N2 / scale, corner_F3, source / scale, target)
    return _within(undo_folds(uv, corner_F3), u_range)[corner_F3]


def _head(body: HalfBody, region_F: np.ndarray, joint: Mapping[str, np.ndarray]) -> np.ndarray:
    eye_F = body.part_F[region_F] == "eye_front.L"
    skin_F = region_F & (body.part_F != "eye_front.L")
    _, face, point = _local(body, skin_F)
    plane = oriented_unit(scaled_plane(point, face), point, face, -FRONT, UP)
    source, target = _head_landmarks(point, face, plane, joint)
    uv = undo_folds(_within(_bent(plane, face, source, target), (0.0, 1.0)), face)
    result = np.zeros((int(region_F.sum()), 3, 2))
    result[~eye_F] = uv[face]
    result[eye_F] = _eye(body.point_V3[body.face_F3[region_F][eye_F]], point, uv)
    return result


def _eye(corner_F33: np.ndarray, point_V3: np.ndarray, uv_V2: np.ndarray) -> np.ndarray:
    """UV of the eyeball in the hole between the lids: its frontal view with the affine map of the surrounding lids."""
    centre = corner_F33.reshape(-1, 3).mean(axis=0)
    lid = np.argsort(np.linalg.norm(point_V3 - centre, axis=1))[:60]
    view = np.concatenate([point_V3[lid][:, :2], np.ones((len(lid), 1))], axis=1)
    affine = np.linalg.lstsq(view, uv_V2[lid], rcond=None)[0]
    return np.concatenate([corner_F33[..., :2], np.ones((*corner_F33.shape[:2], 1))], axis=-1) @ affine


def _head_landmarks(
    point_V3: np.ndarray, face_F3: np.ndarray, plane_V2: np.ndarray, joint: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks of the head: its outline by arc length along midline and neck base, and eye and ear inside."""
    middle = np.flatnonzero(np.abs(point_V3[:, 0]) < 1e-6)
    nose = middle[np.argmax(point_V3[middle, 2])]
    face_line, crown_line = _midline(point_V3, face_F3, middle, nose)
    base = _neck_base(point_V3, face_F3, face_line[-1], crown_line[-1])
    source, target = [], []
    for line, outline in ((face_line, FACE_OUTLINE), (crown_line, CROWN_OUTLINE), (base, NECK_OUTLINE)):
        share = arc_share(point_V3[line])
        at = np.array(outline)
        place = np.stack([np.interp(share, arc_share(at), at[:, k]) for k in (0, 1)], axis=1)
        pick = np.unique(np.searchsorted(share, np.linspace(0, 1, 12)).clip(0, len(line) - 1))
        source.append(plane_V2[line][pick])
        target.append(place[pick])
    eye = np.argsort(np.linalg.norm(point_V3 - joint["eye.L"] - [0, 0, 0.01], axis=1))[:30]
    ear = point_V3[:, 0] - 2 * np.abs(point_V3[:, 1] - 1.70)
    source += [plane_V2[eye].mean(axis=0)[None], plane_V2[[int(np.argmax(ear))]]]
    target += [np.array([EYE_UV]), np.array([EAR_UV])]
    stacked = np.concatenate(source), np.concatenate(target)
    _, once = np.unique(np.round(stacked[0], 6), axis=0, return_index=True)
    return stacked[0][once], stacked[1][once]


def _border_neighbours(face_F3: np.ndarray) -> dict[int, list[int]]:
    edge_E2, edge_of_F3 = mesh_edges(face_F3)
    border = edge_E2[np.bincount(edge_of_F3.ravel(), minlength=len(edge_E2)) == 1]
    neighbours: dict[int, list[int]] = {}
    for a, b in border:
        neighbours.setdefault(int(a), []).append(int(b))
        neighbours.setdefault(int(b), []).append(int(a))
    return neighbours


def _outline(face_F3: np.ndarray, start: int) -> list[int]:
    """The border loop through `start`, once around."""
    neighbours = _border_neighbours(face_F3)
    loop, previous, here = [start], -1, start
    while True:
        following = [n for n in neighbours[here] if n != previous]
        previous, here = here, following[0]
        if here == start:
            return loop
        loop.append(here)


def _midline(
    point_V3: np.ndarray, face_F3: np.ndarray, middle: np.ndarray, nose: int
) -> tuple[list[int], list[int]]:
    """Midline from the nose down the face to the neck's base, and from the nose over the crown and back to it."""
    loop = _outline(face_F3, int(nose))
    on_middle = set(middle.tolist())
    lines = []
    for ordered in (loop, [loop[0], *loop[:0:-1]]):
        line = []
        for vertex in ordered:
            if vertex not in on_middle and point_V3[vertex, 1] < 1.58:
                break
            if vertex in on_middle:
                line.append(vertex)
        lines.append(line)
    lines.sort(key=lambda line: point_V3[line, 1].max())
    return lines[0], lines[1]


def _neck_base(point_V3: np.ndarray, face_F3: np.ndarray, front: int, back: int) -> list[int]:
    loop = _outline(face_F3, front)
    at = loop.index(back)
    one, other = loop[: at + 1], [loop[0], *loop[:at - 1:-1]]
    return one if point_V3[one, 1].max() < point_V3[other, 1].max() else other
