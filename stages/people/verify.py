"""Verification: decides over the frames of a track whether it is a person or a thing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from models.arrays import Bool
from models.time_steps import FrameTime
from pipeline.stage import Stage
from stages.payloads import FrameChunk, People, PersonSurface, Surfaces
from stages.people.person_evidence import CUES, TrackEvidence, cues_of, fitted_rule
from stages.people.point_flow import PointFlow, SmallFrame
from stages.people.surface_arrays import arrays_from_bytes, arrays_to_bytes

FORGET_S = 10.0
"""Seconds without a detection after which the evidence of a track is dropped."""
LEAST_FLOW_S = 0.03
"""Seconds between the frames whose flow says how people move: on shorter steps noise looks like motion."""
NO_GREY = SmallFrame(grey_hw=np.zeros((0, 0), np.uint8), step=1)


@dataclass(slots=True, kw_only=True)
class WaitingChunk:
    """A chunk whose last frames are not decided yet.

    Attributes:
        people: its people.
        thing_N: the decisions so far.
        frames: number of its frames.
        observed, decided: number of them whose evidence is gathered, and that are decided.
    """

    people: People
    thing_N: Bool
    frames: int
    observed: int = 0
    decided: int = 0


class Verify(Stage):
    """People with identities in; the same people out, `look_ahead` frames later, with things marked (`thing_N`).

    `stages.people.person_evidence` says how a track is judged. A frame is judged with all that is known of its tracks
    `look_ahead` frames later; a later frame may change the decision for the frames from there on. People without an
    identity and single images pass unchanged. `bridge` leaves the marked things out.
    """

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How tracks are judged.

        Attributes:
            kind: `evidence`, or `none` to pass everyone.
            look_ahead: number of later frames that a frame waits for (0..60); 0 adds no delay, for live video: a thing
                is then shown until it has been seen for a few frames.
        """

        kind: Literal["evidence", "none"] = "evidence"
        look_ahead: int = 0

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 0 <= self.look_ahead <= 60:
                raise ValueError(f"look_ahead is {self.look_ahead}, must be from 0 to 60")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A new stream without tracks. Raises ModelError if the rule cannot be read."""
        super().__init__(config, threads=threads)
        self.rule = fitted_rule()
        self.tracks: dict[int, TrackEvidence] = {}
        self.waiting: deque[WaitingChunk] = deque()
        self.before, self.before_s = NO_GREY, 0.0
        self.last_frame = -1
        self.now = FrameTime()
        self.things: set[int] = set()

    def __call__(self, frames: FrameChunk, people: People, surfaces: Surfaces) -> Iterator[People]:
        """The people of all chunks that are decided by now."""
        if frames.video.still or self.config.kind == "none":
            yield from self.flush()
            yield people
            return
        self.waiting.append(WaitingChunk(people=people, thing_N=np.zeros(len(people), bool), frames=len(frames)))
        for t in range(len(frames)):
            here_N = np.flatnonzero((people.frame_N == t) & (people.id_N >= 0))
            self._observe(frames, t, people.some(here_N), [surfaces.people[i] for i in here_N])
            self.waiting[-1].observed += 1
            if self._undecided() > self.config.look_ahead:
                self._decide_oldest()
        yield from self._take_decided()

    def flush(self) -> Iterator[People]:
        """The chunks that still wait for later frames."""
        while self._undecided():
            self._decide_oldest()
        yield from self._take_decided()

    def blank(self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None) -> People | None:
        """The people unchanged."""
        return people

    def _observe(self, frames: FrameChunk, t: int, people: People, surfaces: list[PersonSurface]) -> None:
        """Update the evidence of the tracks that are detected in the chunk's frame `t`."""
        flow = self._flow(frames, t)
        for identity, score, cue_K in zip(
            people.id_N.tolist(), people.score_N.tolist(), cues_of(people, surfaces, flow), strict=True
        ):
            self.tracks[identity] = self.tracks.get(identity, TrackEvidence.empty()).updated(cue_K, score, self.now)

    def _flow(self, frames: FrameChunk, t: int) -> PointFlow | None:
        """Advance to the chunk's frame `t`; its flow to a frame that is `LEAST_FLOW_S` older, if there is one."""
        frame, self.now = frames.first + t, self.now.next(frames.second(t))
        self.tracks = {
            key: track
            for key, track in self.tracks.items()
            if track.seen_s is not None and self.now.within(track.seen_s, FORGET_S)
        }
        now, step = SmallFrame.of(frames.rgb_THW3[t]), self.now.second - self.before_s
        continues = frame == self.last_frame + 1 and not frames.starts_shot(t)
        comparable = continues and now.grey_hw.shape == self.before.grey_hw.shape
        self.last_frame = frame
        if comparable and step < LEAST_FLOW_S:
            return None
        before, self.before, self.before_s = self.before, now, self.now.second
        return PointFlow(now=now, before=before, seconds=step) if comparable else None

    def _undecided(self) -> int:
        return sum(chunk.observed - chunk.decided for chunk in self.waiting)

    def _decide_oldest(self) -> None:
        """Judge the people of the oldest undecided frame by what is known of their tracks by now."""
        chunk = next(chunk for chunk in self.waiting if chunk.decided < chunk.frames)
        for person in np.flatnonzero(chunk.people.frame_N == chunk.decided).tolist():
            identity = int(chunk.people.id_N[person])
            if identity not in self.tracks:
                continue
            track = self.tracks[identity]
            thing = self.rule.is_thing(track.cues(), track.shown_s, track.is_thing)
            self.tracks[identity] = replace(track, is_thing=thing)
            chunk.thing_N[person] = thing
            if thing:
                self.things.add(identity)
        chunk.decided += 1

    def _take_decided(self) -> Iterator[People]:
        """Remove and yield the leading chunks whose frames are all decided."""
        while self.waiting and self.waiting[0].decided == self.waiting[0].frames:
            chunk = self.waiting.popleft()
            yield replace(chunk.people, thing_N=chunk.thing_N) if chunk.thing_N.any() else chunk.people

    def summary(self) -> Mapping[str, Any]:
        """`things`: number of tracks that were taken for things for a time."""
        return {"things": len(self.things)}

    def state(self) -> bytes:
        """All evidence, the last frame as a small grey image, and the waiting chunks."""
        tracks = list(self.tracks.items())
        arrays: dict[str, Any] = {
            "last_frame": np.array(self.last_frame),
            "clock": np.array([self.now.second, self.now.before, self.before_s]),
            "step": np.array(self.before.step),
            "before_hw": self.before.grey_hw,
            "things": np.array(sorted(self.things), np.int64),
            "whole_A2": np.array([(key, t.is_thing) for key, t in tracks], np.int64).reshape(-1, 2),
            "times_A2": np.array([(t.seen_s, t.shown_s) for _, t in tracks], np.float64).reshape(-1, 2),
            "best_A": np.array([t.best for _, t in tracks], np.float64),
            "total_AK": np.array([t.total_K for _, t in tracks], np.float64).reshape(-1, len(CUES)),
            "weight_AK": np.array([t.weight_K for _, t in tracks], np.float64).reshape(-1, len(CUES)),
            "waiting": np.array([(c.frames, c.decided) for c in self.waiting], np.int64).reshape(-1, 2),
        }
        for number, chunk in enumerate(self.waiting):
            arrays[f"thing {number}"] = chunk.thing_N
            for spec in fields(People):
                if (values := getattr(chunk.people, spec.name)) is not None:
                    arrays[f"{spec.name} {number}"] = values
        return arrays_to_bytes(arrays)

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        arrays = arrays_from_bytes(state)
        self.last_frame = int(arrays["last_frame"])
        second, before, self.before_s = arrays["clock"].tolist()
        self.now = FrameTime(second=second, before=before)
        self.before = SmallFrame(grey_hw=arrays["before_hw"], step=int(arrays["step"]))
        self.things = set(arrays["things"].tolist())
        columns = (arrays[name] for name in ("whole_A2", "times_A2", "best_A", "total_AK", "weight_AK"))
        self.tracks = {
            int(whole[0]): TrackEvidence(
                total_K=total_K,
                weight_K=weight_K,
                best=float(best),
                shown_s=float(time[1]),
                seen_s=float(time[0]),
                is_thing=bool(whole[1]),
            )
            for whole, time, best, total_K, weight_K in zip(*columns, strict=True)
        }
        self.waiting = deque(
            WaitingChunk(
                people=People(
                    **{s.name: arrays[key] for s in fields(People) if (key := f"{s.name} {number}") in arrays}
                ),
                thing_N=arrays[f"thing {number}"],
                frames=frames,
                observed=frames,
                decided=decided,
            )
            for number, (frames, decided) in enumerate(arrays["waiting"].tolist())
        )
