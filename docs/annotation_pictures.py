"""Draws `docs/pictures/annotations.jpg`: `python docs/annotation_pictures.py [--real FILE OUT]`.

Part masks are washed over people of the synthetic world, points stand in the colours of their charts. With --real a
pickle of one real annotation (x, y, I, U, V and ICrop) is drawn to OUT instead; it is not ours to publish.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.body.charts import COARSE_OF_CHART
from models.files.data_pickle import read_data_pickle
from stages.annotations.coco_masks import decode_mask
from stages.annotations.densepose_coco import MASK_SIDE, AnnotatedPerson
from stages.drawing.chart_colours import part_palette
from stages.synthetic.simulated_annotators import annotate_person
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS

U8 = npt.NDArray[np.uint8]
OUT = Path(__file__).parent / "pictures" / "annotations.jpg"
HEIGHT = 300
LARGEST = 4


def washed(crop_HW3: U8, person: AnnotatedPerson) -> U8:
    """The crop with part masks in the colours of their first chart."""
    colour = part_palette()
    label = np.zeros((MASK_SIDE, MASK_SIDE), np.uint8)
    for part, mask in enumerate(person.part_masks or (), start=1):
        if mask is not None:
            label[decode_mask(mask) > 0] = int(COARSE_OF_CHART.tolist().index(part))
    height, width = crop_HW3.shape[:2]
    label = cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.where(label[..., None] > 0, crop_HW3 // 2 + colour[label] // 2, crop_HW3).astype(np.uint8)


def dotted(crop_HW3: U8, x_M: Any, y_M: Any, chart_M: Any) -> U8:
    """The crop, `HEIGHT` high, with points in pixels of the crop."""
    scale = HEIGHT / crop_HW3.shape[0]
    size = (max(round(crop_HW3.shape[1] * scale), 1), HEIGHT)
    drawn = cv2.resize(crop_HW3, size, interpolation=cv2.INTER_LINEAR)
    for x, y, chart in zip(x_M, y_M, chart_M, strict=True):
        place = (round(float(x) * scale), round(float(y) * scale))
        cv2.circle(drawn, place, 5, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(drawn, place, 4, tuple(int(c) for c in part_palette()[int(chart)]), -1, cv2.LINE_AA)
    return np.asarray(drawn, np.uint8)


def synthetic() -> U8:
    """The largest people of some scenes, side by side: part masks, then points."""
    found = []
    for index in range(12):
        made = image_scene(IMAGE_WORLDS["train"], 21, index)
        found += [(made, number) for number in range(1, len(made.box_N4) + 1)]
    found.sort(key=lambda one: -float((one[0].instance_HW == one[1]).sum()))
    tiles = []
    for made, number in found[:LARGEST]:
        person = annotate_person(made, number, 1, 1, np.random.default_rng(0))
        x, y, width, height = (int(side) for side in person.box_4)
        crop = made.rgb_HW3[y : y + height, x : x + width]
        points = person.points
        assert points is not None
        tiles.append(dotted(washed(crop, person), [], [], []))
        tiles.append(dotted(crop, points.x_M * width / 255, points.y_M * height / 255, points.chart_M))
    return np.concatenate(tiles, axis=1)


def main() -> None:
    """Draw and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", nargs=2, metavar=("FILE", "OUT"))
    wanted = parser.parse_args()
    if wanted.real:
        with Path(wanted.real[0]).open("rb") as file:
            real = read_data_pickle(file)
        picture, path = dotted(real["ICrop"], real["x"], real["y"], real["I"]), wanted.real[1]
    else:
        picture, path = synthetic(), str(OUT)
    Image.fromarray(picture).save(path, quality=82)


if __name__ == "__main__":
    main()
