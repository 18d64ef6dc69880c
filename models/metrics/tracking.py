"""HOTA and IDF1 of tracks, computed by TrackEval (Luiten et al. 2021; Ristani et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import Float, Int
from models.errors import ModelError
from models.metrics.masks import box_overlaps

MATCH_IOU = 0.5
"""Minimum IoU of matching boxes for IDF1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedFrame:
    """One frame of a video: true and detected boxes x, y, width, height, and their identities (any integers)."""

    true_box_N4: Float
    true_id_N: Int
    found_box_N4: Float
    found_id_N: Int


def tracking_scores(frames: Sequence[TrackedFrame]) -> dict[str, float]:
    """HOTA, DetA, AssA (means over 19 IoU thresholds) and IDF1 of one video, 0..1.

    Raises: ModelError if TrackEval is not installed, or a frame has an identity twice.
    """
    hota, identity = _library()
    data = _sequence(frames)
    found = hota.eval_sequence(data)
    names = ("HOTA", "DetA", "AssA")
    scores = {name: float(np.mean(found[name])) for name in names}
    return scores | {"IDF1": float(identity.eval_sequence(data)["IDF1"])}


def _library() -> tuple[Any, Any]:
    try:
        from trackeval.metrics import HOTA, Identity
    except ImportError as error:
        raise ModelError(
            "TrackEval is not installed", "tracking scores",
            "install it without dependencies, which would replace OpenCV: pip install --no-deps trackeval tabulate",
        ) from error
    return HOTA(), Identity({"THRESHOLD": MATCH_IOU, "PRINT_CONFIG": False})


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
