"""Distributed training: Ray Train starts several workers; each runs the whole graph on its part of every batch."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.actors.cluster import RayLostError, check_ray
from pipeline.configuration.config import RunConfig
from pipeline.configuration.plan import Plan
from pipeline.interrupts import Interrupt
from pipeline.observe.metrics import Metrics
from pipeline.packet import Failure
from pipeline.stage import Job, PlainError

RECEIPTS, FAILURES = "receipts", "failures"
RAY_FILES = Path("runs") / "ray_train"
"""Where Ray Train writes its own files; removed at the end."""
_POLL_S = 0.2
PATIENCE_S = 24 * 3600
"""How long workers wait for each other: the first may label photos and render scenes for hours."""


def run_workers(
    config: RunConfig, plan: Plan, jobs: Sequence[Job], metrics: Metrics, interrupt: Interrupt
) -> Iterator[tuple[Job, Any]]:
    """Run the jobs in `workers` processes that share each batch (torch.distributed), on this machine or the cluster.

    Arguments and results as for `pipeline.scheduling.serial.run_serial`; only the first worker writes files and
    yields receipts.

    Raises PlainError if Ray Train is not installed, or a worker died.
    """
    if interrupt.requested:
        return
    trainer_of, torch_settings, scaling, running = import_ray_train(config.settings.ray.address)
    from pipeline.actors.cluster import start_ray, stop_ray

    count, gpu = config.settings.workers, any(lane.gpus for lane in plan.lanes)
    # One processor more than workers, for Ray Train's controller.
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
        outcome = read_results(results) if train_until_stopped(trainer, interrupt) else None
    except RayLostError:
        raise
    except Exception as error:  # whatever ended Ray Train becomes one sentence
        raise PlainError(f"the workers ended ({last_line(error)})", "workers", "or set workers: 1") from error
    finally:
        shutil.rmtree(RAY_FILES, ignore_errors=True)
        if started:
            stop_ray()
    if outcome is None:  # the same command resumes from the last checkpoint
        for job in jobs:
            metrics.streams[job.index].interrupted = True
        return
    yield from merge_results(outcome, jobs, metrics)


def train_until_stopped(trainer: Any, interrupt: Interrupt) -> bool:
    """Train to the end and return True, or return False after an interrupt; the workers then end with Ray.

    Ray Train runs in a thread of its own, because in the main thread it would handle Ctrl-C itself and ignore other
    signals. Raises what Ray Train raises.
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
    """`TorchTrainer`, `TorchConfig`, `ScalingConfig`, `RunConfig`. Raises PlainError if they are not installed.

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
    """Holds the results of the first worker for the driver; an actor, as the worker may be on another machine."""

    def __init__(self) -> None:
        self.outcome: Mapping[str, Any] = {}

    def write(self, outcome: Mapping[str, Any]) -> None:
        """Store the results."""
        self.outcome = outcome

    def read(self) -> Mapping[str, Any]:
        """The stored results."""
        return self.outcome


def open_result_holder() -> Any:
    """A `ResultHolder` as an actor."""
    import ray

    return ray.remote(num_cpus=0)(ResultHolder).remote()


def read_results(results: Any) -> Mapping[str, Any]:
    """The results of the first worker."""
    import ray

    outcome: Mapping[str, Any] = ray.get(results.read.remote())
    return outcome


def work(loop: Mapping[str, Any]) -> None:
    """The body of a worker: the serial runner over the whole graph; the first worker stores its results."""
    import ray
    import ray.train

    from pipeline.scheduling.serial import run_serial

    if Path(loop["folder"]).is_dir():
        os.chdir(loop["folder"])  # relative paths of a configuration start there
    config, jobs = loop["config"], loop["jobs"]
    metrics = Metrics(config.graph, jobs, time.perf_counter())
    receipts = [(job.index, receipt) for job, receipt in run_serial(config, loop["plan"], jobs, metrics, Interrupt())]
    failures = {index: stream.failure for index, stream in metrics.streams.items() if stream.failure}
    if ray.train.get_context().get_world_rank() == 0:
        ray.get(loop["results"].write.remote({RECEIPTS: receipts, FAILURES: failures}))


def merge_results(outcome: Mapping[str, Any], jobs: Sequence[Job], metrics: Metrics) -> Iterator[tuple[Job, Any]]:
    """Add the receipts and failures of the first worker to this process's metrics; yields the receipts."""
    for job in jobs:
        for index, receipt in outcome.get(RECEIPTS, ()):
            if index == job.index:
                metrics.streams[index].results.append(receipt)
                yield job, receipt
        failure: Failure | None = outcome.get(FAILURES, {}).get(job.index)
        if failure is not None:
            metrics.failed(job.index, failure)
        else:
            metrics.streams[job.index].done = True
    metrics.finish()


def last_line(error: BaseException) -> str:
    """The last line of an error's text: with Ray's errors, the cause."""
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
