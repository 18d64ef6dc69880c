"""A network that predicts the truth, and a whole evaluation in one call."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.structures import Detections, SurfaceMap
from models.surface.geometry import Geometry
from pipeline.stage import Job
from stages.evaluation.evaluate import Evaluate
from stages.evaluation.synthetic_truth import scene_truth
from stages.evaluation.true_images import TrueImage
from stages.evaluation.write_scores import WriteScores
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS

JOB = Job(index=0, input="", output=None, stem="evaluate")


class Oracle:
    """A network that predicts the truth, with U raised by `shift` 255ths.

    `kept`: the share of an image's people that it detects, the first ones.
    """

    name, sha256 = "oracle", "0" * 64

    def __init__(self, images: Iterable[TrueImage], shift: int = 0, kept: float = 1.0) -> None:
        self.images = {one.rgb_HW3.tobytes(): one for one in images}
        self.shift, self.kept = shift, kept

    def detect(self, rgb_THW3: Any, *, still: bool = False) -> tuple[list[Detections], Any]:
        image = self.images[rgb_THW3[0].tobytes()]
        boxes = image.boxes[: round(self.kept * len(image.people))]
        return [Detections(box_N4=boxes, score_N=np.ones(len(boxes), np.float32))], image

    def surfaces(self, features: TrueImage, boxes: list[Any]) -> list[list[SurfaceMap]]:
        return [[self.surface(features, box_4) for box_4 in box_N4] for box_N4 in boxes]

    def surface(self, image: TrueImage, box_4: Any) -> SurfaceMap:
        assert image.dense is not None
        number = int(np.flatnonzero((image.boxes == box_4).all(axis=1))[0]) + 1
        x0, y0, x1, y1 = (int(side) for side in box_4)
        mine = image.dense.instance_HW[y0:y1, x0:x1] == number
        uv = np.where(mine, image.dense.uv_2HW[:, y0:y1, x0:x1], 0).astype(np.float32)
        uv[0][mine] += np.float32(self.shift / 255)
        labels = np.where(mine, image.dense.label_HW[y0:y1, x0:x1], 0).astype(np.uint8)
        return SurfaceMap(x0=x0, y0=y0, labels_hw=labels, uv_2hw=uv)


class Eroded(Oracle):
    """Predictions with eroded masks, each person by another width, and with scores of its own."""

    def detect(self, rgb_THW3: Any, *, still: bool = False) -> tuple[list[Detections], Any]:
        (found,), image = super().detect(rgb_THW3)
        order = np.arange(len(found.box_N4))
        return [dataclasses.replace(found, score_N=(0.95 - 0.1 * order).astype(np.float32))], image

    def surface(self, image: Any, box_4: Any) -> SurfaceMap:
        true = super().surface(image, box_4)
        width = 1 + 2 * (int(box_4.sum()) % 4)
        kept = cv2.erode((true.labels_hw > 0).astype(np.uint8), np.ones((width, width), np.uint8), borderValue=0)
        return dataclasses.replace(true, labels_hw=true.labels_hw * kept)


def low_scenes(count: int, seed: int = 3) -> list[TrueImage]:
    """Scenes of `val` whose U is a whole number of 255ths and at most 200, so that a test may add up to 55."""
    images = []
    for index in range(count):
        made = image_scene(IMAGE_WORLDS["val"], seed, index)
        uv = np.round(made.uv_2HW.astype(np.float32) * 200) / np.float32(255)
        images.append(scene_truth(dataclasses.replace(made, uv_2HW=uv), "val", index, seed))  # type: ignore[arg-type]
    return images


def scored(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    network: Any,
    images: Iterable[TrueImage],
    body: Geometry | None = None,
    against: str = "",
    **settings: Any,
) -> WriteScores:
    """The stages `evaluate` and `write_scores` over images, with this network and, where given, this body.

    `against`: the folder of an earlier evaluation.
    """
    monkeypatch.setattr("stages.evaluation.evaluate.open_network", lambda config, threads: network)
    if body is not None:
        monkeypatch.setattr("stages.evaluation.evaluate.geometry_of", lambda folder: body)
        monkeypatch.setattr("stages.evaluation.write_scores.geometry_of", lambda folder: body)
    evaluate = Evaluate(Evaluate.Config(**settings))
    write = WriteScores(WriteScores.Config(folder=str(folder), against=against))
    for image in images:
        (made,) = evaluate(image)
        list(write(image, *made))
    assert len(list(write.flush())) == 1
    return write
