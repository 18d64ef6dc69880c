"""Scenes a second that one core draws: `OMP_NUM_THREADS=1 python -m tests.benchmarks.speed.world_speed`.

CPU time of this process, which other load changes little; 320×240.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import cv2

from stages.world.clothes.wardrobe import wardrobe_names, wardrobe_piece
from stages.world.far_world import FarWorld, far_scene
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS
from stages.world.video_scenes import video_scene
from stages.world.video_worlds import VIDEO_WORLDS

TWO = (0.0, 0.0, 1.0)
STILLS = {name: replace(IMAGE_WORLDS[name], people=TWO) for name in ("train", "val", "wide", "agile", "dressed")}
FAR = replace(FarWorld(), people=(0.0, 1.0))
VIDEO = replace(VIDEO_WORLDS["video"], people=(2, 2))
CROWD = replace(VIDEO_WORLDS["crowd"], people=(8, 8))

DRAWN: dict[str, tuple[Callable[[int], object], int]] = {
    **{f"{name}, two people": (lambda i, world=world: image_scene(world, 0, i), 40) for name, world in STILLS.items()},
    "train, two in loose clothes": (lambda i: image_scene(replace(STILLS["train"], loose_clothing=1.0), 0, i), 40),
    "far, two people": (lambda i: far_scene(FAR, 0, i), 30),
    "video, two people, flow both ways": (lambda i: video_scene(VIDEO, 0, 100 + i), 60),
    "crowd, eight people, flow both ways": (lambda i: video_scene(CROWD, 0, 100 + i), 20),
}


def rate(draw: Callable[[int], object], count: int) -> float:
    """Scenes a second of CPU time, without the first, which includes the set-up."""
    draw(0)
    start = time.process_time()
    for index in range(1, count + 1):
        draw(index)
    return count / (time.process_time() - start)


def main() -> None:
    """One line a world."""
    cv2.setNumThreads(1)
    for kind, names in wardrobe_names().items():
        for name in names:
            wardrobe_piece(kind, name)
    for name, (draw, count) in DRAWN.items():
        print(f"{name:38s} {rate(draw, count):6.1f} a second")


if __name__ == "__main__":
    main()
