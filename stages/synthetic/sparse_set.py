"""Sink: scenes of the synthetic world as a small DensePose-COCO data set, with dense ground truth in other files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.stage import Job, Stage, StageError
from stages.annotations.densepose_coco import AnnotatedImage, AnnotatedPerson, DenseSet, write_dense_set
from stages.payloads import FrameChunk, Written
from stages.synthetic.simulated_annotators import annotate_person
from stages.world.scene import Scene

PERSON = {"id": 1, "name": "person", "supercategory": "person"}
ANNOTATIONS = "annotations.json"


class SparseSet(Stage):
    """Writes `images/000000.png` and `truth/000000.npz` for every scene, and one `annotations.json`.

    The annotations have DensePose-COCO's format. A truth file holds `label_HW`, `uv_2HW` and `instance_HW` of the
    whole image: the annotated points are taken from these maps.
    """

    ordered = True

    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How the scenes are annotated.

        Attributes:
            folder: where the data set is written.
            noise: scale of the simulated annotator's error; 1 = the usual error, 0 = exact annotations.
            seed: of the choice of points and of the error; two seeds are two annotators of the same images.
        """

        folder: str = "runs/sparse_set"
        noise: float = 0.0
        seed: int = 0

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Raises StageError for negative noise."""
        super().__init__(config, threads=threads)
        if not config.noise >= 0:
            raise StageError(f"noise of {config.noise}", "sparse_set.noise", "give 0 or more")
        self._images: list[AnnotatedImage] = []
        self._people: list[AnnotatedPerson] = []

    def __call__(self, job: Job, frames: FrameChunk, scene: Scene) -> Iterator[Written]:
        """Write the image and its ground truth, keep its annotations. Raises StageError if a file cannot be written."""
        number = frames.first
        name = f"{number:06d}"
        folder = Path(self.config.folder)
        try:
            for subfolder in ("images", "truth"):
                (folder / subfolder).mkdir(parents=True, exist_ok=True)
            _write_png(folder / "images" / f"{name}.png", scene)
            np.savez_compressed(
                folder / "truth" / f"{name}.npz", label_HW=scene.label_HW, uv_2HW=scene.uv_2HW,
                instance_HW=scene.instance_HW,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            what = f"the data set cannot be written ({reason})"
            raise StageError(what, str(folder), "set sparse_set.folder") from error
        height, width = scene.label_HW.shape
        self._images.append(AnnotatedImage(id=number, file_name=f"{name}.png", height=height, width=width))
        rng = np.random.default_rng([self.config.seed, number])
        for person in range(1, len(scene.box_N4) + 1):
            self._people.append(annotate_person(scene, person, len(self._people) + 1, number, rng, self.config.noise))
        return iter(())

    def flush(self) -> Iterator[Written]:
        """Write the annotations of all scenes."""
        if not self._images:
            return
        path = Path(self.config.folder) / ANNOTATIONS
        info = {"description": "synthetic people", "noise": self.config.noise, "seed": self.config.seed}
        rest = {"info": info, "categories": [PERSON]}
        write_dense_set(path, DenseSet(images=tuple(self._images), people=tuple(self._people), rest=rest))
        yield Written(path=str(path), frames=len(self._images))

    def summary(self) -> Mapping[str, Any]:
        """Number of annotated people and points."""
        return {"people": len(self._people), "points": sum(len(one.points or ()) for one in self._people)}


def _write_png(path: Path, scene: Scene) -> None:
    if not cv2.imwrite(str(path), cv2.cvtColor(scene.rgb_HW3, cv2.COLOR_RGB2BGR)):
        raise OSError(f"no PNG could be written to {path}")
