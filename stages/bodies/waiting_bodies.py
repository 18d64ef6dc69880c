"""The look-ahead of `fit`: frames whose bodies wait for later frames, and the chunks that they belong to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.body.fitted_body import FittedBody
from stages.bodies.pose_window import steadied
from stages.payloads import Bodies


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFits:
    """The fits of one frame.

    Attributes:
        second: time of the frame.
        apart: whether it does not continue the frame before, as after a scene cut.
        people: identity and body of each person who has one.
        persons: index of each of them among the people of the frame.
    """

    second: float
    apart: bool
    people: tuple[tuple[int, FittedBody], ...]
    persons: tuple[int, ...]

    def body_of(self, identity: int) -> FittedBody | None:
        """The body of an identity; None if it is not in the frame."""
        return next((body for found, body in self.people if found == identity), None)


@dataclass(slots=True, kw_only=True)
class ChunkOfBodies:
    """A chunk of `frames` frames, of which the first `finished` have their bodies in `bodies`."""

    frames: int
    finished: int = 0
    bodies: list[Bodies] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class WaitingBodies:
    """The last frames of a stream, the first `past` of which are finished.

    Attributes:
        reach: number of frames before and after a frame that its poses are smoothed over.
        fits: the frames, oldest first.
        past: number of frames at the start of `fits` that are finished.
        chunks: the chunks that are not complete or not yet taken.
    """

    reach: int
    fits: deque[FrameFits] = field(default_factory=deque)
    past: int = 0
    chunks: deque[ChunkOfBodies] = field(default_factory=deque)

    @property
    def unfinished(self) -> int:
        """Number of frames that wait."""
        return len(self.fits) - self.past

    def add_chunk(self, frames: int) -> None:
        """Append a chunk, whose frames follow."""
        self.chunks.append(ChunkOfBodies(frames=frames))

    def finish_oldest(self, last_step: Callable[[int, FittedBody], tuple[int, FittedBody]]) -> None:
        """Smooth the poses of the oldest frame that waits, and put its bodies into its chunk.

        Args:
            last_step: from the identity and smoothed body of a person to those that leave.
        """
        window = [self.fits[at] for at in range(*self._shot(self.past))]
        own = self.fits[self.past]
        finished = [last_step(identity, _steady(window, own, identity)) for identity, _ in own.people]
        chunk = next(chunk for chunk in self.chunks if chunk.finished < chunk.frames)
        chunk.bodies.append(Bodies.of_frame(finished, own.persons))
        chunk.finished += 1
        self.past += 1
        while self.past > self.reach:
            self.fits.popleft()
            self.past -= 1

    def _shot(self, at: int) -> tuple[int, int]:
        """First frame, and frame after the last, within reach of a frame and without a cut between."""
        first = last = at
        while first > max(at - self.reach, 0) and not self.fits[first].apart:
            first -= 1
        while last + 1 < min(at + self.reach + 1, len(self.fits)) and not self.fits[last + 1].apart:
            last += 1
        return first, last + 1

    def take_complete(self) -> Iterator[Bodies]:
        """Remove and yield the leading chunks whose frames are all finished."""
        while self.chunks and self.chunks[0].finished == self.chunks[0].frames:
            yield Bodies.joined(self.chunks.popleft().bodies)


def _steady(window: Sequence[FrameFits], own: FrameFits, identity: int) -> FittedBody:
    """A body smoothed over the frames of the window that show its identity."""
    seen = [(one, found) for one in window if (found := one.body_of(identity)) is not None]
    at = next(index for index, (one, _) in enumerate(seen) if one is own)
    return steadied([found for _, found in seen], np.array([one.second for one, _ in seen]), at)
