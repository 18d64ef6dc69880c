"""Tracking: every person gets an identity that lasts through the video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.arrays import F64, Bool
from models.box_overlap import iou
from models.time_steps import FrameTime
from pipeline.stage import Stage
from stages.payloads import F32, I32, U8, Float, FrameChunk, People, PersonSurface, Surfaces
from stages.people.appearance import REGIONS, appearance_of
from stages.people.association import associate
from stages.people.depth_order import nearness, overlapping
from stages.people.hidden_people import surviving, with_hidden
from stages.people.surface_arrays import NamedArrays, arrays_from_bytes, arrays_to_bytes
from stages.people.trajectory import Observations, SmoothedBox, Trajectory

REPEATED_IOU, REPEATED_S = 0.65, 0.06
"""Low-score detections start a track when they are at one place in successive frames for this time in seconds, with
this IoU or more from each to the next."""
CONFIRM_S = 0.05
"""The report counts people who were detected for this time in seconds, and once with a high score."""
NO_BOXES_04 = np.zeros((0, 4))


class Track(Stage):
    """People in, the same people with identities and smoothed boxes out; single images pass unchanged.

    Association in rounds (`associate`), after ByteTrack (Zhang et al., ECCV 2022): high-score detections are matched
    with tracks first, and start new ones. Low-score detections continue a track that was detected a moment ago, or
    start one if they stay at one place for a moment; else they keep the identity −1. Where detections
    compete, the colours of the clothes count, too, if the body surface is known by then. A track survives `max_gap_s`
    seconds without detection, and longer while another person hides this one. A scene cut ends all tracks.
    """

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """When a track starts, ends and counts.

        Attributes:
            confident_score: detections from this score on may start a track at once.
            max_gap_s: seconds without detection after which a person who comes back gets a new identity; eight times
                as many for a person who disappeared behind another one.
            box_gain: share of a box's jitter that is shown after 1/30 s, over 0 and up to 1; 1 = no smoothing.
        """

        confident_score: float = 0.18
        max_gap_s: float = 1.0
        box_gain: float = 0.4

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 0 <= self.confident_score <= 1:
                raise ValueError(f"confident_score is {self.confident_score}, must be from 0 to 1")
            if not self.max_gap_s >= 0:
                raise ValueError(f"max_gap_s is {self.max_gap_s}, must be at least 0")
            if not 0 < self.box_gain <= 1:
                raise ValueError(f"box_gain is {self.box_gain}, must be over 0 and at most 1")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A new stream without tracks."""
        super().__init__(config, threads=threads)
        self.tracks: list[Trajectory] = []
        self.ended_shown_s: list[float] = []
        self.started = 0
        self.people_of_stills = 0
        self.now = FrameTime()
        self.lasted_s = 0.0
        self.unmatched_N4: Float = NO_BOXES_04
        self.repeated_s_N: F64 = np.zeros(0)

    def __call__(self, frames: FrameChunk, people: People, surfaces: Surfaces | None = None) -> Iterator[People]:
        """The chunk's people with `id_N`, `near_N` and smoothed boxes; their order and scores stay."""
        confident_N = people.score_N >= self.config.confident_score
        if frames.video.still:
            self.people_of_stills += int(confident_N.sum())
            yield people
            return
        id_N, box_N4 = np.full(len(people), -1, np.int32), people.box_N4.copy()
        nearness_N = np.full(len(people), np.nan, np.float32)
        for t in range(len(frames)):
            self._begin_frame(frames, t)
            here_N = np.flatnonzero(people.frame_N == t)
            here = None if surfaces is None else [surfaces.people[person] for person in here_N]
            found = observed(frames.rgb_THW3[t], people.box_N4[here_N], confident_N[here_N], here)
            id_N[here_N] = self._identities(found)
            by_identity = {track.identity: track for track in self.tracks}
            nearness_N[here_N] = found.nearness_N
            for person in here_N[id_N[here_N] >= 0]:
                track = by_identity[int(id_N[person])]
                box_N4[person], nearness_N[person] = track.smoothed.box_4, track.nearness
        yield replace(people, id_N=id_N, box_N4=box_N4, near_N=nearness_N)

    def blank(self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None = None) -> People | None:
        """The people without identities; a scene cut in the chunk ends all tracks."""
        for t in range(len(frames)):
            self._begin_frame(frames, t)
        return people

    def _begin_frame(self, frames: FrameChunk, t: int) -> None:
        """Advance the time, and end the tracks without detection for too long; at the start of a shot, all."""
        self.now = self.now.next(frames.second(t))
        if np.isfinite(self.now.before):
            self.lasted_s += self.now.filter_step(self.now.before)
        still = surviving(self.tracks, self.now, self.config.max_gap_s)
        if frames.starts_shot(t):
            still, self.unmatched_N4, self.repeated_s_N = [], NO_BOXES_04, np.zeros(0)
        kept = {track.identity for track in still}
        self.ended_shown_s += [t.shown_s for t in self.tracks if t.confident and t.identity not in kept]
        self.tracks = still

    def _identities(self, found: Observations) -> I32:
        """Identities of one frame's detections; the tracks are updated."""
        id_N = np.full(len(found.box_N4), -1, np.int32)
        for position, person in associate(self.tracks, found, self.now, self.config.max_gap_s):
            self.tracks[position] = self.tracks[position].updated(found, person, self.now, self.config.box_gain)
            id_N[person] = self.tracks[position].identity
        repeated_s_N = self._repeated_s(found.box_N4)
        starts_N = (id_N < 0) & (found.confident_N | (repeated_s_N >= REPEATED_S))
        for person in np.flatnonzero(starts_N).tolist():
            self.started += 1
            id_N[person] = self.started
            self.tracks.append(Trajectory.first(self.started, found, person, self.now.second))
        self.unmatched_N4, self.repeated_s_N = found.box_N4[id_N < 0], repeated_s_N[id_N < 0]
        self.tracks = with_hidden(self.tracks, self.now)
        return id_N

    def _repeated_s(self, box_N4: Float) -> F64:
        """For how many seconds there was a detection without identity at each place, in all frames up to this one."""
        same_KN = iou(self.unmatched_N4, box_N4) >= REPEATED_IOU
        longer_K = self.repeated_s_N + (self.now.second - self.now.before if len(self.unmatched_N4) else 0.0)
        return np.where(same_KN, longer_K[:, None], 0.0).max(axis=0, initial=0.0)

    def summary(self) -> Mapping[str, Any]:
        """`people`: number of different people in the stream (in a single image: number of confident detections)."""
        enough = min(CONFIRM_S, self.lasted_s)
        shown_s = self.ended_shown_s + [track.shown_s for track in self.tracks if track.confident]
        return {"people": self.people_of_stills + sum(one >= enough for one in shown_s)}

    def state(self) -> bytes:
        """All tracks, exactly."""
        tracks = self.tracks
        arrays: NamedArrays = {
            "counters": np.array([self.started, self.people_of_stills], np.int64),
            "clock": np.array([self.now.second, self.now.before, self.lasted_s]),
            "ended_shown_s": np.array(self.ended_shown_s, np.float64),
            "whole_K3": np.array([(t.identity, t.confident, t.hidden_by) for t in tracks], np.int64).reshape(-1, 3),
            "times_K2": np.array([(t.seen_s, t.shown_s) for t in tracks], np.float64).reshape(-1, 2),
            "motion_K6": np.array([(*t.box_4, *t.velocity_2) for t in tracks], np.float64).reshape(-1, 6),
            "steady_K8": np.array([(*t.smoothed.box_4, *t.smoothed.drift_4) for t in tracks], np.float64).reshape(
                -1, 8
            ),
            "look_K84": np.array([t.appearance_84 for t in tracks], np.float32).reshape(-1, REGIONS, 4),
            "near_K": np.array([t.nearness for t in tracks], np.float64),
            "unsure_N4": self.unmatched_N4,
            "repeated_s_N": self.repeated_s_N,
        }
        return arrays_to_bytes(arrays)

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        arrays = arrays_from_bytes(state)
        self.started, self.people_of_stills = (int(value) for value in arrays["counters"])
        second, before, self.lasted_s = (float(value) for value in arrays["clock"])
        self.now = FrameTime(second=second, before=before)
        self.ended_shown_s = arrays["ended_shown_s"].tolist()
        self.unmatched_N4, self.repeated_s_N = arrays["unsure_N4"], arrays["repeated_s_N"]
        columns = (arrays[name] for name in ("whole_K3", "times_K2", "motion_K6", "steady_K8", "look_K84", "near_K"))
        self.tracks = [
            Trajectory(
                identity=int(whole[0]),
                seen_s=float(time[0]),
                shown_s=float(time[1]),
                confident=bool(whole[1]),
                box_4=motion[:4],
                velocity_2=motion[4:],
                appearance_84=appearance_84,
                smoothed=SmoothedBox(box_4=smoothed[:4], drift_4=smoothed[4:], seen_s=float(time[0])),
                nearness=float(near),
                hidden_by=int(whole[2]),
            )
            for whole, time, motion, smoothed, appearance_84, near in zip(*columns, strict=True)
        ]


def observed(frame_HW3: U8, box_N4: F32, confident_N: Bool, surfaces: list[PersonSurface] | None) -> Observations:
    """What tracking uses of one frame's people; nearness is NaN unless boxes overlap and surfaces are known."""
    appearance_N84 = np.zeros((len(box_N4), REGIONS, 4), np.float32)
    nearness_N = np.full(len(box_N4), np.nan, np.float32)
    if surfaces:
        appearance_N84 = np.stack([appearance_of(frame_HW3, surface) for surface in surfaces])
        if overlapping(box_N4):
            lower_N = box_N4[:, 3].tolist()
            nearness_N[:] = [nearness(*one, len(frame_HW3)) for one in zip(surfaces, lower_N, strict=True)]
    return Observations(
        box_N4=box_N4.astype(np.float64),
        confident_N=confident_N,
        appearance_N84=appearance_N84,
        nearness_N=nearness_N,
    )
