"""Complete the labels of real people by what a trained network says: a second round of self-training."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.files.whole_file import whole_file
from models.light.inference.light_network import LightNetwork, open_light
from models.network import NetworkConfig
from models.structures import SurfaceMap
from pipeline.stage import Stage
from stages.annotations.photos import SIDE, PersonLabels, held_out, natural_size
from stages.payloads import F32, U8
from stages.training.data.second_labels import SecondLabels, second_labels
from stages.training.data.shards import map_shard
from stages.training.payloads import PhotoShards, Round
from stages.training.workers import chief_first


class RelabelPhotos(Stage):
    """Shards of labelled photos in, the same with a student's opinion out; shards that exist are kept."""

    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Whose opinion, and when it counts.

        Attributes:
            folder: of the run; the shards go to its `photos_again/`.
            weights: of a light network; "light" are the built-in ones.
            rules: when it counts.
        """

        folder: str = "runs/train_light"
        weights: str = "light"
        rules: SecondLabels = field(default_factory=SecondLabels)

    def __call__(self, part: Round, photos: PhotoShards) -> Iterator[PhotoShards]:
        """All shards, made in the first round. Raises: ModelError for weights that are no light network's."""
        folder = Path(self.config.folder) / "photos_again"
        done, wanted = folder / "done.json", json.dumps([dataclasses.asdict(self.config), photos.paths])
        paths = [folder / Path(path).name for path in photos.paths]
        with chief_first():
            if not (done.is_file() and done.read_text() == wanted):
                folder.mkdir(parents=True, exist_ok=True)
                done.unlink(missing_ok=True)
                network = open_light(NetworkConfig(weights=self.config.weights, flip=False), self.threads)
                for before, after in zip(map(Path, photos.paths), paths, strict=True):
                    relabel(before, after, network, self.config.rules)
                done.write_text(wanted)
        yield PhotoShards(paths=tuple(map(str, paths)))


def looked_at(network: LightNetwork, rgb_HW3: U8, box_4: F32) -> SurfaceMap:
    """What a network says of the person in a box."""
    (look,) = network.reader.read([network.reader.look(rgb_HW3, box_4)])
    return look.surface


def relabel(before: Path, after: Path, network: LightNetwork, rules: SecondLabels) -> None:
    """Write a shard again, with the student's opinion of all people that are trained on."""
    data = map_shard(before)
    labels, weights = np.array(data["person_label"]), np.array(data["person_weight"])
    for row, photo in enumerate(data["person_photo"]):
        if held_out(str(data["name"][photo])):
            continue
        natural = natural_size(float(data["aspect"][photo]))
        to_natural_4 = np.tile(np.array(natural, np.float32) / SIDE, 2)
        person = PersonLabels(
            box_4=data["person_box"][row] * to_natural_4,
            region_4=data["person_region"][row] * to_natural_4,
            label_LL=labels[row],
            weight_LL=weights[row],
        )
        rgb_HW3 = cv2.resize(np.asarray(data["rgb"][photo]), natural, interpolation=cv2.INTER_LINEAR)
        again = second_labels(rgb_HW3, person, partial(looked_at, network), rules)
        labels[row], weights[row] = again.label_LL, again.weight_LL
    whole: dict[str, Any] = {**data, "person_label": labels, "person_weight": weights}
    with whole_file(after) as draft, draft.open("wb") as file:
        np.savez(file, **whole)
