"""The look-ahead buffer of temporal smoothing: frames that wait for later frames, and the chunks they belong to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from models.structures import PersonMotion
from stages.payloads import PersonSurface, Surfaces
from stages.people.joint_fusion import JointEstimate
from stages.people.optical_flow import FlowField
from stages.people.surface_estimate import EstimateLayers, SurfaceEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferedFrame:
    """The people of one frame, by identity.

    Attributes:
        position: index of the person's surface in its chunk.
        measured: the estimate of this frame's prediction alone.
        fused: the same fused with the past; only people with a past.
        flow: from the person's cells in the frame before to those in this frame; only people who were in both.
        joints, fused_joints: as `measured` and `fused`, the keypoints; only people that have some.
    """

    position: dict[int, int]
    measured: dict[int, SurfaceEstimate]
    fused: dict[int, EstimateLayers]
    flow: dict[int, FlowField]
    joints: dict[int, JointEstimate]
    fused_joints: dict[int, JointEstimate]


@dataclass(slots=True, kw_only=True)
class BufferedChunk:
    """The surfaces of a chunk, the first of them smoothed already, and the number of frames that still wait."""

    people: list[PersonSurface]
    frames: int


@dataclass(slots=True, kw_only=True)
class ChunkBuffer:
    """Chunks in order; the frames of the oldest are finished first."""

    chunks: deque[BufferedChunk] = field(default_factory=deque)

    def add(self, surfaces: Surfaces, frames: int) -> None:
        """Append a chunk."""
        self.chunks.append(BufferedChunk(people=list(surfaces.people), frames=frames))

    def oldest(self) -> BufferedChunk:
        """The first chunk with unfinished frames."""
        return next(chunk for chunk in self.chunks if chunk.frames)

    def surface(self, position: int) -> PersonSurface:
        """A surface of the oldest chunk."""
        return self.oldest().people[position]

    def add_motion(self, position: int, motion: PersonMotion) -> None:
        """State the motion of a surface of the newest chunk."""
        people = self.chunks[-1].people
        people[position] = replace(people[position], motion=motion)

    def replace(self, position: int, surface: PersonSurface) -> None:
        """Replace a surface of the oldest chunk."""
        self.oldest().people[position] = surface

    def finish_frame(self) -> None:
        """Count one more frame of the oldest chunk as finished."""
        self.oldest().frames -= 1

    def take_complete(self) -> Iterator[Surfaces]:
        """Remove and yield the leading chunks whose frames are all finished."""
        while self.chunks and not self.chunks[0].frames:
            yield Surfaces(people=tuple(self.chunks.popleft().people))
