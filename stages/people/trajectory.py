"""One tracked person over time: motion, appearance, nearness and a smoothed box."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from models.arrays import Bool
from stages.payloads import F32, Float
from stages.people.appearance import updated_appearance

VELOCITY_GAIN = 0.4
"""How fast a track's velocity follows its last step."""
VELOCITY_DECAY = 0.85
"""Factor per frame on the velocity of a track that is not detected."""
MOST_FRAMES_OF_STEP = 8
"""A step over more frames does not change the velocity."""
NEARNESS_GAIN = 0.3
"""How fast a track's nearness follows new measurements."""
DRIFT_GAIN = 0.08
"""Share of a box's innovation that goes into its drift."""
JUMP = 0.15
"""Innovation, as a share of the box's side, that is motion and no jitter: shown entirely, smaller ones in part."""
LONGEST_GAP = 3
"""Frames without detection after which box smoothing starts anew."""


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
        drift_4: velocity of each side, pixels per frame.
        seen: index of its frame.
    """

    box_4: Float
    drift_4: Float
    seen: int

    @classmethod
    def first(cls, found_4: Float, frame: int) -> SmoothedBox:
        """The filter of a new person, or of one after a gap."""
        return cls(box_4=found_4, drift_4=np.zeros(4), seen=frame)

    def updated(self, found_4: Float, frame: int, gain: float) -> SmoothedBox:
        """The filter after one more box. `gain`: the least share of an innovation that is shown; 1 = no smoothing."""
        elapsed = frame - self.seen
        if not 0 < elapsed <= LONGEST_GAP:
            return SmoothedBox.first(found_4, frame)
        expected_4 = self.box_4 + self.drift_4 * elapsed
        innovation_4 = found_4 - expected_4
        side_4 = np.tile(found_4[2:] - found_4[:2], 2)
        gain_4 = np.clip(np.abs(innovation_4) / np.maximum(JUMP * side_4, 1e-6), gain, 1)
        drift_4 = self.drift_4 + DRIFT_GAIN * innovation_4 / elapsed
        return SmoothedBox(box_4=found_4 - (1 - gain_4) * innovation_4, drift_4=drift_4, seen=frame)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """The track of one person.

    Attributes:
        identity: counts from 1 through the stream.
        box_4: as last detected, float64.
        velocity_2: of its centre, pixels per frame.
        seen: index of the frame of the last detection.
        times: number of frames with a detection.
        confident: whether any detection had a high score.
        appearance_84: colours of the clothes, see `stages.people.appearance`.
        smoothed: the box that is shown.
        nearness: smoothed over time (`stages.people.depth_order`); NaN where the person overlapped with no other.
        hidden_by: identity of the person behind whom this one disappeared; 0 = nobody.
    """

    identity: int
    box_4: Float
    velocity_2: Float
    seen: int
    times: int
    confident: bool
    appearance_84: F32
    smoothed: SmoothedBox
    nearness: float
    hidden_by: int = 0

    @classmethod
    def first(cls, identity: int, found: Observations, person: int, frame: int) -> Trajectory:
        """The track of a new person, the `person`-th of those observed."""
        return cls(
            identity=identity,
            box_4=found.box_N4[person],
            velocity_2=np.zeros(2),
            seen=frame,
            times=1,
            confident=bool(found.confident_N[person]),
            appearance_84=found.appearance_N84[person],
            smoothed=SmoothedBox.first(found.box_N4[person], frame),
            nearness=float(found.nearness_N[person]),
        )

    def expected(self, frame: int) -> Float:
        """The predicted box: constant velocity, which decays while the person is not detected."""
        steps = (1 - VELOCITY_DECAY ** max(frame - self.seen, 0)) / (1 - VELOCITY_DECAY)
        return self.box_4 + np.tile(self.velocity_2 * steps, 2)

    def updated(self, found: Observations, person: int, frame: int, box_gain: float) -> Trajectory:
        """The track after one more detection, the `person`-th of those observed; `box_gain` as in `Track.Config`."""
        box_4, nearness = found.box_N4[person], float(found.nearness_N[person])
        elapsed = frame - self.seen
        step_2 = ((box_4 - self.box_4)[:2] + (box_4 - self.box_4)[2:]) / 2 / elapsed
        gain = VELOCITY_GAIN if elapsed <= MOST_FRAMES_OF_STEP else 0.0
        velocity_2 = self.velocity_2 + gain * (step_2 - self.velocity_2)
        change = NEARNESS_GAIN * (nearness - self.nearness)
        return replace(
            self,
            box_4=box_4,
            velocity_2=velocity_2,
            seen=frame,
            times=self.times + 1,
            confident=self.confident or bool(found.confident_N[person]),
            appearance_84=updated_appearance(self.appearance_84, found.appearance_N84[person]),
            smoothed=self.smoothed.updated(box_4, frame, box_gain),
            nearness=nearness if isnan(self.nearness) else self.nearness + change,
            hidden_by=0,
        )
