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
from stages.payloads import FrameChunk, People, PersonSurface, Surfaces
from stages.people.depth_order import painters_order
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


def of_whole_frames(ahead: int) -> Smoothing:
    """As `looking`, but on one map of all people along the flow of whole frames: no boxes and no identities.

    Direct DensePose predicts such maps. A person keeps the network's mask, and takes the map where nobody is nearer.
    """

    def smoothed(frames: Sequence[FrameChunk], people: Sequence[People], given: Sequence[Surfaces]) -> list[Surfaces]:
        zero, sure = np.zeros(1, np.int32), np.ones(1, np.float32)
        alone = [People(frame_N=zero, box_N4=np.ones((1, 4), np.float32), score_N=sure, id_N=zero)] * len(frames)
        maps = [whole_frame(*packet) for packet in zip(frames, people, given, strict=True)]
        made = run(Smooth(Smooth.Config(look_ahead=ahead)), frames, alone, [surfaces for surfaces, _ in maps])
        return [
            Surfaces(people=tuple(from_map(one, smooth.people[0], owner_HW == i) for i, one in enumerate(was.people)))
            for was, smooth, (_, owner_HW) in zip(given, made, maps, strict=True)
        ]

    return smoothed


def whole_frame(frame: FrameChunk, people: People, given: Surfaces) -> tuple[Surfaces, np.ndarray]:
    """One surface that covers the frame and shows all people, and the nearest person's number at each pixel or −1."""
    height, width = frame.rgb_THW3.shape[1:3]
    labels_HW, uv_2HW = np.zeros((height, width), np.uint8), np.zeros((2, height, width), np.float32)
    sure_HW, owner_HW = np.zeros((height, width), np.float32), np.full((height, width), -1)
    for i in painters_order(people.box_N4, people.score_N, given.people, height):
        person = given.people[i]
        if (found := person.windows(height, width)) is None:
            continue
        there, here = found
        on = person.labels_hw[here] > 0
        labels_HW[there][on], owner_HW[there][on] = person.labels_hw[here][on], i
        uv_2HW[:, *there][:, on] = person.uv_2hw[:, *here][:, on]
        sure_HW[there][on] = 0.6 if person.confidence_hw is None else person.confidence_hw[here][on]
    one = PersonSurface(x0=0, y0=0, labels_hw=labels_HW, uv_2hw=uv_2HW, confidence_hw=sure_HW)
    return Surfaces(people=(one,)), owner_HW


def from_map(person: PersonSurface, smooth: PersonSurface, mine_HW: np.ndarray) -> PersonSurface:
    """The person with the chart, U and V of a map of the whole frame at the pixels `mine_HW` where it has a chart."""
    found = person.windows(*mine_HW.shape)
    if found is None:
        return person
    there, here = found
    labels_hw, uv_2hw = person.labels_hw.copy(), person.uv_2hw.copy()
    on = mine_HW[there] & (smooth.labels_hw[there] > 0)
    labels_hw[here][on] = smooth.labels_hw[there][on]
    uv_2hw[:, *here][:, on] = smooth.uv_2hw[:, *there][:, on]
    return replace(person, labels_hw=labels_hw, uv_2hw=uv_2hw)


VARIANTS: dict[str, Smoothing] = {
    "none": lambda frames, people, given: list(given),
    "exponential": exponential,
    "flow": by_flow,
    "flow+confidence": looking(0),
    "ahead 1": looking(1),
    "ahead 2": looking(2),
    "ahead 4": looking(4),
    "whole frames": of_whole_frames(0),
    "whole frames, ahead 2": of_whole_frames(2),
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
