"""Association: which detection of a frame continues which track."""

from __future__ import annotations

import numpy as np

from models.box_overlap import expand_boxes, intersection_over_smaller, iou
from models.time_steps import FrameTime
from stages.payloads import Float
from stages.people.appearance import SAME_APPEARANCE, appearance_similarity
from stages.people.hidden_people import reappeared
from stages.people.trajectory import Observations, Trajectory

NEAR_IOU, FAR_IOU = 0.25, 0.15
"""Least IoU of a track's predicted box with a detection, and of both boxes enlarged with a high-score detection."""
PART_COVER = 0.4
"""Least share of the smaller of two boxes that both cover, for partly visible people: where the image's edge or another
person hides much of a person, IoU says little, and the appearance must be the same."""
APPEARANCE_WEIGHT = 1.0
"""Weight of the similarity of appearance beside the overlap when detections compete for a track."""
GROWTH = 0.4
"""Share of its side by which a box is enlarged on each side, for people who moved farther than predicted."""
FRESH_S = 0.25
"""Most seconds without detection for a low-score detection of another appearance to continue a track."""


def associate(tracks: list[Trajectory], found: Observations, now: FrameTime, max_gap_s: float) -> list[tuple[int, int]]:
    """Match detections with tracks in five rounds; returns pairs (position in `tracks`, detection).

    High-score detections near the predicted box; high-score detections a little farther away; high-score detections
    that are a part of the predicted box, or contain it, with similar appearance; low-score detections, for tracks that
    were detected a moment ago, or look the same; high-score detections beside the person behind whom somebody similar
    disappeared.
    Overlap decides which pairs are possible; overlap plus appearance ranks them. A track without detection for more
    than `max_gap_s` seconds, whose person is hidden, continues by similar appearance alone.
    """
    box_N4, confident_N = found.box_N4, found.confident_N
    if not tracks or not len(box_N4):
        return []
    expected_K4 = np.stack([track.expected(now) for track in tracks])
    fresh_K = np.array([now.within(track.seen_s, FRESH_S) for track in tracks])
    near_KN = iou(expected_K4, box_N4)
    far_KN = iou(expand_boxes(expected_K4, GROWTH), expand_boxes(box_N4, GROWTH))
    part_KN = intersection_over_smaller(expected_K4, box_N4)
    similar_KN = appearance_similarity(np.stack([track.appearance_84 for track in tracks]), found.appearance_N84)
    same_KN = similar_KN > SAME_APPEARANCE
    recent_K = np.array([now.within(track.seen_s, max_gap_s) for track in tracks])
    expected_KN = confident_N[None, :] & (same_KN | recent_K[:, None])
    faint_KN = ~confident_N[None, :] & (fresh_K[:, None] | (recent_K[:, None] & same_KN))
    bonus_KN = APPEARANCE_WEIGHT * similar_KN
    free_K, free_N = np.ones(len(tracks), bool), np.ones(len(box_N4), bool)
    pairs: list[tuple[int, int]] = []
    rounds = (
        (near_KN, expected_KN, NEAR_IOU),
        (far_KN, expected_KN, FAR_IOU),
        (part_KN, confident_N[None, :] & same_KN, PART_COVER),
        (near_KN, faint_KN, NEAR_IOU),
    )
    for overlap_KN, allowed_KN, least in rounds:
        open_KN = free_K[:, None] & free_N[None, :] & allowed_KN & (overlap_KN >= least)
        matched = best_pairs(np.where(open_KN, overlap_KN + bonus_KN, -np.inf), least)
        pairs += matched
        free_K[[k for k, _ in matched]] = False
        free_N[[n for _, n in matched]] = False
    again_KN = reappeared(tracks, found, now, similar_KN, free_K[:, None] & free_N[None, :])
    return pairs + best_pairs(again_KN, SAME_APPEARANCE)


def best_pairs(score_AB: Float, least: float) -> list[tuple[int, int]]:
    """Pairs (a, b) by falling score, each a and each b at most once, none below `least`.

    Greedy instead of optimal assignment: the two differ only where two detections overlap two tracks about equally, and
    there neither choice is better founded. It needs no solver.
    """
    pairs = []
    left = score_AB.astype(np.float64, copy=True)
    while left.size:
        a, b = np.unravel_index(int(left.argmax()), left.shape)
        if left[a, b] < least:
            break
        pairs.append((int(a), int(b)))
        left[a, :] = -np.inf
        left[:, b] = -np.inf
    return pairs
