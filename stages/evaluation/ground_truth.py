"""Source: the images of the data sets that are scored, each with its ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from pipeline.stage import Job, Stage, StageError
from stages.annotations.densepose_coco import DAMAGE_HANDLERS, Skipped
from stages.evaluation.coco_truth import FileOptions
from stages.evaluation.set_lookup import check_sets, sets_named
from stages.evaluation.synthetic_truth import Worlds, images_of, worlds_named
from stages.evaluation.true_images import TrueImage
from stages.payloads import FrameChunk, VideoInfo
from stages.video.scene_cuts import SceneCuts

RATE = Fraction(25)
"""Frames per second of the images as a video."""


class GroundTruth(Stage):
    """Yields the images of data sets, which are named by world or path."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Data sets.

        Attributes:
            data: one or several: a synthetic world (`val`, `far`, `video`, `crowd`, `stress_rain`; `stress`: all
                worlds of stress), a COCO folder, a DensePose-COCO file, a folder of photos with IUV images, Human
                Dataset v2, or a video file (without ground truth: temporal stability only).
            scenes: number of images of each world of single images.
            video_frames: number of frames of each world of videos (100 per video); of a video file at most.
            video_start: time in a video file at which the frames begin, seconds.
            seed: of the worlds.
            images: folder of the images of an annotation file; empty: search near the file.
            annotators: files with answers of other annotators at the same points as an annotation file; their errors
                are in the table and on the body.
            damaged: `refuse`: end the run at the first unusable record or image; `skip`: leave these out and count
                them.
        """

        data: str | tuple[str, ...] = "val"
        scenes: int = 500
        video_frames: int = 200
        video_start: float = 0.0
        seed: int = 0
        images: str = ""
        annotators: tuple[str, ...] = ()
        damaged: Literal["refuse", "skip"] = "refuse"

        def __post_init__(self) -> None:
            """Raises ValueError without a set and for numbers out of range."""
            if not self.data:
                raise ValueError("data names no set to score, give a world or a path")
            for name in ("scenes", "video_frames"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}, must be at least 1")
            if self.video_start < 0:
                raise ValueError(f"video_start is {self.video_start}, must not be negative")

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises StageError for a name that is no set."""
        check_sets((config.data,) if isinstance(config.data, str) else config.data)

    @classmethod
    def announce(cls, config: Config) -> Sequence[str]:
        """The number of images that are rendered of synthetic worlds, and how to name other data."""
        names = (config.data,) if isinstance(config.data, str) else config.data
        worlds = [world for name in names for world in worlds_named(name)]
        part = Worlds(seed=config.seed, scenes=config.scenes, frames=config.video_frames)
        count = sum(images_of(world, part) for world in worlds)
        if not worlds:
            return ()
        named = f"world{'s' if len(worlds) > 1 else ''} {', '.join(worlds)}"
        what = f"images of the synthetic {named} to make and score: {count}"
        advice = "--set data=FOLDER scores data of your own (docs/evaluation.md)"
        return (f"{what}, each about a second of one core; --set scenes=50 takes fewer; {advice}",)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Find every set. Raises: StageError for an unknown name and for files that cannot be read."""
        super().__init__(config, threads=threads)
        self._damage = DAMAGE_HANDLERS[config.damaged]()
        self._sets = sets_named(
            (config.data,) if isinstance(config.data, str) else config.data,
            Worlds(seed=config.seed, scenes=config.scenes, frames=config.video_frames),
            FileOptions(
                images=config.images, annotators=config.annotators, damage=self._damage,
                video_start=config.video_start,
            ),
        )
        self._images = 0

    def __call__(self, job: Job) -> Iterator[tuple[FrameChunk, TrueImage]]:
        """Each image as a frame, and its ground truth. Raises: StageError for a set without usable images."""
        cuts, last = SceneCuts(), None
        for true_set in self._sets:
            before = self._images
            for image in true_set.images:
                starts_shot_T = cuts.starts_of_shots(image.rgb_HW3[None])
                starts_shot_T |= last is not None and last != (image.set_name, image.video)
                last = image.set_name, image.video
                yield replace(as_frame(image, self._images), starts_shot_T=starts_shot_T), image
                self._images += 1
            if self._images == before:
                raise StageError("no image of this set can be scored", true_set.name, "give a set with images")

    def length(self) -> int:
        """Number of images of all sets, including damaged ones."""
        return sum(true_set.count for true_set in self._sets)

    def summary(self) -> Mapping[str, Any]:
        """Numbers of used and skipped images, and the notes of the sets."""
        facts: dict[str, Any] = {"frames_in": self._images, "skipped": 0}
        if notes := [true_set.note for true_set in self._sets if true_set.note]:
            facts["notes"] = notes
        if isinstance(self._damage, Skipped) and len(self._damage):
            counts = self._damage.counts()
            facts["skipped"] = len(self._damage)
            errors = ", ".join(f"{what} ({count})" for what, count in counts.items())
            facts["warnings"] = [f"{len(self._damage)} damaged records and images were left out: {errors}"]
        return facts


def as_frame(image: TrueImage, number: int) -> FrameChunk:
    """An image as frame `number` of the run; a single image is `still`, so that people are not tracked across it."""
    height, width = image.rgb_HW3.shape[:2]
    video = VideoInfo(
        path="", width=width, height=height, still=not image.video, rate=RATE, time_base=1 / RATE,
    )
    return FrameChunk(rgb_THW3=image.rgb_HW3[None], pts_T=np.array([number], np.int64), first=number, video=video)
