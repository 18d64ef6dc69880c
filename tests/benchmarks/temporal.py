"""How steady, right and dear the smoothing is: `python -m tests.benchmarks.temporal FOLDER [--films video]`.

FOLDER is what `tests.benchmarks.films` recorded. Every variant gets the same answers of the network and the same
identities. Printed for each group of films and variant: geodesic flicker along the flow (cm), share of pixels whose
chart changes and of pixels that are lost, AUC10, AUC30 and GPS AP (where the truth is known), lag (frames, of places
that move at least 4 px a frame), share of hands and lower arms that are called so, and processor milliseconds a frame.
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
from tests.benchmarks.films import Film, read
from tests.benchmarks.temporal_scores import Tally, add_real, add_synthetic, numbers
from tests.benchmarks.tracking import followed

Smoothing = Callable[[Sequence[FrameChunk], Sequence[People], Sequence[Surfaces]], list[Surfaces]]


class Standing:
    """In place of the flow: a cell was where the same cell of the box was."""

    @staticmethod
    def compute(
        here_HW: np.ndarray, there_HW: np.ndarray, one: CellGrid, other: CellGrid, guess: InitialFlow | None
    ) -> FlowField:
        """The box stretched to the other, trusted everywhere."""
        x_w, y_h = (
            ((np.arange(a) + 0.5) * b / a - 0.5).astype(np.float32)
            for a, b in ((one.width, other.width), (one.height, other.height))
        )
        x_hw, y_hw = np.meshgrid(x_w, y_h)
        return FlowField(x_hw=x_hw, y_hw=y_hw, trust_hw=np.ones_like(x_hw))


def run(
    stage: Smooth, frames: Sequence[FrameChunk], people: Sequence[People], given: Sequence[Surfaces]
) -> list[Surfaces]:
    """A fresh `smooth` on a film."""
    done = [item for packet in zip(frames, people, given, strict=True) for item in stage(*packet)]
    return done + list(stage.flush())


def blind(surfaces: Surfaces) -> Surfaces:
    """The same without the network's confidence."""
    return Surfaces(people=tuple(replace(one, confidence_hw=None) for one in surfaces.people))


def exponential(frames: Sequence[FrameChunk], people: Sequence[People], given: Sequence[Surfaces]) -> list[Surfaces]:
    """The mean over time in the box, blind to motion and confidence."""
    stage = Smooth(Smooth.Config())
    stage.flow = Standing()  # type: ignore[assignment]
    return run(stage, frames, people, [blind(one) for one in given])


def by_flow(frames: Sequence[FrameChunk], people: Sequence[People], given: Sequence[Surfaces]) -> list[Surfaces]:
    """Carried by flow, blind to confidence."""
    return run(Smooth(Smooth.Config()), frames, people, [blind(one) for one in given])


def looking(ahead: int) -> Smoothing:
    """The product's, with flow and confidence; 0 frames ahead is live."""
    return lambda *film: run(Smooth(Smooth.Config(look_ahead=ahead)), *film)


VARIANTS: dict[str, Smoothing] = {
    "none": lambda frames, people, given: list(given),
    "exponential": exponential,
    "flow": by_flow,
    "flow+sure": looking(0),
    "ahead 1": looking(1),
    "ahead 2": looking(2),
    "ahead 4": looking(4),
}


def tracked(film: Film) -> list[People]:
    """Everyone with the product's identities."""
    return followed(Track.Config(), film.frames, film.people, film.surfaces)


def groups(folder: Path, start: str) -> Iterator[tuple[str, list[Film]]]:
    """Synthetic worlds as one group each, real films one by one."""
    found: dict[str, list[Film]] = {}
    for film in read(folder, start):
        if not film.truth:
            yield film.name, [film]
        else:
            found.setdefault(film.name.split("_")[0], []).append(film)
    yield from found.items()


def main() -> None:
    """Print the tables, and write them as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", default="", help="only those whose names begin so")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    geometry, kept = open_body_geometry(), {}
    for group, films in groups(wanted.folder, wanted.films):
        identities = [tracked(film) for film in films]
        for name in wanted.variants:
            tally, spent, count = Tally(), 0.0, 0
            for film, people in zip(films, identities, strict=True):
                start = time.process_time()
                made = VARIANTS[name](film.frames, people, film.surfaces)
                spent += time.process_time() - start
                count += len(film.frames)
                (add_synthetic if film.truth else add_real)(tally, geometry, film, people, made)
            row = dict(numbers(tally, geometry)) | {"ms": 1000 * spent / count}
            kept.setdefault(group, {})[name] = row
            cells = "  ".join(f"{key} {value:.4f}" for key, value in row.items())
            print(f"{group:24s} {name:12s} {cells}", flush=True)
    if wanted.json:
        wanted.json.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
