"""HOTA and IDF1 of `track`: `python -m tests.benchmarks.tracking FOLDER [--set confident_score=0.2]`.

FOLDER holds what `tests.benchmarks.films` recorded. For each synthetic world, over the boxes that the network found,
over the same with gaps bridged, and over given boxes (the true ones of everyone visible, with the true surfaces), which
shows what the association alone is worth. Boxes are scored as they were found (`box_gain=1`). Means over films; boxes
without an identity count as not found.
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
from tests.benchmarks.films import Film, Truth, read


def true_answers(truth: Truth) -> tuple[People, Surfaces]:
    """Everyone's true box and surface, as a network would give them."""
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
    """Everyone with an identity."""
    stage = Track(config)
    return [found for packet in zip(frames, people, surfaces, strict=True) for found in stage(*packet)]


def sides(box_N4: np.ndarray) -> np.ndarray:
    """x, y, width, height of corners."""
    return np.concatenate([box_N4[:, :2], box_N4[:, 2:] - box_N4[:, :2]], axis=1).astype(np.float64)


def scores(film: Film, found: Sequence[People]) -> dict[str, float]:
    """HOTA, DetA, AssA, IDF1 of one film."""
    frames = []
    for truth, people in zip(film.truth, found, strict=True):
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


def answers(kind: str, film: Film, config: Track.Config) -> list[People]:
    """Everyone of a film with an identity: over the network's boxes, the same with gaps bridged, or the true ones."""
    made = list(zip(film.people, film.surfaces, strict=True))
    if kind == "given":
        made = [true_answers(truth) for truth in film.truth]
    found = followed(config, film.frames, [people for people, _ in made], [surfaces for _, surfaces in made])
    if kind != "bridged":
        return found
    stage = Bridge(Bridge.Config())
    packets = zip(film.frames, found, film.surfaces, strict=True)
    return [people for packet in packets for people, _ in stage(*packet)]


def main() -> None:
    """Print a line for each world and kind of boxes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=NUMBER", help="of the stage's configuration")
    wanted = parser.parse_args()
    asked = {key: float(value) for key, value in (one.split("=") for one in wanted.set)}
    config = Track.Config(**{"box_gain": 1.0} | asked)
    for world in ("video", "crowd"):
        films = [film for film in read(wanted.folder, world) if sum(len(truth.box_N4) for truth in film.truth) > 30]
        for kind in ("network's", "bridged", "given"):
            start = time.process_time()
            found = [answers(kind, film, config) for film in films]
            spent = time.process_time() - start
            rows = [scores(film, people) for film, people in zip(films, found, strict=True)]
            mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
            cells = "  ".join(f"{key} {value:.3f}" for key, value in mean.items())
            frames = sum(len(film.frames) for film in films)
            print(f"{world:6s} {kind:10s} {cells}  {1000 * spent / frames:.2f} ms a frame", flush=True)


if __name__ == "__main__":
    main()
