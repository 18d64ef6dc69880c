"""Gathers the real images that the light weights are trained on, from clones of public repositories.

    python -m tests.benchmarks.training.light_photos CLONES OUT
    python run_pipeline.py -c train_light … $(cat OUT/settings)

CLONES holds clones (bare ones, too), each under its own name, of the repositories in `PLACES`, and of those in
`SAMPLES`: small public samples of COCO 2017. The settings name the photos. The files of the three teachers and the
clips are for the user to add (models/weights/light.md). A message names what is missing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

WEIGHTS = Path(__file__).resolve().parents[3] / "models" / "weights"
PLACES = {
    "human": "human-dataset",
    "davis": "EOR-VOS",
    "GroceryStoreDataset": "GroceryStoreDataset",
    "flower_photos": "flower_photos",
    "Packt": "Machine-Learning-with-Apache-Spark-Quick-Start-Guide",
}
"""The clone's name by its use: listed photos, twenty sequences of DAVIS 2016, three kinds of things."""
SAMPLES = ("COCO-MINI", "DeepDataMiningLearning", "COCO_Tiny", "COCO128", "ATSS")
PEOPLE = (
    *("bmx-trees", "breakdance", "dance-twirl", "horsejump-high", "kite-surf"),
    *("motocross-jump", "paragliding-launch", "parkour", "scooter-black", "soapbox"),
)
NOBODY = (
    *("blackswan", "camel", "car-roundabout", "car-shadow", "cows"),
    *("dog", "drift-chicane", "drift-straight", "goat", "libby"),
)
FRAMES = "DAVIS/JPEGImages/480p"


class MissingError(Exception):
    """A clone, or something in it, is missing."""


def git(clone: Path, *words: str) -> bytes:
    """Git's output for a clone. Raises: MissingError where git fails."""
    done = subprocess.run(["git", "-C", str(clone), *words], capture_output=True, check=False)
    if done.returncode:
        raise MissingError(f"{clone}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def files(clone: Path) -> list[str]:
    """The paths of all files of a clone's newest commit."""
    return git(clone, "ls-tree", "-r", "-z", "--name-only", "HEAD").decode().split("\0")[:-1]


def take(clone: Path, paths: Iterable[str], out: Path) -> None:
    """Write files of a clone into a folder, under their paths in the clone."""
    with tarfile.open(fileobj=BytesIO(git(clone, "archive", "HEAD", "--", *paths))) as archive:
        archive.extractall(out, filter="data")


def things() -> Iterator[tuple[str, list[str]]]:
    """For each kind of things its key, and the listed photos' paths in its clone."""
    rows = [line.split(" ", 1) for line in (WEIGHTS / "light_things.txt").read_text().splitlines()]
    for key in dict.fromkeys(key for key, _ in rows):
        yield key, [path for name, path in rows if name == key]


def annotations(clone: Path, paths: Iterable[str]) -> Iterator[dict[str, Any]]:
    """A COCO sample's annotations of the training images."""
    named = [path for path in paths if path.endswith(("instances_train2017.json", "person_keypoints_train2017.json"))]
    for path in sorted(named):
        yield json.loads(git(clone, "show", f"HEAD:{path}"))


def coco(clones: Path, out: Path) -> None:
    """The images of `light_coco.json` as a COCO folder.

    A person annotated in several samples is one, with keypoints where a sample has them.

    Raises: MissingError where no sample has an image.
    """
    listed = json.loads((WEIGHTS / "light_coco.json").read_text())
    images: dict[str, dict[str, Any]] = {}
    people: dict[int, dict[str, Any]] = {}
    found: dict[str, bytes] = {}
    for name in SAMPLES:
        clone = clones / name
        paths = files(clone)
        for path in paths:
            file = path.rsplit("/", 1)[-1]
            if file in listed and file not in found:
                found[file] = git(clone, "show", f"HEAD:{path}")
        for document in annotations(clone, paths):
            numbers = {image["id"]: image for image in document["images"] if image["file_name"] in listed}
            images |= {image["file_name"]: image for image in numbers.values()}
            for one in document["annotations"]:
                if one["image_id"] in numbers and one["category_id"] == 1:
                    people[one["id"]] = people.get(one["id"], {}) | one
    if absent := sorted(set(listed) - set(found) | set(listed) - set(images)):
        raise MissingError(f"{clones}: no sample has {len(absent)} of the images of light_coco.json, {absent[0]} first")
    folder = out / "coco"
    (folder / "train2017").mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    for file, content in found.items():
        (folder / "train2017" / file).write_bytes(content)
    document = {
        "images": [images[file] for file in sorted(images)],
        "annotations": [people[key] for key in sorted(people)],
        "categories": [{"id": 1, "name": "person"}],
    }
    for kind in ("instances", "person_keypoints"):
        (folder / "annotations" / f"{kind}_train2017.json").write_text(json.dumps(document))


def settings(out: Path) -> str:
    """Settings of `label_photos` for the folders, in the order of the shipped weights' labelling."""
    sequences = ",".join(str(out / "davis" / FRAMES / name) for name in (*PEOPLE, *NOBODY))
    lines = [
        f"--set label_photos.human_v2={out / 'human'}",
        f"--set label_photos.coco={out / 'coco'}",
        f"--set label_photos.photos=[{out / 'things'}]",
        f"--set label_photos.sequences=[{sequences}]",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Gather all photos; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clones", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args(arguments)
    out = given.out.resolve()
    try:
        for name in (*PLACES.values(), *SAMPLES):
            git(given.clones / name, "rev-parse", "HEAD")
        coco(given.clones, out)
        take(given.clones / PLACES["human"], ["."], out / "human")
        take(given.clones / PLACES["davis"], [f"{FRAMES}/{name}" for name in (*PEOPLE, *NOBODY)], out / "davis")
        for key, paths in things():
            take(given.clones / PLACES[key], paths, out / "things" / key)
    except MissingError as error:
        print(f"light_photos: {error}", file=sys.stderr)
        return 2
    (out / "settings").write_text(settings(out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
