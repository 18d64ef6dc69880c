"""People whom the network misses for a few frames stay where they are."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from models.box_overlap import iou
from pipeline.stage import Stage
from stages.payloads import U8, FrameChunk, People, Surface, Surfaces
from stages.people.cuts import glance, is_cut
from stages.people.motion import Flow
from stages.people.standing_in import StandIn, carried_on

SAME_PLACE = 0.5
"""Overlap of boxes from which on they are in one place."""
NO_FRAME = np.zeros((0, 0, 3), np.uint8)


class Bridge(Stage):
    """People with identities in; out also those who were there a moment ago, where optical flow carried them.

    They are marked (`People.bridged_N`), and their scores and confidence fade from frame to frame. What something else
    covers now is not carried, nor is anyone over a cut; stills pass as they are.
    """

    ordered = True
    memory_frames = None

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Whose gaps are bridged.

        Attributes:
            frames: how many frames after the network last saw a person (0..30); 0 bridges nothing.
            after: only people who were seen in at least so many frames.
        """

        frames: int = 5
        after: int = 3

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 0 <= self.frames <= 30:
                raise ValueError(f"frames is {self.frames}, must be from 0 to 30")
            if self.after < 1:
                raise ValueError(f"after is {self.after}, must be 1 or more")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A stream begins: no one was seen yet."""
        super().__init__(config, threads=threads)
        self.flow = Flow()
        self.known: dict[int, StandIn] = {}
        self.before_HW3: U8 = NO_FRAME
        self.last_frame = -1
        self.bridged = 0

    def __call__(self, frames: FrameChunk, people: People, surfaces: Surfaces) -> Iterator[tuple[People, Surfaces]]:
        """The chunk's people and surfaces, and those who were missed, in each frame by falling score."""
        if frames.video.still or not self.config.frames:
            yield people, surfaces
            return
        found, shapes = [], []
        for t in range(len(frames)):
            here_N = np.flatnonzero(people.frame_N == t)
            everyone = replace(people.some(here_N), frame_N=np.zeros(len(here_N), np.int32))
            missed = self._missed(frames.rgb_THW3[t], frames.first + t, everyone)
            self._remember(everyone, [surfaces.people[i] for i in here_N], missed)
            everyone, order = with_missed(everyone, missed)
            found.append(everyone)
            here = [surfaces.people[i] for i in here_N] + [one.surface for one in missed.values()]
            shapes += [here[i] for i in order]
        yield People.joined(found), Surfaces(people=tuple(shapes))

    def blank(
        self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None
    ) -> tuple[People | None, Surfaces | None]:
        """Those who came."""
        return people, surfaces

    def _missed(self, frame_HW3: U8, frame: int, people: People) -> dict[int, StandIn]:
        """Who was there a moment ago and is not among the people, carried to this frame."""
        named = set(people.id_N.tolist())
        gone = {who: one for who, one in self.known.items() if who not in named and self._may_stay(one)}
        before_HW3, last = self.before_HW3, self.last_frame
        self.before_HW3, self.last_frame = frame_HW3, frame
        if not gone or frame != last + 1 or is_cut(glance(before_HW3), glance(frame_HW3)):
            return {}
        before_HW, now_HW = (
            np.asarray(cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2GRAY), np.uint8) for rgb_HW3 in (before_HW3, frame_HW3)
        )
        carried = {who: carried_on(one, self.flow, before_HW, now_HW) for who, one in gone.items()}
        missed = {who: one for who, one in carried.items() if one is not None and not _is_seen(one, people)}
        self.bridged += len(missed)
        return missed

    def _may_stay(self, one: StandIn) -> bool:
        return one.missed < self.config.frames and one.times >= self.config.after

    def _remember(self, people: People, surfaces: list[Surface], missed: dict[int, StandIn]) -> None:
        """Who is known from now on: those who are seen, and those who are carried."""
        seen, near_N = {}, people.near()
        for i, who in enumerate(people.id_N.tolist()):
            if who >= 0:
                times = self.known[who].times + 1 if who in self.known else 1
                score = float(people.score_N[i])
                seen[who] = StandIn(
                    surface=surfaces[i],
                    box_4=people.box_N4[i],
                    score=score,
                    missed=0,
                    times=times,
                    near=float(near_N[i]),
                )
        self.known = seen | missed

    def summary(self) -> Mapping[str, Any]:
        """`bridged`: how often someone was carried over a frame."""
        return {"bridged": self.bridged}

    def state(self) -> bytes:
        """The last frame, and everyone who is known, exactly."""
        arrays: dict[str, Any] = {
            "counters": np.array([self.last_frame, self.bridged], np.int64),
            "before_HW3": self.before_HW3,
            "ids": np.array(list(self.known), np.int64),
        }
        for who, one in self.known.items():
            surface = one.surface
            arrays |= {
                f"whole {who}": np.array([surface.x0, surface.y0, one.missed, one.times], np.int64),
                f"box {who}": one.box_4,
                f"score {who}": np.float64(one.score),
                f"near {who}": np.float64(one.near),
                f"labels {who}": surface.labels_hw,
                f"uv {who}": surface.uv_2hw,
            }
            if surface.confidence_hw is not None:
                arrays[f"confidence {who}"] = surface.confidence_hw
        kept = io.BytesIO()
        np.savez(kept, **arrays)
        return kept.getvalue()

    def restore(self, state: bytes) -> None:
        """Take up what `state` gave."""
        with np.load(io.BytesIO(state), allow_pickle=False) as kept:
            self.last_frame, self.bridged = kept["counters"].tolist()
            self.before_HW3 = kept["before_HW3"]
            self.known = {who: _stand_in(kept, who) for who in kept["ids"].tolist()}


def _is_seen(one: StandIn, people: People) -> bool:
    """Whether somebody is found in the same place: then nobody was missed there, or whoever was is covered now."""
    return bool((iou(one.box_4[None], people.box_N4) >= SAME_PLACE).any())


def with_missed(people: People, missed: dict[int, StandIn]) -> tuple[People, list[int]]:
    """One frame's people and those who were missed, best score first, and the places that they had before that."""
    if not missed:
        return people, list(range(len(people)))
    count = len(missed)
    everyone = People(
        frame_N=np.zeros(len(people) + count, np.int32),
        box_N4=np.concatenate([people.box_N4, [one.box_4 for one in missed.values()]]).astype(np.float32),
        score_N=np.concatenate([people.score_N, [one.score for one in missed.values()]]).astype(np.float32),
        id_N=np.concatenate([people.id_N, list(missed)]).astype(np.int32),
        bridged_N=np.concatenate([people.bridged(), np.ones(count, bool)]),
        near_N=np.concatenate([people.near(), [one.near for one in missed.values()]]).astype(np.float32),
    )
    order_N = np.argsort(-everyone.score_N, kind="stable")
    return everyone.some(order_N), order_N.tolist()


def _stand_in(kept: Mapping[str, Any], who: int) -> StandIn:
    x0, y0, missed, times = kept[f"whole {who}"].tolist()
    surface = Surface(
        x0=x0,
        y0=y0,
        labels_hw=kept[f"labels {who}"],
        uv_2hw=kept[f"uv {who}"],
        confidence_hw=kept.get(f"confidence {who}"),
    )
    return StandIn(
        surface=surface,
        box_4=kept[f"box {who}"],
        score=float(kept[f"score {who}"]),
        missed=missed,
        times=times,
        near=float(kept[f"near {who}"]),
    )
