"""Milliseconds a frame of `track` and `smooth`: `python -m tests.benchmarks.smooth_speed`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from stages.payloads import FrameChunk, People, Surfaces
from stages.smooth import Smooth
from stages.track import Track
from tests.benchmarks.render_speed import SCENES, scene

Step = Callable[[int], object]


def moving(frames: FrameChunk, t: int) -> FrameChunk:
    """The frame of the scene, moved two pixels a step, as frame t of a stream."""
    return replace(frames, rgb_THW3=np.roll(frames.rgb_THW3, 2 * t, axis=2), first=t)


def milliseconds(step: Step, repeats: int = 30) -> float:
    """Median processor time of one step, the first two left out."""
    taken = []
    for t in range(repeats):
        start = time.process_time()
        step(t)
        taken.append((time.process_time() - start) * 1e3)
    return float(np.median(taken[2:]))


def steps(frames: FrameChunk, people: People, surfaces: Surfaces) -> tuple[Step, Step]:
    """One frame through a fresh `track` and a fresh `smooth`."""
    chunks = [moving(frames, t) for t in range(30)]
    shifted = [tuple(replace(surface, x0=surface.x0 + 2 * t) for surface in surfaces.people) for t in range(30)]
    track, smooth = Track(Track.Config()), Smooth(Smooth.Config())
    return (
        lambda t: list(track(chunks[t], people)),
        lambda t: list(smooth(chunks[t], people, Surfaces(people=shifted[t]))),
    )


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    for name, size, person, count in SCENES:
        frames, people, surfaces = scene(size, person, count)
        soft = cv2.GaussianBlur(frames.rgb_THW3[0], (0, 0), 2)[None]
        track, smooth = steps(replace(frames, rgb_THW3=soft), people, surfaces)
        print(f"{name}: track {milliseconds(track):.2f}  smooth {milliseconds(smooth):.2f}  (ms a frame, one thread)")


if __name__ == "__main__":
    main()
