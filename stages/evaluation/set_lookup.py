"""The data sets for the names that a user gives: worlds, folders and files."""

from __future__ import annotations

from collections import Counter

from models.cache import user_path
from models.light.architecture.weight_paths import TRAINING_PHOTOS
from models.nearest_name import suggest_name
from pipeline.stage import VIDEO_SUFFIXES, StageError
from stages.evaluation.coco_truth import FileOptions, annotated_set, coco_file
from stages.evaluation.human_dataset_v2 import Listings, human_v2_sets
from stages.evaluation.iuv_truth import iuv_pairs, iuv_set
from stages.evaluation.synthetic_truth import Worlds, known_names, world_set, worlds_named
from stages.evaluation.true_images import TrueSet
from stages.evaluation.video_truth import video_set

HUMAN_V2 = Listings(
    photos=TRAINING_PHOTOS, corrections=TRAINING_PHOTOS.with_name("light_kept_out.txt"),
    coco_corrections=TRAINING_PHOTOS.with_name("light_kept_out_coco.txt"),
    trained_coco=TRAINING_PHOTOS.with_name("light_coco.json"),
)
YOLO_FOLDER = "train/labels"
KINDS = "a COCO folder, a DensePose-COCO file, a folder of NAME.jpg with NAME_IUV.png, a video, or Human Dataset v2"


def sets_named(names: tuple[str, ...], worlds: Worlds, options: FileOptions) -> list[TrueSet]:
    """The sets for names of worlds and paths, in order.

    Args:
        names: of worlds, and paths.
        worlds: which scenes of synthetic worlds, and how many frames of videos.
        options: for files.

    Raises: StageError for a name that is neither a world nor a set of a known kind, and for two sets with one name.
    """
    found: list[TrueSet] = []
    for name in names:
        named = worlds_named(name)
        found += [world_set(world, worlds) for world in named] if named else sets_at_path(name, worlds, options)
    twice = [name for name, count in Counter(true_set.name for true_set in found).items() if count > 1]
    if twice:
        raise StageError(f"two sets are called {twice[0]}", "data", "score them one after the other")
    return found


def sets_at_path(name: str, worlds: Worlds, options: FileOptions) -> list[TrueSet]:
    """The set at a path; Human Dataset v2 gives two or three. Raises: StageError."""
    path = user_path(name)
    if path.is_file() and path.suffix.lower() == ".json":
        return [annotated_set(path, options)]
    if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES:
        return [video_set(path, options.video_start, worlds.frames)]
    if path.is_dir():
        annotations = coco_file(path)
        if annotations is not None:
            return [annotated_set(annotations, options)]
        if (path / YOLO_FOLDER).is_dir():
            return human_v2_sets(path, HUMAN_V2)
        if pairs := iuv_pairs(path):
            return [iuv_set(path, pairs, options.damage)]
    raise unknown_set(name)


def check_sets(names: tuple[str, ...]) -> None:
    """Raises StageError for a name that is neither a world nor a path of a set. Sets are not opened."""
    for name in names:
        path = user_path(name)
        kinds = (".json", *VIDEO_SUFFIXES)
        if not worlds_named(name) and not path.is_dir() and not (path.is_file() and path.suffix.lower() in kinds):
            raise unknown_set(name)


def unknown_set(name: str) -> StageError:
    """The error for a name that is neither a world nor a path of a set."""
    if user_path(name).exists():
        return StageError("no set of a kind that can be scored", f"data: {name}", f"give {KINDS}")
    advice = suggest_name(name, known_names(), f"give a path, or one of {', '.join(known_names())}")
    return StageError("neither a synthetic world nor a path", f"data: {name}", advice)
