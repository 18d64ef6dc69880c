"""What a packet costs beside its work.

    python -m tests.benchmarks.speed.runner_overhead [--packets N] [--megabytes M …]

Three lanes with almost no work pass packets of M megabytes: one payload that two lanes take (8 MB is a usual chunk of
frames). Printed for the serial runner and for Ray: seconds until the first packet ends (for Ray: its start and three
processes), milliseconds a packet from then on, and CPU milliseconds a packet of the driver, of the lanes and of Ray's
own processes, from a quarter of the packets on. CPU time hardly depends on other load of the machine.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pipeline.actors.cluster import quieten
from pipeline.configuration.config import load_config
from pipeline.configuration.plan import THREAD_VARIABLES, make_plan, read_machine
from pipeline.interrupts import Interrupt
from pipeline.observe.metrics import Metrics
from pipeline.scheduling.serial import run_serial
from pipeline.stage import Job, Stage
from tests.benchmarks.speed.processes import cpu_by_kind

GRAPH = "lanes:\n  a: {stages: [make]}\n  b: {stages: [look], replicas: 1}\n  c: {stages: [end]}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A payload of some megabytes."""

    byte_N: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The first byte of a block."""

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A receipt that is never yielded."""

    is_receipt: ClassVar[bool] = True


class Make(Stage):
    """Source of blocks."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Number and size of blocks."""

        packets: int = 300
        megabytes: float = 8.0

    def __call__(self, job: Job) -> Iterator[Block]:
        for number in range(self.config.packets):
            yield Block(byte_N=np.full(int(self.config.megabytes * 1e6), number % 256, np.uint8))


class Look(Stage):
    """A block's first byte."""

    def __call__(self, block: Block) -> Iterator[First]:
        yield First(value=int(block.byte_N[0]))


class End(Stage):
    """Checks that block and byte belong together."""

    ordered = True

    def __call__(self, block: Block, first: First) -> Iterator[Done]:
        if block.byte_N[-1] != first.value:
            raise AssertionError("payloads of different packets met")
        return iter(())


class Meter:
    """CPU seconds of this process and its descendants, noted after a quarter of the packets and near the end."""

    def __init__(self, metrics: Metrics, packets: int) -> None:
        self._metrics = metrics
        self._marks = [packets // 4, packets - 2]
        self._noted: list[tuple[int, dict[str, float]]] = []
        metrics.listen(self._look)

    def _look(self) -> None:
        done = self._metrics.lanes["c"].packets
        if self._marks and done >= self._marks[0]:
            self._marks.pop(0)
            self._noted.append((done, cpu_by_kind(os.getpid())))

    def milliseconds(self) -> dict[str, float]:
        """CPU milliseconds a packet, by kind of process."""
        (before, early), (after, late) = self._noted
        return {kind: 1000 * (late[kind] - early[kind]) / (after - before) for kind in late}


HERE = "tests.benchmarks.speed.runner_overhead"
TABLE = {"make": f"{HERE}:Make", "look": f"{HERE}:Look", "end": f"{HERE}:End"}


def measure(megabytes: float, packets: int, folder: Path) -> None:
    """Print one line for each runner."""
    from pipeline.actors.runner import run_ray

    (folder / "overhead.yaml").write_text(GRAPH)
    changes = [f"make.packets={packets}", f"make.megabytes={megabytes}"]
    config = load_config(str(folder / "overhead.yaml"), changes, TABLE)
    plan = make_plan(config.graph, config.settings, read_machine())
    jobs = [Job(index=0, input="", output=None, stem="")]
    for name, runner in (("serial", run_serial), ("Ray", run_ray)):
        metrics = Metrics(config.graph, jobs)
        meter = Meter(metrics, packets)
        for _ in runner(config, plan, jobs, metrics, Interrupt()):
            pass
        assert metrics.first_frame_s is not None and metrics.seconds is not None
        each = 1000 * (metrics.seconds - metrics.first_frame_s) / packets
        cpu = ", ".join(f"{kind} {spent:.2f}" for kind, spent in meter.milliseconds().items() if spent)
        print(
            f"{megabytes:6.1f} MB  {name:6s}  first {metrics.first_frame_s:6.2f} s   {each:6.2f} ms a packet   "
            f"CPU ms: {cpu}   load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=int, default=300)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[0.01, 8.0, 25.0])
    options = parser.parse_args()
    quieten(None)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    with tempfile.TemporaryDirectory() as folder:
        for megabytes in options.megabytes:
            measure(megabytes, options.packets, Path(folder))


if __name__ == "__main__":
    main()
