"""What becomes of a result that no run can go on with: its sinks make a file of what is whole, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.config import RunConfig
from pipeline.metrics import Metrics
from pipeline.stage import Job


def salvaged(config: RunConfig, job: Job, metrics: Metrics) -> Iterator[tuple[Job, Any]]:
    """The receipts of what is saved; the parts themselves stay, so that another run can still go on with them.

    Args:
        config: the run, whose sinks know their own parts.
        job: the input whose result it is.
        metrics: takes the receipts up.
    """
    for node in config.graph.nodes:
        if node.role != "sink" or not node.sequential:
            continue
        stage = node.cls(config.stages[node.name])
        try:
            for receipt in stage.salvage(job):
                metrics.streams[job.index].results.append(receipt)
                yield job, receipt
        except Exception:  # a full disk, say: why the run ended is told, and this must not hide it
            continue
        finally:
            stage.close()


def kept(config: RunConfig, jobs: Sequence[Job], metrics: Metrics) -> Iterator[tuple[Job, Any]]:
    """As `salvaged`, of every input of a run that was asked to stop, and whose processes are gone."""
    for job in jobs:
        metrics.streams[job.index].interrupted = True
        yield from salvaged(config, job, metrics)
