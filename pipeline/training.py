"""Several workers that train together: Ray Train starts them, each runs the whole graph serially on its part of every batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.config import RunConfig
from pipeline.interrupts import Interrupt
from pipeline.metrics import Metrics
from pipeline.packet import Failure, failure_of
from pipeline.plan import Plan
from pipeline.stage import Job, PlainError

RECEIPTS, FAILURE = "receipts", "failure"


def run_workers(
    config: RunConfig, plan: Plan, jobs: Sequence[Job], metrics: Metrics, interrupt: Interrupt
) -> Iterator[tuple[Job, Any]]:
    """Run the jobs in `workers` processes that share each batch (torch.distributed), on this machine or the cluster.

    Arguments and results as `pipeline.serial.run_serial`; only the first worker writes and gives receipts.

    Raises PlainError where Ray Train is not installed, or a worker died.
    """
    del interrupt  # Ray Train ends its workers itself; a checkpoint stands every so often
    trainer_of, scaling, running = import_ray_train()
    from pipeline.cluster import start_ray, stop_ray

    workers = config.settings.workers
    started = start_ray(config.settings.ray.address, workers, 1 << 28, workers * uses_gpu(plan))
    try:
        trainer = trainer_of(
            work,
            train_loop_config={"config": config, "plan": plan, "jobs": tuple(jobs)},
            scaling_config=scaling(num_workers=workers, use_gpu=uses_gpu(plan)),
            run_config=running(),
        )
        result = trainer.fit()
    except Exception as error:  # whatever ended Ray Train is told in a sentence
        raise PlainError(
            f"the workers ended ({first_line(error)})", "workers", "see the message, or set workers: 1"
        ) from error
    finally:
        if started:
            stop_ray()
    yield from taken_up(result.metrics or {}, jobs, metrics)


def uses_gpu(plan: Plan) -> bool:
    """Whether a lane was given a GPU."""
    return any(lane.gpus for lane in plan.lanes)


def import_ray_train() -> tuple[Any, Any, Any]:
    """`TorchTrainer`, `ScalingConfig` and `RunConfig`. Raises PlainError where they are not installed."""
    from pipeline.cluster import quieten

    quieten()
    try:
        from ray.train import RunConfig as Running
        from ray.train import ScalingConfig
        from ray.train.torch import TorchTrainer
    except ImportError as error:
        raise PlainError(
            "Ray Train is not installed", "workers", "pip install '.[train]', or set workers: 1"
        ) from error
    return TorchTrainer, ScalingConfig, Running


def work(loop: dict[str, Any]) -> None:
    """The body of a worker: the serial runner over the whole graph; the first worker reports what came of it."""
    import time

    import ray.train

    from pipeline.serial import run_serial

    config, jobs = loop["config"], loop["jobs"]
    metrics = Metrics(config.graph, jobs, time.perf_counter())
    receipts = [(job.index, receipt) for job, receipt in run_serial(config, loop["plan"], jobs, metrics, Interrupt())]
    failures = {index: stream.failure for index, stream in metrics.streams.items() if stream.failure}
    ray.train.report({RECEIPTS: receipts, FAILURE: failures})


def taken_up(told: dict[str, Any], jobs: Sequence[Job], metrics: Metrics) -> Iterator[tuple[Job, Any]]:
    """Receipts and failures of the first worker, into this process's metrics."""
    by_index = {job.index: job for job in jobs}
    for index, receipt in told.get(RECEIPTS, ()):
        metrics.streams[index].results.append(receipt)
        yield by_index[index], receipt
    for index, job in by_index.items():
        failure: Failure | None = told.get(FAILURE, {}).get(index)
        if failure is not None:
            metrics.failed(job.index, failure)
        else:
            metrics.streams[index].done = True
    metrics.finish()


def first_line(error: BaseException) -> str:
    """What an error says first; the innermost plain sentence where there is one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PlainError):
            return str(failure_of(cause).error())
        cause = cause.__cause__
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
