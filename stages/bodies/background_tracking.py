"""Tracks image points of the background in a shot: their positions in each frame and in an earlier key frame.

People are excluded by their silhouettes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np

from models.arrays import F32, F64, U8, Bool, Float
from models.motion.camera_estimation import MIN_IMAGE_POINTS, BackgroundMatch
from stages.payloads import PersonSurface
from stages.people.point_flow import charts_at
from stages.people.surface_arrays import NamedArrays, SavedArrays

SIDE = 640
"""Pixels: points are tracked in small images whose larger side has this size. All pixels below are of these images."""
CORNERS, CORNER_QUALITY = 600, 0.005
"""Maximum number of corners that are detected, and their minimum quality relative to the best one."""
CELLS, PER_CELL, MIN_DISTANCE = 4, 12, 8
"""A key frame has at most 12 points in each of 4 × 4 cells, with at least 8 pixels between them."""
BLOCK, MIN_CONTRAST = 5, 1e-4
"""Pixels of the square in which a corner is measured, and its minimum eigenvalue (Shi and Tomasi, 1994). Noise of dark
images has smaller ones."""
KEPT = 64
"""Maximum number of points of a frame in the result."""
EDGE = 6
"""Pixels: points nearer to the image's edge are not tracked."""
AROUND_PEOPLE = 15
"""Pixels: side of the square by which people's silhouettes are dilated."""
RETURN_TOLERANCE = 0.7
"""Pixels: a tracked point is used if tracking it back ends nearer than this to its start."""
MAX_ERROR, MIN_AGREEING = 2.0, 0.3
"""Pixels: maximum error of an inlier of the common homography; and the minimum share of inliers."""
MIN_VISIBLE, SEEN_AGAIN = 0.65, 0.75
"""Another key frame is chosen when the current one covers less than the first share of the image. An earlier key frame
is used again if it covers more than the second share."""
MAX_KEYS = 24
"""Maximum number of key frames in memory."""
PATCH, LEVELS = (15, 15), 3
STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.03)
"""Of the tracker of Lucas and Kanade: window in pixels, pyramid levels above the image, and the end of its iterations
(10, or a step below 0.03 pixels)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A frame as a small image.

    Attributes:
        frame: index in the shot.
        grey_hw: the image in grey.
        free_hw: 0 near people, 255 elsewhere.
        from_first_33: the homography from the first frame to this one, pixels.
    """

    frame: int
    grey_hw: U8
    free_hw: U8
    from_first_33: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Points of a key frame that are found in the current frame.

    Attributes:
        key_M2, current_M2: the points in both frames, pixels.
        to_now_33: the common homography between them.
        agreeing: number of its inliers.
        parallax_N2: for each of the N points of the key frame its error from the homography, 0 where it is not found.
            If the camera translates, near things have parallax.
    """

    key_M2: F32
    current_M2: F32
    to_now_33: F64
    agreeing: int
    parallax_N2: F32


class BackgroundTracker:
    """Tracks the background from the key frame that shares most of the image with each frame."""

    def __init__(self) -> None:
        """A shot without known frames."""
        self._frames = 0
        self._keys: list[tuple[View, F32]] = []
        self._current = 0
        self._parallax_N2: F32 = np.zeros((0, 2), np.float32)
        self._last: View | None = None
        self._step_33: F64 = np.eye(3)

    def match(self, frame_HW3: U8, people: Sequence[PersonSurface]) -> BackgroundMatch | None:
        """The image points of the next frame; None if the key frame has enough points but they are lost."""
        now = View(
            frame=self._frames, grey_hw=_small(frame_HW3), free_hw=_free(frame_HW3.shape[:2], people),
            from_first_33=np.eye(3),
        )
        self._frames += 1
        last, self._last = self._last, now
        if last is None:
            return self._begun(now)
        found = self._found(now, last)
        if found is None:
            had = len(self._keys[self._current][1]) >= MIN_IMAGE_POINTS
            self._last = View(
                frame=now.frame, grey_hw=now.grey_hw, free_hw=now.free_hw, from_first_33=last.from_first_33
            )
            begun = self._begun(self._last)
            return None if had else begun
        key = self._keys[self._current][0]
        self._parallax_N2 = found.parallax_N2
        here_33 = found.to_now_33 @ key.from_first_33
        self._step_33 = here_33 @ np.linalg.inv(last.from_first_33)
        self._last = View(frame=now.frame, grey_hw=now.grey_hw, free_hw=now.free_hw, from_first_33=here_33)
        if found.agreeing < 1.5 * MIN_IMAGE_POINTS or self._seen(self._current) < MIN_VISIBLE:
            self._change_key()
        return _match(key, found, now.grey_hw.shape)

    def to_arrays(self) -> NamedArrays:
        """The state as arrays whose names begin with `background`."""
        views = [*(view for view, _ in self._keys), *([] if self._last is None else [self._last])]
        arrays: NamedArrays = {
            "background counts": np.array([self._frames, self._current, len(self._keys), len(views)], np.int64),
            "background parallax": self._parallax_N2, "background step": self._step_33,
        }
        for number, view in enumerate(views):
            values = {field.name: getattr(view, field.name) for field in fields(view)}
            arrays |= {f"background {number} {name}": np.asarray(value) for name, value in values.items()}
        for number, (_, place_N2) in enumerate(self._keys):
            arrays[f"background {number} places"] = place_N2
        return arrays

    @classmethod
    def from_arrays(cls, arrays: SavedArrays) -> BackgroundTracker:
        """The inverse of `to_arrays`."""
        tracker = cls()
        tracker._frames, tracker._current, keys, count = arrays["background counts"].tolist()
        tracker._parallax_N2, tracker._step_33 = arrays["background parallax"], arrays["background step"]
        views = [
            View(
                frame=int(arrays[f"background {number} frame"]), grey_hw=arrays[f"background {number} grey_hw"],
                free_hw=arrays[f"background {number} free_hw"],
                from_first_33=arrays[f"background {number} from_first_33"],
            )
            for number in range(count)
        ]
        tracker._keys = [(views[number], arrays[f"background {number} places"]) for number in range(keys)]
        tracker._last = views[keys] if count > keys else None
        return tracker

    def _begun(self, view: View) -> BackgroundMatch:
        """A match without points; the frame becomes a key frame."""
        self._add_key(view)
        none_02 = np.zeros((0, 2), np.float32)
        return BackgroundMatch(earlier=view.frame, earlier_M2=none_02, current_M2=none_02)

    def _add_key(self, view: View) -> None:
        place_N2 = _places(view)
        self._keys = [*self._keys[-MAX_KEYS + 1 :], (view, place_N2)]
        self._current, self._parallax_N2, self._step_33 = len(self._keys) - 1, np.zeros_like(place_N2), np.eye(3)

    def _found(self, now: View, last: View) -> _Found | None:
        """The points of the current key frame, else those of the last frame, which then becomes a key frame.

        The first guess is that the camera is as in the last frame, the second that its last motion goes on.
        """
        for here_33 in (last.from_first_33, self._step_33 @ last.from_first_33):
            if (found := self._compared(self._current, here_33, now)) is not None:
                return found
        if last.frame == self._keys[self._current][0].frame:
            return None
        self._add_key(last)
        return self._compared(self._current, last.from_first_33, now)

    def _compared(self, number: int, here_33: F64, now: View) -> _Found | None:
        """A key frame's points in a frame; `here_33` is a guess of its homography from the first frame."""
        key, place_N2 = self._keys[number]
        height, width = now.grey_hw.shape
        to_now_33 = here_33 @ np.linalg.inv(key.from_first_33)
        at_N2, before_N = _moved(to_now_33, place_N2)
        seen_N = before_N & ((at_N2 > EDGE) & (at_N2 < (width - EDGE, height - EDGE))).all(axis=1)
        if seen_N.sum() < MIN_IMAGE_POINTS:
            return None
        at_M2, key_M2 = at_N2[seen_N], place_N2[seen_N]
        guess_M2 = at_M2 + self._parallax_N2[seen_N] if number == self._current else at_M2
        warped_hw = np.asarray(cv2.warpPerspective(key.grey_hw, to_now_33, (width, height)), np.uint8)
        current_M2, there_M = _followed(warped_hw, now.grey_hw, at_M2, guess_M2)
        back_M2, again_M = _followed(now.grey_hw, warped_hw, current_M2, at_M2)
        good_M: Bool = there_M & again_M & (np.linalg.norm(back_M2 - at_M2, axis=1) < RETURN_TOLERANCE)
        x_M, y_M = np.clip(current_M2.astype(int), 0, (width - 1, height - 1)).T
        good_M &= (now.free_hw[y_M, x_M] > 0) & ((current_M2 > 2) & (current_M2 < (width - 3, height - 3))).all(axis=1)
        if good_M.sum() < MIN_IMAGE_POINTS:
            return None
        common_33, agree_M1 = cv2.findHomography(
            key_M2[good_M], current_M2[good_M], cv2.RANSAC, MAX_ERROR, maxIters=300, confidence=0.995
        )
        agreeing = 0 if common_33 is None else int(agree_M1.sum())
        if agreeing < max(MIN_IMAGE_POINTS, MIN_AGREEING * good_M.sum()) or np.linalg.det(common_33) <= 0:
            return None
        common_33 = common_33 / np.cbrt(np.linalg.det(common_33))
        parallax_N2 = np.zeros_like(place_N2)
        parallax_N2[np.flatnonzero(seen_N)[good_M]] = current_M2[good_M] - _moved(common_33, key_M2[good_M])[0]
        return _Found(
            key_M2=key_M2[good_M], current_M2=current_M2[good_M], to_now_33=common_33, agreeing=agreeing,
            parallax_N2=parallax_N2,
        )

    def _seen(self, number: int) -> float:
        """The share of the last frame's image that a key frame covers."""
        assert self._last is not None
        height, width = self._last.grey_hw.shape
        x_M, y_M = np.meshgrid((np.arange(6) + 0.5) / 6 * width, (np.arange(6) + 0.5) / 6 * height)
        to_key_33 = self._keys[number][0].from_first_33 @ np.linalg.inv(self._last.from_first_33)
        at_M2, before_M = _moved(to_key_33, np.stack([x_M.ravel(), y_M.ravel()], axis=1))
        return float((before_M & ((at_M2 > 0) & (at_M2 < (width, height))).all(axis=1)).mean())

    def _change_key(self) -> None:
        """Choose an earlier key frame that covers the last frame again, else make the last frame a key frame.

        Errors do not add up where an earlier key frame is used again.
        """
        assert self._last is not None
        share = [self._seen(number) if number != self._current else 0.0 for number in range(len(self._keys))]
        best = int(np.argmax(share))
        if share[best] > SEEN_AGAIN:
            found = self._compared(best, self._last.from_first_33, self._last)
            if found is not None and found.agreeing > 2.5 * MIN_IMAGE_POINTS:
                self._current, self._parallax_N2 = best, found.parallax_N2
                return
        self._add_key(self._last)


def _small(frame_HW3: U8) -> U8:
    """A frame in grey, reduced."""
    grey_HW = cv2.cvtColor(frame_HW3, cv2.COLOR_RGB2GRAY)
    width, height = _small_size(frame_HW3.shape[:2])
    return np.asarray(cv2.resize(grey_HW, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _small_size(shape: tuple[int, ...]) -> tuple[int, int]:
    scale = min(1.0, SIDE / max(shape))
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def _free(shape: tuple[int, ...], people: Sequence[PersonSurface]) -> U8:
    """A mask of the small image: 0 near people, 255 elsewhere."""
    width, height = _small_size(shape)
    covered_hw = np.zeros((height, width), np.uint8)
    row_h = np.floor((np.arange(height) + 0.5) / height * shape[0]).astype(np.intp)
    column_w = np.floor((np.arange(width) + 0.5) / width * shape[1]).astype(np.intp)
    for person in people:
        tall, wide = person.labels_hw.shape
        y0, y1 = np.searchsorted(row_h, (person.y0, person.y0 + tall))
        x0, x1 = np.searchsorted(column_w, (person.x0, person.x0 + wide))
        covered_hw[y0:y1, x0:x1] |= charts_at(person, row_h[y0:y1], column_w[x0:x1])
    wide_hw = cv2.dilate(covered_hw, np.ones((AROUND_PEOPLE, AROUND_PEOPLE), np.uint8))
    return np.where(wide_hw > 0, 0, 255).astype(np.uint8)


def _places(view: View) -> F32:
    """Corners (N, 2) of the background that are good to track, spread over the image."""
    corner_N12 = cv2.goodFeaturesToTrack(
        view.grey_hw, CORNERS, CORNER_QUALITY, MIN_DISTANCE, mask=view.free_hw, blockSize=BLOCK
    )
    if corner_N12 is None:
        return np.zeros((0, 2), np.float32)
    corner_N2 = corner_N12[:, 0].astype(np.float32)
    column_N, row_N = corner_N2.astype(int).T
    corner_N2 = corner_N2[cv2.cornerMinEigenVal(view.grey_hw, BLOCK)[row_N, column_N] > MIN_CONTRAST]
    if not len(corner_N2):
        return corner_N2
    height, width = view.grey_hw.shape
    cell_N = (corner_N2 * CELLS / (width, height)).astype(int) @ [1, CELLS]
    chosen = [np.flatnonzero(cell_N == cell)[:PER_CELL] for cell in np.unique(cell_N)]
    return corner_N2[np.concatenate(chosen)]


def _moved(by_33: F64, point_N2: Float) -> tuple[F32, Bool]:
    """Points after a homography, and which of them are in front of the camera."""
    moved_N3 = np.column_stack([point_N2, np.ones(len(point_N2))]) @ by_33.T
    before_N: Bool = moved_N3[:, 2] > 1e-3
    depth_N1 = np.where(before_N, moved_N3[:, 2], 1.0)[:, None]
    return (moved_N3[:, :2] / depth_N1).astype(np.float32), before_N


def _followed(from_hw: U8, to_hw: U8, point_M2: F32, guess_M2: F32) -> tuple[F32, Bool]:
    """Points that are tracked from one image to another, and which of them are found (Lucas and Kanade, 1981).

    `guess_M2`: where the search in the second image starts.
    """
    to_M12, found_M1, _ = cv2.calcOpticalFlowPyrLK(
        from_hw, to_hw, point_M2[:, None], guess_M2[:, None].copy(), winSize=PATCH, maxLevel=LEVELS, criteria=STOP,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW, minEigThreshold=1e-4,
    )  # fmt: skip
    return to_M12[:, 0].astype(np.float32), found_M1[:, 0] > 0


def _match(key: View, found: _Found, shape: tuple[int, ...]) -> BackgroundMatch:
    """At most `KEPT` of the found points, evenly chosen, in larger sides of the frame from its middle."""
    step = max(1.0, len(found.current_M2) / KEPT)
    kept = np.arange(0, len(found.current_M2), step).astype(int)
    middle_2, side = (np.array(shape[::-1]) - 1) / 2, max(shape)
    return BackgroundMatch(
        earlier=key.frame,
        earlier_M2=((found.key_M2[kept] - middle_2) / side).astype(np.float32),
        current_M2=((found.current_M2[kept] - middle_2) / side).astype(np.float32),
    )
