"""HOTA and IDF1 of `track`: `python -m tests.benchmarks.quality.tracking FOLDER [--set confident_score=0.2]`.

FOLDER holds the output of `tests.benchmarks.quality.recorded_videos`. For each synthetic world: detected boxes, the
same with bridged gaps, and given boxes (true boxes and surfaces of all visible people), which measure association
alone. Boxes are scored without smoothing (`box_gain=1`). Means over videos; boxes without an identity count as missed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.metrics.tracking import TrackedFrame, tracking_scores
from stages.payloads import FrameChunk, People, PersonSurface, Surfaces
from stages.people.bridge import Bridge
from stages.people.track import Track
from tests.benchmarks.quality.recorded_videos import RecordedVideo, Truth, read


def true_predictions(truth: Truth) -> tuple[People, Surfaces]:
    """All true boxes and surfaces, in the form of a network's predictions."""
    count = len(truth.box_N4)
    surfaces = []
    for number, (x0, y0, x1, y1) in enumerate(truth.box_N4.astype(int).tolist(), start=1):
        mine = truth.instance_HW[y0:y1, x0:x1] == number
        surfaces.append(
            PersonSurface(
                x0=x0,
                y0=y0,
                labels_hw=truth.label_HW[y0:y1, x0:x1] * mine,
                uv_2hw=(truth.uv_2HW[:, y0:y1, x0:x1] * mine).astype(np.float32),
            )
        )
    people = People(
        frame_N=np.zeros(count, np.int32),
        box_N4=truth.box_N4,
        score_N=np.ones(count, np.float32),
        id_N=np.full(count, -1, np.int32),
    )
    return people, Surfaces(people=tuple(surfaces))


def followed(
    config: Track.Config, frames: Sequence[FrameChunk], people: Sequence[People], surfaces: Sequence[Surfaces]
) -> list[People]:
    """All people with an identity."""
    stage = Track(config)
    return [found for packet in zip(frames, people, surfaces, strict=True) for found in stage(*packet)]


def sides(box_N4: np.ndarray) -> np.ndarray:
    """Corners as x, y, width, height."""
    return np.concatenate([box_N4[:, :2], box_N4[:, 2:] - box_N4[:, :2]], axis=1).astype(np.float64)


def scores(video: RecordedVideo, found: Sequence[People]) -> dict[str, float]:
    """HOTA, DetA, AssA, IDF1 of one video."""
    frames = []
    for truth, people in zip(video.truth, found, strict=True):
        named = people.id_N >= 0
        frames.append(
            TrackedFrame(
                true_box_N4=sides(truth.box_N4),
                true_id_N=truth.track_N.astype(np.int64),
                found_box_N4=sides(people.box_N4[named]),
                found_id_N=people.id_N[named].astype(np.int64),
            )
        )
    return tracking_scores(frames)


def tracked_people(kind: str, video: RecordedVideo, config: Track.Config) -> list[People]:
    """The tracked people of a video: on detected boxes, the same with bridged gaps, or on true boxes."""
    made = list(zip(video.people, video.surfaces, strict=True))
    if kind == "given":
        made = [true_predictions(truth) for truth in video.truth]
    found = followed(config, video.frames, [people for people, _ in made], [surfaces for _, surfaces in made])
    if kind != "bridged":
        return found
    stage = Bridge(Bridge.Config())
    packets = zip(video.frames, found, video.surfaces, strict=True)
    return [people for packet in packets for people, _ in stage(*packet)]


def main() -> None:
    """Print a line for each world and kind of boxes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=NUMBER", help="of the stage's configuration")
    options = parser.parse_args()
    changes = {key: float(value) for key, value in (one.split("=") for one in options.set)}
    config = Track.Config(**{"box_gain": 1.0} | changes)
    for world in ("video", "crowd"):
        videos = [
            video for video in read(options.folder, world) if sum(len(truth.box_N4) for truth in video.truth) > 30
        ]
        for kind in ("network's", "bridged", "given"):
            start = time.process_time()
            found = [tracked_people(kind, video, config) for video in videos]
            spent = time.process_time() - start
            rows = [scores(video, people) for video, people in zip(videos, found, strict=True)]
            mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
            cells = "  ".join(f"{key} {value:.3f}" for key, value in mean.items())
            frames = sum(len(video.frames) for video in videos)
            print(f"{world:6s} {kind:10s} {cells}  {1000 * spent / frames:.2f} ms a frame", flush=True)


if __name__ == "__main__":
    main()
