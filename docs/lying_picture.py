"""Draws docs/pictures/lying.jpg: people who lie, read as they are and turned upright (`network.roll_align`).

    python docs/lying_picture.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.failure_pictures import charts, painted, said, save
from models.light.inference.light_network import FrameFeatures
from models.network import NetworkConfig
from stages.payloads import U8, Features, People
from stages.people.densepose import DensePose
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import STRESS_IMAGE_WORLDS
from stages.world.scene import Scene
from tests.benchmarks.quality.recorded_videos import as_chunks

SEED = 20
SCENES = range(5)
HIGH = 150
"""Pixels of a scene."""


def read(made: Scene, stage: DensePose) -> U8:
    """The charts that are read in the true boxes."""
    count = len(made.box_N4)
    people = People(
        frame_N=np.zeros(count, np.int32),
        box_N4=made.box_N4,
        score_N=np.ones(count, np.float32),
        id_N=np.full(count, -1, np.int32),
    )
    (frame,) = as_chunks([made.rgb_HW3])
    nothing_seen = FrameFeatures(rgb_THW3=frame.rgb_THW3, surface_T=({},), tta="adaptive")
    (surfaces,) = stage(frame, people, Features(content=nothing_seen))
    return charts(surfaces, *made.rgb_HW3.shape[:2])


def main() -> None:
    """Rows: the truth, read as they lie, read turned."""
    networks = [NetworkConfig(roll_align=roll_align) for roll_align in (False, True)]
    stages = [DensePose(DensePose.Config(network=network)) for network in networks]
    columns = []
    for index in SCENES:
        made = image_scene(STRESS_IMAGE_WORLDS["stress_lying"], SEED, index)
        shown = [painted(made.rgb_HW3, label_HW) for label_HW in (made.label_HW, *(read(made, one) for one in stages))]
        size = (round(HIGH * made.rgb_HW3.shape[1] / made.rgb_HW3.shape[0]), HIGH)
        columns.append([cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in shown])
    names = ("true", "as they lie", "turned")
    rows = [said(np.hstack(row), name) for row, name in zip(zip(*columns, strict=True), names, strict=True)]
    save("lying", np.vstack(rows))


if __name__ == "__main__":
    main()
