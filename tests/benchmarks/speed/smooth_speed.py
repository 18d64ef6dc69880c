"""Milliseconds a frame of `track`, `bridge` and `smooth`: `python -m tests.benchmarks.speed.smooth_speed FOLDER`.

FOLDER holds the output of `tests.benchmarks.quality.recorded_videos`: the cost depends on how far a network's
predictions differ from frame to frame. Each video is processed several times, and the least CPU time of each frame
counts, which leaves out other load. Compare two versions by runs in turn.
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
from tests.benchmarks.quality.recorded_videos import RecordedVideo, read


def once(video: RecordedVideo, ahead: int) -> np.ndarray:
    """Seconds of each frame in fresh stages, (T, 3)."""
    track, bridge, smooth = Track(Track.Config()), Bridge(Bridge.Config()), Smooth(Smooth.Config(look_ahead=ahead))
    spent = []
    for frames, people, surfaces in zip(video.frames, video.people, video.surfaces, strict=True):
        marks = [time.thread_time()]
        (people,) = track(frames, people, surfaces)
        marks.append(time.thread_time())
        ((people, surfaces),) = bridge(frames, people, surfaces)
        marks.append(time.thread_time())
        list(smooth(frames, people, surfaces))
        spent.append(np.diff([*marks, time.thread_time()]))
    return np.stack(spent)


def main() -> None:
    """Print a line for each video."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--videos", default="", help="only those whose names begin so")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ahead", type=int, nargs="+", default=[0], help="one or several, which take turns")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    for video in read(options.folder, options.videos):
        rounds = [[once(video, ahead) for ahead in options.ahead] for _ in range(options.repeats)]
        height, width = video.frames[0].rgb_THW3.shape[1:3]
        count = np.mean([len(one) for one in video.people])
        for ahead, times in zip(options.ahead, zip(*rounds, strict=True), strict=True):
            track, bridge, smooth = 1000 * np.min(times, axis=0)[1:].mean(axis=0)
            print(
                f"{video.name}, {width}x{height}, {count:.1f} people, {ahead} ahead: track {track:.2f}  "
                f"bridge {bridge:.2f}  smooth {smooth:.2f}  (ms a frame, one thread)",
                flush=True,
            )


if __name__ == "__main__":
    main()
