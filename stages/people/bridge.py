"""Bridges detection gaps: people that the network misses for a moment are propagated along the optical flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from models.box_overlap import iou
from models.time_steps import FrameTime
from pipeline.stage import Stage
from stages.payloads import U8, FrameChunk, People, PersonSurface, Surfaces
from stages.people.optical_flow import PersonFlow
from stages.people.person_evidence import without_things
from stages.people.propagation import PropagatedPerson, propagated
from stages.people.surface_arrays import arrays_from_bytes, arrays_to_bytes, surface_from_arrays, surface_to_arrays

SAME_PLACE_IOU = 0.5
"""IoU from which on two boxes are in one place."""
NO_FRAME = np.zeros((0, 0, 3), np.uint8)


class Bridge(Stage):
    """People with identities in; the same and the missed people out, propagated along the optical flow.

    Propagated people are marked (`People.bridged_N`); their score and confidence decrease with time. Occluded
    pixels are not propagated, and nothing is propagated over a scene cut. Single images pass unchanged. Things that
    `verify` marked are left out, and not propagated.
    """

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Which gaps are bridged.

        Attributes:
            max_gap_s: seconds without detection (0..1) after which a person is no longer propagated; one missed frame
                is bridged at any frame rate; 0 turns the stage off.
            min_shown_s: seconds for which a person must have been detected before.
        """

        max_gap_s: float = 0.15
        min_shown_s: float = 0.26

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 0 <= self.max_gap_s <= 1:
                raise ValueError(f"max_gap_s is {self.max_gap_s}, must be from 0 to 1")
            if not self.min_shown_s >= 0:
                raise ValueError(f"min_shown_s is {self.min_shown_s}, must be 0 or more")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A new stream without people."""
        super().__init__(config, threads=threads)
        self.flow = PersonFlow()
        self.known: dict[int, PropagatedPerson] = {}
        self.before_HW3: U8 = NO_FRAME
        self.last_frame = -1
        self.now = FrameTime()
        self.bridged = 0

    def __call__(self, frames: FrameChunk, people: People, surfaces: Surfaces) -> Iterator[tuple[People, Surfaces]]:
        """The chunk's people and surfaces with the propagated people, in each frame by falling score."""
        for identity in [] if people.thing_N is None else people.id_N[people.thing_N].tolist():
            self.known.pop(identity, None)
        people, surfaces = without_things(people, surfaces)
        if frames.video.still or not self.config.max_gap_s:
            yield people, surfaces
            return
        chunk_people, chunk_surfaces = [], []
        for t in range(len(frames)):
            here_N = np.flatnonzero(people.frame_N == t)
            detected = replace(people.some(here_N), frame_N=np.zeros(len(here_N), np.int32))
            self.now = self.now.next(frames.second(t))
            missed = self._propagated(frames, t, detected)
            self._update_known(detected, [surfaces.people[i] for i in here_N], missed)
            everyone, order = with_propagated(detected, missed)
            chunk_people.append(everyone)
            all_surfaces = [surfaces.people[i] for i in here_N] + [person.surface for person in missed.values()]
            chunk_surfaces += [all_surfaces[i] for i in order]
        yield People.joined(chunk_people), Surfaces(people=tuple(chunk_surfaces))

    def blank(
        self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None
    ) -> tuple[People | None, Surfaces | None]:
        """The people unchanged."""
        return people, surfaces

    def _propagated(self, frames: FrameChunk, t: int, people: People) -> dict[int, PropagatedPerson]:
        """The known people that are not detected in the chunk's frame `t`, propagated to it."""
        present = set(people.id_N.tolist())
        candidates = {
            identity: person
            for identity, person in self.known.items()
            if identity not in present and self._is_candidate(person)
        }
        frame, before_HW3, last = frames.first + t, self.before_HW3, self.last_frame
        self.before_HW3, self.last_frame = frames.rgb_THW3[t], frame
        if not candidates or frame != last + 1 or frames.starts_shot(t):
            return {}
        before_HW, now_HW = (
            np.asarray(cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2GRAY), np.uint8) for rgb_HW3 in (before_HW3, self.before_HW3)
        )
        step = self.now.second - self.now.before
        moved = {key: propagated(person, self.flow, before_HW, now_HW, step) for key, person in candidates.items()}
        missed = {
            identity: person
            for identity, person in moved.items()
            if person is not None and not _is_covered_by_detection(person, people)
        }
        self.bridged += len(missed)
        return missed

    def _is_candidate(self, person: PropagatedPerson) -> bool:
        recent = self.now.within(person.seen_s, self.config.max_gap_s)
        return recent and person.shown_s >= self.config.min_shown_s

    def _update_known(self, people: People, surfaces: list[PersonSurface], missed: dict[int, PropagatedPerson]) -> None:
        """Remember the detected and the propagated people of this frame."""
        seen, near_N = {}, people.nearness()
        for i, identity in enumerate(people.id_N.tolist()):
            if identity >= 0:
                known = self.known.get(identity)
                shown_s = 0.0 if known is None else known.shown_s + self.now.filter_step(known.seen_s)
                score = float(people.score_N[i])
                seen[identity] = PropagatedPerson(
                    surface=surfaces[i],
                    box_4=people.box_N4[i],
                    score=score,
                    seen_s=self.now.second,
                    shown_s=shown_s,
                    nearness=float(near_N[i]),
                )
        self.known = seen | missed

    def summary(self) -> Mapping[str, Any]:
        """`bridged`: number of propagated people, summed over frames."""
        return {"bridged": self.bridged}

    def state(self) -> bytes:
        """The last frame and all known people, exactly."""
        arrays: dict[str, Any] = {
            "counters": np.array([self.last_frame, self.bridged], np.int64),
            "clock": np.array([self.now.second, self.now.before]),
            "before_HW3": self.before_HW3,
            "ids": np.array(list(self.known), np.int64),
        }
        for identity, person in self.known.items():
            arrays |= {
                f"times {identity}": np.array([person.seen_s, person.shown_s]),
                f"box {identity}": person.box_4,
                f"score {identity}": np.float64(person.score),
                f"near {identity}": np.float64(person.nearness),
                **surface_to_arrays(f"person {identity}", person.surface),
            }
        return arrays_to_bytes(arrays)

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        arrays = arrays_from_bytes(state)
        self.last_frame, self.bridged = arrays["counters"].tolist()
        second, before = arrays["clock"].tolist()
        self.now, self.before_HW3 = FrameTime(second=second, before=before), arrays["before_HW3"]
        self.known = {identity: _read_person(arrays, identity) for identity in arrays["ids"].tolist()}


def _is_covered_by_detection(person: PropagatedPerson, people: People) -> bool:
    """Whether a detection is in the same place: then the person was not missed, or is occluded now."""
    return bool((iou(person.box_4[None], people.box_N4) >= SAME_PLACE_IOU).any())


def with_propagated(people: People, missed: dict[int, PropagatedPerson]) -> tuple[People, list[int]]:
    """One frame's people with the propagated people, by falling score, and their positions before sorting."""
    if not missed:
        return people, list(range(len(people)))
    count = len(missed)
    everyone = People(
        frame_N=np.zeros(len(people) + count, np.int32),
        box_N4=np.concatenate([people.box_N4, [person.box_4 for person in missed.values()]]).astype(np.float32),
        score_N=np.concatenate([people.score_N, [person.score for person in missed.values()]]).astype(np.float32),
        id_N=np.concatenate([people.id_N, list(missed)]).astype(np.int32),
        bridged_N=np.concatenate([people.bridged(), np.ones(count, bool)]),
        near_N=np.concatenate([people.nearness(), [person.nearness for person in missed.values()]]).astype(np.float32),
    )
    order_N = np.argsort(-everyone.score_N, kind="stable")
    return everyone.some(order_N), order_N.tolist()


def _read_person(arrays: Mapping[str, Any], identity: int) -> PropagatedPerson:
    seen_s, shown_s = arrays[f"times {identity}"].tolist()
    return PropagatedPerson(
        surface=surface_from_arrays(f"person {identity}", arrays),
        box_4=arrays[f"box {identity}"],
        score=float(arrays[f"score {identity}"]),
        seen_s=seen_s,
        shown_s=shown_s,
        nearness=float(arrays[f"near {identity}"]),
    )
