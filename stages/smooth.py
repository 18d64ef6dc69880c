"""Steady surfaces over time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import Literal

import numpy as np

from pipeline.stage import Stage
from stages.payloads import U8, FrameChunk, People, Surface, Surfaces
from stages.temporal.cuts import glance, is_cut
from stages.temporal.fusion import Memory, first_memory, fuse
from stages.temporal.motion import Flow, Grid, Small, small_picture

GRID_FIELDS = [spec.name for spec in fields(Grid)]
NOTHING = Small(grey_hw=np.zeros((0, 0), np.uint8), scale=1.0)


class Smooth(Stage):
    """Surfaces of frame t in, steadied surfaces of the same frame out: no delay; on a still image nothing changes.

    Optical flow carries each person's last surface forward, and what the network says now is fused with it (see
    `stages.temporal.fusion`). People without an identity, people seen for the first time, and all after a cut pass as
    they are.
    """

    ordered = True
    memory_frames = None

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How much is steadied.

        Attributes:
            kind: `flow`, or `none` to pass surfaces as the network made them.
            frames: UV is the mean over up to so many frames (2..16); more is steadier, but follows changes later.
            flow_lines: optical flow sees frames at this height, up to twice of it.
        """

        kind: Literal["flow", "none"] = "flow"
        frames: int = 5
        flow_lines: int = 240

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 2 <= self.frames <= 16:
                raise ValueError(f"frames is {self.frames}, must be from 2 to 16")
            if self.flow_lines < 32:
                raise ValueError(f"flow_lines is {self.flow_lines}, must be at least 32")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A stream begins: nothing is remembered."""
        super().__init__(config, threads=threads)
        self.flow = Flow()
        self.memories: dict[int, Memory] = {}
        self.before = NOTHING
        self.glance = np.zeros((0, 0, 3), np.uint8)
        self.last_frame = -1

    def __call__(self, frames: FrameChunk, people: People, surfaces: Surfaces) -> Iterator[Surfaces]:
        """The chunk's surfaces, steadied; their order and grids stay."""
        if frames.video.still or self.config.kind == "none":
            yield surfaces
            return
        steady = list(surfaces.people)
        for t in range(len(frames)):
            here = [int(i) for i in np.flatnonzero((people.frame_N == t) & (people.id_N >= 0))]
            given = {int(people.id_N[i]): surfaces.people[i] for i in here}
            given = self._steadied(frames.rgb_THW3[t], frames.first + t, given)
            for i in here:
                steady[i] = given[int(people.id_N[i])]
        yield Surfaces(people=tuple(steady))

    def blank(self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None) -> Surfaces | None:
        """The surfaces as they came."""
        return surfaces

    def _steadied(self, frame_HW3: U8, frame: int, given: dict[int, Surface]) -> dict[int, Surface]:
        """One frame's surfaces by identity; the memory moves on."""
        now_glance = glance(frame_HW3)
        if frame != self.last_frame + 1 or (self.memories and is_cut(self.glance, now_glance)):
            self.memories = {}
        self.glance, self.last_frame = now_glance, frame
        if not given:
            self.memories, self.before = {}, NOTHING
            return given
        now = small_picture(frame_HW3, self.config.flow_lines)
        results = {identity: self._steady_one(now, identity, surface) for identity, surface in given.items()}
        self.memories = {identity: memory for identity, (_, memory) in results.items()}
        self.before = now
        return {identity: surface for identity, (surface, _) in results.items()}

    def _steady_one(self, now: Small, identity: int, surface: Surface) -> tuple[Surface, Memory]:
        fresh = first_memory(surface)
        memory = self.memories.get(identity)
        if memory is None:
            return surface, fresh
        origin = self.flow.origin(now, self.before, fresh.grid, memory.grid)
        if origin is None:
            return surface, fresh
        return fuse(surface, memory, origin, self.config.frames)

    def state(self) -> bytes:
        """The last frame's grey picture and everyone's last surface, exactly."""
        arrays = {
            "counters": np.array([self.last_frame], np.int64),
            "glance": self.glance,
            "grey_hw": self.before.grey_hw,
            "scale": np.array([self.before.scale]),
            "identities": np.array(list(self.memories), np.int64),
        }
        for identity, memory in self.memories.items():
            arrays[f"grid_{identity}"] = np.array(astuple(memory.grid), np.int64)
            arrays[f"labels_{identity}"] = memory.labels_hw
            arrays[f"uv_{identity}"] = memory.uv_hw2
            arrays[f"age_{identity}"] = memory.age_hw
        kept = io.BytesIO()
        np.savez(kept, **arrays)  # type: ignore[arg-type]
        return kept.getvalue()

    def restore(self, state: bytes) -> None:
        """Take up what `state` gave."""
        with np.load(io.BytesIO(state), allow_pickle=False) as kept:
            self.last_frame = int(kept["counters"][0])
            self.glance = kept["glance"]
            self.before = Small(grey_hw=kept["grey_hw"], scale=float(kept["scale"][0]))
            self.memories = {
                int(identity): Memory(
                    grid=Grid(**dict(zip(GRID_FIELDS, kept[f"grid_{identity}"].tolist(), strict=True))),
                    labels_hw=kept[f"labels_{identity}"],
                    uv_hw2=kept[f"uv_{identity}"],
                    age_hw=kept[f"age_{identity}"],
                )
                for identity in kept["identities"]
            }
