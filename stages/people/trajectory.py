"""One tracked person over time: motion, appearance, nearness and a smoothed box."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from models.arrays import Bool
from models.time_steps import FRAME_S, FrameTime, gain_after, remaining
from stages.payloads import F32, Float
from stages.people.appearance import updated_appearance

VELOCITY_GAIN = 0.4
"""How fast a track's velocity follows its last step, after `FRAME_S`."""
VELOCITY_DECAY = 0.85
"""Factor per `FRAME_S` on the velocity of a track that is not detected."""
LONGEST_STEP_S = 0.25
"""Seconds without detection after which a step does not change the velocity."""
NEARNESS_GAIN = 0.3
"""How fast a track's nearness follows new measurements, after `FRAME_S`."""
DRIFT_GAIN = 0.08
"""Share of a box's innovation that goes into its drift, after `FRAME_S`."""
JUMP = 0.15
"""Innovation, as a share of the box's side, that is motion and no jitter: shown entirely, smaller ones in part."""
LONGEST_GAP_S = 0.085
"""Seconds without detection after which box smoothing starts anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """The people of one frame: boxes, whether their scores are high, appearance and nearness, as in `Trajectory`."""

    box_N4: Float
    confident_N: Bool
    appearance_N84: F32
    nearness_N: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothedBox:
    """An alpha-beta filter of a box's four sides, which does not lag behind uniform motion.

    Attributes:
        box_4: the smoothed box, float64.
        drift_4: velocity of each side, pixels per second.
        seen_s: time of its frame, seconds.
    """

    box_4: Float
    drift_4: Float
    seen_s: float

    @classmethod
    def first(cls, found_4: Float, second: float) -> SmoothedBox:
        """The filter of a new person, or of one after a gap."""
        return cls(box_4=found_4, drift_4=np.zeros(4), seen_s=second)

    def updated(self, found_4: Float, now: FrameTime, gain: float) -> SmoothedBox:
        """The filter after one more box.

        The drift's gain goes with the square of the other, which keeps the filter's damping at any frame rate.

        Args:
            found_4: the box in this frame.
            now: the time of this frame.
            gain: the least share of an innovation that is shown after `FRAME_S`; 1 = no smoothing.
        """
        if not now.within(self.seen_s, LONGEST_GAP_S):
            return SmoothedBox.first(found_4, now.second)
        elapsed = now.second - self.seen_s
        least_gain = gain_after(gain, now.filter_step(self.seen_s))
        drift_gain = min(DRIFT_GAIN * (least_gain / gain) ** 2, least_gain)
        expected_4 = self.box_4 + self.drift_4 * elapsed
        innovation_4 = found_4 - expected_4
        side_4 = np.tile(found_4[2:] - found_4[:2], 2)
        gain_4 = np.clip(np.abs(innovation_4) / np.maximum(JUMP * side_4, 1e-6), least_gain, 1)
        drift_4 = self.drift_4 + drift_gain * innovation_4 / elapsed
        return SmoothedBox(box_4=found_4 - (1 - gain_4) * innovation_4, drift_4=drift_4, seen_s=now.second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """The track of one person.

    Attributes:
        identity: counts from 1 through the stream.
        box_4: as last detected, float64.
        velocity_2: of its centre, pixels per second.
        seen_s: time of the last detection, seconds.
        shown_s: for how long it was detected since the first detection, seconds.
        confident: whether any detection had a high score.
        appearance_84: colours of the clothes, see `stages.people.appearance`.
        smoothed: the box that is shown.
        nearness: smoothed over time (`stages.people.depth_order`); NaN where the person overlapped with no other.
        hidden_by: identity of the person behind whom this one disappeared; 0 = nobody.
    """

    identity: int
    box_4: Float
    velocity_2: Float
    seen_s: float
    shown_s: float
    confident: bool
    appearance_84: F32
    smoothed: SmoothedBox
    nearness: float
    hidden_by: int = 0

    @classmethod
    def first(cls, identity: int, found: Observations, person: int, second: float) -> Trajectory:
        """The track of a new person, the `person`-th of those observed."""
        return cls(
            identity=identity,
            box_4=found.box_N4[person],
            velocity_2=np.zeros(2),
            seen_s=second,
            shown_s=0.0,
            confident=bool(found.confident_N[person]),
            appearance_84=found.appearance_N84[person],
            smoothed=SmoothedBox.first(found.box_N4[person], second),
            nearness=float(found.nearness_N[person]),
        )

    def expected(self, now: FrameTime) -> Float:
        """The predicted box: constant velocity, which decays from the first frame on in which the person is missing."""
        elapsed, missing = max(now.second - self.seen_s, 0.0), max(now.before - self.seen_s, 0.0)
        decayed = FRAME_S * (1 - remaining(VELOCITY_DECAY, missing)) * VELOCITY_DECAY / (1 - VELOCITY_DECAY)
        return self.box_4 + np.tile(self.velocity_2 * (elapsed - missing + decayed), 2)

    def updated(self, found: Observations, person: int, now: FrameTime, box_gain: float) -> Trajectory:
        """The track after one more detection, the `person`-th of those observed; `box_gain` as in `Track.Config`."""
        box_4, nearness = found.box_N4[person], float(found.nearness_N[person])
        step, elapsed = now.filter_step(self.seen_s), now.second - self.seen_s
        step_2 = ((box_4 - self.box_4)[:2] + (box_4 - self.box_4)[2:]) / 2 / elapsed
        gain = gain_after(VELOCITY_GAIN, step) if now.within(self.seen_s, LONGEST_STEP_S) else 0.0
        velocity_2 = self.velocity_2 + gain * (step_2 - self.velocity_2)
        change = gain_after(NEARNESS_GAIN, step) * (nearness - self.nearness)
        return replace(
            self,
            box_4=box_4,
            velocity_2=velocity_2,
            seen_s=now.second,
            shown_s=self.shown_s + step,
            confident=self.confident or bool(found.confident_N[person]),
            appearance_84=updated_appearance(self.appearance_84, found.appearance_N84[person], step),
            smoothed=self.smoothed.updated(box_4, now, box_gain),
            nearness=nearness if isnan(self.nearness) else self.nearness + change,
            hidden_by=0,
        )
