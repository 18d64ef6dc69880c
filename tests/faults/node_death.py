"""A worker machine that dies in the middle of a run: `python -m tests.faults.node_death`.

Starts two nodes on this machine as `ray start` does, runs the default graph over both, and kills every process of the
second one once half of the frames are through. Printed: which lanes died, and whether the decoded frames are those of
an undisturbed run in one process. 1 when they are not, or when no lane was on that node.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.actors.cluster import quieten, start_ray, stop_ray
from pipeline.configuration.config import RunConfig
from pipeline.configuration.plan import make_plan
from pipeline.interrupts import Interrupt
from pipeline.jobs.inputs import find_inputs
from pipeline.observe.metrics import Metrics
from tests.faults.kill_rounds import CLIP, MACHINE, decoded, small_run, undisturbed
from tests.stages.live.clock_video import free_port

CPUS, SHARE = 1, 0.3
"""Of each node, of each lane: all fit on one, and Ray begins with the second node when half of the first is taken."""
TRIES = 5
_UP_S = 240.0


@contextmanager
def node(words: list[str], said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One `ray start` with all its processes in a session of their own, ended with the block; `said`: its output."""
    for _ in range(TRIES):  # a busy machine: Ray grants a node 30 s to come up
        process = _started(words, said)
        if process.poll() is None:
            break
        kill_node(process)
    else:
        raise TimeoutError(f"a node ended {TRIES} times: {said.read_text()[-500:]}")
    try:
        yield process
    finally:
        kill_node(process)


def _started(words: list[str], said: Path) -> subprocess.Popen[bytes]:
    """A node that is up, or has ended. Raises TimeoutError for one that does neither."""
    command = [str(Path(sys.executable).with_name("ray")), "start", "--block", f"--num-cpus={CPUS}"]
    sizes = ["--object-store-memory=200000000", "--disable-usage-stats", "--min-worker-port=0", "--max-worker-port=0"]
    with said.open("wb") as out:
        process = subprocess.Popen([*command, *sizes, *words], start_new_session=True, stdout=out, stderr=out)
    deadline = time.monotonic() + _UP_S
    while b"--block" not in said.read_bytes() and process.poll() is None:  # the last thing it says when it is up
        if time.monotonic() > deadline:
            kill_node(process)
            raise TimeoutError(f"a node did not come up: {said.read_text()[-500:]}")
        time.sleep(0.2)
    return process


def kill_node(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to every process of a node at once, as when its power is cut; its lanes have groups of their own."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.getsid(int(entry.name)) == process.pid:
                    os.kill(int(entry.name), signal.SIGKILL)
    process.wait()


def run_and_kill(config: RunConfig, output: Path, victim: subprocess.Popen[bytes]) -> Metrics:
    """Run over the cluster; at half of the packets the victim goes."""
    from pipeline.actors.runner import run_ray

    jobs = find_inputs([str(CLIP)], str(output), overwrite=True).jobs
    metrics = Metrics(config.graph, jobs)

    def half_way() -> None:
        if metrics.streams[0].frames_done >= 15 and victim.poll() is None:
            kill_node(victim)

    metrics.listen(half_way)
    for _ in run_ray(config, make_plan(config.graph, config.settings, MACHINE), jobs, metrics, Interrupt()):
        pass
    return metrics


def main() -> int:
    """One death."""
    quieten("127.0.0.1:0")  # nodes of a cluster, not a Ray for this process alone
    os.environ["RAY_AUTH_MODE"] = "disabled"
    with tempfile.TemporaryDirectory() as temporary:
        folder, port = Path(temporary), free_port()
        config = small_run(folder, *(f"lanes.{lane}.cpus={SHARE}" for lane in ("decode", "network", "out")))
        expected = undisturbed(config, folder)
        head = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder / 'ray'}"]
        with node(head, folder / "head.txt"), node([f"--address=127.0.0.1:{port}"], folder / "other.txt") as victim:
            start_ray(f"127.0.0.1:{port}", MACHINE.cpus, 0)
            try:
                metrics = run_and_kill(config, folder / "out.mp4", victim)
            finally:
                stop_ray()
        failure = metrics.streams[0].failure
        same = failure is None and decoded(folder / "out.mp4") == expected
        died = {name: lane.restarts for name, lane in metrics.lanes.items() if lane.restarts}
        print(f"restarts {died}, failure {failure}, same frames {same}")
        return 0 if same and died else 1


if __name__ == "__main__":
    sys.exit(main())
