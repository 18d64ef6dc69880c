"""Flicker, accuracy and cost of temporal smoothing.

    python -m tests.benchmarks.quality.temporal FOLDER [--videos video]

FOLDER holds the output of `tests.benchmarks.quality.recorded_videos`. All variants get the same predictions and
identities. Printed for each group of videos and variant: geodesic flicker along the flow (cm); shares of pixels whose
chart changes and of lost pixels; AUC10, AUC30 and GPS AP (with ground truth); lag (frames, where points move at least
4 px a frame); the share of hands and lower arms with the right chart; CPU milliseconds a frame.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from models.surface.geometry import open_body_geometry
from stages.payloads import FrameChunk, People, Surfaces
from stages.people.optical_flow import CellGrid, FlowField, InitialFlow
from stages.people.smooth import Smooth
from stages.people.track import Track
from tests.benchmarks.quality.recorded_videos import RecordedVideo, read
from tests.benchmarks.quality.temporal_scores import Tally, add_real, add_synthetic, numbers
from tests.benchmarks.quality.tracking import followed

Smoothing = Callable[[Sequence[FrameChunk], Sequence[People], Sequence[Surfaces]], list[Surfaces]]


class Standing:
    """In place of the flow: a cell comes from the same cell of the previous box."""

    @staticmethod
    def compute(
        here_HW: np.ndarray, there_HW: np.ndarray, one: CellGrid, other: CellGrid, guess: InitialFlow | None
    ) -> FlowField:
        """One box stretched to the other, trusted everywhere."""
        x_w, y_h = (
            ((np.arange(a) + 0.5) * b / a - 0.5).astype(np.float32)
            for a, b in ((one.width, other.width), (one.height, other.height))
        )
        x_hw, y_hw = np.meshgrid(x_w, y_h)
        return FlowField(x_hw=x_hw, y_hw=y_hw, trust_hw=np.ones_like(x_hw))


def run(
    stage: Smooth, frames: Sequence[FrameChunk], people: Sequence[People], given: Sequence[Surfaces]
) -> list[Surfaces]:
    """A new `smooth` on a video."""
    done = [item for packet in zip(frames, people, given, strict=True) for item in stage(*packet)]
    return done + list(stage.flush())


def blind(surfaces: Surfaces) -> Surfaces:
    """The same without the network's confidence."""
    return Surfaces(people=tuple(replace(one, confidence_hw=None) for one in surfaces.people))


def exponential(frames: Sequence[FrameChunk], people: Sequence[People], given: Sequence[Surfaces]) -> list[Surfaces]:
    """The exponential mean in the box, without flow and confidence."""
    stage = Smooth(Smooth.Config())
    stage.flow = Standing()  # type: ignore[assignment]
    return run(stage, frames, people, [blind(one) for one in given])


def by_flow(frames: Sequence[FrameChunk], people: Sequence[People], given: Sequence[Surfaces]) -> list[Surfaces]:
    """Smoothing along the flow, without confidence."""
    return run(Smooth(Smooth.Config()), frames, people, [blind(one) for one in given])


def looking(ahead: int) -> Smoothing:
    """The product's smoothing, with flow and confidence; 0 frames of look-ahead is live."""
    return lambda *video: run(Smooth(Smooth.Config(look_ahead=ahead)), *video)


VARIANTS: dict[str, Smoothing] = {
    "none": lambda frames, people, given: list(given),
    "exponential": exponential,
    "flow": by_flow,
    "flow+confidence": looking(0),
    "ahead 1": looking(1),
    "ahead 2": looking(2),
    "ahead 4": looking(4),
}


def tracked(video: RecordedVideo) -> list[People]:
    """All people with the product's identities."""
    return followed(Track.Config(), video.frames, video.people, video.surfaces)


def groups(folder: Path, start: str) -> Iterator[tuple[str, list[RecordedVideo]]]:
    """One group for each synthetic world and for each real video."""
    found: dict[str, list[RecordedVideo]] = {}
    for video in read(folder, start):
        if not video.truth:
            yield video.name, [video]
        else:
            found.setdefault(video.name.split("_")[0], []).append(video)
    yield from found.items()


def main() -> None:
    """Print the tables, and write them as JSON with the option for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--videos", default="", help="only those whose names begin so")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    geometry, kept = open_body_geometry(), {}
    for group, videos in groups(options.folder, options.videos):
        identities = [tracked(video) for video in videos]
        for name in options.variants:
            tally, spent, count = Tally(), 0.0, 0
            for video, people in zip(videos, identities, strict=True):
                start = time.process_time()
                made = VARIANTS[name](video.frames, people, video.surfaces)
                spent += time.process_time() - start
                count += len(video.frames)
                (add_synthetic if video.truth else add_real)(tally, geometry, video, people, made)
            row = dict(numbers(tally, geometry)) | {"ms": 1000 * spent / count}
            kept.setdefault(group, {})[name] = row
            cells = "  ".join(f"{key} {value:.4f}" for key, value in row.items())
            print(f"{group:24s} {name:12s} {cells}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
