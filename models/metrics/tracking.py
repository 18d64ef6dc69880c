"""HOTA, MOTA and IDF1 of tracks, computed by TrackEval (Luiten et al. 2021; Bernardin and Stiefelhagen 2008; Ristani et
al. 2016), and changes of identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import Float, Int
from models.errors import ModelError
from models.metrics.masks import box_overlaps

MATCH_IOU = 0.5
"""Minimum IoU of matching boxes for MOTA, IDF1 and changes of identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedFrame:
    """One frame of a video: true and detected boxes x, y, width, height, and their identities (any integers)."""

    true_box_N4: Float
    true_id_N: Int
    found_box_N4: Float
    found_id_N: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityChanges:
    """How well people keep their identities in one video; a person is found where a box with an identity matches.

    Attributes:
        people: true people who are ever found.
        identities: sum over them of the number of identities that each had.
        switches: how often a person's identity differs from the last one.
        fragments: how often a person is found again after frames in which the person is missed.
    """

    people: int
    identities: int
    switches: int
    fragments: int


def identity_changes(frames: Sequence[TrackedFrame]) -> IdentityChanges:
    """The changes of identity in one video; in each frame boxes match by falling IoU, from MATCH_IOU on."""
    told: dict[int, list[int]] = {}
    missed: set[int] = set()
    switches = fragments = 0
    for frame in frames:
        found = _matched_identities(frame)
        for person, identity in found.items():
            before = told.setdefault(person, [])
            switches += bool(before) and before[-1] != identity
            fragments += person in missed
            before.append(identity)
        missed = (missed | (told.keys() & set(frame.true_id_N.tolist()))) - found.keys()
    identities = sum(len(set(each)) for each in told.values())
    return IdentityChanges(people=len(told), identities=identities, switches=switches, fragments=fragments)


def _matched_identities(frame: TrackedFrame) -> dict[int, int]:
    """The found identity of each true person who is found."""
    left_FT = box_overlaps(frame.found_box_N4, frame.true_box_N4, np.zeros(len(frame.true_id_N), bool)).copy()
    found: dict[int, int] = {}
    while left_FT.size and left_FT.max() >= MATCH_IOU:
        f, t = np.unravel_index(int(left_FT.argmax()), left_FT.shape)
        found[int(frame.true_id_N[t])] = int(frame.found_id_N[f])
        left_FT[f, :], left_FT[:, t] = -1, -1
    return found


def tracking_scores(frames: Sequence[TrackedFrame]) -> dict[str, float]:
    """HOTA, DetA, AssA (means over 19 IoU thresholds), IDF1, all 0..1, and MOTA (below 0 with many false people).

    Raises: ModelError if TrackEval is not installed, or a frame has an identity twice.
    """
    hota, identity, clear = _library()
    data = _sequence(frames)
    found = hota.eval_sequence(data)
    names = ("HOTA", "DetA", "AssA")
    scores = {name: float(np.mean(found[name])) for name in names}
    return scores | {
        "IDF1": float(identity.eval_sequence(data)["IDF1"]),
        "MOTA": float(clear.eval_sequence(data)["MOTA"]),
    }


def _library() -> tuple[Any, Any, Any]:
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError as error:
        raise ModelError(
            "TrackEval is not installed", "tracking scores",
            "install it without dependencies, which would replace OpenCV: pip install --no-deps trackeval tabulate",
        ) from error
    settings = {"THRESHOLD": MATCH_IOU, "PRINT_CONFIG": False}
    return HOTA(), Identity(settings), CLEAR(settings)


def _sequence(frames: Sequence[TrackedFrame]) -> dict[str, Any]:
    """A video in TrackEval's format: identities numbered from 0, one matrix of IoU per frame."""
    true, true_count = _renumbered([frame.true_id_N for frame in frames])
    found, found_count = _renumbered([frame.found_id_N for frame in frames])
    overlaps = [
        box_overlaps(frame.found_box_N4, frame.true_box_N4, np.zeros(len(frame.true_id_N), bool)).T for frame in frames
    ]
    return {
        "num_timesteps": len(frames),
        "gt_ids": true, "num_gt_ids": true_count, "num_gt_dets": sum(map(len, true)),
        "tracker_ids": found, "num_tracker_ids": found_count, "num_tracker_dets": sum(map(len, found)),
        "similarity_scores": overlaps,
    }


def _renumbered(id_TN: Sequence[Int]) -> tuple[list[Int], int]:
    """Identities of each frame numbered from 0, and their total number."""
    for t, id_N in enumerate(id_TN):
        if len(np.unique(id_N)) != len(id_N):
            what = "two people have the same identity"
            raise ModelError(what, f"frame {t}", "give every person of a frame another identity")
    known, place = np.unique(np.concatenate([*id_TN, np.zeros(0, np.int64)]), return_inverse=True)
    return np.split(place, np.cumsum([len(id_N) for id_N in id_TN])[:-1]) if id_TN else [], len(known)
