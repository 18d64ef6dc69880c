"""Steady surfaces over time."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

import cv2
import numpy as np

from pipeline.stage import Stage
from stages.payloads import U8, FrameChunk, People, Surface, Surfaces
from stages.people.cuts import glance, is_cut
from stages.people.fusion import carried, first_memory, merged, reviewed
from stages.people.guess import guessed
from stages.people.keeping import (
    memories_kept,
    memories_read,
    sights_kept,
    sights_read,
    waiting_kept,
    waiting_read,
)
from stages.people.layers import Layers, Memory
from stages.people.motion import Flow, InverseSearch, Search, Way
from stages.people.shown import corrected
from stages.people.sights import Sight, Waiting

NO_PICTURE = np.zeros((0, 0), np.uint8)


class Smooth(Stage):
    """Surfaces of frame t in, steadied surfaces of the same frame out, `ahead` frames later; stills pass as they are.

    Optical flow carries what is known of each person from frame to frame, and what the network says is fused with it
    (see `stages.people.fusion`): the past always, and the next `ahead` frames too, which by then have been seen.
    People without an identity, people seen for the first time, and all after a cut pass as they are.
    """

    ordered = True
    memory_frames = None
    accelerated = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How much is steadied.

        Attributes:
            kind: `flow`, or `none` to pass surfaces as the network made them.
            ahead: frames that are looked at before a frame is given out (0..8); 0 answers at once, for live pictures.
            search: what finds the flow: `dis`, OpenCV's dense inverse search on the processor, or `raft`, torchvision's
                network, which wants a GPU.
            raft_weights: torchvision's file of raft_small or raft_large.
        """

        kind: Literal["flow", "none"] = "flow"
        ahead: int = 0
        search: Literal["dis", "raft"] = "dis"
        raft_weights: str = ""

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 0 <= self.ahead <= 8:
                raise ValueError(f"ahead is {self.ahead}, must be from 0 to 8")

    @classmethod
    def uses_gpu(cls, config: Config) -> bool:
        """Only RAFT does."""
        return config.kind == "flow" and config.search == "raft"

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A stream begins: nothing is remembered. Raises: ModelError for weights of RAFT that cannot be read."""
        super().__init__(config, threads=threads)
        self.flow = Flow(search_of(config, threads))
        self.waiting = Waiting()
        self.sights: deque[Sight] = deque()
        self.memories: dict[int, Memory] = {}
        self.before_HW: U8 = NO_PICTURE
        self.glance = np.zeros((0, 0, 3), np.uint8)
        self.last_frame = -1

    def __call__(self, frames: FrameChunk, people: People, surfaces: Surfaces) -> Iterator[Surfaces]:
        """The chunk's surfaces, steadied, or earlier chunks' that waited; their order and grids stay."""
        if frames.video.still or self.config.kind == "none":
            yield from self.flush()
            yield surfaces
            return
        self.waiting.add(surfaces, len(frames))
        for t in range(len(frames)):
            here = np.flatnonzero((people.frame_N == t) & (people.id_N >= 0)).tolist()
            given = {int(people.id_N[i]): (i, surfaces.people[i]) for i in here}
            self.sights.append(self._sight(frames.rgb_THW3[t], frames.first + t, given))
            if len(self.sights) > self.config.ahead:
                self._give_out()
        yield from self.waiting.whole()

    def flush(self) -> Iterator[Surfaces]:
        """The chunks that still waited for later frames."""
        while self.sights:
            self._give_out()
        yield from self.waiting.whole()

    def blank(self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None) -> Surfaces | None:
        """The surfaces as they came."""
        return surfaces

    def _sight(self, frame_HW3: U8, frame: int, given: dict[int, tuple[int, Surface]]) -> Sight:
        """One frame's people, fused with the past; the memory moves on."""
        now = glance(frame_HW3)
        if frame != self.last_frame + 1 or (self.memories and is_cut(self.glance, now)):
            self.memories = {}
        self.glance, self.last_frame = now, frame
        now_HW = np.asarray(cv2.cvtColor(frame_HW3, cv2.COLOR_RGB2GRAY), np.uint8) if given else NO_PICTURE
        first = {identity: first_memory(surface) for identity, (_, surface) in given.items()}
        memories, steady, forth = dict(first), {}, {}
        for identity, seen in first.items():
            memory = self.memories.get(identity)
            if memory is None:
                continue
            back, onward = self._ways(now_HW, seen, memory)
            if back is not None:
                steady[identity] = merged(Layers.of(seen), carried(memory, back))
                memories[identity] = steady[identity].memory(seen.grid)
            if onward is not None:
                forth[identity] = onward
        self.memories, self.before_HW = memories, now_HW
        return Sight(
            place={identity: place for identity, (place, _) in given.items()},
            first=first,
            steady=steady,
            forth=forth,
        )

    def _ways(self, now_HW: U8, seen: Memory, before: Memory) -> tuple[Way | None, Way | None]:
        """From a person's cells to those of the frame before, and on from those, which only a look ahead takes."""
        frames, cells, guess = (now_HW, self.before_HW), (seen.grid, before.grid), guessed(seen, before)
        if self.config.ahead:
            return self.flow.both_ways(*frames, *cells, guess) or (None, None)
        return self.flow.way(*frames, *cells, guess), None

    def _give_out(self) -> None:
        """Bring the next frames' knowledge to the oldest frame, and its result to where it waits."""
        sight = self.sights.popleft()
        for identity, place in sight.place.items():
            first, steady, later = sight.first[identity], sight.steady.get(identity), self._later(identity)
            if later is not None:
                steady = reviewed(steady or Layers.of(first), later)
            if steady is not None:
                self.waiting.put(place, corrected(self.waiting.get(place), first, steady))
        self.waiting.frame_done()

    def _later(self, identity: int) -> Layers | None:
        """What the frames that wait know of a person, carried back to the frame before them; None for nothing."""
        seen = list(takewhile(lambda sight: identity in sight.forth, self.sights))
        later: Layers | None = None
        for sight in reversed(seen):
            known = sight.first[identity]
            if later is not None:
                known = reviewed(Layers.of(known), later).memory(known.grid)
            later = carried(known, sight.forth[identity])
        return later

    def state(self) -> bytes:
        """The last frame's grey picture, everyone's memory and all that waits, exactly."""
        arrays = {
            "last_frame": np.array(self.last_frame),
            "glance": self.glance,
            "before_HW": self.before_HW,
            **memories_kept("memory", self.memories),
            **sights_kept(self.sights),
            **waiting_kept(self.waiting),
        }
        kept = io.BytesIO()
        np.savez(kept, **arrays)  # type: ignore[arg-type]
        return kept.getvalue()

    def restore(self, state: bytes) -> None:
        """Take up what `state` gave."""
        with np.load(io.BytesIO(state), allow_pickle=False) as kept:
            self.last_frame, self.glance, self.before_HW = int(kept["last_frame"]), kept["glance"], kept["before_HW"]
            self.memories = memories_read("memory", kept)
            self.sights, self.waiting = sights_read(kept), waiting_read(kept)


def search_of(config: Smooth.Config, threads: int) -> Search:
    """What finds the flow. Raises: ModelError for weights of RAFT that cannot be read."""
    if config.search == "dis":
        return InverseSearch()
    from stages.people.raft import RaftSearch  # takes seconds to import, and is seldom wanted

    return RaftSearch(config.raft_weights, threads=threads)
