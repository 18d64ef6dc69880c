"""Gathers the real images that the light weights are trained on, from clones of public repositories.

    python -m tests.benchmarks.training.light_photos CLONES OUT
    python run_pipeline.py -c train_light … $(cat OUT/settings)

CLONES holds clones (bare ones, too), each under its own name, of the repositories in `PLACES`, and of those in
`SAMPLES`: small public samples of COCO 2017. The settings name the photos. The files of the three teachers and the
other clips are for the user to add (docs/light_data.md). A message names what is missing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from pycocotools import mask as coco_mask

from stages.annotations.coco_masks import encode_mask

WEIGHTS = Path(__file__).resolve().parents[3] / "models" / "weights"
PLACES = {
    "human": "human-dataset",
    "davis": "EOR-VOS",
    "GroceryStoreDataset": "GroceryStoreDataset",
    "flower_photos": "flower_photos",
    "Packt": "Machine-Learning-with-Apache-Spark-Quick-Start-Guide",
    "clothes": "clothing-dataset-small",
    "flowers": "flower_photos",
    "openimages": "data",
    "bottles": "Object-detection-",
    "clips": "sam2",
    "still": "sample-videos",
}
"""The clone's name by its use: listed photos, twenty sequences of DAVIS 2016, seven kinds of things, clips, and a clip
of a camera that stands still."""
SAMPLES = (
    *("COCO-MINI", "DeepDataMiningLearning", "COCO_Tiny", "COCO128", "ATSS"),
    *("tiny_coco", "tiny_coco_dataset", "hybrid_learning", "demo"),
)
NO_PEOPLE = ("clothes", "flowers", "openimages", "bottles")
"""Kinds of things that are known to show nobody, even where a detector sees people."""
ALONE = ("breakdance", "dance-twirl", "parkour")
"""Sequences whose masks hold one person and nothing else."""
PEOPLE = (
    *("bmx-trees", "horsejump-high", "kite-surf", "motocross-jump"),
    *("paragliding-launch", "scooter-black", "soapbox"),
)
NOBODY = (
    *("blackswan", "camel", "car-roundabout", "car-shadow", "cows"),
    *("dog", "drift-chicane", "drift-straight", "goat", "libby"),
)
FRAMES, MASKS = "DAVIS/JPEGImages/480p", "DAVIS/Annotations/480p"
EVERY = 4
"""Of the sequences with masks, every so many frames one is taken."""
ATTRIBUTION = 4
"""COCO's `license` id for CC BY."""
CLIPS = [
    f"demo/data/gallery/{name}.mp4" for name in ("01_dog", "02_cups", "03_blocks", "04_coffee", "05_default_juggle")
]

STILL = "one-by-one-person-detection.mp4"
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95]


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated:
    """Images with annotated people: records in COCO's format, and the images' files by name."""

    images: list[dict[str, Any]]
    people: list[dict[str, Any]]
    content: dict[str, bytes]


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
    """A COCO sample's annotations; samples split the training images anew, so both splits are read."""
    kinds = [f"{kind}_{split}2017.json" for kind in ("instances", "person_keypoints") for split in ("train", "val")]
    for path in sorted(path for path in paths if path.endswith(tuple(kinds))):
        yield json.loads(git(clone, "show", f"HEAD:{path}"))


def sampled_images(clones: Path) -> Annotated:
    """The images of `light_coco.json` and their people.

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
    records = [images[file] for file in sorted(images)]
    return Annotated(images=records, people=[people[key] for key in sorted(people)], content=found)


def masked_frames(clone: Path, first: int) -> Annotated:
    """Frames of DAVIS with the mask of the one person who is its object, numbered from `first` on.

    Bystanders are not annotated.
    """
    images, people, content = [], [], {}
    shown = {f"{MASKS}/{name}/" for name in ALONE}
    paths = sorted(path for path in files(clone) if path.rpartition("/")[0] + "/" in shown)
    for number, path in enumerate(paths[::EVERY], first):
        mask_HW = cv2.imdecode(np.frombuffer(git(clone, "show", f"HEAD:{path}"), np.uint8), cv2.IMREAD_GRAYSCALE)
        if not mask_HW.any():
            continue
        name = path.removeprefix(f"{MASKS}/").removesuffix(".png")
        file = name.replace("/", "_") + ".jpg"
        image, person = masked_person(number, file, encode_mask(mask_HW > 0))
        images.append(image)
        people.append(person)
        content[file] = git(clone, "show", f"HEAD:{FRAMES}/{name}.jpg")
    return Annotated(images=images, people=people, content=content)


def masked_person(number: int, file: str, rle: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The records of an image under CC BY and of its one person, both of this number."""
    height, width = rle["size"]
    shape = {"bbox": coco_mask.toBbox(rle).tolist(), "area": int(coco_mask.area(rle)), "segmentation": rle}
    image = {"id": number, "file_name": file, "height": height, "width": width, "license": ATTRIBUTION}
    return image, {"id": number, "image_id": number, "category_id": 1, "iscrowd": 0, **shape}


def still_frames(clone: Path, first: int) -> Annotated:
    """The frames of a clip that `light_masks.json` has masks of, numbered from `first` on; one person in each."""
    images, people, content = [], [], {}
    document = json.loads((WEIGHTS / "light_masks.json").read_text())
    with av.open(BytesIO(git(clone, "show", f"HEAD:{STILL}"))) as container:
        for index, frame in enumerate(container.decode(video=0)):
            counts = document["counts"].get(str(index))
            if counts is None:
                continue
            file = f"{Path(STILL).stem}_{index:05d}.jpg"
            image, person = masked_person(first + len(images), file, {"size": document["size"], "counts": counts})
            images.append(image)
            people.append(person)
            content[file] = cv2.imencode(".jpg", frame.to_ndarray(format="bgr24"), QUALITY)[1].tobytes()
    return Annotated(images=images, people=people, content=content)


def coco(clones: Path, out: Path) -> None:
    """All images with annotated masks as one COCO folder. Raises: MissingError where an image is in no clone."""
    sets = [sampled_images(clones)]
    for read, name in ((masked_frames, "davis"), (still_frames, "still")):
        number = 1 + max(record["id"] for one in sets for record in (*one.images, *one.people))
        sets.append(read(clones / PLACES[name], number))
    folder = out / "coco"
    (folder / "train2017").mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    for file, content in [pair for one in sets for pair in one.content.items()]:
        (folder / "train2017" / file).write_bytes(content)
    document = {
        "images": [record for one in sets for record in one.images],
        "annotations": [record for one in sets for record in one.people],
        "categories": [{"id": 1, "name": "person"}],
    }
    for kind in ("instances", "person_keypoints"):
        (folder / "annotations" / f"{kind}_train2017.json").write_text(json.dumps(document))


def settings(out: Path) -> str:
    """Settings of `label_photos` for the folders."""
    sequences = ",".join(str(out / "davis" / FRAMES / name) for name in (*PEOPLE, *NOBODY))
    clips = ",".join(map(str, sorted((out / "clips").rglob("*.mp4"))))
    lines = [
        f"--set label_photos.human_v2={out / 'human'}",
        f"--set label_photos.coco={out / 'coco'}",
        f"--set label_photos.photos=[{out / 'things'}]",
        f"--set label_photos.nobody=[{out / 'nobody'}]",
        f"--set label_photos.sequences=[{sequences}]",
        f"--set label_photos.clips=[{clips}]",
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
        take(given.clones / PLACES["clips"], CLIPS, out / "clips")
        for key, paths in things():
            take(given.clones / PLACES[key], paths, out / ("nobody" if key in NO_PEOPLE else "things") / key)
    except MissingError as error:
        print(f"light_photos: {error}", file=sys.stderr)
        return 2
    (out / "settings").write_text(settings(out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
