"""How much two cores slow each other down: `python -m tests.benchmarks.speed.shared_cores [--rounds N] [--seconds S]`.

Two processes, each bound to its own core, do the same work first one at a time and then both at once. What they share
(memory, the last cache, the clock, perhaps one physical core) slows them. Printed for each work: the speed of both at
once as a share of their speeds alone, by the clock and by CPU time, medians over rounds. The share by the clock needs a
machine without other load; the share by CPU time suffers less from it. Two lanes of a run can reach at most twice the
share of their work.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path

from pipeline.configuration.plan import THREAD_VARIABLES

os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))

import av
import numpy as np

from models.inference.open_network import open_network
from models.network import NetworkConfig
from pipeline.stage import Job
from stages.payloads import U8
from stages.video.decode import Decode
from stages.video.encoding.codec_options import encoder_options

CLIP = Path(__file__).resolve().parents[3] / "configs" / "demo_walk.mp4"
COPIED = 32_000_000
"""Bytes of one copy: source and target run_at_once exceed a last-level cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """A process's speed in a round: items of work a second, by the clock and by its own CPU time."""

    clock: float
    cpu: float


def frames() -> Iterator[U8]:
    """The demo clip's frames (H,W,3), again and again."""
    job = Job(index=0, input=str(CLIP), output=None, stem="clip")
    return cycle([rgb_HW3 for chunk in Decode(Decode.Config())(job) for rgb_HW3 in chunk.rgb_THW3])


def multiply() -> Callable[[], object]:
    """Products of matrices that fit a core's own cache."""
    left_NN, right_NN = np.random.default_rng(0).random((2, 96, 96), np.float32)
    return lambda: [left_NN @ right_NN for _ in range(100)]


def copy() -> Callable[[], object]:
    """Copies through memory."""
    source_N, target_N = np.ones(COPIED, np.uint8), np.zeros(COPIED, np.uint8)
    return lambda: np.copyto(target_N, source_N)


def read_people() -> Callable[[], object]:
    """A frame through the light network: its people and their surfaces."""
    network, frame_cycle = open_network(NetworkConfig(), 1), frames()

    def work() -> object:
        found, features = network.detect(next(frame_cycle)[None])
        return network.surfaces(features, [one.box_N4 for one in found])

    return work


def encode() -> Callable[[], object]:
    """A frame through x264 with one thread, as the product sets it."""
    frame_cycle = frames()
    context = av.VideoCodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.height, context.width, context.pix_fmt = (*next(frame_cycle).shape[:2], "yuv420p")
    context.options, context.thread_count = dict(encoder_options("libx264", None, "veryfast")), 1
    context.framerate = 25
    return lambda: context.encode(av.VideoFrame.from_ndarray(next(frame_cycle), format="rgb24"))


WORKS = {"multiply": multiply, "copy": copy, "network": read_people, "x264": encode}
PAIRS = (
    ("multiply", "multiply"),
    ("copy", "copy"),
    ("network", "network"),
    ("x264", "x264"),
    ("network", "x264"),
)


def work_process(name: str, core: int, link: Connection) -> None:
    """Body of a process: receives a number of seconds, works, sends its speed, and ends at 0."""
    os.sched_setaffinity(0, {core})
    work = WORKS[name]()
    for _ in range(3):
        work()
    link.send(None)
    while seconds := link.recv():
        items, clock, cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - clock < seconds:
            work()
            items += 1
        link.send(Speed(clock=items / (time.perf_counter() - clock), cpu=items / (time.process_time() - cpu)))


def run_at_once(links: list[Connection], seconds: float) -> list[Speed]:
    """Run these processes at the same time; returns their speeds."""
    for link in links:
        link.send(seconds)
    return [link.recv() for link in links]


def share(pair: tuple[str, str], cores: tuple[int, int], rounds: int, seconds: float) -> tuple[float, float]:
    """Speed of two processes at once over their speeds alone, mean of the two, by the clock and by CPU time."""
    start = multiprocessing.get_context("spawn")
    links, workers = [], []
    for name, core in zip(pair, cores, strict=True):
        here, there = start.Pipe()
        workers.append(start.Process(target=work_process, args=(name, core, there), daemon=True))
        links.append(here)
        workers[-1].start()
    for link in links:
        link.recv()
    by_clock, by_cpu = [], []
    for _ in range(rounds):
        alone = [run_at_once([link], seconds)[0] for link in links]
        both = run_at_once(links, seconds)
        by_clock.append(statistics.mean(b.clock / a.clock for a, b in zip(alone, both, strict=True)))
        by_cpu.append(statistics.mean(b.cpu / a.cpu for a, b in zip(alone, both, strict=True)))
    for link, worker in zip(links, workers, strict=True):
        link.send(0)
        worker.join()
    return statistics.median(by_clock), statistics.median(by_cpu)


def main() -> None:
    """Measure every pair on the first two cores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("this process may use one core alone")
    for pair in PAIRS:
        clock, cpu = share(pair, (cores[0], cores[1]), options.rounds, options.seconds)
        said = f"{clock:.2f} by the clock   {cpu:.2f} by CPU time   load {os.getloadavg()[0]:.1f}"
        print(f"{' + '.join(pair):20s} {said}", flush=True)


if __name__ == "__main__":
    main()
