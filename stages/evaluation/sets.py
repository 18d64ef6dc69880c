"""From the names a user gives to the sets they mean: worlds, folders, files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

from pipeline.stage import StageError
from stages.annotations.densepose_coco import Damage
from stages.evaluation.iuv_truth import iuv_pairs, iuv_set
from stages.evaluation.photo_truth import annotated_set, coco_file, human_v2_set
from stages.evaluation.synthetic_truth import known_names, world_set, worlds_called
from stages.evaluation.truth import TrueSet
from stages.label_photos import LISTING

YOLO_FOLDER = "train/labels"
KINDS = "a COCO folder, a DensePose-COCO file, a folder of NAME.jpg with NAME_IUV.png, or Human Dataset v2"


def sets_called(
    data: tuple[str, ...], *, seed: int, scenes: int, frames: int, images: str, damage: Damage
) -> Iterator[TrueSet]:
    """The sets behind names of worlds and paths, in order.

    Args:
        data: names and paths.
        seed, scenes, frames: of synthetic worlds: which, and how many pictures or, of films, frames.
        images: folder of the pictures of annotation files; "" to look around the file.
        damage: what is done about what cannot be used.

    Raises: StageError naming what is neither a world nor a set of a known kind.
    """
    for name in data:
        worlds = worlds_called(name)
        if worlds:
            yield from (world_set(world, seed, scenes, frames) for world in worlds)
        else:
            yield set_at(name, images, damage)


def set_at(name: str, images: str, damage: Damage) -> TrueSet:
    """The set at a path. Raises: StageError."""
    path = Path(name).expanduser()
    if path.is_file() and path.suffix == ".json":
        return annotated_set(path, images, damage)
    if path.is_dir():
        annotations = coco_file(path)
        if annotations is not None:
            return annotated_set(annotations, images, damage)
        if (path / YOLO_FOLDER).is_dir():
            return human_v2_set(path, LISTING)
        if iuv_pairs(path):
            return iuv_set(path, damage)
    if path.exists():
        raise StageError("no set of a kind that can be scored", f"data: {name}", f"give {KINDS}")
    near = difflib.get_close_matches(name, known_names(), 1, 0.5)
    advice = f"did you mean {near[0]}?" if near else f"give a path, or one of {', '.join(known_names())}"
    raise StageError("neither a synthetic world nor a path", f"data: {name}", advice)
