"""The look-ahead of `fit`: frames whose bodies wait for later frames, and the chunks that contain these frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.body.fitted_body import FittedBody
from stages.bodies.pose_smoothing import smoothed_body
from stages.payloads import Bodies


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFits:
    """The fits of one frame.

    Attributes:
        second: time of the frame.
        starts_shot: True if the frame does not continue the frame before, as after a scene cut.
        people: identity and body of each fitted person.
        persons: index of each of them among all people of the frame.
    """

    second: float
    starts_shot: bool
    people: tuple[tuple[int, FittedBody], ...]
    persons: tuple[int, ...]

    def body_of(self, identity: int) -> FittedBody | None:
        """The body of an identity; None if it is not in the frame."""
        return next((body for found, body in self.people if found == identity), None)


@dataclass(slots=True, kw_only=True)
class ChunkOfBodies:
    """A chunk of `frames` frames. The bodies of its first `finished` frames are in `bodies`."""

    frames: int
    finished: int = 0
    bodies: list[Bodies] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class BodyLookAhead:
    """The last frames of a stream. Some are finished; the others wait for later frames.

    Attributes:
        window: poses of a frame are smoothed over this number of frames before it, and after it.
        fits: the frames, oldest first.
        past: number of finished frames at the start of `fits`.
        chunks: the chunks that are incomplete, or not yet taken.
    """

    window: int
    fits: deque[FrameFits] = field(default_factory=deque)
    past: int = 0
    chunks: deque[ChunkOfBodies] = field(default_factory=deque)

    @property
    def unfinished(self) -> int:
        """Number of frames that are not finished."""
        return len(self.fits) - self.past

    def add_chunk(self, frames: int) -> None:
        """Append a chunk of this number of frames. The caller then adds their fits to `fits`."""
        self.chunks.append(ChunkOfBodies(frames=frames))

    def finish_oldest(self, last_step: Callable[[int, FittedBody], tuple[int, FittedBody]]) -> None:
        """Smooth the poses of the oldest unfinished frame, and add its bodies to its chunk.

        Args:
            last_step: takes the identity and the smoothed body of a person; returns those of the result.
        """
        neighbours = [self.fits[at] for at in range(*self._window_of(self.past))]
        frame = self.fits[self.past]
        finished = [last_step(identity, _smoothed(neighbours, frame, identity)) for identity, _ in frame.people]
        chunk = next(chunk for chunk in self.chunks if chunk.finished < chunk.frames)
        chunk.bodies.append(Bodies.of_frame(finished, frame.persons))
        chunk.finished += 1
        self.past += 1
        while self.past > self.window:
            self.fits.popleft()
            self.past -= 1

    def _window_of(self, at: int) -> tuple[int, int]:
        """First frame, and frame after the last, of the window around a frame. The window is inside of one shot."""
        first = last = at
        while first > max(at - self.window, 0) and not self.fits[first].starts_shot:
            first -= 1
        while last + 1 < min(at + self.window + 1, len(self.fits)) and not self.fits[last + 1].starts_shot:
            last += 1
        return first, last + 1

    def take_complete(self) -> Iterator[Bodies]:
        """Remove and yield the leading chunks whose frames are all finished."""
        while self.chunks and self.chunks[0].finished == self.chunks[0].frames:
            yield Bodies.joined(self.chunks.popleft().bodies)


def _smoothed(neighbours: Sequence[FrameFits], frame: FrameFits, identity: int) -> FittedBody:
    """The body of a person in a frame, smoothed over those neighbours in which the person is visible."""
    fits = [(near, body) for near in neighbours if (body := near.body_of(identity)) is not None]
    at = next(index for index, (near, _) in enumerate(fits) if near is frame)
    return smoothed_body([body for _, body in fits], np.array([near.second for near, _ in fits]), at)
