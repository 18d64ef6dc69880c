"""HOTA, IDF1 and changes of identity by `track`.

    python -m tests.benchmarks.quality.tracking FOLDER [--set max_gap_s=.2]

FOLDER holds the output of `tests.benchmarks.quality.recorded_videos`. For each synthetic world: detected boxes, the
same with bridged gaps, and given boxes (true boxes and surfaces of all visible people), which measure association
alone. Boxes are scored without smoothing (`box_gain=1`). Means over videos; boxes without an identity count as missed.
Changes of identity are sums over videos, also of the real clips in FOLDER whose people are in `film_people.json`:
boxes of each person at every second frame, marked by eye.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from models.metrics.tracking import TrackedFrame, identity_changes, tracking_scores
from stages.payloads import FrameChunk, People, PersonSurface, Surfaces
from stages.people.bridge import Bridge
from stages.people.track import Track
from tests.benchmarks.quality.recorded_videos import RecordedVideo, Truth, read, read_video

FILM_PEOPLE = Path(__file__).with_name("film_people.json")


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


def compared(
    found: Sequence[People], true_box_T: Sequence[np.ndarray], id_T: Sequence[np.ndarray]
) -> list[TrackedFrame]:
    """Found people with an identity beside the true ones of each frame."""
    return [
        TrackedFrame(
            true_box_N4=sides(true_box_N4),
            true_id_N=true_id_N.astype(np.int64),
            found_box_N4=sides(people.box_N4[people.id_N >= 0]),
            found_id_N=people.id_N[people.id_N >= 0].astype(np.int64),
        )
        for people, true_box_N4, true_id_N in zip(found, true_box_T, id_T, strict=True)
    ]


def compared_with_truth(video: RecordedVideo, found: Sequence[People]) -> list[TrackedFrame]:
    """The frames of a synthetic video."""
    return compared(found, [truth.box_N4 for truth in video.truth], [truth.track_N for truth in video.truth])


def compared_by_eye(people: Mapping[str, Sequence[Sequence[int]]], found: Sequence[People]) -> list[TrackedFrame]:
    """The marked frames of a real clip. `people`: frame, x0, y0, x1, y1 of each person."""
    by_frame: dict[int, list[tuple[int, list[int]]]] = {}
    for number, rows in enumerate(people.values()):
        for t, *box in rows:
            by_frame.setdefault(t, []).append((number, box))
    frames = sorted(t for t in by_frame if t < len(found))
    return compared(
        [found[t] for t in frames],
        [np.array([box for _, box in by_frame[t]], np.float64) for t in frames],
        [np.array([number for number, _ in by_frame[t]]) for t in frames],
    )


def changes_text(videos: Sequence[Sequence[TrackedFrame]]) -> str:
    """The changes of identity, summed over videos."""
    total: Counter[str] = Counter()
    for frames in videos:
        total.update(asdict(identity_changes(frames)))
    return "  ".join(f"{name} {count}" for name, count in total.items())


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
        for kind in ("network's", "bridged", "given") if videos else ():
            start = time.process_time()
            found = [tracked_people(kind, video, config) for video in videos]
            spent = time.process_time() - start
            frames = [compared_with_truth(video, people) for video, people in zip(videos, found, strict=True)]
            rows = [tracking_scores(one) for one in frames]
            mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
            cells = "  ".join(f"{key} {value:.3f}" for key, value in mean.items())
            speed = 1000 * spent / sum(map(len, found))
            print(f"{world:6s} {kind:10s} {cells}  {changes_text(frames)}  {speed:.2f} ms a frame", flush=True)
    for clip, people in json.loads(FILM_PEOPLE.read_text(encoding="utf-8")).items():
        if (path := options.folder / f"real_{clip}.npz").exists():
            found_T = tracked_people("network's", read_video(path), config)
            print(f"{clip:17s} {changes_text([compared_by_eye(people, found_T)])}", flush=True)


if __name__ == "__main__":
    main()
