"""SIGKILL of a random process at a random moment, round after round: `python -m tests.faults.kill_rounds --rounds 20`.

Every round runs the default graph over the beginning of the demo clip as Ray actors, with a network of random weights
so that none is needed, and kills one lane's process after a random number of steps. Printed for each round: after which
step, which lane it was, and whether the decoded frames and their times are those of the undisturbed serial run.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av

from pipeline.actors.cluster import start_ray, stop_ray
from pipeline.actors.runner import run_ray
from pipeline.configuration.config import RunConfig, load_config
from pipeline.configuration.plan import Machine, make_plan
from pipeline.interrupts import Interrupt
from pipeline.jobs.inputs import find_inputs
from pipeline.observe.metrics import Metrics
from pipeline.scheduling.serial import run_serial
from stages import STAGES
from tests.faults.random_weights import random_weights

CLIP = Path(__file__).resolve().parents[2] / "configs" / "demo_walk.mp4"
MACHINE = Machine(cpus=2, gpus=0, memory=1 << 32)
STEPS = 34
"""About as many steps as a round has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round did, and whether the result is that of the undisturbed run."""

    step: int
    restarts: dict[str, int]
    error: str
    frames: int
    same: bool


def small_run(folder: Path, *more: str) -> RunConfig:
    """The default graph on the clip's beginning, in short packets and segments, with `more` changes; starts quickly."""
    weights = random_weights(folder)
    network = {"weights": weights, "min_score": 0.0001, "max_people": 1, "engine": "torch", "precision": "fp32"}
    changes = [f"network.{key}={value}" for key, value in network.items()]
    changes += ["decode.end=1.2", "decode.max_size=128", "decode.chunk=3", "encode.segment_frames=6", "threads=1"]
    return load_config("video", [*changes, "lanes.network.replicas=1", *more], STAGES)


def decoded(path: Path) -> tuple[int, str]:
    """Number of frames, and the hash of every decoded frame with its time."""
    digest, count = hashlib.sha256(), 0
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            digest.update(str(frame.pts).encode() + frame.to_ndarray(format="yuv420p").tobytes())
            count += 1
    return count, digest.hexdigest()


def undisturbed(config: RunConfig, folder: Path) -> tuple[int, str]:
    """The same run in one process."""
    output = folder / "calm.mp4"
    jobs = find_inputs([str(CLIP)], str(output), overwrite=True).jobs
    metrics = Metrics(config.graph, jobs)
    for _ in run_serial(config, make_plan(config.graph, config.settings, MACHINE), jobs, metrics, Interrupt()):
        pass
    return decoded(output)


def actor_processes(name: str) -> Iterator[int]:
    """The processes of a class of actors among all that descend from this one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                title = (entry / "cmdline").read_bytes().decode(errors="replace")
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents[int(entry.name)] = (parent, title)
    for pid, (_, title) in parents.items():
        ancestor = pid
        while ancestor in parents and ancestor != os.getpid():
            ancestor = parents[ancestor][0]
        if ancestor == os.getpid() and title.startswith(f"ray::{name}"):
            yield pid


def one_round(config: RunConfig, folder: Path, rng: random.Random, expected: tuple[int, str]) -> Round:
    """Run once and kill one process on the way; needs a Ray that runs."""
    output = folder / "round.mp4"
    jobs = find_inputs([str(CLIP)], str(output), overwrite=True).jobs
    metrics, moment, steps = Metrics(config.graph, jobs), rng.randrange(1, STEPS), [0]

    def count_and_kill() -> None:
        steps[0] += 1
        victims = sorted(actor_processes("LaneActor")) if steps[0] == moment else []
        if victims:
            os.kill(rng.choice(victims), signal.SIGKILL)

    metrics.listen(count_and_kill)
    for _ in run_ray(config, make_plan(config.graph, config.settings, MACHINE), jobs, metrics, Interrupt()):
        pass
    failure = metrics.streams[0].failure
    frames, digest = (0, "") if failure else decoded(output)
    return Round(
        step=moment,
        restarts={name: lane.restarts for name, lane in metrics.lanes.items() if lane.restarts},
        error=str(failure.error()) if failure else "",
        frames=frames,
        same=(frames, digest) == expected,
    )


def main() -> int:
    """Run the rounds; 1 when any of them differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config = small_run(folder)
        expected = undisturbed(config, folder)
        print(f"undisturbed: {expected[0]} frames, {expected[1][:12]}", flush=True)
        start_ray(None, MACHINE.cpus, 200 << 20)
        results = []
        for number in range(options.rounds):
            results.append(one_round(config, folder, rng, expected))
            print(f"round {number:3d}: {results[-1]}", flush=True)
        stop_ray()
    struck = sum(bool(one.restarts) for one in results)
    print(f"{sum(one.same for one in results)} of {len(results)} rounds equal; a process died in {struck} of them")
    return 0 if all(one.same for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
