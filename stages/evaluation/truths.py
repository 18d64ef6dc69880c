"""Source: the pictures of the sets that are scored, each with what is true of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from pipeline.stage import Job, Stage, StageError
from stages.annotations.densepose_coco import DAMAGE_HANDLERS, Skipped
from stages.evaluation.photo_truth import Reading
from stages.evaluation.sets import sets_called
from stages.evaluation.synthetic_truth import Worlds
from stages.evaluation.truth import TruePicture
from stages.payloads import FrameChunk, VideoInfo

RATE = Fraction(25)


class Truths(Stage):
    """Sets by name or path in, their pictures out, one after the other."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Which sets.

        Attributes:
            data: one or several: a synthetic world (`val`, `far`, `video`, `crowd`, `stress_rain`; `stress` for all of
                these), a COCO folder, a DensePose-COCO file, a folder of photos with IUV pictures, Human Dataset v2, or
                a video (of which nothing is known: how steady its surfaces are).
            scenes: pictures of each world of single scenes.
            film_frames: frames of each world of films (100 a film), and of a video at most.
            video_start: second of a video at which they begin.
            seed: of the worlds.
            images: folder of the pictures of an annotation file; empty: looked for around the file.
            annotators: files in which others marked the same points of an annotation file's people: how far they are
                from it stands in the table, and on the body.
            damaged: what happens to records and pictures that cannot be used: `refuse` ends the run at the first,
                `skip` leaves them out and says how many.
        """

        data: str | tuple[str, ...] = "val"
        scenes: int = 500
        film_frames: int = 200
        video_start: float = 0.0
        seed: int = 0
        images: str = ""
        annotators: tuple[str, ...] = ()
        damaged: Literal["refuse", "skip"] = "refuse"

        def __post_init__(self) -> None:
            """Raises ValueError for no set and for numbers out of range."""
            if not self.data:
                raise ValueError("data names no set to score, give a world or a path")
            for name in ("scenes", "film_frames"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}, must be at least 1")
            if self.video_start < 0:
                raise ValueError(f"video_start is {self.video_start}, must not be negative")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Find every set. Raises StageError for a name that is none, and for what cannot be read."""
        super().__init__(config, threads=threads)
        self._damage = DAMAGE_HANDLERS[config.damaged]()
        self._sets = sets_called(
            (config.data,) if isinstance(config.data, str) else config.data,
            Worlds(seed=config.seed, scenes=config.scenes, frames=config.film_frames),
            Reading(
                images=config.images,
                annotators=config.annotators,
                damage=self._damage,
                video_start=config.video_start,
            ),
        )
        self._pictures = 0

    def __call__(self, job: Job) -> Iterator[tuple[FrameChunk, TruePicture]]:
        """Each picture as a frame, and its truth. Raises: StageError where nothing is left to score."""
        for one in self._sets:
            before = self._pictures
            for picture in one.pictures:
                yield as_frame(picture, self._pictures), picture
                self._pictures += 1
            if self._pictures == before:
                raise StageError("no picture of this set can be scored", one.name, "give one that holds pictures")

    def length(self) -> int:
        """Pictures of all sets, those that will turn out to be damaged included."""
        return sum(one.count for one in self._sets)

    def summary(self) -> Mapping[str, Any]:
        """How many pictures, what counted as people in them, and what was left out."""
        facts: dict[str, Any] = {"frames_in": self._pictures, "skipped": 0}
        if notes := [one.note for one in self._sets if one.note]:
            facts["notes"] = notes
        if isinstance(self._damage, Skipped) and len(self._damage):
            counts = self._damage.counts()
            facts["skipped"] = len(self._damage)
            complaints = ", ".join(f"{what} ({count})" for what, count in counts.items())
            facts["warnings"] = [f"{len(self._damage)} damaged records and pictures were left out: {complaints}"]
        return facts


def as_frame(picture: TruePicture, number: int) -> FrameChunk:
    """A picture as frame `number` of the run; a single picture is a still, so that nothing is tracked through it."""
    height, width = picture.rgb_HW3.shape[:2]
    video = VideoInfo(
        path="",
        width=width,
        height=height,
        still=not picture.film,
        rate=RATE,
        time_base=1 / RATE,
    )
    return FrameChunk(rgb_THW3=picture.rgb_HW3[None], pts_T=np.array([number], np.int64), first=number, video=video)
