"""The points of a synthetic set by another annotator: the same positions, other errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.files.npz_file import read_arrays
from models.metrics.instances import AnnotatedPoints
from pipeline.stage import StageError
from stages.annotations.densepose_coco import AnnotatedPerson, DenseSet, write_dense_set
from stages.annotations.point_picking import POINT_RANGE
from stages.synthetic.simulated_annotators import add_annotation_error


def write_reannotated(path: Path, found: DenseSet, truth: Path, *, noise: float, annotator: int) -> None:
    """Write a set's annotations as another annotator would make them, atomically.

    Args:
        path: the file to write.
        found: the set with its present annotations.
        truth: folder of its dense truth, `NNNNNN.npz` by the image's file name.
        noise, annotator: as in `sparse_set`.

    Raises: StageError if an image's truth cannot be read.
    """
    by_image: dict[int, list[AnnotatedPerson]] = {image.id: [] for image in found.images}
    for person in found.people:
        by_image[person.image].append(person)
    people: list[AnnotatedPerson] = []
    for image in found.images:
        uv_2HW = true_uv(truth / f"{Path(image.file_name).stem}.npz")
        rng = np.random.default_rng([annotator, image.id, *b"again"])
        people += [reannotated(person, uv_2HW, noise, rng) for person in by_image[image.id]]
    info = {"description": "synthetic people, annotated again", "noise": noise, "seed": annotator}
    write_dense_set(path, replace(found, people=tuple(people), rest={**found.rest, "info": info}))


def true_uv(path: Path) -> npt.NDArray[np.floating]:
    """(2, H, W) true U and V of an image. Raises: StageError."""
    try:
        return read_arrays(path)["uv_2HW"]
    except (OSError, ValueError, KeyError) as error:
        raise StageError(
            "the truth of this image cannot be read", str(path), "remove the set, and it is drawn again"
        ) from error


def reannotated(
    person: AnnotatedPerson, uv_2HW: npt.NDArray[np.floating], noise: float, rng: np.random.Generator
) -> AnnotatedPerson:
    """A person with the true U and V of all points, moved by an annotator's error."""
    points = person.points
    if points is None or not len(points):
        return person
    x0, y0, width, height = person.box_4
    column_M = (x0 + points.x_M * width / POINT_RANGE).astype(np.int64)
    row_M = (y0 + points.y_M * height / POINT_RANGE).astype(np.int64)
    uv_M2 = uv_2HW[:, row_M, column_M].T.astype(np.float64)
    if noise > 0:
        uv_M2 = add_annotation_error(points.chart_M, uv_M2, noise, rng)
    seen = AnnotatedPoints(x_M=points.x_M, y_M=points.y_M, chart_M=points.chart_M, u_M=uv_M2[:, 0], v_M=uv_M2[:, 1])
    return replace(person, points=seen)
