"""HOTA and IDF1 of tracks, by their authors' own library (Luiten et al. 2021; Ristani et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.errors import ModelError
from models.metrics.masks import box_overlaps
from models.surface.geometry import Float, Int

MATCH_IOU = 0.5
"""Overlap from which IDF1 takes two boxes for the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedFrame:
    """One frame of a film: true and found boxes x, y, width, height, and whose they are (any integers)."""

    true_box_N4: Float
    true_id_N: Int
    found_box_N4: Float
    found_id_N: Int


def tracking_scores(frames: Sequence[TrackedFrame]) -> dict[str, float]:
    """HOTA, DetA, AssA (means over its 19 overlaps) and IDF1 of one film, 0..1.

    Raises: ModelError where the library is not installed, or a frame has one id twice.
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
            "install it alone, so that OpenCV stays as it is: pip install --no-deps trackeval tabulate",
        ) from error
    return HOTA(), Identity({"THRESHOLD": MATCH_IOU, "PRINT_CONFIG": False})


def _sequence(frames: Sequence[TrackedFrame]) -> dict[str, Any]:
    """The film as TrackEval wants it: ids counted from 0, one matrix of overlaps a frame."""
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
    """Ids of each frame counted from 0, and how many there are."""
    for t, id_N in enumerate(id_TN):
        if len(np.unique(id_N)) != len(id_N):
            raise ModelError("an id stands twice in one frame", f"frame {t}", "give every person of a frame its own id")
    known, place = np.unique(np.concatenate([*id_TN, np.zeros(0, np.int64)]), return_inverse=True)
    return np.split(place, np.cumsum([len(id_N) for id_N in id_TN])[:-1]) if id_TN else [], len(known)
