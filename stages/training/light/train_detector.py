"""Train the detector component of the light network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from models.light.architecture.detector import PersonDetector
from models.light.architecture.sizes import DetectorSizes
from models.light.architecture.weight_files import read_sizes
from stages.training.fit import FitConfig
from stages.training.light.component_training import ComponentConfig, ComponentStage, ComponentTraining
from stages.training.light.detector_batches import DetectorBatchFactory, detector_loss
from stages.training.light.mixes import SheetMix
from stages.training.payloads import DetectorTrained, PhotoShards, Round, SceneShards


class TrainDetector(ComponentStage):
    """Trains a person detector on photos and scenes; resumes from the checkpoint in the run's folder."""

    component = "detector"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config(ComponentConfig):
        """Settings of the detector's training.

        Attributes:
            batch: images per step, over all workers.
            seed: of the images and their augmentation.
            sizes: of the network.
            mix: the kinds of images.
            box_teacher: YOLOX-nano as .onnx file (optional); the detector also learns its predictions on photos.
        """

        batch: int = 16
        seed: int = 1
        sizes: DetectorSizes = field(default_factory=DetectorSizes)
        mix: SheetMix = field(default_factory=SheetMix)
        box_teacher: str = ""
        fit: FitConfig = field(default_factory=lambda: FitConfig(steps=3400))

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open the network and its checkpoint, if there is one."""
        super().__init__(config, threads=threads)
        self.sizes = read_sizes(config.first).detector if config.first and config.network else config.sizes
        torch.manual_seed(config.seed)
        self.training = ComponentTraining(PersonDetector(self.sizes), config, name=self.component, threads=threads)

    def __call__(self, part: Round, photos: PhotoShards, scenes: SceneShards) -> Iterator[DetectorTrained]:
        """Train to the end of the round."""
        config = self.config
        recipe = DetectorBatchFactory(
            photos=photos, scenes=scenes, indices=self.indices(config.batch), seed=config.seed,
            box_teacher=config.box_teacher, mix=config.mix,
        )
        self.training.run(recipe, detector_loss, part.last_step(config.fit.steps))
        yield DetectorTrained(checkpoint=str(self.training.fit.path), sizes=self.sizes)
