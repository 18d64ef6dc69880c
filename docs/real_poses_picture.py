"""Draws docs/pictures/real_poses.jpg: poses of real people as the synthetic world draws them.

python docs/real_poses_picture.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.arrays import U8
from stages.world.bodies.people import pose_person
from stages.world.bodies.real_poses import real_pose
from stages.world.camera.framing import framing_camera
from stages.world.camera.rendering import render_people
from stages.world.camera.shading import random_lights
from stages.world.image_scenes import random_person
from stages.world.image_worlds import IMAGE_WORLDS

OUT = Path(__file__).with_name("pictures") / "real_poses.jpg"
ROWS, COLUMNS, SIDE = 3, 10, 150
"""People down and across, and pixels of each."""


def figure(seed: int) -> U8:
    """One person on grey."""
    rng = np.random.default_rng(seed)
    person = random_person(IMAGE_WORLDS["moved"], rng)
    mesh = pose_person(person, real_pose(rng), float(rng.uniform(-np.pi, np.pi)))
    middle = (SIDE / 2, SIDE / 2)
    camera = framing_camera(rng, mesh, SIDE, SIDE, 0.8 * SIDE, middle, (0.0, 0.2), 0.0)
    image = np.full((SIDE, SIDE, 3), 0.8, np.float32)
    render_people(image, [person], [mesh], camera, random_lights(rng))
    return (255 * np.clip(image, 0, 1)).astype(np.uint8)


def main() -> None:
    """Draw and save the sheet."""
    rows = [np.hstack([figure(row * COLUMNS + column) for column in range(COLUMNS)]) for row in range(ROWS)]
    cv2.imwrite(str(OUT), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])


if __name__ == "__main__":
    main()
