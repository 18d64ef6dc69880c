"""Tracking: every person gets an identity that lasts through the video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.arrays import I64, Bool
from models.box_overlap import iou
from pipeline.stage import Stage
from stages.payloads import F32, I32, U8, Float, FrameChunk, People, PersonSurface, Surfaces
from stages.people.appearance import REGIONS, appearance_of
from stages.people.association import associate
from stages.people.depth_order import nearness, overlapping
from stages.people.hidden_people import surviving, with_hidden
from stages.people.surface_arrays import NamedArrays, arrays_from_bytes, arrays_to_bytes
from stages.people.trajectory import Observations, SmoothedBox, Trajectory

REPEATED_IOU, REPEATED_FRAMES = 0.65, 3
"""Low-score detections start a track when they are at one place in this many successive frames, with this IoU or more
from each to the next."""
NO_BOXES_04 = np.zeros((0, 4))


class Track(Stage):
    """People in, the same people with identities and smoothed boxes out; single images pass unchanged.

    Association in rounds (`associate`), after ByteTrack (Zhang et al., ECCV 2022): high-score detections are matched
    with tracks first, and start new ones. Low-score detections continue a track that was detected a moment ago, or
    start one if they are at one place in three successive frames; else they keep the identity −1. Where detections
    compete, the colours of the clothes count, too, if the body surface is known by then. A track survives `max_gap`
    frames without detection, and longer while another person hides this one. A scene cut ends all tracks.
    """

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """When a track starts, ends and counts.

        Attributes:
            confident_score: detections from this score on may start a track at once.
            max_gap: frames without detection after which a person who comes back gets a new identity; eight times as
                many for a person who disappeared behind another one.
            confirm_frames: the report counts people with at least this many detections, one of them confident.
            box_gain: share of a box's jitter that is shown, over 0 and up to 1; 1 = no smoothing.
        """

        confident_score: float = 0.18
        max_gap: int = 30
        confirm_frames: int = 3
        box_gain: float = 0.4

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 0 <= self.confident_score <= 1:
                raise ValueError(f"confident_score is {self.confident_score}, must be from 0 to 1")
            if self.max_gap < 0 or self.confirm_frames < 1:
                raise ValueError("max_gap must be at least 0 and confirm_frames at least 1")
            if not 0 < self.box_gain <= 1:
                raise ValueError(f"box_gain is {self.box_gain}, must be over 0 and at most 1")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A new stream without tracks."""
        super().__init__(config, threads=threads)
        self.tracks: list[Trajectory] = []
        self.times_of_ended: list[int] = []
        self.started = 0
        self.frames = 0
        self.people_of_stills = 0
        self.unmatched_N4: Float = NO_BOXES_04
        self.repeated_N: I64 = np.zeros(0, np.int64)

    def __call__(self, frames: FrameChunk, people: People, surfaces: Surfaces | None = None) -> Iterator[People]:
        """The chunk's people with `id_N`, `near_N` and smoothed boxes; their order and scores stay."""
        self.frames += len(frames)
        confident_N = people.score_N >= self.config.confident_score
        if frames.video.still:
            self.people_of_stills += int(confident_N.sum())
            yield people
            return
        id_N, box_N4 = np.full(len(people), -1, np.int32), people.box_N4.copy()
        nearness_N = np.full(len(people), np.nan, np.float32)
        for t in range(len(frames)):
            self._end_tracks(frames, t)
            here_N = np.flatnonzero(people.frame_N == t)
            here = None if surfaces is None else [surfaces.people[person] for person in here_N]
            found = observed(frames.rgb_THW3[t], people.box_N4[here_N], confident_N[here_N], here)
            id_N[here_N] = self._identities(found, frames.first + t)
            by_identity = {track.identity: track for track in self.tracks}
            nearness_N[here_N] = found.nearness_N
            for person in here_N[id_N[here_N] >= 0]:
                track = by_identity[int(id_N[person])]
                box_N4[person], nearness_N[person] = track.smoothed.box_4, track.nearness
        yield replace(people, id_N=id_N, box_N4=box_N4, near_N=nearness_N)

    def blank(self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None = None) -> People | None:
        """The people without identities; a scene cut in the chunk ends all tracks."""
        for t in range(len(frames)):
            self._end_tracks(frames, t)
        return people

    def _end_tracks(self, frames: FrameChunk, t: int) -> None:
        """End the tracks without detection for too long; at the start of a shot, all."""
        longest = self.config.max_gap + 1
        if frames.starts_shot(t):
            longest, self.unmatched_N4, self.repeated_N = -1, NO_BOXES_04, np.zeros(0, np.int64)
        remaining = surviving(self.tracks, frames.first + t, longest)
        kept = {track.identity for track in remaining}
        self.times_of_ended += [t.times for t in self.tracks if t.confident and t.identity not in kept]
        self.tracks = remaining

    def _identities(self, found: Observations, frame: int) -> I32:
        """Identities of one frame's detections; the tracks are updated."""
        id_N = np.full(len(found.box_N4), -1, np.int32)
        for position, person in associate(self.tracks, found, frame, self.config.max_gap):
            self.tracks[position] = self.tracks[position].updated(found, person, frame, self.config.box_gain)
            id_N[person] = self.tracks[position].identity
        repeated_N = self._repeated(found.box_N4)
        starts_N = (id_N < 0) & (found.confident_N | (repeated_N >= REPEATED_FRAMES))
        for person in np.flatnonzero(starts_N).tolist():
            self.started += 1
            id_N[person] = self.started
            self.tracks.append(Trajectory.first(self.started, found, person, frame))
        self.unmatched_N4, self.repeated_N = found.box_N4[id_N < 0], repeated_N[id_N < 0]
        self.tracks = with_hidden(self.tracks, frame)
        return id_N

    def _repeated(self, box_N4: Float) -> I64:
        """In how many successive frames, this one included, there was a detection without identity at each place."""
        same_KN = iou(self.unmatched_N4, box_N4) >= REPEATED_IOU
        return 1 + np.where(same_KN, self.repeated_N[:, None], 0).max(axis=0, initial=0)

    def summary(self) -> Mapping[str, Any]:
        """`people`: number of different people in the stream (in a single image: number of confident detections)."""
        enough = min(self.config.confirm_frames, self.frames)
        times = self.times_of_ended + [track.times for track in self.tracks if track.confident]
        return {"people": self.people_of_stills + sum(count >= enough for count in times)}

    def state(self) -> bytes:
        """All tracks, exactly."""
        tracks = self.tracks
        arrays: NamedArrays = {
            "counters": np.array([self.started, self.frames, self.people_of_stills], np.int64),
            "times_of_ended": np.array(self.times_of_ended, np.int64),
            "whole_K5": np.array(
                [(t.identity, t.seen, t.times, t.confident, t.hidden_by) for t in tracks], np.int64
            ).reshape(-1, 5),
            "motion_K6": np.array([(*t.box_4, *t.velocity_2) for t in tracks], np.float64).reshape(-1, 6),
            "steady_K8": np.array([(*t.smoothed.box_4, *t.smoothed.drift_4) for t in tracks], np.float64).reshape(
                -1, 8
            ),
            "look_K84": np.array([t.appearance_84 for t in tracks], np.float32).reshape(-1, REGIONS, 4),
            "near_K": np.array([t.nearness for t in tracks], np.float64),
            "unsure_N4": self.unmatched_N4,
            "repeated_N": self.repeated_N,
        }
        return arrays_to_bytes(arrays)

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        arrays = arrays_from_bytes(state)
        self.started, self.frames, self.people_of_stills = (int(value) for value in arrays["counters"])
        self.times_of_ended = [int(value) for value in arrays["times_of_ended"]]
        self.unmatched_N4, self.repeated_N = arrays["unsure_N4"], arrays["repeated_N"]
        columns = (arrays[name] for name in ("whole_K5", "motion_K6", "steady_K8", "look_K84", "near_K"))
        self.tracks = [
            Trajectory(
                identity=int(whole[0]),
                seen=int(whole[1]),
                times=int(whole[2]),
                confident=bool(whole[3]),
                box_4=motion[:4],
                velocity_2=motion[4:],
                appearance_84=appearance_84,
                smoothed=SmoothedBox(box_4=smoothed[:4], drift_4=smoothed[4:], seen=int(whole[1])),
                nearness=float(near),
                hidden_by=int(whole[4]),
            )
            for whole, motion, smoothed, appearance_84, near in zip(*columns, strict=True)
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
