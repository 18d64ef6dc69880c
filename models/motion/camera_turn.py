"""How the camera of a film turns and zooms, from where it sees the same places of the background in two frames.

A camera that only turns moves all places of the background by one rotation, near or far, so this tells also whether it
travels. Pictures hold places relative to their middle, in larger sides of the frame: x right, y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from models.arrays import F32, F64, I64, Bool, Index

CameraKind = Literal["still", "turns", "travels"]

ANNEALED = (0.1, 0.05, 0.02, 0.01, 0.005, 0.003, 0.003, 0.003)
"""Widths of the robust kernel (Geman and McClure), in larger sides, one an iteration."""
EXPLAINED = 0.004
"""A place that lies nearer than this to where the rotation puts it is explained by it."""
LEAST_EXPLAINED, WINDOW_SECONDS = 0.68, 2.0
"""Share of places that a rotation explains in the mean over so many seconds; less before a camera that travels."""
MOST_LOST = 0.2
"""Share of frames whose background is not found again, from which the camera's way is unknown."""
STILL_SHIFT = 0.008
"""The camera stands still if the middle of its picture moves less than this, over the whole shot, in larger sides."""
RESTING, RESTING_SHARE, RESTING_SECONDS = 0.003, 0.25, 1.0
"""The camera stands still if in most frames of so many seconds, at any time, this share of the places lies nearer than
that to where it lay: other places may be leaves, water, or things that pass."""
LEAST_POINTS = 8
"""Fewer places tell no rotation."""
FOCAL_LENGTHS = tuple(np.geomspace(0.4, 4.5, 13).tolist())
"""Focal lengths that are tried, in larger sides of the frame."""
FINER = (1.1, 1.05, 1.025)
"""Factors by which the best of them is refined."""
NEAR_FOCAL_LENGTHS = (0.7, 0.8, 0.9, 1.1, 1.25, 1.4)
SAMPLED = 60
"""Frames by which focal lengths are compared."""
REFUTED = 0.03
"""The turn tells the focal length if the given one costs so much more: the mean share, 0 to 1, by which places are not
explained."""
ZOOM_GAIN = 0.8
"""The camera zooms if free focal lengths lower the cost to less than this share."""
NEAR_PLANE, MOST_STEP = 0.05, 0.3
AT_ONCE = 1000
"""Frames that are solved at once: their slopes need 4 kB each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundMatch:
    """Places of the background in one frame, and in an earlier one.

    Attributes:
        earlier: index of the earlier frame; a frame without an earlier one states its own, and no places.
        earlier_M2, now_M2: the places in both.
    """

    earlier: int
    earlier_M2: F32
    now_M2: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraTurn:
    """What a shot's camera does.

    Attributes:
        kind: `turns` also where it zooms; `travels` also where its way is unknown.
        turn_T33: take each frame's axes (x right, y down, z forward) into those of the first; no turns unless `turns`.
        focal_T: focal lengths in larger sides of the frame.
        degrees: the largest turn against the first frame.
        told: whether the turn tells the focal length; else it is the given one.
    """

    kind: CameraKind
    turn_T33: F64
    focal_T: F64
    degrees: float
    told: bool

    @property
    def zoom(self) -> float:
        """The longest focal length relative to the shortest."""
        return float(self.focal_T.max() / self.focal_T.min())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """The matches of a shot as arrays: places in a frame and the earlier one, padded; which of them exist."""

    earlier_T: I64
    earlier_TM2: F64
    now_TM2: F64
    exist_TM: Bool

    def known(self) -> Bool:
        """Which frames tell a rotation, (T,)."""
        return np.asarray(self.exist_TM.sum(axis=1) >= LEAST_POINTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Solved:
    """Rotations from the first frame's axes to each frame's, focal lengths (NaN = unknown), distances of places."""

    turn_T33: F64
    focal_T: F64
    off_TM: F64


def camera_turn(matches: Sequence[BackgroundMatch | None], focal: float, fps: float) -> CameraTurn:
    """The turn of the camera through one shot.

    Args:
        matches: one a frame; an earlier frame is one of the same shot, counted from its first. None for a frame whose
            background is not found again.
        focal: the focal length that is given or assumed, in larger sides of the frame. A turn may tell another one.
        fps: frames a second.
    """
    places = _as_arrays(matches)
    still = CameraTurn(
        kind="still", turn_T33=np.tile(np.eye(3), (len(matches), 1, 1)), focal_T=np.full(len(matches), focal),
        degrees=0.0, told=False,
    )
    lost = sum(match is None for match in matches) / len(matches)
    if not places.known().any() or _rests(places, max(1, round(RESTING_SECONDS * fps))):
        return still
    own, told = _focal_length(places, focal)
    solved, zoomed = _solved(places, own, False), _solved(places, own, True)
    if _cost(zoomed.off_TM) < ZOOM_GAIN * _cost(solved.off_TM):
        # Pairs of frames tell the first frame's focal length less well where it changes.
        tried = [zoomed, *(_solved(places, own * step, True) for step in NEAR_FOCAL_LENGTHS if told)]
        solved = min(tried, key=lambda one: _cost(one.off_TM))
        own = float(solved.focal_T[0])
    known_T = ~np.isnan(solved.focal_T)
    turns = Rotation.from_matrix(solved.turn_T33[known_T])
    angle = float(turns.magnitude().max())
    widest = float(np.abs(np.log(solved.focal_T[known_T] / own)).max())
    if max(own * np.tan(min(angle, 1.5)), widest / 2) < STILL_SHIFT:
        return still if lost < MOST_LOST else replace(still, kind="travels")
    if lost > MOST_LOST or _least_explained(solved, max(1, round(WINDOW_SECONDS * fps))) < LEAST_EXPLAINED:
        return replace(still, kind="travels")
    frame_T = np.arange(len(matches))
    at_K = np.flatnonzero(known_T)
    between_T = np.clip(frame_T, at_K[0], at_K[-1])
    back = Slerp(at_K, turns.inv())(between_T) if len(at_K) > 1 else Rotation.from_matrix(still.turn_T33)
    return CameraTurn(
        kind="turns", turn_T33=back.as_matrix(), focal_T=np.interp(frame_T, at_K, solved.focal_T[at_K]),
        degrees=float(np.degrees(angle)), told=told,
    )


def _as_arrays(matches: Sequence[BackgroundMatch | None]) -> _Places:
    most = max([1, *(len(match.now_M2) for match in matches if match is not None)])
    frames = len(matches)
    places = _Places(
        earlier_T=np.arange(frames), earlier_TM2=np.zeros((frames, most, 2)), now_TM2=np.zeros((frames, most, 2)),
        exist_TM=np.zeros((frames, most), bool),
    )
    for t, match in enumerate(matches):
        if match is not None:
            count = len(match.now_M2)
            places.earlier_T[t], places.exist_TM[t, :count] = match.earlier, True
            places.earlier_TM2[t, :count], places.now_TM2[t, :count] = match.earlier_M2, match.now_M2
    return places


def _focal_length(places: _Places, focal: float) -> tuple[float, bool]:
    """The focal length that explains the places best, and whether they tell it; else the given one.

    A pair of frames tells it alone, so no frame needs to be solved before another.
    """
    known_K = np.flatnonzero(places.known())
    sampled_K = known_K[np.linspace(0, len(known_K) - 1, min(SAMPLED, len(known_K))).astype(int)]

    def cost(tried: float) -> float:
        pairs = [_solved_pairs(places, sampled_K, tried, zoom)[2] for zoom in (False, True)]
        return min(_cost(off_KM) for off_KM in pairs)

    costs = [cost(tried) for tried in FOCAL_LENGTHS]
    best = FOCAL_LENGTHS[int(np.argmin(costs))]
    for step in FINER:
        best = min((best / step, best, best * step), key=cost)
    return (best, True) if cost(focal) - cost(best) > REFUTED else (focal, False)


def _solved(places: _Places, focal: float, zoom: bool) -> _Solved:
    """All frames, each from its earlier frame.

    Args:
        focal: of the first frame.
        zoom: whether focal lengths of other frames are free.
    """
    frames = len(places.earlier_T)
    solved = _Solved(
        turn_T33=np.tile(np.eye(3), (frames, 1, 1)), focal_T=np.full(frames, np.nan),
        off_TM=np.full(places.exist_TM.shape, np.nan),
    )
    solved.focal_T[0], known_T = focal, places.known()
    for earlier in np.unique(places.earlier_T[known_T]).tolist():
        if np.isnan(solved.focal_T[earlier]):
            # The frame was not found again: the camera is taken to have stood still since the last one that was.
            last = np.flatnonzero(~np.isnan(solved.focal_T[:earlier]))[-1]
            solved.turn_T33[earlier], solved.focal_T[earlier] = solved.turn_T33[last], solved.focal_T[last]
        frames_of_key = np.flatnonzero(known_T & (places.earlier_T == earlier))
        for frame_K in np.array_split(frames_of_key, -(-len(frames_of_key) // AT_ONCE)):
            turn_K33, focal_K, off_KM = _solved_pairs(places, frame_K, float(solved.focal_T[earlier]), zoom)
            solved.turn_T33[frame_K], solved.focal_T[frame_K] = turn_K33 @ solved.turn_T33[earlier], focal_K
            solved.off_TM[frame_K] = off_KM
    return solved


def _solved_pairs(places: _Places, frame_K: Index, focal: float, zoom: bool) -> tuple[F64, F64, F64]:
    """Turns of frames from the axes of their earlier ones, whose focal length is given, by robust Gauss–Newton.

    Returns: the turns (K, 3, 3), focal lengths (K,), and distances (K, M) of places from where the turns put them, NaN
        where no place exists.
    """
    exist_KM, now_KM2, old_KM2 = places.exist_TM[frame_K], places.now_TM2[frame_K], places.earlier_TM2[frame_K]
    ray_KM3 = np.concatenate([old_KM2 / focal, np.ones((*exist_KM.shape, 1))], axis=2)
    moved_K2 = np.stack([
        np.median((now - old)[exist], axis=0) for now, old, exist in zip(now_KM2, old_KM2, exist_KM, strict=True)
    ])  # fmt: skip
    focal_K = np.full(len(frame_K), focal)
    first_K3 = np.column_stack([-moved_K2[:, 1], moved_K2[:, 0], np.zeros(len(frame_K))]) / focal
    turn_K33 = Rotation.from_rotvec(first_K3).as_matrix()
    for width in ANNEALED:
        flat_KM2 = _flat(turn_K33, ray_KM3)
        off_KM2 = now_KM2 - focal_K[:, None, None] * flat_KM2
        weight_KM = exist_KM / (1 + (off_KM2**2).sum(axis=2) / width**2) ** 2
        slope_KN4 = (_slopes(flat_KM2) * focal_K[:, None, None, None]).reshape(len(frame_K), -1, 4)
        if not zoom:
            slope_KN4 = slope_KN4[..., :3]
        weighted_K4N = (slope_KN4 * weight_KM.repeat(2, axis=1)[..., None]).swapaxes(1, 2)
        normal_K44 = weighted_K4N @ slope_KN4 + 1e-9 * np.eye(slope_KN4.shape[2])
        step_K4 = np.linalg.solve(normal_K44, weighted_K4N @ off_KM2.reshape(len(frame_K), -1, 1))[..., 0]
        step_K4 = np.clip(step_K4, -MOST_STEP, MOST_STEP)
        turn_K33 = Rotation.from_rotvec(step_K4[:, :3]).as_matrix() @ turn_K33
        if zoom:
            focal_K = focal_K * np.exp(step_K4[:, 3])
    off_KM2 = now_KM2 - focal_K[:, None, None] * _flat(turn_K33, ray_KM3)
    return turn_K33, focal_K, np.where(exist_KM, np.linalg.norm(off_KM2, axis=2), np.nan)


def _slopes(flat_KM2: F64) -> F64:
    """Derivatives (K, M, 2, 4) of places at focal length 1 with respect to a turn of the rays and the log of the focal
    length."""
    x_KM, y_KM = flat_KM2[..., 0], flat_KM2[..., 1]
    across_KM4 = np.stack([-x_KM * y_KM, 1 + x_KM**2, -y_KM, x_KM], axis=-1)
    down_KM4 = np.stack([-1 - y_KM**2, x_KM * y_KM, x_KM, y_KM], axis=-1)
    return np.stack([across_KM4, down_KM4], axis=-2)


def _cost(off_NM: F64) -> float:
    """The mean share, 0 to 1, by which places are not explained."""
    off_N = off_NM[~np.isnan(off_NM)]
    return float((off_N**2 / (off_N**2 + ANNEALED[-1] ** 2)).mean())


def _flat(turn_K33: F64, ray_KM3: F64) -> F64:
    """Where turned rays meet the plane at depth 1."""
    turned_KM3 = ray_KM3 @ turn_K33.swapaxes(1, 2)
    return np.asarray(turned_KM3[..., :2] / np.maximum(turned_KM3[..., 2:], NEAR_PLANE))


def _rests(places: _Places, window: int) -> bool:
    """Whether enough places rest in most frames of each window."""
    off_TM = np.linalg.norm(places.now_TM2 - places.earlier_TM2, axis=2)
    known_T = places.known()
    resting_T = ((off_TM < RESTING) & places.exist_TM).sum(axis=1) >= RESTING_SHARE * places.exist_TM.sum(axis=1)
    return _least_mean(resting_T[known_T], window) > 0.5


def _least_explained(solved: _Solved, window: int) -> float:
    """Share of the places that the rotation explains, in the mean over the worst frames in a row."""
    exist_TM = ~np.isnan(solved.off_TM)
    frame_K = np.flatnonzero(exist_TM.any(axis=1))
    near_KM = np.where(exist_TM[frame_K], solved.off_TM[frame_K], np.inf) < EXPLAINED
    return _least_mean(near_KM.sum(axis=1) / exist_TM[frame_K].sum(axis=1), window)


def _least_mean(value_K: F64 | Bool, window: int) -> float:
    """The least mean of values in a row."""
    count = min(window, len(value_K))
    return float(np.convolve(value_K, np.full(count, 1 / count), "valid").min())
