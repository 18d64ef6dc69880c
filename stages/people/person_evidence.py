"""Evidence over time that a track is a thing: cues of each frame, their means over a track, and a fitted rule.

A thing that is taken for a person looks like one for a frame. Over a track its score stays low, it stands as still as
the background around it, and the surface on it has low confidence and few regions of the body. A track that moves, or
that once had a high score, is a person. The numbers of the rule are fitted on tracks with known truth
(docs/benchmarks/identities.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from models.errors import ModelError
from models.files.json_file import read_json
from models.light.inference.logistic import log_odds
from models.time_steps import FrameTime, remaining
from stages.payloads import U8, Float, People, PersonSurface, Surfaces
from stages.people.appearance import LEAST_SHARE, REGION_25, REGIONS
from stages.people.point_flow import PointFlow, cells_of, charts_at, log_speeds

CUES = ("confidence", "regions", "motion")
"""What a frame says of a detection:

confidence: log-odds of the mean confidence of the surface.
regions: share of the regions of the body (`appearance.REGION_25`) that are visible.
motion: log of the speed against the background around the box, in heights of the box in 1/30 s.
"""
RULE_CUES = (*CUES, "best_score")
"""What the rule weighs: means of `CUES` over the track, and the log-odds of its best score."""
MEMORY = 1 - 1 / 60
"""Weight of the past in the means of a track after `FRAME_S`: they reach back two seconds."""
LEAST_SHOWN_S = 0.06
"""Seconds of detections before a track may be a thing."""
RULE = Path(__file__).resolve().parents[2] / "models" / "weights" / "person_evidence.json"
LEAST_PROBABILITY = 1e-3
UNKNOWN_CONFIDENCE = 0.5
"""Confidence of networks that predict none."""
LATTICE = 100
"""Least rows of a surface's grid that are read for its mean confidence; of more, every k-th."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEvidence:
    """What the frames so far say of one track.

    Attributes:
        total_K, weight_K: float64, sums of the known cues and of their weights; older frames count less.
        best: the best score.
        shown_s: for how long the track was detected since its first detection, seconds.
        seen_s: time of the last detection, seconds; None = there is none.
        is_thing: the last decision.
    """

    total_K: Float
    weight_K: Float
    best: float
    shown_s: float
    seen_s: float | None
    is_thing: bool = False

    @classmethod
    def empty(cls) -> TrackEvidence:
        """The evidence before the first detection."""
        return cls(total_K=np.zeros(len(CUES)), weight_K=np.zeros(len(CUES)), best=0.0, shown_s=0.0, seen_s=None)

    def updated(self, cue_K: Float, score: float, now: FrameTime) -> TrackEvidence:
        """The evidence after one more detection; unknown cues are NaN."""
        step = 0.0 if self.seen_s is None else now.filter_step(self.seen_s)
        known_K, keep = np.isfinite(cue_K), remaining(MEMORY, step)
        return replace(
            self,
            total_K=keep * self.total_K + np.where(known_K, cue_K, 0),
            weight_K=keep * self.weight_K + known_K,
            best=max(self.best, score),
            shown_s=self.shown_s + step,
            seen_s=now.second,
        )

    def cues(self) -> Float:
        """The cues of the rule, in the order of `RULE_CUES`; NaN = unknown."""
        mean_K = np.where(self.weight_K > 0, self.total_K / np.maximum(self.weight_K, 1e-9), np.nan)
        return np.append(mean_K, _clipped_log_odds(self.best))


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingRule:
    """When a track is a thing: a logistic regression for tracks that are doubtful.

    Attributes:
        centre_K, scale_K, weight_K: float64, of the standardised cues, in the order of `RULE_CUES`.
        bias: log-odds of a person with average cues, over the threshold of the rule.
        most_best_score, most_motion: a track is doubtful if both cues are below.
        margin: log-odds by which a decision must be wrong before it is changed.
    """

    centre_K: Float
    scale_K: Float
    weight_K: Float
    bias: float
    most_best_score: float
    most_motion: float
    margin: float

    def is_doubtful(self, cue_K: Float, shown_s: float) -> bool:
        """Whether a track may be a thing: seen long enough, never with a high score, and still. Unknown is no."""
        still = cue_K[RULE_CUES.index("motion")] < self.most_motion
        return bool(shown_s >= LEAST_SHOWN_S and still and cue_K[RULE_CUES.index("best_score")] < self.most_best_score)

    def log_odds_of_person(self, cue_K: Float) -> float:
        """Log-odds of a person over the threshold; an unknown cue counts as average."""
        return float(self.bias + np.nan_to_num((cue_K - self.centre_K) / self.scale_K) @ self.weight_K)

    def is_thing(self, cue_K: Float, shown_s: float, was_thing: bool) -> bool:
        """The decision on a track, which differs from the last one only beyond the margin."""
        if not self.is_doubtful(cue_K, shown_s):
            return False
        return self.log_odds_of_person(cue_K) < (self.margin if was_thing else -self.margin)


@cache
def fitted_rule() -> ThingRule:
    """The rule whose numbers lie beside the built-in weights. Raises ModelError if the file cannot be read."""
    try:
        record = read_json(RULE)
        row_K3 = np.array(
            [[record["cues"][name][key] for key in ("centre", "scale", "weight")] for name in RULE_CUES], np.float64
        )
        numbers = {key: float(record[key]) for key in ("bias", "most_best_score", "most_motion", "margin")}
        return ThingRule(centre_K=row_K3[:, 0], scale_K=row_K3[:, 1], weight_K=row_K3[:, 2], **numbers)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"not a rule for tracks ({error!r})", str(RULE), "install the program again") from error


def cues_of(people: People, surfaces: Sequence[PersonSurface], flow: PointFlow | None) -> Float:
    """The cues of one frame's people, (N, K) in the order of `CUES`; NaN = unknown.

    `flow`: from this frame to an earlier one; None = there is none.
    """
    charts = [charts_at(surface, *cells_of(box_4)) for surface, box_4 in zip(surfaces, people.box_N4, strict=True)]
    speed_N = log_speeds(people.box_N4, charts, flow)
    rows = [
        (_clipped_log_odds(_mean_confidence(surface)), _share_of_regions(chart_RC), speed)
        for surface, chart_RC, speed in zip(surfaces, charts, speed_N.tolist(), strict=True)
    ]
    return np.array(rows, np.float64).reshape(-1, len(CUES))


def without_things(people: People, surfaces: Surfaces) -> tuple[People, Surfaces]:
    """People and surfaces without those that `verify` marked as things."""
    if people.thing_N is None:
        return people, surfaces
    person_N = np.flatnonzero(~people.thing_N)
    kept = replace(people.some(person_N), thing_N=None)
    return kept, Surfaces(people=tuple(surfaces.people[i] for i in person_N.tolist()))


def _clipped_log_odds(probability: float) -> float:
    return float(log_odds(np.array(probability, np.float64), LEAST_PROBABILITY))


def _mean_confidence(surface: PersonSurface) -> float:
    if surface.confidence_hw is None:
        return UNKNOWN_CONFIDENCE
    step = max(1, surface.labels_hw.shape[0] // LATTICE)
    person_hw = surface.labels_hw[::step, ::step] > 0
    return float(surface.confidence_hw[::step, ::step][person_hw].mean(dtype=np.float64)) if person_hw.any() else 0.0


def _share_of_regions(chart_RC: U8) -> float:
    """Share of the regions of the body that are visible in the cells of a box."""
    chart_M = chart_RC[chart_RC > 0]
    if not len(chart_M):
        return 0.0
    return float((np.bincount(REGION_25[chart_M], minlength=REGIONS) >= LEAST_SHARE * len(chart_M)).mean())
