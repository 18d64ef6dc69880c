"""Gold items: images of the synthetic world, whose truth is known, hidden in a task list to measure annotators."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, pairwise
from pathlib import Path

import numpy as np

from models.arrays import Float, Int
from models.files.atomic_file import atomic_write
from models.files.npz_file import read_arrays
from pipeline.stage import StageError
from stages.studio.studio_files import GivenImage
from stages.studio.synthetic_task import SyntheticTask, asked_people
from stages.studio.work.task_list import TaskImage
from stages.studio.written_images import write_png

MAX_GOLD_SHARE = 0.5
"""Largest share of gold items in a task list."""


def gold_folder(output: Path) -> Path:
    """The folder of gold items and their truth: `people.gold` beside `people.json`."""
    return output.with_name(f"{output.stem}.gold")


def with_gold(images: Sequence[GivenImage], share: float, task: SyntheticTask, output: Path) -> list[GivenImage]:
    """The images in their order, with gold items at random positions between them.

    Gold items are rendered once. Existing ones stay on the list, also where a later share is smaller.

    Args:
        images: of the task.
        share: of gold items in the list; at least one item unless it is 0.
        task: its world, seed, height and width are used.
        output: the result.

    Raises: StageError for gold items that cannot be written or read.
    """
    folder = gold_folder(output)
    wanted = max(1, round(share / (1 - share) * len(images))) if share else 0
    known = next(number - 1 for number in count(1) if not _truth_file(folder, number).exists())
    if wanted > known:
        _draw(folder, known, wanted, task)
    hidden = [_given(folder, number) for number in range(1, max(wanted, known) + 1)]
    return spread(images, hidden, np.random.default_rng(task.seed))


def spread(
    images: Sequence[GivenImage], hidden: Sequence[GivenImage], rng: np.random.Generator
) -> list[GivenImage]:
    """One list of all: it is divided into equal sections, and each has a hidden image at a random position."""
    total = len(images) + len(hidden)
    edges = np.linspace(0, total, len(hidden) + 1).round().astype(int).tolist()
    positions = {int(rng.integers(low, high)) for low, high in pairwise(edges)}
    others, golds = iter(images), iter(hidden)
    return [next(golds) if position in positions else next(others) for position in range(total)]


def gold_truth(folder: Path, name: str) -> tuple[Int, Float]:
    """The truth of a gold item: charts (H, W), 1 to 24, background 0, int64; U and V (2, H, W), float64.

    Raises: StageError for a missing or damaged file.
    """
    path = (folder / name.rpartition("/")[2]).with_suffix(".npz")
    try:
        found = read_arrays(path)
        label_HW, uv_2HW = found["label_HW"], found["uv_2HW"]
    except (OSError, ValueError, KeyError) as error:
        raise StageError("the truth of a hidden image is missing or damaged", str(path), "restore this file") from error
    if label_HW.ndim != 2 or uv_2HW.shape != (2, *label_HW.shape):
        raise StageError("the truth of a hidden image is damaged", str(path), "restore this file")
    return label_HW.astype(np.int64), uv_2HW.astype(np.float64)


def _truth_file(folder: Path, number: int) -> Path:
    return folder / f"{number:04d}.npz"


def _draw(folder: Path, known: int, wanted: int, task: SyntheticTask) -> None:
    """Render the missing gold items; the truth is written last, as it marks an item as complete. Raises: StageError."""
    for number, (scene, _, _) in zip(range(1, wanted + 1), asked_people(task, wanted), strict=True):
        if number <= known:
            continue
        path = _truth_file(folder, number)
        write_png(path.with_suffix(".png"), scene.rgb_HW3)
        try:
            with atomic_write(path) as draft, draft.open("wb") as file:
                np.savez_compressed(file, label_HW=scene.label_HW, uv_2HW=scene.uv_2HW)
        except OSError as error:
            what = f"the truth cannot be written ({error.strerror or error})"
            raise StageError(what, str(path), "name another file with -o") from error


def _given(folder: Path, number: int) -> GivenImage:
    path = _truth_file(folder, number)
    name = f"{folder.name}/{path.stem}.png"
    height, width = gold_truth(folder, name)[0].shape
    task = TaskImage(name=name, height=height, width=width, gold=True)
    return GivenImage(path=path.with_suffix(".png"), task=task)
