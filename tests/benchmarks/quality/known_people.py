"""False and missed people in real clips whose people are known.

    python -m tests.benchmarks.quality.known_people CLIP … [--weights W] [--set KEY=VALUE …] [--json FILE]

Every clip runs through the `video` configuration, and what it would draw is compared with `known_people.yaml`. A
person-frame is one person in one frame. False: shown people of less than the clip's height, or more tall ones than
there are. Missed: fewer tall ones. Printed for each clip and for all: person-frames that are true, false and missed,
and the identities that the true people had.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from densepose_video import run

KNOWN: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipCounts:
    """Person-frames of one clip: how many there are, false and missed ones.

    Further the frames with a false person, and the number of identities that the true people had.
    """

    people: int
    false: int
    false_frames: int
    missed: int
    identities: int


def true_count(name: str, frame: int) -> int | None:
    """The number of people in a frame; None where it is unclear."""
    return next((people for first, last, people in KNOWN[name]["frames"] if first <= frame <= last), None)


def counted(
    name: str, heights: Sequence[np.ndarray], identities: Sequence[np.ndarray], frame_height: int
) -> ClipCounts:
    """Compare the shown people of each frame with the known number.

    Args:
        name: of the clip, in `known_people.yaml`.
        heights, identities: of the shown people, by frame; heights in pixels.
        frame_height: pixels.
    """
    people = false = false_frames = missed = 0
    names: set[int] = set()
    for frame, (height_N, id_N) in enumerate(zip(heights, identities, strict=True)):
        true = true_count(name, frame)
        if true is None:
            continue
        tall_N = height_N >= KNOWN[name]["tall"] * frame_height
        found = min(int(tall_N.sum()), true)
        people, missed, false = people + true, missed + true - found, false + len(height_N) - found
        false_frames += len(height_N) > found
        names |= {int(one) for one in id_N[np.flatnonzero(tall_N)[:found]]}
    return ClipCounts(people=people, false=false, false_frames=false_frames, missed=missed, identities=len(names))


def shown(clip: Path, settings: dict[str, Any]) -> ClipCounts:
    """Run a clip as far as its people are known, and count."""
    heights, identities, frame_height = [], [], 0
    end = max(last for _, last, _ in KNOWN[clip.stem]["frames"]) + 1
    for frame in run("video", clip, settings={"render.style": "none", "decode.end_frame": end, **settings}):
        frame_height = frame.rgb_HW3.shape[0]
        heights.append(frame.people.box_N4[:, 3] - frame.people.box_N4[:, 1])
        identities.append(frame.people.id_N)
    return counted(clip.stem, heights, identities, frame_height)


def in_words(one: ClipCounts) -> str:
    """The person-frames as text."""
    return f"true {one.people:5d}  false {one.false:4d} in {one.false_frames:4d} frames  missed {one.missed:4d}"


def main() -> None:
    """Print a line for each clip, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--weights", default="light")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path, help="write the counts")
    options = parser.parse_args()
    settings = {"network.weights": options.weights, **dict(one.split("=", 1) for one in options.set)}
    found: dict[str, ClipCounts] = {}
    for clip in options.clips:
        found[clip.stem] = one = shown(clip, settings)
        print(f"{clip.stem:24s} {in_words(one)}  identities {one.identities}", flush=True)
    sums = {field.name: sum(getattr(one, field.name) for one in found.values()) for field in fields(ClipCounts)}
    print(f"{'all':24s} {in_words(ClipCounts(**sums))}")
    if options.json:
        options.json.write_text(json.dumps({name: asdict(one) for name, one in found.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
