"""People hidden by others: who disappears behind another person keeps the identity for longer, by appearance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.arrays import Bool
from models.box_overlap import expand_boxes, inside_share, iou
from models.time_steps import FrameTime
from stages.payloads import Float
from stages.people.appearance import SAME_APPEARANCE
from stages.people.trajectory import Observations, Trajectory

HIDING_COVER = 0.4
"""Least share of a missed person's predicted box that another person's box covers, to be hidden by that person."""
LEAST_SHOWN_S = 0.22
"""Seconds of detections before a track may be hidden: a false box on a person disappears often."""
GROWTH = 0.4
"""Share of its side by which the box of the person in front is enlarged: beyond, nobody reappears."""
HIDDEN_GAPS = 8
"""How many times longer a hidden person's track survives without detection than others."""


def with_hidden(tracks: list[Trajectory], now: FrameTime) -> list[Trajectory]:
    """The tracks, with those marked whose person is missed from this frame on and was behind one who is seen in it."""
    seen = [track for track in tracks if track.seen_s == now.second]
    missed = [
        track.seen_s == now.before and track.confident and track.shown_s >= LEAST_SHOWN_S and bool(seen)
        for track in tracks
    ]
    return [_behind(track, seen, now) if new else track for track, new in zip(tracks, missed, strict=True)]


def _behind(track: Trajectory, seen: list[Trajectory], now: FrameTime) -> Trajectory:
    cover_K = inside_share(track.expected(now)[None], np.stack([one.box_4 for one in seen]))[0]
    front = int(cover_K.argmax())
    return replace(track, hidden_by=seen[front].identity) if cover_K[front] >= HIDING_COVER else track


def surviving(tracks: list[Trajectory], now: FrameTime, longest_s: float) -> list[Trajectory]:
    """The tracks missing for at most `longest_s` seconds, and people hidden by one of these, who wait `HIDDEN_GAPS`
    times as long. Tracks with a detection in this frame or a later one belong to another stream and end.
    """
    alive = {track.identity for track in tracks if now.within(track.seen_s, longest_s)}
    return [
        track
        for track in tracks
        if track.identity in alive or (track.hidden_by in alive and now.within(track.seen_s, HIDDEN_GAPS * longest_s))
    ]


def reappeared(
    tracks: list[Trajectory], found: Observations, now: FrameTime, similar_KN: Float, free_KN: Bool
) -> Float:
    """Similarity of hidden people and the detections that may be them, (K, N); −inf elsewhere.

    Such a detection has a high score, is at the box of the person in front, and looks more like the hidden person than
    like the one in front. `similar_KN`: similarity of appearance of tracks and detections; `free_KN`: pairs of which
    neither is matched.
    """
    position = {track.identity: k for k, track in enumerate(tracks)}
    score_KN = np.full(similar_KN.shape, -np.inf)
    grown_N4 = expand_boxes(found.box_N4, GROWTH)
    for k, track in enumerate(tracks):
        if track.hidden_by in position:
            front = position[track.hidden_by]
            near_N = iou(expand_boxes(tracks[front].expected(now)[None], GROWTH), grown_N4)[0] > 0
            like_N = (similar_KN[k] > SAME_APPEARANCE) & (similar_KN[k] > similar_KN[front])
            allowed_N = free_KN[k] & found.confident_N & near_N & like_N
            score_KN[k, allowed_N] = similar_KN[k, allowed_N]
    return score_KN
