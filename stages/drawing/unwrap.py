"""People off the pictures: what a video or photo shows of each person's surface, as an atlas that others can wear."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from models.errors import ModelError
from models.surface.atlas import join_tiles
from models.surface.inpainting import close_gaps, fill_all
from models.surface.unwrapping import TexelMemory, observe_texels
from models.surface.whole_body_map import map_of_tiles, read_layout
from pipeline.stage import Job, Stage, StageError
from stages.drawing.compositing import Canvas, visible_part
from stages.payloads import U8, FrameChunk, People, Surfaces, Written
from stages.video.decoding.still_images import IMAGE_FORMATS, write_still
from stages.video.encoding.atomic_writes import reported_write_errors
from stages.video.encoding.output_file import OutputFile

LOSSLESS = (".png", ".tif", ".tiff")
"""What an atlas can be written as: other kinds smear colours over the borders of its tiles."""
MOST_PEOPLE = 6
"""Identities that are remembered at once; of more, those of whom least was seen are forgotten."""


class Unwrap(Stage):
    """Looks at everyone in every frame, and writes the atlas of the person of whom most was seen at the end."""

    ordered = True
    memory_frames = None

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What is unwrapped.

        Attributes:
            identity: whose atlas is written; None = of the person of whom most was seen.
            side: texels of a tile's side; 200 makes DensePose's own 800×1200.
            holes: what was never seen is filled (`fill`: mirror image, surroundings, the rest of the limb), or stays
                transparent (`alpha`).
            layout: None writes 24 tiles; `figures` or an .obj a whole-body map (`models.surface.whole_body_map`).
            every: only each n-th frame is looked at.
            min_score: people the network is less sure of are passed over.
        """

        identity: int | None = None
        side: int = 200
        holes: Literal["fill", "alpha"] = "fill"
        layout: str | None = None
        every: int = 1
        min_score: float = 0.5

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 16 <= self.side <= 1024:
                raise ValueError(f"side is {self.side}, must be from 16 to 1024")
            if self.every < 1:
                raise ValueError(f"every is {self.every}, must be 1 or more")
            if not 0 <= self.min_score <= 1:
                raise ValueError(f"min_score is {self.min_score}, must be from 0 to 1")

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for an output that is no lossless picture, or that may not be replaced."""
        _checked(job)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Raises StageError for a layout that cannot be read."""
        super().__init__(config, threads=threads)
        try:
            self._layout = None if config.layout is None else read_layout(config.layout)
        except ModelError as error:
            raise StageError(error.what, f"unwrap.layout: {error.where}", error.remedy) from error
        self._memories: dict[int, TexelMemory] = {}
        self._frames = 0
        self._job: Job | None = None

    def __call__(self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces) -> Iterator[Written]:
        """Look at the people of the chunk. Raises StageError where the output cannot be what its name says."""
        if self._job is None:
            self._job = _checked(job)
        for t in range(len(frames)):
            if (frames.first + t) % self.config.every == 0:
                self._look(frames.rgb_THW3[t], t, people, surfaces)
            self._frames += 1
        return iter(())

    def flush(self) -> Iterator[Written]:
        """Write the atlas. Raises StageError when nobody, or not the one who was asked for, was seen."""
        if self._job is None:
            return
        identity, memory = self._chosen(self._job.input)
        picture, seen = self._picture(memory)
        destination = _destination(self._job)
        with reported_write_errors(destination.path):
            destination.prepare(fresh=True)
            suffix = Path(destination.path).suffix.lower()
            draft = destination.folder / f"picture{suffix}"
            alpha = picture[..., 3] if picture.shape[2] == 4 else None
            write_still(draft, np.ascontiguousarray(picture[..., :3]), alpha, IMAGE_FORMATS[suffix], {})
            destination.publish(draft)
        facts = {"identity": identity, "seen_share": round(seen, 3)}
        yield Written(path=destination.path, frames=self._frames, facts=facts)

    def summary(self) -> Mapping[str, Any]:
        """`people_seen`: identities of whom anything is remembered, most seen first."""
        return {"people_seen": sorted(self._memories, key=lambda who: -self._memories[who].total)}

    def state(self) -> bytes:
        """All that was seen so far."""
        arrays: dict[str, Any] = {"frames": self._frames}
        for who, memory in self._memories.items():
            arrays |= {f"rgb {who}": memory.rgb_PK3, f"weight {who}": memory.weight_PK, f"total {who}": memory.total}
        file = io.BytesIO()
        np.savez(file, **arrays)
        return file.getvalue()

    def restore(self, state: bytes) -> None:
        """Remember what a state tells."""
        if not state:
            return
        with np.load(io.BytesIO(state), allow_pickle=False) as arrays:
            self._frames = int(arrays["frames"])
            for name in arrays.files:
                if name.startswith("rgb "):
                    who = int(name.removeprefix("rgb "))
                    memory = TexelMemory(side=self.config.side)
                    memory.rgb_PK3, memory.weight_PK = arrays[name], arrays[f"weight {who}"]
                    memory.total = float(arrays[f"total {who}"])
                    self._memories[who] = memory

    def _look(self, rgb_HW3: U8, t: int, people: People, surfaces: Surfaces) -> None:
        canvas = Canvas(source_HW3=rgb_HW3, rgb_HW3=rgb_HW3)
        for person in np.flatnonzero((people.frame_N == t) & (people.score_N >= self.config.min_score)).tolist():
            visible = visible_part(canvas, surfaces.people[person])
            who = int(people.id_N[person])
            if visible is None or (self.config.identity is not None and who != self.config.identity):
                continue
            source = visible.canvas.source_HW3
            seen = observe_texels(source, visible.labels_hw, visible.uv_2hw, visible.confidence_hw, self.config.side)
            self._memory_of(who).add(seen)

    def _memory_of(self, who: int) -> TexelMemory:
        if who not in self._memories:
            if len(self._memories) >= MOST_PEOPLE:
                del self._memories[min(self._memories, key=lambda one: self._memories[one].total)]
            self._memories[who] = TexelMemory(side=self.config.side)
        return self._memories[who]

    def _chosen(self, source: str) -> tuple[int, TexelMemory]:
        known = {who: memory for who, memory in self._memories.items() if memory.total > 0}
        wanted = self.config.identity
        if not known:
            sought = "nobody" if wanted is None else f"no person {wanted}"
            raise StageError(f"{sought} was seen, so there is no atlas to write", source, "try unwrap.min_score=0")
        who = max(known, key=lambda one: known[one].total) if wanted is None else wanted
        return who, known[who]

    def _picture(self, memory: TexelMemory) -> tuple[U8, float]:
        """What is written, and the share of the body's surface that was seen."""
        tiles = close_gaps(memory.tiles())
        seen = float((tiles[..., 3] > 0).mean())
        if self.config.holes == "fill":
            tiles = fill_all(tiles)
        if self._layout is None:
            return join_tiles(tiles), seen
        return map_of_tiles(tiles, self._layout, 5 * self.config.side), seen


def _destination(job: Job) -> OutputFile:
    assert job.output is not None
    return OutputFile(job.output, job.input, overwrite=job.overwrite)


def _checked(job: Job) -> Job:
    """The job, if it can end in an atlas. Raises StageError."""
    if job.output is None:
        raise StageError("there is no output to write to", job.input, "name one with -o")
    if Path(job.output).suffix.lower() not in LOSSLESS:
        raise StageError("an atlas is a lossless picture", job.output, f"name a file ending in {', '.join(LOSSLESS)}")
    _destination(job)
    return job
