"""Draws the pictures of docs/world.md: `python -m tools.pictures.world_pictures` from the checkout."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from stages.synthetic.demo_clip import SMALL, camera
from stages.world.backgrounds.plaza import paint_plaza
from stages.world.far_world import FarWorld, far_scene
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS, STRESS_IMAGE_WORLDS
from stages.world.scene import Scene
from stages.world.video_scenes import video_scene
from stages.world.video_worlds import STRESS_VIDEO_WORLDS, VIDEO_WORLDS
from tools.pictures import PICTURES

COLORS = np.random.default_rng(3).integers(70, 250, (25, 3)).astype(np.uint8)
COLORS[0] = 25
DRESSED = (4, 5, 7, 11, 15)


def flow_colors(made: Scene) -> np.ndarray:
    """Direction as hue, speed as brightness; white where a point is not seen in the next frame."""
    assert made.moving is not None
    x, y = made.moving.next_2HW
    tone = np.clip(np.hypot(x, y) * 25, 0, 255)
    hue = np.stack([np.arctan2(y, x) / np.pi * 90 + 90, np.full_like(x, 255), tone], axis=-1).astype(np.uint8)
    return np.where(made.moving.next_seen_HW[..., None], cv2.cvtColor(hue, cv2.COLOR_HSV2RGB), np.uint8(255))


def depth_tones(made: Scene) -> np.ndarray:
    """Nearer is brighter."""
    assert made.moving is not None
    tone = np.clip(700 / np.maximum(made.depth_HW, 2), 0, 255).astype(np.uint8)
    return np.repeat(tone[..., None], 3, axis=2)


def moving_sheet() -> np.ndarray:
    """Frames of clips with charts, flow and depth below."""
    made = [
        video_scene(VIDEO_WORLDS[world], seed, index)
        for world, seed, index in (("video", 0, 40), ("video", 0, 250), ("crowd", 1, 130), ("crowd", 1, 250))
    ]
    return np.hstack([np.vstack([m.rgb_HW3, COLORS[m.label_HW], flow_colors(m), depth_tones(m)]) for m in made])


def pairs(scenes: list[Scene]) -> np.ndarray:
    """Pictures over their charts."""
    return np.hstack([np.vstack([made.rgb_HW3, COLORS[made.label_HW]]) for made in scenes])


def attached_sheet() -> np.ndarray:
    """People in skirts, with long hair and bags; below in loose clothes, with other hair."""
    plain = replace(
        IMAGE_WORLDS["train"],
        people=(0, 1.0),
        person_height=(0.8, 1.0),
        occluded_share=0.0,
        child_share=0.0,
        image_share=0.0,
    )
    skirts = replace(plain, name="skirtlook", skirts=0.5, bags=1.0, long_hair=1.0)
    loose = replace(plain, name="looselook", loose_clothing=1.0, hair_styles=1.0, height_distribution="human")
    rows = (
        (skirts, (("stand", 1), ("walk", 0), ("dance", 1), ("sit", 2))),
        (loose, (("stand", 5), ("walk", 3), ("walk", 4), ("stand", 7))),
    )
    return np.vstack(
        [
            pairs([image_scene(replace(world, poses=((kind, 1.0),)), 1, index) for kind, index in kinds])
            for world, kinds in rows
        ]
    )


def dressed_sheet() -> np.ndarray:
    """Groups in clothes of the wardrobe, with things before them, and their charts below."""
    world = replace(
        IMAGE_WORLDS["dressed"],
        people=(0.0, 0.0, 1.0, 1.0),
        person_height=(0.7, 0.9),
        pitch_range=(0.0, 0.2),
        wardrobe=1.0,
        groups=1.0,
    )
    return pairs([image_scene(world, 2, index) for index in DRESSED])


def hard_clips_sheet() -> np.ndarray:
    """Rain, night, boards in front, the floor, an embrace, and a picture of the user's own behind."""
    shown = (("rain", 270), ("low_light", 270), ("occlusion", 270), ("floor", 70), ("contact", 75))
    made = [video_scene(STRESS_VIDEO_WORLDS[f"stress_video_{tag}"], 1, index) for tag, index in shown]
    with tempfile.TemporaryDirectory() as scratch:
        own = Path(scratch) / "own.png"
        square = np.rint(paint_plaza(camera(SMALL, 1)) * 255).astype(np.uint8)
        cv2.imwrite(str(own), square[:, :, ::-1])
        world = replace(VIDEO_WORLDS["video"], background_images=(str(own),), image_share=1.0)
        return pairs([*made, video_scene(world, 1, 40)])


def save(name: str, rgb: np.ndarray) -> None:
    """Smaller, as JPEG into docs/pictures."""
    small = cv2.resize(rgb, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(PICTURES / name), small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])


def main() -> None:
    """All pictures of the page."""
    save("world_moving.jpg", moving_sheet())
    save("world_attached.jpg", attached_sheet())
    save("world_dressed.jpg", dressed_sheet())
    tags = ("stress_occlusion", "stress_blur", "stress_rain", "stress_crowd")
    hard = pairs([image_scene(STRESS_IMAGE_WORLDS[tag], 1, 0) for tag in tags])
    far = pairs([far_scene(FarWorld(), 1, index) for index in (1, 3, 6, 13)])
    save("world_clips_hard.jpg", hard_clips_sheet())
    save("world_hard.jpg", np.vstack([hard, far]))


if __name__ == "__main__":
    main()
