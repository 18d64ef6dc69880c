"""Draws docs/pictures/failures_photos.jpg and failures_films.jpg: where the network goes wrong (docs/failures.md).

    python -m tools.pictures.failure_pictures PHOTOS [--weights W]

PHOTOS holds the photos of COCO 2017 that `SHOWN` names, in any folder below it (all CC BY 2.0; docs/failures.md links
them). The videos are synthetic and are drawn here. Check the pictures before you commit them: other weights fail in
other places, and docs/failures.md describes what the pictures show.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.network import NetworkConfig
from pipeline import load
from stages.drawing.chart_colours import part_palette
from stages.evaluation.video_scores import frame_surface
from stages.payloads import U8, People, Surfaces
from stages.people.smooth import Smooth
from stages.world.scene import Scene
from stages.world.video_scenes import video_scene
from stages.world.video_worlds import STRESS_VIDEO_WORLDS
from tests.benchmarks.quality.recorded_videos import SEED, as_chunks, recorded
from tests.benchmarks.quality.temporal import run, tracked
from tools.pictures import PICTURES

SHOWN = (475678, 107438, 214753, 519208, 790, 129648, 126107, 160012)
"""Numbers of the photos in COCO 2017; the picture has two photos per row."""
HIGH, WIDE = 170, 520
"""Height and width of a photo with the network's result beside it, pixels."""
FILMS = (("contact", 0, 14), ("fast", 0, 16), ("small", 0, 20))
"""Worlds `stress_video_…`, number of the clip, first frame that is shown of it."""
RUN_UP, FRAMES, TILE = 8, 8, 128
"""Frames that the smoothing sees before the first shown; successive frames shown; pixels of a frame's side."""
VIVID = 0.7
FRAME = (255, 220, 0)


def main() -> None:
    """Both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights", default="light")
    wanted = parser.parse_args()
    network = load(wanted.weights)
    pairs = []
    for number, name in enumerate(SHOWN, start=1):
        rgb_HW3 = photo(wanted.photos, name)
        pairs.append(pair(number, rgb_HW3, *network(rgb_HW3)))
    save("failures_photos", np.vstack([np.hstack(pairs[k : k + 2]) for k in range(0, len(pairs), 2)]))
    strips = [strip(letter, *which, wanted.weights) for letter, which in zip("abc", FILMS, strict=True)]
    save("failures_films", np.vstack(strips))


def photo(folder: Path, name: int) -> U8:
    """A photo of COCO by its number; SystemExit where it is not there."""
    found = next(folder.rglob(f"{name:012d}.jpg"), None)
    if found is None:
        raise SystemExit(f"{name:012d}.jpg of COCO 2017 is not below {folder}")
    return np.ascontiguousarray(cv2.imread(str(found))[..., ::-1])


def pair(number: int, rgb_HW3: U8, people: People, surfaces: Surfaces) -> U8:
    """A photo beside what is found in it, with scores, (HIGH, WIDE, 3)."""
    height, width = rgb_HW3.shape[:2]
    scale = min(HIGH / height, WIDE / 2 / width)
    views = rgb_HW3, painted(rgb_HW3, charts(surfaces, height, width))
    photo_hw3, answer_hw3 = (cv2.resize(one, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for one in views)
    for box_4, score in zip(people.box_N4, people.score_N, strict=True):
        framed(answer_hw3, box_4 * scale, f"{score:.2f}")
    both = np.hstack([photo_hw3, answer_hw3])
    cell = np.full((HIGH, WIDE, 3), 255, np.uint8)
    cell[: both.shape[0], : both.shape[1]] = both
    return said(cell, f"{number}")


def strip(letter: str, world: str, clip: int, first: int, weights: str) -> U8:
    """Successive frames of a video in three rows: the truth, the prediction, and the smoothed prediction with boxes and
    identities."""
    made = STRESS_VIDEO_WORLDS[f"stress_video_{world}"]
    start = clip * made.frames + first - RUN_UP
    scenes = [video_scene(made, SEED, start + t) for t in range(RUN_UP + FRAMES + 2)]
    pictures = [scene.rgb_HW3 for scene in scenes]
    video = recorded(world, as_chunks(pictures), NetworkConfig(weights=weights))
    people = tracked(video)
    steady = run(Smooth(Smooth.Config(look_ahead=2)), video.frames, people, video.surfaces)
    window = around(scenes[RUN_UP : RUN_UP + FRAMES])
    rows: tuple[list[U8], list[U8], list[U8]] = ([], [], [])
    for t in range(RUN_UP, RUN_UP + FRAMES):
        shape = pictures[t].shape[:2]
        labels = scenes[t].label_HW, charts(video.surfaces[t], *shape), charts(steady[t], *shape)
        for row, label_HW in zip(rows, labels, strict=True):
            row.append(cv2.resize(painted(pictures[t], label_HW)[window], (TILE, TILE), interpolation=cv2.INTER_AREA))
        scale, corner_4 = TILE / (window[0].stop - window[0].start), np.array([window[1].start, window[0].start] * 2)
        for box_4, identity in zip(people[t].box_N4, people[t].id_N, strict=True):
            framed(rows[2][-1], (box_4 - corner_4) * scale, f"{identity}" if identity >= 0 else "")
    names = (f"{letter} true", f"{letter} found", f"{letter} steadied")
    return np.vstack([said(np.hstack(row), name) for row, name in zip(rows, names, strict=True)])


def around(scenes: Sequence[Scene]) -> tuple[slice, slice]:
    """Rows and columns of a square around all people of these frames; it does not reach beyond the picture."""
    box_N4 = np.concatenate([scene.box_N4 for scene in scenes])
    height, width = scenes[0].rgb_HW3.shape[:2]
    low, high = box_N4[:, :2].min(axis=0), box_N4[:, 2:].max(axis=0)
    side = int(min(1.2 * (high - low).max(), height, width))
    x, y = ((low + high - side) / 2).astype(int)
    x, y = int(np.clip(x, 0, width - side)), int(np.clip(y, 0, height - side))
    return slice(y, y + side), slice(x, x + side)


def charts(surfaces: Surfaces, height: int, width: int) -> U8:
    """Everyone's charts in one picture."""
    return frame_surface(surfaces.people, height, width).label_HW


def painted(rgb_HW3: U8, label_HW: U8) -> U8:
    """A picture with charts in their colours."""
    mixed = (1 - VIVID) * rgb_HW3 + VIVID * part_palette()[label_HW]
    return np.where(label_HW[..., None] > 0, mixed, rgb_HW3).astype(np.uint8)


def framed(rgb_HW3: U8, box_4: np.ndarray, text: str) -> None:
    """A box with a word in its corner, drawn on the picture."""
    x0, y0, x1, y1 = (int(side) for side in box_4)
    cv2.rectangle(rgb_HW3, (x0, y0), (x1, y1), FRAME, 1, cv2.LINE_AA)
    cv2.putText(rgb_HW3, text, (x0 + 2, y0 + 11), cv2.FONT_HERSHEY_SIMPLEX, 0.36, FRAME, 1, cv2.LINE_AA)


def said(rgb_HW3: U8, text: str) -> U8:
    """The picture with a name in its lower left corner."""
    below = 6, rgb_HW3.shape[0] - 7
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(rgb_HW3, text, below, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, width, cv2.LINE_AA)
    return rgb_HW3


def save(name: str, rgb_HW3: U8) -> None:
    """A JPEG."""
    cv2.imwrite(str(PICTURES / f"{name}.jpg"), rgb_HW3[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])


if __name__ == "__main__":
    main()
