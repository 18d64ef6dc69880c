"""Attaches the configured observers to a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pipeline.configuration.settings import ObserveConfig
from pipeline.observe.event_log import EventLog
from pipeline.observe.metrics import Metrics
from pipeline.observe.perfetto_trace import PerfettoTrace

if TYPE_CHECKING:
    from pipeline.observe.prometheus import PrometheusMetrics


@contextmanager
def observing(config: ObserveConfig, metrics: Metrics, *, append: bool = False) -> Iterator[None]:
    """Attach the configured observers while the block runs. Raises PlainError.

    Args:
        config: see `ObserveConfig`.
        metrics: of the run.
        append: whether the run was started before, so that its files are continued.
    """
    with ExitStack() as stack:
        if config.log is not None:
            log = EventLog(config.log, append=append)
            stack.callback(_close, log, metrics)
            metrics.observe(log)
        if config.profile is not None:
            trace = PerfettoTrace(config.profile, append=append)
            stack.callback(_close, trace, metrics)
            metrics.observe(trace)
        if config.metrics is not None:
            prometheus = _prometheus(metrics, config.host, config.metrics, by_stream=config.by_stream)
            stack.callback(prometheus.close)
            metrics.observe(prometheus)
        yield


def _close(watcher: EventLog | PerfettoTrace, metrics: Metrics) -> None:
    """Close a file; an incomplete one is reported as a complaint."""
    watcher.close()
    if watcher.file.refusal is not None:
        metrics.complaints.append(watcher.file.refusal)


def _prometheus(metrics: Metrics, host: str, port: int, *, by_stream: bool) -> PrometheusMetrics:
    from pipeline.observe.prometheus import (
        PrometheusMetrics,  # its web server is slow to load
    )

    return PrometheusMetrics(metrics, host, port, by_stream=by_stream)
