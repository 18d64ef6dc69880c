"""Milliseconds a frame of `track`, `bridge` and `smooth`: `python -m tests.benchmarks.smooth_speed FOLDER`.

FOLDER is what `tests.benchmarks.films` recorded (`films FOLDER --clips CLIP`): cost depends on how far answers of a
network differ from frame to frame. Each film is gone through several times, and the least processor time of each frame
counts: what other programs on the machine take is no cost of ours. Two versions are compared by running both in turn.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from stages.people.bridge import Bridge
from stages.people.smooth import Smooth
from stages.people.track import Track
from tests.benchmarks.films import Film, read


def once(film: Film, ahead: int) -> np.ndarray:
    """Seconds of each frame in fresh stages, (T, 3)."""
    track, bridge, smooth = Track(Track.Config()), Bridge(Bridge.Config()), Smooth(Smooth.Config(look_ahead=ahead))
    spent = []
    for frames, people, surfaces in zip(film.frames, film.people, film.surfaces, strict=True):
        marks = [time.thread_time()]
        (people,) = track(frames, people, surfaces)
        marks.append(time.thread_time())
        ((people, surfaces),) = bridge(frames, people, surfaces)
        marks.append(time.thread_time())
        list(smooth(frames, people, surfaces))
        spent.append(np.diff([*marks, time.thread_time()]))
    return np.stack(spent)


def main() -> None:
    """Print a line for each film."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", default="", help="only those whose names begin so")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ahead", type=int, nargs="+", default=[0], help="one or several, which take turns")
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    for film in read(wanted.folder, wanted.films):
        rounds = [[once(film, ahead) for ahead in wanted.ahead] for _ in range(wanted.repeats)]
        height, width = film.frames[0].rgb_THW3.shape[1:3]
        count = np.mean([len(one) for one in film.people])
        for ahead, times in zip(wanted.ahead, zip(*rounds, strict=True), strict=True):
            track, bridge, smooth = 1000 * np.min(times, axis=0)[1:].mean(axis=0)
            print(
                f"{film.name}, {width}x{height}, {count:.1f} people, {ahead} ahead: track {track:.2f}  "
                f"bridge {bridge:.2f}  smooth {smooth:.2f}  (ms a frame, one thread)",
                flush=True,
            )


if __name__ == "__main__":
    main()
