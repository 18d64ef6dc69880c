"""What a smoothing that looks ahead keeps: frames that were seen and not given out yet, and the chunks they are of."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from stages.payloads import Surface, Surfaces
from stages.people.layers import Layers, Memory
from stages.people.motion import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One frame's people by identity.

    Attributes:
        place: which surface of its chunk is theirs.
        first: what the network said.
        steady: the same fused with the past; not of those who have none.
        forth: the way from their cells in the frame before to those in this one; not of those who were not there.
    """

    place: dict[int, int]
    first: dict[int, Memory]
    steady: dict[int, Layers]
    forth: dict[int, Way]


@dataclass(slots=True, kw_only=True)
class Chunk:
    """A chunk's surfaces, some of them steadied already, and how many frames are still to be."""

    people: list[Surface]
    frames: int


@dataclass(slots=True, kw_only=True)
class Waiting:
    """Chunks in order; frames of the oldest are done first."""

    chunks: deque[Chunk] = field(default_factory=deque)

    def add(self, surfaces: Surfaces, frames: int) -> None:
        """One more chunk."""
        self.chunks.append(Chunk(people=list(surfaces.people), frames=frames))

    def oldest(self) -> Chunk:
        """The first chunk with frames that are not done."""
        return next(chunk for chunk in self.chunks if chunk.frames)

    def get(self, place: int) -> Surface:
        """One surface of the oldest chunk."""
        return self.oldest().people[place]

    def put(self, place: int, surface: Surface) -> None:
        """Put another in its place."""
        self.oldest().people[place] = surface

    def frame_done(self) -> None:
        """One more frame of the oldest chunk is as it will be given out."""
        self.oldest().frames -= 1

    def whole(self) -> Iterator[Surfaces]:
        """The chunks all of whose frames are done; they wait no longer."""
        while self.chunks and not self.chunks[0].frames:
            yield Surfaces(people=tuple(self.chunks.popleft().people))
