"""Milliseconds a frame of `render` for each style: `python -m tests.benchmarks.speed.render_speed`.

People are ellipses of noise-free charts: the cost depends on the number of pixels, not on their content.
"""

from __future__ import annotations

import time
from fractions import Fraction

import cv2
import numpy as np

from stages.drawing.render import Render
from stages.drawing.styles import STYLES
from stages.payloads import FrameChunk, People, PersonSurface, Surfaces, VideoInfo

SCENES = (
    ("320x240, one person 100x200", (320, 240), (100, 200), 1),
    ("1280x720, two people 230x560", (1280, 720), (230, 560), 2),
    ("1920x1080, three people 360x900", (1920, 1080), (360, 900), 3),
)


def oval_person(x0: int, y0: int, width: int, height: int) -> PersonSurface:
    """An ellipse whose rows are charts 23, 2, 9 and 13, each with U across and V down."""
    labels_hw = np.zeros((height, width), np.uint8)
    cv2.ellipse(labels_hw, (width // 2, height // 2), (width // 2 - 2, height // 2 - 2), 0, 0, 360, 1, cv2.FILLED)
    band_h = np.array([23, 2, 9, 13], np.uint8)[np.arange(height) * 4 // height]
    labels_hw *= band_h[:, None]
    v_h = 1 - (np.arange(height) * 4 / height) % 1
    uv_2hw = np.stack(np.broadcast_arrays(np.linspace(0, 1, width)[None, :], v_h[:, None])).astype(np.float32)
    return PersonSurface(
        x0=x0,
        y0=y0,
        labels_hw=labels_hw,
        uv_2hw=uv_2hw * (labels_hw > 0),
        confidence_hw=np.full(labels_hw.shape, 0.9, np.float32),
    )


def scene(size: tuple[int, int], person: tuple[int, int], count: int) -> tuple[FrameChunk, People, Surfaces]:
    """One frame of noise with `count` people side by side."""
    width, height = size
    rgb_THW3 = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    info = VideoInfo(path="", width=width, height=height, still=False, rate=Fraction(25), time_base=Fraction(1, 25))
    people = [oval_person(10 + i * (person[0] + 10), 10, *person) for i in range(count)]
    box_N4 = np.array([[p.x0, p.y0, p.x0 + person[0], p.y0 + person[1]] for p in people], np.float32)
    return (
        FrameChunk(rgb_THW3=rgb_THW3, pts_T=np.zeros(1, np.int64), first=0, video=info),
        People(
            frame_N=np.zeros(count, np.int32),
            box_N4=box_N4,
            score_N=np.full(count, 0.9, np.float32),
            id_N=np.arange(count, dtype=np.int32),
        ),
        Surfaces(people=tuple(people)),
    )


def milliseconds(stage: Render, inputs: tuple[FrameChunk, People, Surfaces], repeats: int = 30) -> float:
    """Least CPU time of one call, which leaves out other load of the machine."""
    taken = []
    for _ in range(repeats):
        start = time.thread_time()
        for _overlay in stage(*inputs):
            pass
        taken.append((time.thread_time() - start) * 1e3)
    return min(taken)


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    for name, size, person, count in SCENES:
        inputs = scene(size, person, count)
        row = [f"{style} {milliseconds(Render(Render.Config(style=style)), inputs):.2f}" for style in STYLES]
        print(f"{name}: " + "  ".join(row) + "  (ms a frame, one thread)")


if __name__ == "__main__":
    main()
