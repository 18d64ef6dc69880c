"""Draws docs/pictures/lying.jpg: people who lie, read as they are and turned upright (`network.turn`).

python docs/lying_picture.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.failure_pictures import charts, painted, said, save
from models.light.light_network import open_light
from models.network import NetworkConfig
from stages.payloads import U8, Surface, Surfaces
from stages.world.scene import Scene, scene
from stages.world.stress import STRESS_WORLDS

SEED = 20
SCENES = range(5)
HIGH = 150
"""Pixels of a scene."""


def read(made: Scene, config: NetworkConfig) -> U8:
    """The charts that a network reads in the true boxes."""
    network = open_light(config, 1)
    features = network.detect(made.rgb_HW3[None])[1]
    people = network.surfaces(features, [made.box_N4])[0]
    found = [
        Surface(x0=p.x0, y0=p.y0, labels_hw=p.labels_hw, uv_2hw=p.uv_2hw, confidence_hw=p.confidence_hw) for p in people
    ]
    return charts(Surfaces(people=tuple(found)), *made.rgb_HW3.shape[:2])


def main() -> None:
    """Rows: the truth, read as they lie, read turned."""
    columns = []
    for index in SCENES:
        made = scene(STRESS_WORLDS["stress_lying"], SEED, index)
        answers = [read(made, NetworkConfig(turn=turn)) for turn in (False, True)]
        shown = [painted(made.rgb_HW3, label_HW) for label_HW in (made.label_HW, *answers)]
        size = (round(HIGH * made.rgb_HW3.shape[1] / made.rgb_HW3.shape[0]), HIGH)
        columns.append([cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in shown])
    rows = [np.hstack(row) for row in zip(*columns, strict=True)]
    save(
        "lying", np.vstack([said(row, name) for row, name in zip(rows, ("true", "as they lie", "turned"), strict=True)])
    )


if __name__ == "__main__":
    main()
