"""Give every person an identity that lasts through the video."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

import numpy as np

from models.arrays import Bool
from models.box_overlap import covered, grown, iou
from pipeline.stage import Stage
from stages.payloads import F32, I32, U8, Float, FrameChunk, People, Surfaces
from stages.people.appearance import REGIONS, alike, look, remembered
from stages.people.association import best_pairs
from stages.people.cuts import glance, is_cut
from stages.people.depth_order import nearness, overlapping
from stages.people.steady_box import SteadyBox

NEAR, FAR, FAINT = 0.25, 0.15, 0.4
"""Least overlaps: of a sure box with where a track is expected, the same with both boxes grown, of an unsure box."""
PART, SAME = 0.4, 0.5
"""Least share of the smaller of a sure box and where a track is expected that both cover, and least likeness of what is
worn, for a person of whom an edge or somebody else hides so much that the overlap says nothing."""
AGAIN = 0.65
"""Least overlap of two unsure boxes in successive frames that start a track."""
NEAR_GAIN = 0.3
"""How fast what is told of a track's nearness follows what is seen."""
LOOKS = 1.0
"""What looking the same adds to an overlap when several boxes compete for a track."""
GROWTH = 0.4
"""Share by which boxes grow on each side for people who moved farther than their track foresaw."""
VELOCITY_GAIN = 0.4
"""How fast a track's velocity follows its last step."""
VELOCITY_DECAY = 0.85
"""A track that is not seen slows down by this factor a frame."""
FRESH = 8
"""Frames after which unsure boxes no longer continue a track."""
MOST_UNSEEN_STEP = 8
"""Frames after which a step no longer says anything of the velocity."""
NOBODY_04 = np.zeros((0, 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Who was found in one frame: boxes, whether the network is sure, looks and nearness, as in `Trajectory`."""

    box_N4: Float
    sure_N: Bool
    look_N84: F32
    near_N: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """One person's way.

    Attributes:
        identity: counts from 1 through the stream.
        box_4: as last seen, float64.
        velocity_2: of its centre, pixels a frame.
        seen: index of the frame in which it was last seen.
        times: frames in which it was seen.
        sure: whether the network was ever sure of it.
        look_84: what it wears, see `stages.people.appearance`.
        steady: the box that is shown.
        near: how near the person stands, as told (`stages.people.depth_order`); NaN where nobody was near.
    """

    identity: int
    box_4: Float
    velocity_2: Float
    seen: int
    times: int
    sure: bool
    look_84: F32
    steady: SteadyBox
    near: float

    def expected(self, frame: int) -> Float:
        """The box where the person should be by now: constant velocity that dies away while unseen."""
        steps = (1 - VELOCITY_DECAY ** max(frame - self.seen, 0)) / (1 - VELOCITY_DECAY)
        return self.box_4 + np.tile(self.velocity_2 * steps, 2)

    def met(self, seen: Seen, person: int, frame: int, box_gain: float) -> Trajectory:
        """The trajectory with one more sight, the `person`-th of those seen; `box_gain` as in `Track.Config`."""
        box_4, near = seen.box_N4[person], float(seen.near_N[person])
        elapsed = frame - self.seen
        step_2 = ((box_4 - self.box_4)[:2] + (box_4 - self.box_4)[2:]) / 2 / elapsed
        gain = VELOCITY_GAIN if elapsed <= MOST_UNSEEN_STEP else 0.0
        velocity_2 = self.velocity_2 + gain * (step_2 - self.velocity_2)
        steady = self.steady.met(box_4, frame, box_gain)
        return replace(
            self,
            box_4=box_4,
            velocity_2=velocity_2,
            seen=frame,
            times=self.times + 1,
            sure=self.sure or bool(seen.sure_N[person]),
            look_84=remembered(self.look_84, seen.look_N84[person]),
            steady=steady,
            near=near if isnan(self.near) else self.near + NEAR_GAIN * (near - self.near),
        )


class Track(Stage):
    """People in, the same people with identities and steadier boxes out; on a still image nothing changes.

    In rounds (`associate`), after ByteTrack (Zhang et al., ECCV 2022): boxes the network is sure of find their track
    first and start new ones; unsure boxes continue a track that was there a moment ago, or start one when they are seen
    at one place twice in a row, else they keep the identity -1.
    Where boxes compete, what people wear speaks, too: colours read on the body's surface, where it is known by then.
    A track survives `max_gap` frames out of sight. A cut ends all of them.
    """

    ordered = True
    memory_frames = None

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """When a track starts, ends and counts.

        Attributes:
            sure_score: boxes from this score on may start a track at first sight.
            max_gap: frames out of sight after which a person who comes back is a new one.
            confirm_frames: the report counts people who were seen in at least so many frames, once of them surely.
            box_gain: how much of a box's trembling is shown, over 0 and up to 1; 1 shows boxes as found.
        """

        sure_score: float = 0.18
        max_gap: int = 30
        confirm_frames: int = 3
        box_gain: float = 0.4

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 0 <= self.sure_score <= 1:
                raise ValueError(f"sure_score is {self.sure_score}, must be from 0 to 1")
            if self.max_gap < 0 or self.confirm_frames < 1:
                raise ValueError("max_gap must be at least 0 and confirm_frames at least 1")
            if not 0 < self.box_gain <= 1:
                raise ValueError(f"box_gain is {self.box_gain}, must be over 0 and at most 1")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A stream begins: no one was seen yet."""
        super().__init__(config, threads=threads)
        self.tracks: list[Trajectory] = []
        self.times_of_ended: list[int] = []
        self.started = 0
        self.frames = 0
        self.sure_on_still = 0
        self.glance = np.zeros((0, 0, 3), np.uint8)
        self.unsure_N4: Float = NOBODY_04

    def __call__(self, frames: FrameChunk, people: People, surfaces: Surfaces | None = None) -> Iterator[People]:
        """The chunk's people with `id_N` filled in and their boxes steadied; their order and scores stay."""
        self.frames += len(frames)
        sure_N = people.score_N >= self.config.sure_score
        if frames.video.still:
            self.sure_on_still += int(sure_N.sum())
            yield people
            return
        id_N, shown_N4 = np.full(len(people), -1, np.int32), people.box_N4.copy()
        near_N = np.full(len(people), np.nan, np.float32)
        for t in range(len(frames)):
            self._forget(frames.rgb_THW3[t], frames.first + t)
            here_N = np.flatnonzero(people.frame_N == t)
            look_N84 = np.zeros((len(here_N), REGIONS, 4), np.float32)
            if surfaces is not None and len(here_N) > 0:
                here = [surfaces.people[person] for person in here_N]
                look_N84 = np.stack([look(frames.rgb_THW3[t], surface) for surface in here])
                if overlapping(people.box_N4[here_N]):
                    near_N[here_N] = [
                        nearness(surface, lower, frames.video.height)
                        for surface, lower in zip(here, people.box_N4[here_N, 3].tolist(), strict=True)
                    ]
            box_N4 = people.box_N4[here_N].astype(np.float64)
            seen = Seen(box_N4=box_N4, sure_N=sure_N[here_N], look_N84=look_N84, near_N=near_N[here_N])
            id_N[here_N] = self._identities(seen, frames.first + t)
            shown = {track.identity: track for track in self.tracks}
            for person in here_N[id_N[here_N] >= 0]:
                shown_N4[person] = shown[int(id_N[person])].steady.box_4
                near_N[person] = shown[int(id_N[person])].near
        yield replace(people, id_N=id_N, box_N4=shown_N4, near_N=near_N)

    def blank(self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None = None) -> People | None:
        """The people without identities."""
        return people

    def _forget(self, frame_HW3: U8, frame: int) -> None:
        """End the tracks that were out of sight for too long; at a cut, all.

        Frame numbers rise: a track that was seen in this frame or a later one is of another time, and ends, too.
        """
        now = glance(frame_HW3)
        longest = self.config.max_gap + 1
        if (self.tracks or len(self.unsure_N4)) and is_cut(self.glance, now):
            longest, self.unsure_N4 = -1, NOBODY_04
        self.glance = now
        stay = [track for track in self.tracks if 0 < frame - track.seen <= longest]
        kept = {track.identity for track in stay}
        self.times_of_ended += [track.times for track in self.tracks if track.sure and track.identity not in kept]
        self.tracks = stay

    def _identities(self, seen: Seen, frame: int) -> I32:
        """Identities of one frame's boxes; the tracks move on."""
        id_N = np.full(len(seen.box_N4), -1, np.int32)
        for position, person in associate(self.tracks, seen, frame):
            self.tracks[position] = self.tracks[position].met(seen, person, frame, self.config.box_gain)
            id_N[person] = self.tracks[position].identity
        for person in np.flatnonzero((id_N < 0) & (seen.sure_N | self._seen_before(seen.box_N4))).tolist():
            self.started += 1
            id_N[person] = self.started
            self.tracks.append(
                Trajectory(
                    identity=self.started,
                    box_4=seen.box_N4[person],
                    velocity_2=np.zeros(2),
                    seen=frame,
                    times=1,
                    sure=bool(seen.sure_N[person]),
                    look_84=seen.look_N84[person],
                    steady=SteadyBox.first(seen.box_N4[person], frame),
                    near=float(seen.near_N[person]),
                )
            )
        self.unsure_N4 = seen.box_N4[id_N < 0]
        return id_N

    def _seen_before(self, box_N4: Float) -> Bool:
        """Boxes that lie where the frame before had one that nobody was."""
        return np.asarray(iou(self.unsure_N4, box_N4).max(axis=0, initial=0.0) >= AGAIN)

    def summary(self) -> Mapping[str, Any]:
        """`people`: how many different people were seen (on a still image: how many are in it)."""
        enough = min(self.config.confirm_frames, self.frames)
        times = self.times_of_ended + [track.times for track in self.tracks if track.sure]
        return {"people": self.sure_on_still + sum(count >= enough for count in times)}

    def state(self) -> bytes:
        """All tracks, exactly."""
        kept = io.BytesIO()
        np.savez(
            kept,
            counters=np.array([self.started, self.frames, self.sure_on_still], np.int64),
            times_of_ended=np.array(self.times_of_ended, np.int64),
            whole_K4=np.array([(t.identity, t.seen, t.times, t.sure) for t in self.tracks], np.int64).reshape(-1, 4),
            motion_K6=np.array([(*t.box_4, *t.velocity_2) for t in self.tracks], np.float64).reshape(-1, 6),
            steady_K8=np.array([(*t.steady.box_4, *t.steady.drift_4) for t in self.tracks], np.float64).reshape(-1, 8),
            look_K84=np.array([t.look_84 for t in self.tracks], np.float32).reshape(-1, REGIONS, 4),
            near_K=np.array([t.near for t in self.tracks], np.float64),
            unsure_N4=self.unsure_N4,
            glance=self.glance,
        )
        return kept.getvalue()

    def restore(self, state: bytes) -> None:
        """Take up what `state` gave."""
        with np.load(io.BytesIO(state), allow_pickle=False) as kept:
            self.started, self.frames, self.sure_on_still = (int(value) for value in kept["counters"])
            self.times_of_ended = [int(value) for value in kept["times_of_ended"]]
            self.glance = kept["glance"]
            self.unsure_N4 = kept["unsure_N4"]
            columns = (kept[name] for name in ("whole_K4", "motion_K6", "steady_K8", "look_K84", "near_K"))
            self.tracks = [
                Trajectory(
                    identity=int(whole[0]),
                    seen=int(whole[1]),
                    times=int(whole[2]),
                    sure=bool(whole[3]),
                    box_4=motion[:4],
                    velocity_2=motion[4:],
                    look_84=look_84,
                    steady=SteadyBox(box_4=steady[:4], drift_4=steady[4:], seen=int(whole[1])),
                    near=float(near),
                )
                for whole, motion, steady, look_84, near in zip(*columns, strict=True)
            ]


def associate(tracks: list[Trajectory], seen: Seen, frame: int) -> list[tuple[int, int]]:
    """Which track goes on with which box: pairs (position in `tracks`, box), in four rounds.

    Sure boxes where the track is expected; then sure boxes a little farther off; then sure boxes that are a part of
    where it is expected, or hold it, and look the same; then unsure ones, for tracks that were seen a moment ago.
    Overlap decides who may be meant, and together with looks who is.
    """
    box_N4, sure_N = seen.box_N4, seen.sure_N
    if not tracks or not len(box_N4):
        return []
    expected_K4 = np.stack([track.expected(frame) for track in tracks])
    fresh_K = np.array([frame - track.seen <= FRESH for track in tracks])
    near_KN = iou(expected_K4, box_N4)
    far_KN = iou(grown(expected_K4, GROWTH), grown(box_N4, GROWTH))
    part_KN = covered(expected_K4, box_N4)
    alike_KN = alike(np.stack([track.look_84 for track in tracks]), seen.look_N84)
    looks_KN = LOOKS * alike_KN
    free_K, free_N = np.ones(len(tracks), bool), np.ones(len(box_N4), bool)
    pairs: list[tuple[int, int]] = []
    rounds = (
        (near_KN, sure_N[None, :], NEAR),
        (far_KN, sure_N[None, :], FAR),
        (part_KN, sure_N[None, :] & (alike_KN > SAME), PART),
        (near_KN, fresh_K[:, None] & ~sure_N[None, :], FAINT),
    )
    for overlap_KN, allowed_KN, least in rounds:
        open_KN = free_K[:, None] & free_N[None, :] & allowed_KN & (overlap_KN >= least)
        met = best_pairs(np.where(open_KN, overlap_KN + looks_KN, -np.inf), least)
        pairs += met
        free_K[[k for k, _ in met]] = False
        free_N[[n for _, n in met]] = False
    return pairs
