"""Rotation and focal length of a video's camera in one shot, from image points of the background in pairs of frames.

If a camera only rotates, one rotation maps the image points of all background points, near and far, from one frame to
the other. So the share of inliers also shows whether the camera translates. Image points are relative to the middle of
the frame (x right, y down). Their unit, and that of focal lengths, is the larger side of the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from models.arrays import F32, F64, I64, Bool, Index

CameraKind = Literal["still", "rotates", "translates"]

KERNEL_WIDTHS = (0.1, 0.05, 0.02, 0.01, 0.005, 0.003, 0.003, 0.003)
"""Width of the robust kernel (Geman and McClure, 1987) in each iteration, larger sides of the frame."""
NEAR_PLANE, MAX_STEP = 0.05, 0.3
"""Minimum depth of a rotated ray of depth 1, and the maximum change of each unknown in one iteration (radians, or the
logarithm of the focal length). Both keep the first iterations finite."""
BATCH_FRAMES = 1000
"""Number of frames that are solved together. Each needs 4 kB for its derivatives."""

MIN_IMAGE_POINTS = 8
"""With fewer image points the rotation of a frame is unknown."""
INLIER_DISTANCE = 0.004
"""An image point is an inlier if its distance from the rotated one is smaller, larger sides of the frame."""
MIN_INLIER_SHARE, INLIER_WINDOW_S = 0.68, 2.0
"""The camera translates if in any window of this length, in seconds, the mean share of inliers is smaller."""
MAX_LOST_SHARE = 0.2
"""The camera's motion is unknown if the background is lost in a larger share of the frames."""
STILL_SHIFT = 0.008
"""The camera is still if in the whole shot the middle of its image moves less, larger sides of the frame."""
RESTING, RESTING_SHARE, RESTING_SECONDS = 0.003, 0.25, 1.0
"""A frame rests if this share of its image points moves less than the first number (larger sides). The camera is still
if in every window of this length, in seconds, most frames rest. Other points may be leaves, water or passing things."""

FOCAL_LENGTHS = tuple(np.geomspace(0.4, 4.5, 13).tolist())
"""Focal lengths that are tried first, larger sides of the frame: fields of view from 103° to 13°."""
FINER = (1.1, 1.05, 1.025)
"""Factors with which the best of them is then refined, one after the other."""
NEAR_FOCAL_LENGTHS = (0.7, 0.8, 0.9, 1.1, 1.25, 1.4)
"""Factors of that focal length which are tried, too, where the camera zooms."""
FOCAL_FRAMES = 60
"""Number of frames, evenly spaced, with which focal lengths are compared."""
MIN_FOCAL_GAIN = 0.03
"""The focal length is estimated only if it lowers the cost (0..1, see `_cost`) by more than this."""
ZOOM_GAIN = 0.8
"""The camera zooms if a free focal length in each frame lowers the cost to less than this share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundMatch:
    """Image points of the same background points in one frame and in an earlier one.

    Attributes:
        earlier: index of the earlier frame. A frame that is compared with none has its own index, and no points.
        earlier_M2, current_M2: the M image points in both frames.
    """

    earlier: int
    earlier_M2: F32
    current_M2: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedCamera:
    """The motion of a camera in one shot.

    Attributes:
        kind: `still`; `rotates` (and may zoom) at one position; `translates`, or its motion is unknown.
        rotation_T33: rotations from the axes of each frame (x right, y down, z forward) to those of the first frame.
            They are the identity unless `kind` is `rotates`.
        focal_T: focal lengths, larger sides of the frame.
        max_degrees: the largest angle of these rotations.
        focal_estimated: True if the focal length is estimated from the rotation, False if it is the given one.
    """

    kind: CameraKind
    rotation_T33: F64
    focal_T: F64
    max_degrees: float
    focal_estimated: bool

    @property
    def zoom(self) -> float:
        """The largest focal length divided by the smallest."""
        return float(self.focal_T.max() / self.focal_T.min())


@dataclass(frozen=True, slots=True, kw_only=True)
class _ImagePoints:
    """The matches of a shot as arrays of M image points a frame; `exist_TM` is False for the padding."""

    earlier_T: I64
    earlier_TM2: F64
    current_TM2: F64
    exist_TM: Bool

    def known(self) -> Bool:
        """Which frames (T,) have enough image points for a rotation."""
        return np.asarray(self.exist_TM.sum(axis=1) >= MIN_IMAGE_POINTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Solved:
    """The rotation and focal length of each frame.

    Attributes:
        rotation_T33: rotations from the first frame's axes to those of each frame.
        focal_T: focal lengths; NaN for a frame whose rotation is unknown.
        error_TM: distances between the image points and the rotated ones; NaN where there is no point.
    """

    rotation_T33: F64
    focal_T: F64
    error_TM: F64


def estimated_camera(matches: Sequence[BackgroundMatch | None], focal: float, fps: float) -> EstimatedCamera:
    """The motion and focal length of the camera in one shot.

    Args:
        matches: one for each frame. Indices of earlier frames count from the first frame of the shot. None for a frame
            whose background is lost.
        focal: the given or assumed focal length, larger sides of the frame. The rotation can give a better estimate.
        fps: frames per second.
    """
    points = _as_arrays(matches)
    still = EstimatedCamera(
        kind="still", rotation_T33=np.tile(np.eye(3), (len(matches), 1, 1)), focal_T=np.full(len(matches), focal),
        max_degrees=0.0, focal_estimated=False,
    )
    lost = sum(match is None for match in matches) / len(matches)
    if not points.known().any() or _rests(points, max(1, round(RESTING_SECONDS * fps))):
        return still
    first_focal, focal_estimated = _focal_length(points, focal)
    solved, zoomed = _solved(points, first_focal, False), _solved(points, first_focal, True)
    if _cost(zoomed.error_TM) < ZOOM_GAIN * _cost(solved.error_TM):
        # Where the focal length changes, pairs of frames give a less exact estimate of the first frame's.
        factors = NEAR_FOCAL_LENGTHS if focal_estimated else ()
        tried = [zoomed, *(_solved(points, first_focal * factor, True) for factor in factors)]
        solved = min(tried, key=lambda candidate: _cost(candidate.error_TM))
        first_focal = float(solved.focal_T[0])
    known_T = ~np.isnan(solved.focal_T)
    rotations = Rotation.from_matrix(solved.rotation_T33[known_T])
    angle = float(rotations.magnitude().max())
    zoom = float(np.abs(np.log(solved.focal_T[known_T] / first_focal)).max())
    if max(first_focal * np.tan(min(angle, 1.5)), zoom / 2) < STILL_SHIFT:
        return still if lost < MAX_LOST_SHARE else replace(still, kind="translates")
    if lost > MAX_LOST_SHARE or _lowest_inlier_share(solved, max(1, round(INLIER_WINDOW_S * fps))) < MIN_INLIER_SHARE:
        return replace(still, kind="translates")
    frame_T = np.arange(len(matches))
    at_K = np.flatnonzero(known_T)
    between_T = np.clip(frame_T, at_K[0], at_K[-1])
    back = Slerp(at_K, rotations.inv())(between_T) if len(at_K) > 1 else Rotation.from_matrix(still.rotation_T33)
    return EstimatedCamera(
        kind="rotates", rotation_T33=back.as_matrix(), focal_T=np.interp(frame_T, at_K, solved.focal_T[at_K]),
        max_degrees=float(np.degrees(angle)), focal_estimated=focal_estimated,
    )


def _as_arrays(matches: Sequence[BackgroundMatch | None]) -> _ImagePoints:
    most = max([1, *(len(match.current_M2) for match in matches if match is not None)])
    frames = len(matches)
    points = _ImagePoints(
        earlier_T=np.arange(frames), earlier_TM2=np.zeros((frames, most, 2)), current_TM2=np.zeros((frames, most, 2)),
        exist_TM=np.zeros((frames, most), bool),
    )
    for t, match in enumerate(matches):
        if match is not None:
            count = len(match.current_M2)
            points.earlier_T[t], points.exist_TM[t, :count] = match.earlier, True
            points.earlier_TM2[t, :count], points.current_TM2[t, :count] = match.earlier_M2, match.current_M2
    return points


def _focal_length(points: _ImagePoints, focal: float) -> tuple[float, bool]:
    """The focal length of lowest cost and True, or the given one and False if the cost is hardly lower.

    Each pair of frames gives a cost on its own, so the order of the frames does not matter.
    """
    known_K = np.flatnonzero(points.known())
    sampled_K = known_K[np.linspace(0, len(known_K) - 1, min(FOCAL_FRAMES, len(known_K))).astype(int)]

    def cost(tried: float) -> float:
        pairs = [_solved_pairs(points, sampled_K, tried, zoom)[2] for zoom in (False, True)]
        return min(_cost(error_KM) for error_KM in pairs)

    costs = [cost(tried) for tried in FOCAL_LENGTHS]
    best = FOCAL_LENGTHS[int(np.argmin(costs))]
    for step in FINER:
        best = min((best / step, best, best * step), key=cost)
    return (best, True) if cost(focal) - cost(best) > MIN_FOCAL_GAIN else (focal, False)


def _solved(points: _ImagePoints, focal: float, zoom: bool) -> _Solved:
    """The rotations and focal lengths of all frames, each relative to its earlier frame.

    Args:
        points: the image points of the shot.
        focal: focal length of the first frame.
        zoom: whether the focal lengths of other frames are free.
    """
    frames = len(points.earlier_T)
    solved = _Solved(
        rotation_T33=np.tile(np.eye(3), (frames, 1, 1)), focal_T=np.full(frames, np.nan),
        error_TM=np.full(points.exist_TM.shape, np.nan),
    )
    solved.focal_T[0], known_T = focal, points.known()
    for earlier in np.unique(points.earlier_T[known_T]).tolist():
        if np.isnan(solved.focal_T[earlier]):
            # The background of this frame was lost. We assume that the camera was still since the last known frame.
            last = np.flatnonzero(~np.isnan(solved.focal_T[:earlier]))[-1]
            solved.rotation_T33[earlier], solved.focal_T[earlier] = solved.rotation_T33[last], solved.focal_T[last]
        frames_of_key = np.flatnonzero(known_T & (points.earlier_T == earlier))
        for frame_K in np.array_split(frames_of_key, -(-len(frames_of_key) // BATCH_FRAMES)):
            rotation_K33, focal_K, error_KM = _solved_pairs(points, frame_K, float(solved.focal_T[earlier]), zoom)
            solved.rotation_T33[frame_K], solved.focal_T[frame_K] = rotation_K33 @ solved.rotation_T33[earlier], focal_K
            solved.error_TM[frame_K] = error_KM
    return solved


def _solved_pairs(points: _ImagePoints, frame_K: Index, focal: float, zoom: bool) -> tuple[F64, F64, F64]:
    """Rotations from the axes of the earlier frames to those of the frames `frame_K`, by robust Gauss–Newton.

    `focal`: focal length of the earlier frames.

    Returns: rotations (K, 3, 3), focal lengths (K,), and distances (K, M) between the image points and the rotated
        ones, NaN where there is no point.
    """
    exist_KM, current_KM2, old_KM2 = points.exist_TM[frame_K], points.current_TM2[frame_K], points.earlier_TM2[frame_K]
    ray_KM3 = np.concatenate([old_KM2 / focal, np.ones((*exist_KM.shape, 1))], axis=2)
    moved_K2 = np.stack([
        np.median((now - old)[exist], axis=0) for now, old, exist in zip(current_KM2, old_KM2, exist_KM, strict=True)
    ])  # fmt: skip
    focal_K = np.full(len(frame_K), focal)
    first_K3 = np.column_stack([-moved_K2[:, 1], moved_K2[:, 0], np.zeros(len(frame_K))]) / focal
    rotation_K33 = Rotation.from_rotvec(first_K3).as_matrix()
    for width in KERNEL_WIDTHS:
        flat_KM2 = _flat(rotation_K33, ray_KM3)
        error_KM2 = current_KM2 - focal_K[:, None, None] * flat_KM2
        weight_KM = exist_KM / (1 + (error_KM2**2).sum(axis=2) / width**2) ** 2
        slope_KN4 = (_slopes(flat_KM2) * focal_K[:, None, None, None]).reshape(len(frame_K), -1, 4)
        if not zoom:
            slope_KN4 = slope_KN4[..., :3]
        weighted_K4N = (slope_KN4 * weight_KM.repeat(2, axis=1)[..., None]).swapaxes(1, 2)
        normal_K44 = weighted_K4N @ slope_KN4 + 1e-9 * np.eye(slope_KN4.shape[2])
        step_K4 = np.linalg.solve(normal_K44, weighted_K4N @ error_KM2.reshape(len(frame_K), -1, 1))[..., 0]
        step_K4 = np.clip(step_K4, -MAX_STEP, MAX_STEP)
        rotation_K33 = Rotation.from_rotvec(step_K4[:, :3]).as_matrix() @ rotation_K33
        if zoom:
            focal_K = focal_K * np.exp(step_K4[:, 3])
    error_KM2 = current_KM2 - focal_K[:, None, None] * _flat(rotation_K33, ray_KM3)
    return rotation_K33, focal_K, np.where(exist_KM, np.linalg.norm(error_KM2, axis=2), np.nan)


def _slopes(flat_KM2: F64) -> F64:
    """Derivatives (K, M, 2, 4) of image points at focal length 1, by a rotation of the rays (3) and by the logarithm of
    the focal length."""
    x_KM, y_KM = flat_KM2[..., 0], flat_KM2[..., 1]
    across_KM4 = np.stack([-x_KM * y_KM, 1 + x_KM**2, -y_KM, x_KM], axis=-1)
    down_KM4 = np.stack([-1 - y_KM**2, x_KM * y_KM, x_KM, y_KM], axis=-1)
    return np.stack([across_KM4, down_KM4], axis=-2)


def _cost(error_NM: F64) -> float:
    """The mean of the robust kernel over all image points, 0..1: 0 without errors, 1 if all points are outliers."""
    error_N = error_NM[~np.isnan(error_NM)]
    return float((error_N**2 / (error_N**2 + KERNEL_WIDTHS[-1] ** 2)).mean())


def _flat(rotation_K33: F64, ray_KM3: F64) -> F64:
    """Intersections (K, M, 2) of rotated rays with the plane at depth 1."""
    turned_KM3 = ray_KM3 @ rotation_K33.swapaxes(1, 2)
    return np.asarray(turned_KM3[..., :2] / np.maximum(turned_KM3[..., 2:], NEAR_PLANE))


def _rests(points: _ImagePoints, window: int) -> bool:
    """Whether most frames rest in each window of `window` frames (see `RESTING`)."""
    error_TM = np.linalg.norm(points.current_TM2 - points.earlier_TM2, axis=2)
    known_T = points.known()
    resting_T = ((error_TM < RESTING) & points.exist_TM).sum(axis=1) >= RESTING_SHARE * points.exist_TM.sum(axis=1)
    return _least_mean(resting_T[known_T], window) > 0.5


def _lowest_inlier_share(solved: _Solved, window: int) -> float:
    """The mean share of inliers in the window of `window` frames where it is lowest."""
    exist_TM = ~np.isnan(solved.error_TM)
    frame_K = np.flatnonzero(exist_TM.any(axis=1))
    near_KM = np.where(exist_TM[frame_K], solved.error_TM[frame_K], np.inf) < INLIER_DISTANCE
    return _least_mean(near_KM.sum(axis=1) / exist_TM[frame_K].sum(axis=1), window)


def _least_mean(value_K: F64 | Bool, window: int) -> float:
    """The lowest mean of `window` successive values."""
    count = min(window, len(value_K))
    return float(np.convolve(value_K, np.full(count, 1 / count), "valid").min())
