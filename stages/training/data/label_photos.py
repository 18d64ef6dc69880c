"""Collect photos of people and label them with the teachers."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2

from models.light.architecture.weight_paths import TRAINING_PHOTOS
from models.light.teachers.box_teacher import BoxTeacher
from models.light.teachers.face_teacher import FaceTeacher
from models.light.teachers.joint_teacher import JointTeacher
from models.light.teachers.mask_teacher import MaskTeacher
from models.light.teachers.part_teacher import open_part_teacher
from models.light.teachers.pose_teacher import PoseTeacher
from pipeline.stage import Stage, StageError
from stages.annotations.image_collections import (
    COMMERCIAL_LICENCES,
    SourceImage,
    clip_frames,
    coco_images,
    folder_images,
    human_v2,
    image_sequence,
    required_path,
)
from stages.training.data.labelled_photos import LabelledPhoto, write_shard
from stages.training.data.labels_from_teachers import Teachers, label_photo
from stages.training.distributed import chief_first
from stages.training.loaders import made_in_order, named_process_deaths, require_count
from stages.training.payloads import PhotoShards, Round

PER_SHARD = 128
REMEDY = "see models/weights/light.md for where to get it, and give its path"


class LabelPhotos(Stage):
    """Your copies of openly licensed photos in, shards of labelled photos out; shards that exist are kept."""

    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What to label.

        Attributes:
            folder: of the run; the shards go to its `photos/`.
            human_v2: checkout of brianhuster/human-dataset (the files of models/weights/light_photos.txt are read).
            coco: a COCO 2017 folder; only those of its training images are read whose licence allows commercial use.
            photos: folders of photos that may be trained on, of people or of anything else, in any depth.
            nobody: folders of photos that show no person, such as clothes without a wearer: nothing in them is labelled
                as a person, even where a teacher detects one.
            sequences: folders of numbered JPEGs (frames of videos) that may be used for training.
            clips: videos that may be used for training.
            every: 8 takes every eighth frame of sequences and clips.
            part_teacher: a file of BodyPix: Coral's .tflite (gives better labels) or the .onnx.
            box_teacher: the YOLOX-nano .onnx file.
            pose_teacher: MediaPipe's pose_landmark_heavy.tflite, which corrects arms and legs (optional).
            joint_teacher: MoveNet's movenet-thunder.json, which corrects the pose teacher (optional, needs it).
            mask_teacher: weights of the light network; its silhouettes become labels at the pixels where it is
                confident (optional).
            face_teacher: a folder with the .json and .bin files of facemesh-detection-short and facemesh-attention;
                this teacher labels U and V on faces (optional).
            workers: processes that label photos; 0 labels them in this one.
        """

        folder: str = "runs/train_light"
        human_v2: str = ""
        coco: str = ""
        photos: tuple[str, ...] = ()
        nobody: tuple[str, ...] = ()
        sequences: tuple[str, ...] = ()
        clips: tuple[str, ...] = ()
        every: int = 8
        part_teacher: str = ""
        box_teacher: str = ""
        pose_teacher: str = ""
        joint_teacher: str = ""
        mask_teacher: str = ""
        face_teacher: str = ""
        workers: int = 0

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            require_count("workers", self.workers)
            if self.joint_teacher and not self.pose_teacher:
                raise ValueError("joint_teacher corrects the poses of pose_teacher, which is missing")

    def __call__(self, part: Round) -> Iterator[PhotoShards]:
        """All shards, made in the first round. Raises: StageError naming the key of a path that is missing."""
        folder = Path(self.config.folder) / "photos"
        done, wanted = folder / "done.json", record(self.config)
        with chief_first():
            if not (done.is_file() and done.read_text() == wanted):
                folder.mkdir(parents=True, exist_ok=True)
                self._label(folder)
                done.write_text(wanted)
        yield PhotoShards(paths=tuple(map(str, sorted(folder.glob("[0-9]*.npz")))))

    def _label(self, folder: Path) -> None:
        cv2.setNumThreads(self.threads)
        key = "label_photos.workers"
        made = {int(path.stem) for path in folder.glob("[0-9]*.npz") if path.stem.isdigit()}
        numbers = (number for number in itertools.count() if number // PER_SHARD not in made)
        photos = made_in_order(LabelFactory(config=self.config), numbers, processes=self.config.workers, key=key)
        with named_process_deaths(key), closing(photos):
            labelled = itertools.takewhile(lambda one: one.photo is not None, photos)
            for shard, group in itertools.groupby(labelled, lambda one: one.number // PER_SHARD):
                write_shard(folder / f"{shard:04d}.npz", [one.photo for one in group if one.photo is not None])


def record(config: LabelPhotos.Config) -> str:
    """The content of `done.json`: all settings that the labels depend on."""
    settings = dataclasses.asdict(config)
    del settings["workers"]
    return json.dumps(settings, sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The labelled photo with this number; `photo` is None if the number is greater than that of the last photo."""

    number: int
    photo: LabelledPhoto | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFactory:
    """Opens the teachers in a process, and returns the function that labels the photo with a given number."""

    config: LabelPhotos.Config

    def __call__(self) -> Callable[[int], Labelled]:
        """Open the teachers, each on one thread; every process reads all images in order, and labels those whose
        numbers it receives.

        Raises: StageError naming the key of a path that is missing; ModelError for a teacher that cannot be opened.
        """
        teachers = open_teachers(self.config)
        images = enumerate(all_pictures(self.config))

        def label(number: int) -> Labelled:
            image = next((image for at, image in images if at == number), None)
            photo = None if image is None else label_photo(image, teachers, number)
            return Labelled(number=number, photo=photo)

        return label


def open_teachers(config: LabelPhotos.Config) -> Teachers:
    """The configured teachers. Raises: StageError naming the key of a path that is missing; ModelError."""
    poses = required_path(config.pose_teacher, "label_photos.pose_teacher", REMEDY) if config.pose_teacher else None
    joints = required_path(config.joint_teacher, "label_photos.joint_teacher", REMEDY) if config.joint_teacher else None
    masks = required_path(config.mask_teacher, "label_photos.mask_teacher", REMEDY) if config.mask_teacher else None
    faces = required_path(config.face_teacher, "label_photos.face_teacher", REMEDY) if config.face_teacher else None
    return Teachers(
        parts=open_part_teacher(required_path(config.part_teacher, "label_photos.part_teacher", REMEDY), threads=1),
        boxes=BoxTeacher(required_path(config.box_teacher, "label_photos.box_teacher", REMEDY), threads=1),
        poses=PoseTeacher(poses, threads=1) if poses else None,
        joints=JointTeacher(joints, threads=1) if joints else None,
        masks=MaskTeacher(masks, threads=1) if masks else None,
        faces=FaceTeacher(faces, threads=1) if faces else None,
    )


def all_pictures(config: LabelPhotos.Config) -> Iterator[SourceImage]:
    """All images, always in the same order. Raises: StageError naming the key of a path that is missing."""
    given = (config.human_v2, config.coco, config.photos, config.nobody, config.sequences, config.clips)
    if not any(given):
        raise StageError("no images are given", "label_photos.human_v2", REMEDY)
    if config.human_v2:
        yield from human_v2(required_path(config.human_v2, "label_photos.human_v2", REMEDY), TRAINING_PHOTOS)
    if config.coco:
        coco = required_path(config.coco, "label_photos.coco", REMEDY)
        yield from coco_images(coco, "train2017", COMMERCIAL_LICENCES)
    for name in config.photos:
        yield from folder_images(required_path(name, "label_photos.photos", REMEDY))
    for name in config.nobody:
        yield from folder_images(required_path(name, "label_photos.nobody", REMEDY), nobody=True)
    for name in config.sequences:
        yield from image_sequence(required_path(name, "label_photos.sequences", REMEDY), config.every)
    for name in config.clips:
        yield from clip_frames(required_path(name, "label_photos.clips", REMEDY), config.every)
