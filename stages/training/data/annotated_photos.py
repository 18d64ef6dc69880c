"""Labelled photos from annotated sets, for the training of the light network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2

from models.light.teachers.part_teacher import open_part_teacher
from pipeline.stage import Stage
from stages.annotations.image_collections import required_path
from stages.training.data.annotated_images import AnnotatedImages, notes_of
from stages.training.data.label_photos import PER_SHARD, REMEDY
from stages.training.data.labelled_photos import write_shard
from stages.training.data.labels_from_annotations import labelled_photo
from stages.training.distributed import chief_first, is_chief
from stages.training.payloads import AnnotatedSets, PhotoShards, Round


class AnnotatedPhotos(Stage):
    """Annotated sets in, shards of labelled photos out, made anew by every run, without held-out images.

    Boxes supervise the detector, masks the background, points the charts. People without points are labelled by the
    part teacher, if there is one. U and V are supervised by synthetic scenes alone.
    """

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        folder: of the run; the shards go to its `photos/`.
        part_teacher: a BodyPix file (.tflite or .onnx), for people whose surface is not annotated (optional).
        """

        folder: str = "runs/finetune"
        part_teacher: str = ""

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Start without labels."""
        super().__init__(config, threads=threads)
        self._made: PhotoShards | None = None
        self._notes: dict[str, Any] = {}

    def __call__(self, part: Round, sets: AnnotatedSets) -> Iterator[PhotoShards]:
        """All shards, made in the first round. Raises: StageError for a path that is missing or cannot be read."""
        if self._made is None:
            folder = Path(self.config.folder) / "photos"
            with chief_first():
                if is_chief():
                    self._label(sets, folder)
            self._made = PhotoShards(paths=tuple(map(str, sorted(folder.glob("[0-9]*.npz")))))
        yield self._made

    def summary(self) -> Mapping[str, Any]:
        """Notes on which annotations of the sets count as people, if not all do."""
        return self._notes

    def _label(self, sets: AnnotatedSets, folder: Path) -> None:
        cv2.setNumThreads(self.threads)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path = self.config.part_teacher
        teacher = None
        if path:
            weights = required_path(path, "annotated_photos.part_teacher", REMEDY)
            teacher = open_part_teacher(weights, threads=self.threads)
        opened = [AnnotatedImages(one) for one in sets.sets]
        self._notes = notes_of(opened)
        images = ((one, index) for one in opened for index in range(len(one)))
        for number, batch in enumerate(iter(lambda: list(islice(images, PER_SHARD)), [])):
            write_shard(folder / f"{number:04d}.npz", [labelled_photo(one, index, teacher) for one, index in batch])
