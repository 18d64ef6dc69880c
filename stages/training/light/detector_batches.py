"""Batches of the detector's training, each made from its step number alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from models.light.architecture.detector import PersonDetector
from models.light.architecture.detector_locations import detector_locations
from models.light.teachers.box_teacher import LocationTeacher
from models.losses.light_detector import detector_losses
from models.losses.light_distillation import detector_distillation
from stages.training.data.backgrounds import over, random_background
from stages.training.data.labelled_photos import IGNORED, PERSON
from stages.training.data.photo_pool import PhotoPool, PoolPhoto
from stages.training.data.scene_pool import PoolScene, ScenePool, open_pools
from stages.training.fit import Batch
from stages.training.light.canvases import CANVAS, DetectorCanvas, Sheet, make_canvas
from stages.training.light.mixes import SheetMix
from stages.training.payloads import PhotoShards, SceneShards


def photo_sheet(photo: PoolPhoto, *, annotated: bool) -> Sheet:
    """The sheet of a labelled photo; `annotated` says whether people have annotated its boxes."""
    return Sheet(
        rgb_HW3=photo.rgb_SS3, natural=photo.natural, box_M4=photo.box_M4, kind_M=photo.kind_M,
        part_hw=photo.dense_DD, real=True, nobody=not len(photo.box_M4) and not photo.dense_DD.any(),
        annotated=annotated,
    )


def scene_sheet(scene: PoolScene, background_HW3: npt.NDArray[Any] | None) -> Sheet:
    """The sheet of a synthetic scene; people who are almost hidden are ignored."""
    height, width = scene.label_HW.shape
    rgb_HW3 = scene.rgb_HW3
    if background_HW3 is not None:
        behind = cv2.resize(background_HW3, (width, height), interpolation=cv2.INTER_LINEAR)
        rgb_HW3 = over(rgb_HW3, (scene.instance_HW > 0).astype(np.uint8) * 255, np.asarray(behind))
    pixels = np.bincount(scene.instance_HW.reshape(-1), minlength=256)[1 : len(scene.box_N4) + 1]
    area = (scene.box_N4[:, 2:] - scene.box_N4[:, :2]).prod(1)
    kind_M = np.where(pixels < 0.05 * area, IGNORED, PERSON).astype(np.uint8)
    return Sheet(
        rgb_HW3=rgb_HW3, natural=(width, height), box_M4=scene.box_N4, kind_M=kind_M,
        part_hw=scene.label_HW[4::8, 4::8], real=False,
    )


class DetectorBatches:
    """Canvases of photos, and of synthetic scenes if there are any; a teacher predicts boxes on canvases of photos.

    `indices` are those of the batch of a step that are made here: a canvas depends on its step and index alone.
    """

    def __init__(
        self,
        photos: PhotoPool,
        scenes: ScenePool | None,
        *,
        indices: range,
        seed: int,
        teacher: LocationTeacher | None,
        mix: SheetMix,
    ) -> None:
        self.mix = mix
        self.teacher = teacher
        self.photos = photos
        self.annotated = frozenset(photos.annotated)
        self.scenes = scenes
        self.indices = indices
        self.seed = seed

    def _sheet(self, random: np.random.Generator) -> Sheet:
        mix = self.mix
        if self.scenes is not None and random.random() < mix.synthetic:
            scene = self.scenes.scenes[random.integers(len(self.scenes.scenes))]
            behind = random_background(self.photos, random) if random.random() < mix.composited else None
            return scene_sheet(scene, behind)
        chosen = int(random.integers(len(self.photos.photos)))
        if self.annotated and mix.annotated and random.random() < mix.annotated:
            chosen = self.photos.annotated[random.integers(len(self.annotated))]
        return photo_sheet(self.photos.photos[chosen], annotated=chosen in self.annotated)

    def __call__(self, step: int) -> Batch:
        """RGB (N,3,S,S) uint8, boxes (N,M,4), kinds (N,M), part labels (N,S/8,S/8), teacher's predictions (N,P,5)."""
        canvases = []
        for index in self.indices:
            random = np.random.default_rng([self.seed, step, index])
            canvases.append(make_canvas(self._sheet, random, mosaic=self.mix.mosaic))
        predictions = np.stack([self._teacher_prediction(canvas) for canvas in canvases])
        return (*stack_canvases(canvases), torch.from_numpy(predictions))

    def _teacher_prediction(self, canvas: DetectorCanvas) -> npt.NDArray[Any]:
        """What the teacher predicts at every location (P,5); the score is negative where it predicts nothing.

        Where a photo is known to show nobody, the score is 0 whatever the teacher sees. On annotated photos it predicts
        nothing: boxes of hidden people end there where they are seen, and the teacher's do not.
        """
        centre_P2 = detector_locations(CANVAS, CANVAS)[0]
        if self.teacher is None or not canvas.real:
            return np.full((len(centre_P2), 5), -1, np.float32)
        answer_P5 = self.teacher(canvas.rgb_HW3)
        column_P, row_P = (centre_P2 // 8).astype(int).T
        answer_P5[canvas.nobody_hw[row_P, column_P], 0] = 0
        answer_P5[canvas.annotated_hw[row_P, column_P], 0] = -1
        return answer_P5


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorBatchFactory:
    """Opens `DetectorBatches` in a process. `box_teacher`: YOLOX-nano's .onnx file, or "" for no teacher."""

    photos: PhotoShards
    scenes: SceneShards
    indices: range
    seed: int
    box_teacher: str
    mix: SheetMix

    def __call__(self) -> DetectorBatches:
        """Open the pools and the teacher. It runs on one thread, so that its bits do not depend on their number.

        Raises: StageError for shards, ModelError for a teacher that cannot be opened.
        """
        teacher = LocationTeacher(Path(self.box_teacher), side=CANVAS, threads=1) if self.box_teacher else None
        pools = open_pools(self.photos, self.scenes)
        return DetectorBatches(*pools, indices=self.indices, seed=self.seed, teacher=teacher, mix=self.mix)


def stack_canvases(canvases: Sequence[DetectorCanvas]) -> Batch:
    """Canvases as tensors: RGB (uint8, a quarter of the traffic of float32), boxes, kinds, part labels."""
    rgb = torch.from_numpy(np.stack([canvas.rgb_HW3 for canvas in canvases])).permute(0, 3, 1, 2)
    return (
        rgb.contiguous(memory_format=torch.channels_last),
        torch.from_numpy(np.stack([canvas.box_M4 for canvas in canvases])),
        torch.from_numpy(np.stack([canvas.kind_M for canvas in canvases])),
        torch.from_numpy(np.stack([canvas.part_hw for canvas in canvases])).long(),
    )


@cache
def places_on(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Centres (P,2) and strides (P) of a canvas's locations."""
    centre_P2, stride_P = detector_locations(CANVAS, CANVAS)
    return torch.from_numpy(centre_P2).to(device), torch.from_numpy(stride_P).to(device)


def detector_loss(net: nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
    """The detector's loss terms on a batch of `DetectorBatches`."""
    assert isinstance(net, PersonDetector)
    rgb, box, kind, part, answer = batch
    where = places_on(rgb.device)
    row, part_logits = net.forward_with_parts(rgb.float())
    own = detector_losses(row, part_logits, where, box, kind, part)
    taught = detector_distillation(row, where, answer)
    return {**own._asdict(), **taught._asdict()}
