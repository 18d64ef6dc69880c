"""Several workers that train together: Ray Train starts them, each runs the whole graph on its part of every batch."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.actors.cluster import RayLostError, check_ray
from pipeline.config import RunConfig
from pipeline.interrupts import Interrupt
from pipeline.metrics import Metrics
from pipeline.packet import Failure
from pipeline.plan import Plan
from pipeline.stage import Job, PlainError

RECEIPTS, FAILURES = "receipts", "failures"
RAY_FILES = Path("runs") / "ray_train"
"""Where Ray Train results what it does; removed at the end."""
_POLL_S = 0.2
PATIENCE_S = 24 * 3600
"""How long workers wait for one another: the first may label photos and draw scenes for hours while the others wait."""


def run_workers(
    config: RunConfig, plan: Plan, jobs: Sequence[Job], metrics: Metrics, interrupt: Interrupt
) -> Iterator[tuple[Job, Any]]:
    """Run the jobs in `workers` processes that share each batch (torch.distributed), on this machine or the cluster.

    Arguments and results as `pipeline.serial.run_serial`; only the first worker writes and gives receipts.

    Raises PlainError where Ray Train is not installed, or a worker died.
    """
    if interrupt.requested:
        return
    trainer_of, torch_settings, scaling, running = import_ray_train(config.settings.ray.address)
    from pipeline.actors.cluster import start_ray, stop_ray

    count, gpu = config.settings.workers, any(lane.gpus for lane in plan.lanes)
    # One processor more than workers: the one that watches them needs a place, too.
    started = start_ray(config.settings.ray.address, count + 1, 1 << 28, count * gpu)
    try:
        results = open_result_holder()
        loop = {"config": config, "plan": plan, "jobs": tuple(jobs), "results": results, "folder": os.getcwd()}
        trainer = trainer_of(
            work,
            train_loop_config=loop,
            torch_config=torch_settings(timeout_s=PATIENCE_S),
            scaling_config=scaling(num_workers=count, use_gpu=gpu),
            run_config=running(storage_path=str(RAY_FILES.resolve())),
        )
        told = read_results(results) if train_until_stopped(trainer, interrupt) else None
    except RayLostError:
        raise
    except Exception as error:  # whatever ended Ray Train is told in a sentence
        raise PlainError(f"the workers ended ({last_line(error)})", "workers", "or set workers: 1") from error
    finally:
        shutil.rmtree(RAY_FILES, ignore_errors=True)
        if started:
            stop_ray()
    if told is None:  # a checkpoint stands every so often, and the same command goes on from it
        for job in jobs:
            metrics.streams[job.index].interrupted = True
        return
    yield from merge_results(told, jobs, metrics)


def train_until_stopped(trainer: Any, interrupt: Interrupt) -> bool:
    """Train to the end, unless a wish to stop comes: then False, and the workers end with Ray.

    Ray Train waits in a thread of its own: in this one it would answer Ctrl-C itself, and know no other wish.
    Raises what Ray Train raises.
    """
    raised: list[BaseException] = []

    def fit() -> None:
        try:
            trainer.fit()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=fit, name="ray-train", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_POLL_S)
        check_ray()
        if interrupt.requested:
            return False
    if raised:
        raise raised[0]
    return True


def import_ray_train(address: str | None) -> tuple[Any, Any, Any, Any]:
    """`TorchTrainer`, `TorchConfig`, `ScalingConfig`, `RunConfig`. Raises PlainError where they are not installed.

    Args: address: see `pipeline.actors.cluster.quieten`.
    """
    from pipeline.actors.cluster import quieten

    quieten(address)
    try:
        from ray.train import RunConfig as Running
        from ray.train import ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer
    except ImportError as error:
        remedy = "pip install '.[train]', or set workers: 1"
        raise PlainError("Ray Train is not installed", "workers", remedy) from error
    return TorchTrainer, TorchConfig, ScalingConfig, Running


class ResultHolder:
    """What the first worker leaves for the driver; an actor, so that it may run on another machine."""

    def __init__(self) -> None:
        self.told: Mapping[str, Any] = {}

    def write(self, told: Mapping[str, Any]) -> None:
        """Keep what is told."""
        self.told = told

    def read(self) -> Mapping[str, Any]:
        """What was told."""
        return self.told


def open_result_holder() -> Any:
    """`ResultHolder` as an actor."""
    import ray

    return ray.remote(num_cpus=0)(ResultHolder).remote()


def read_results(results: Any) -> Mapping[str, Any]:
    """What the first worker left."""
    import ray

    told: Mapping[str, Any] = ray.get(results.read.remote())
    return told


def work(loop: Mapping[str, Any]) -> None:
    """The body of a worker: the serial runner over the whole graph; the first worker tells what came of it."""
    import ray
    import ray.train

    from pipeline.serial import run_serial

    if Path(loop["folder"]).is_dir():
        os.chdir(loop["folder"])  # paths of a configuration mean the folder the run was started in
    config, jobs = loop["config"], loop["jobs"]
    metrics = Metrics(config.graph, jobs, time.perf_counter())
    receipts = [(job.index, receipt) for job, receipt in run_serial(config, loop["plan"], jobs, metrics, Interrupt())]
    failures = {index: stream.failure for index, stream in metrics.streams.items() if stream.failure}
    if ray.train.get_context().get_world_rank() == 0:
        ray.get(loop["results"].write.remote({RECEIPTS: receipts, FAILURES: failures}))


def merge_results(told: Mapping[str, Any], jobs: Sequence[Job], metrics: Metrics) -> Iterator[tuple[Job, Any]]:
    """Receipts and failures of the first worker, into this process's metrics."""
    for job in jobs:
        for index, receipt in told.get(RECEIPTS, ()):
            if index == job.index:
                metrics.streams[index].results.append(receipt)
                yield job, receipt
        failure: Failure | None = told.get(FAILURES, {}).get(job.index)
        if failure is not None:
            metrics.failed(job.index, failure)
        else:
            metrics.streams[job.index].done = True
    metrics.finish()


def last_line(error: BaseException) -> str:
    """What an error says last, which with Ray's is the cause."""
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
