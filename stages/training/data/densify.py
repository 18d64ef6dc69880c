"""Dense surfaces of annotated people, predicted by a teacher that was trained on their points (paper §3.2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.architecture.fcn import FullConvNet
from models.arrays import U8
from models.cache import user_path
from models.checkpoints.trained_info import TrainedInfo
from models.checkpoints.trained_weights import load_trained
from models.errors import ModelError
from models.files.atomic_file import atomic_write
from models.inference.single_person import SinglePersonPredictor, without_background
from models.structures import SurfaceMap
from pipeline.stage import Stage, StageError
from stages.training.data.annotated_images import AnnotatedImages, LabelledImage
from stages.training.distributed import chief_first
from stages.training.payloads import AnnotatedSet, AnnotatedSets


class Densify(Stage):
    """Sets in, the same sets with dense surfaces out: `NAME.npz` of `label_HW` and `uv_2HW` (255ths) for each image.

    Every teacher has a folder of its own (`densified-` and the beginning of its file's sha256), in which finished
    images are kept. Sets with other supervision pass unchanged.
    """

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`teacher`: weights of a network for single people; `scales` at which it reads each, averaged."""

        teacher: str = "runs/train_teacher/teacher.safetensors"
        scales: tuple[float, ...] = (0.8, 1.0, 1.2)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._ready: AnnotatedSets | None = None

    def __call__(self, sets: AnnotatedSets) -> Iterator[AnnotatedSets]:
        """Predict the missing surfaces. Raises: ModelError or StageError for a file that is no teacher."""
        if self._ready is None:
            with chief_first():
                reader, about, sha256 = self._teacher()
                self._ready = AnnotatedSets(
                    sets=tuple(dense(one, reader, sha256, figure_ground=about.figure_ground) for one in sets.sets)
                )
        yield self._ready

    def _teacher(self) -> tuple[SinglePersonPredictor, TrainedInfo, str]:
        path = user_path(self.config.teacher)
        try:
            network, about, sha256 = load_trained(path)
        except ModelError as error:
            raise StageError(error.what, error.where, "train one with `-c train_teacher`") from error
        if not isinstance(network, FullConvNet) or about.kind != "crops":
            raise StageError("this network cannot predict single people", str(path), "train one with -c train_teacher")
        return SinglePersonPredictor(network, side=about.min_size, scales=self.config.scales), about, sha256


def dense(source: AnnotatedSet, reader: SinglePersonPredictor, sha256: str, *, figure_ground: bool) -> AnnotatedSet:
    """A set with its dense surfaces; the teacher with this sha256 predicts the missing ones."""
    if Path(source.dense).name and not Path(source.dense).name.endswith("densified"):
        return source
    folder = Path(f"{source.dense or Path(source.annotations).with_suffix('.densified')}-{sha256[:8]}")
    bare = AnnotatedImages(dataclasses.replace(source, dense=""))
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(len(bare)):
        path = folder / f"{bare.name(index)}.npz"
        if not path.is_file():
            write_surface(path, bare[index], reader, figure_ground=figure_ground)
    return dataclasses.replace(source, dense=str(folder))


def write_surface(path: Path, image: LabelledImage, reader: SinglePersonPredictor, *, figure_ground: bool) -> None:
    """Predict all people of an image and write the surfaces inside of their masks, atomically."""
    height, width = image.rgb_HW3.shape[:2]
    label_HW, uv_2HW = np.zeros((height, width), np.uint8), np.zeros((2, height, width), np.uint8)
    for person in image.people:
        mask_HW = person.mask_HW > 0
        seen = without_background(image.rgb_HW3, mask_HW) if figure_ground else image.rgb_HW3
        paste(reader.surface(seen, person.box_4), mask_HW, label_HW, uv_2HW)
    with atomic_write(path) as draft, draft.open("wb") as file:
        np.savez_compressed(file, label_HW=label_HW, uv_2HW=uv_2HW)


def paste(surface: SurfaceMap, mask_HW: npt.NDArray[np.bool_], label_HW: U8, uv_2HW: U8) -> None:
    """Paste a person's surface into the image's, in place, where the person's mask is."""
    height, width = label_HW.shape
    h, w = surface.labels_hw.shape
    x0, y0, x1, y1 = max(surface.x0, 0), max(surface.y0, 0), min(surface.x0 + w, width), min(surface.y0 + h, height)
    if x1 <= x0 or y1 <= y0:
        return
    rows, columns = slice(y0 - surface.y0, y1 - surface.y0), slice(x0 - surface.x0, x1 - surface.x0)
    label = surface.labels_hw[rows, columns]
    inside = mask_HW[y0:y1, x0:x1] & (label > 0)
    uv = np.round(np.clip(surface.uv_2hw[:, rows, columns], 0, 1) * 255).astype(np.uint8)
    np.copyto(label_HW[y0:y1, x0:x1], label, where=inside)
    np.copyto(uv_2HW[:, y0:y1, x0:x1], uv, where=inside[None])
