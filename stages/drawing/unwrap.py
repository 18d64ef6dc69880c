"""UV unwrapping: collects the texture of each person from a video or photo into an atlas that others can wear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from models.errors import ModelError
from models.surface.atlas import join_tiles
from models.surface.inpainting import close_gaps, fill_all
from models.surface.unwrapping import TexelMemory
from models.surface.whole_body_map import map_of_tiles, read_layout
from pipeline.stage import Job, Stage, StageError
from stages.bodies.body_paints import BodyPaints, textured_surface
from stages.payloads import U8, FrameChunk, People, Surfaces, Written
from stages.people.person_texels import PersonTexels
from stages.people.surface_arrays import arrays_from_bytes, arrays_to_bytes
from stages.video.decoding.still_images import IMAGE_FORMATS, write_still
from stages.video.encoding.atomic_writes import reported_write_errors
from stages.video.encoding.output_file import OutputFile, free_path, other_path_note

LOSSLESS = (".png", ".tif", ".tiff")
"""File types of an atlas: lossy types smear colours over the borders of its tiles."""
MOST_IDENTITIES = 6
"""Number of identities that are kept; the one with the fewest texels is dropped."""


class Unwrap(Stage):
    """Collects the texture of all people in all frames and writes the atlas of the most visible person at the end."""

    ordered = True
    optional_stages = ("fit", "paint_bodies")

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What is unwrapped.

        Attributes:
            identity: whose atlas is written; None = the most visible person.
            side: texels of a tile's side; 200 makes DensePose's own 800×1200.
            holes: texels that were never visible are filled (`fill`: from the mirrored side, the surroundings, the rest
                of the limb) or transparent (`alpha`).
            layout: None writes 24 tiles; `figures` or an .obj a whole-body map (`models.surface.whole_body_map`).
            every: only every n-th frame is used.
            min_score: people with a lower score are ignored.
            paint: by what texels are found, as in `render.paint`.
        """

        identity: int | None = None
        side: int = 200
        holes: Literal["fill", "alpha"] = "fill"
        layout: str | None = None
        every: int = 1
        min_score: float = 0.5
        paint: Literal["auto", "body", "surface"] = "auto"

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 16 <= self.side <= 1024:
                raise ValueError(f"side is {self.side}, must be from 16 to 1024")
            if self.every < 1:
                raise ValueError(f"every is {self.every}, must be 1 or more")
            if not 0 <= self.min_score <= 1:
                raise ValueError(f"min_score is {self.min_score}, must be from 0 to 1")

    @classmethod
    def needs(cls, config: Config) -> Sequence[str]:
        """`paint_bodies` where texels are found through bodies."""
        return () if config.paint == "surface" else ("paint_bodies",)

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for an output that is no lossless image, or that may not be overwritten."""
        _validated(job)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Raises StageError for a layout that cannot be read."""
        super().__init__(config, threads=threads)
        try:
            self._layout = None if config.layout is None else read_layout(config.layout)
        except ModelError as error:
            raise StageError(error.what, f"unwrap.layout: {error.where}", error.remedy) from error
        self._texels = PersonTexels(self.config.side, MOST_IDENTITIES)
        self._frames = 0
        self._job: Job | None = None

    def __call__(
        self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces, paints: BodyPaints | None = None
    ) -> Iterator[Written]:
        """Add the people of the chunk. Raises StageError for an output that cannot be written."""
        if self._job is None:
            self._job = _validated(job)
        for t in range(len(frames)):
            if (frames.first + t) % self.config.every == 0:
                self._add_people(frames, t, people, surfaces, paints)
            self._frames += 1
        return iter(())

    def flush(self) -> Iterator[Written]:
        """Write the atlas. Raises StageError if no person, or not the requested one, was visible."""
        if self._job is None:
            return
        identity, texels = self._chosen(self._job.input)
        image, seen = self._image(texels)
        assert self._job.output is not None
        path = free_path(self._job.output, overwrite=self._job.overwrite)
        destination = OutputFile(path, self._job.input, overwrite=self._job.overwrite)
        with reported_write_errors(destination.path):
            destination.prepare(fresh=True)
            suffix = Path(destination.path).suffix.lower()
            draft = destination.folder / f"picture{suffix}"
            alpha = image[..., 3] if image.shape[2] == 4 else None
            rgb_HW3, kind = np.ascontiguousarray(image[..., :3]), IMAGE_FORMATS[suffix]
            write_still(draft, rgb_HW3, alpha, kind, {}, provenance=self._job.provenance)
            destination.publish(draft)
        facts: dict[str, Any] = {"identity": identity, "seen_share": round(seen, 3)}
        if warnings := other_path_note(self._job.output, path):
            facts["warnings"] = warnings
        yield Written(path=destination.path, frames=self._frames, facts=facts)

    def summary(self) -> Mapping[str, Any]:
        """`people_seen`: the identities that were visible, the most visible first."""
        memory_of = self._texels.memory_of
        return {"people_seen": sorted(memory_of, key=lambda identity: -memory_of[identity].total)}

    def state(self) -> bytes:
        """All texels so far."""
        return arrays_to_bytes({"frames": np.array(self._frames), **self._texels.to_arrays()})

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        if state:
            arrays = arrays_from_bytes(state)
            self._frames = int(arrays["frames"])
            self._texels.restore(arrays)

    def _add_people(
        self, frames: FrameChunk, t: int, people: People, surfaces: Surfaces, paints: BodyPaints | None
    ) -> None:
        here_N = np.flatnonzero(people.frame_N == t)
        identity_N = people.id_N[here_N]
        if frames.video.still:  # which has no identities: people are numbered as in `--export inds`
            identity_N = np.where(identity_N < 0, np.arange(1, len(here_N) + 1), identity_N)
        for person, identity in zip(here_N.tolist(), identity_N.tolist(), strict=True):
            if people.score_N[person] >= self.config.min_score and self.config.identity in (None, identity):
                paint = None if paints is None else paints.people[person]
                textured = textured_surface(surfaces.people[person], paint, self.config.paint)
                self._texels.add(frames.rgb_THW3[t], identity, textured)

    def _chosen(self, source: str) -> tuple[int, TexelMemory]:
        visible_people = {identity: texels for identity, texels in self._texels.memory_of.items() if texels.total > 0}
        requested = self.config.identity
        if not visible_people:
            sought = "no person" if requested is None else f"no person {requested}"
            raise StageError(f"{sought} was visible, so there is no atlas to write", source, "try unwrap.min_score=0")
        if requested is None:  # people of a video without identity may be several
            requested = max(visible_people, key=lambda other: (other >= 0, visible_people[other].total))
        return requested, visible_people[requested]

    def _image(self, texels: TexelMemory) -> tuple[U8, float]:
        """The image to write, and the share of the body surface that was visible."""
        tiles = close_gaps(texels.tiles())
        seen = float((tiles[..., 3] > 0).mean())
        if self.config.holes == "fill":
            tiles = fill_all(tiles)
        if self._layout is None:
            return join_tiles(tiles), seen
        return map_of_tiles(tiles, self._layout, 5 * self.config.side), seen


def _validated(job: Job) -> Job:
    """The job, if its output can be an atlas. Raises StageError."""
    if job.output is None:
        raise StageError("there is no output to write to", job.input, "name one with -o")
    if Path(job.output).suffix.lower() not in LOSSLESS:
        raise StageError("an atlas is a lossless image", job.output, f"name a file ending in {', '.join(LOSSLESS)}")
    OutputFile(job.output, job.input, overwrite=job.overwrite)
    return job
