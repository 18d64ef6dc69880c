"""Collect real pictures of people and label them with the teachers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2

from models.light.pose_teacher import PoseTeacher
from models.light.teachers import BoxTeacher, PartTeacher
from pipeline.stage import Stage, StageError
from stages.training.payloads import PhotoShards, Round
from stages.training.photos import Picture, Teachers, label_photo, write_shard
from stages.training.real_pictures import COMMERCIAL_LICENCES, clip, coco_people, human_v2, require, sequence

LISTING = Path(__file__).resolve().parent.parent / "models" / "weights" / "light_photos.txt"
PER_SHARD = 128
REMEDY = "see models/weights/light.md for where to get it, and give its path"


class LabelPhotos(Stage):
    """Your copies of openly licensed pictures in, shards of labelled photos out; shards that exist are kept."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What to label.

        Attributes:
            folder: of the run; the shards go to its `photos/`.
            human_v2: checkout of brianhuster/human-dataset (the files of models/weights/light_photos.txt are read).
            coco: a COCO 2017 folder; its training images of a licence for commercial use are read.
            sequences, clips: folders of numbered JPEGs, and videos, that may be trained on.
            every: frames between two that are taken of sequences and clips.
            part_teacher, box_teacher: the BodyPix and YOLOX-nano .onnx files.
            pose_teacher: MediaPipe's pose_landmark_full.tflite, which corrects arms and legs (optional).
        """

        folder: str = "runs/train_light"
        human_v2: str = ""
        coco: str = ""
        sequences: tuple[str, ...] = ()
        clips: tuple[str, ...] = ()
        every: int = 8
        part_teacher: str = ""
        box_teacher: str = ""
        pose_teacher: str = ""

    def __call__(self, part: Round) -> Iterator[PhotoShards]:
        """All shards, made in the first round. Raises: StageError naming the key of a path that is missing."""
        folder = Path(self.config.folder) / "photos"
        done, wanted = folder / "done.json", json.dumps(dataclasses.asdict(self.config), sort_keys=True)
        if not (done.is_file() and done.read_text() == wanted):
            folder.mkdir(parents=True, exist_ok=True)
            self._label(folder)
            done.write_text(wanted)
        yield PhotoShards(paths=tuple(map(str, sorted(folder.glob("[0-9]*.npz")))))

    def _label(self, folder: Path) -> None:
        cv2.setNumThreads(self.threads)
        teachers = self._teachers()
        pictures, first = self._pictures(), 0
        while batch := list(islice(pictures, PER_SHARD)):
            shard = folder / f"{first // PER_SHARD:04d}.npz"
            if not shard.is_file():
                write_shard(shard, [label_photo(picture, teachers, first + i) for i, picture in enumerate(batch)])
            first += len(batch)

    def _teachers(self) -> Teachers:
        config, threads = self.config, self.threads
        poses = require(config.pose_teacher, "label_photos.pose_teacher", REMEDY) if config.pose_teacher else None
        return Teachers(
            parts=PartTeacher(require(config.part_teacher, "label_photos.part_teacher", REMEDY), threads=threads),
            boxes=BoxTeacher(require(config.box_teacher, "label_photos.box_teacher", REMEDY), threads=threads),
            poses=PoseTeacher(poses, threads=threads) if poses else None,
        )

    def _pictures(self) -> Iterator[Picture]:
        config = self.config
        if not (config.human_v2 or config.coco or config.sequences or config.clips):
            raise StageError("no pictures are given", "label_photos.human_v2", REMEDY)
        if config.human_v2:
            yield from human_v2(require(config.human_v2, "label_photos.human_v2", REMEDY), LISTING)
        if config.coco:
            coco = require(config.coco, "label_photos.coco", REMEDY)
            yield from coco_people(coco, "train2017", COMMERCIAL_LICENCES)
        for name in config.sequences:
            yield from sequence(require(name, "label_photos.sequences", REMEDY), config.every)
        for name in config.clips:
            yield from clip(require(name, "label_photos.clips", REMEDY), config.every)
