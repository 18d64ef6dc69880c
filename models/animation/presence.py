"""When a person is visible: presence over the frames of a video, and the times at which it changes."""

from __future__ import annotations

import numpy as np

from models.arrays import F64, U8, Bool, Index
from models.body.body_motion import BRIDGED, HIDDEN, SEEN
from models.time_steps import frame_steps


def nearest_frames(old_T: F64, new_T: F64) -> Index:
    """For each of some times the index of the nearest of others, which ascend; of two equally near ones the first."""
    if len(old_T) == 1:
        return np.zeros(len(new_T), np.intp)
    after_T = np.clip(np.searchsorted(old_T, new_T), 1, len(old_T) - 1)
    return np.where(new_T - old_T[after_T - 1] <= old_T[after_T] - new_T, after_T - 1, after_T)


def presence_in_video(second_T: F64, bridged_T: Bool, frame_second_F: F64, bridge_s: float) -> U8:
    """The presence (F,) of a person in the frames of a video: `HIDDEN`, `BRIDGED` or `SEEN`.

    Args:
        second_T: times of the frames in which the person has a body, ascending.
        bridged_T: True for bodies that are propagated from other frames.
        frame_second_F: times of all frames of the video, ascending.
        bridge_s: frames without a body are bridged if at most this number of seconds lies between the bodies before and
            after them, less one frame. Others are hidden.
    """
    presence_F = np.full(len(frame_second_F), HIDDEN, np.uint8)
    at_T = nearest_frames(frame_second_F, second_T)
    presence_F[at_T] = np.where(bridged_T, BRIDGED, SEEN)
    for before, after in zip(at_T[:-1].tolist(), at_T[1:].tolist(), strict=True):
        if after > before + 1 and frame_second_F[after] - frame_second_F[before + 1] <= bridge_s + 1e-6:
            presence_F[before + 1 : after] = BRIDGED
    return presence_F


def shown_spans(shown_T: Bool) -> list[tuple[int, int]]:
    """The first frame of each span in which a person is shown, and the frame after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], shown_T, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def visibility_keys(second_T: F64, shown_T: Bool, start: float, end: float) -> tuple[F64, Bool]:
    """Times, in seconds after `start`, and values of the steps of a person's visibility in a file.

    The first key is at 0. A person who is shown throughout has one key.

    Args:
        second_T, shown_T: frames of the person, and whether the person is shown in them.
        start, end: times of the first and the last frame of the file.
    """
    step = frame_steps(second_T).seconds
    spans = shown_spans(shown_T)
    keys = {0.0: bool(spans) and second_T[spans[0][0]] <= start + step / 4}
    for first, last in spans:
        if (appears := float(second_T[first]) - start) > step / 4:
            keys[appears] = True
        gone = float(second_T[last]) if last < len(second_T) else float(second_T[-1]) + step
        if gone <= end + step / 4:
            keys[gone - start] = False
    return np.array(list(keys), np.float64), np.array(list(keys.values()), bool)
