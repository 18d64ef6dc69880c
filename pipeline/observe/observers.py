"""Opening and closing what watches a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pipeline.metrics import Metrics
from pipeline.observe.event_log import EventLog
from pipeline.observe.perfetto_trace import PerfettoTrace
from pipeline.settings import ObserveConfig

if TYPE_CHECKING:
    from pipeline.observe.prometheus import PrometheusMetrics


@contextmanager
def observing(config: ObserveConfig, metrics: Metrics, *, goes_on: bool = False) -> Iterator[None]:
    """Let what is asked for hear of everything that happens while the block runs. Raises PlainError.

    Args: goes_on: the run was begun before, and its files are written on.
    """
    with ExitStack() as stack:
        if config.log is not None:
            log = EventLog(config.log, goes_on=goes_on)
            stack.callback(_close, log, metrics)
            metrics.observe(log)
        if config.profile is not None:
            trace = PerfettoTrace(config.profile, goes_on=goes_on)
            stack.callback(_close, trace, metrics)
            metrics.observe(trace)
        if config.metrics is not None:
            figures = _figures(metrics, config.host, config.metrics)
            stack.callback(figures.close)
            metrics.observe(figures)
        yield


def _close(watcher: EventLog | PerfettoTrace, metrics: Metrics) -> None:
    """End a file; that it is not whole is told beside the results, which are."""
    watcher.close()
    if watcher.file.refusal is not None:
        metrics.complaints.append(watcher.file.refusal)


def _figures(metrics: Metrics, host: str, port: int) -> PrometheusMetrics:
    from pipeline.observe.prometheus import (
        PrometheusMetrics,  # only who asks for figures waits for its web server to load
    )

    return PrometheusMetrics(metrics, host, port)
