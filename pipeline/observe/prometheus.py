"""The metrics of a run for Prometheus: counters and gauges are read at each request, histograms filled at each step."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import CollectorRegistry, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from pipeline.observe.metrics import Metrics, sums_of
from pipeline.observe.observer import FileRecord, WorkerDeath
from pipeline.packet import Step
from pipeline.stage import PlainError

BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
PREFIX = "densepose_"
PATIENCE_S = 10.0
"""A connection is closed after this time."""
COUNTERS = {
    "frames_in": ("frames_in", "Frames that the source gave."),
    "frames_done": ("frames_done", "Frames that left the last stage."),
    "people": ("people", "People found, added over frames."),
    "poisoned": ("packets_poisoned", "Packets passed on unprocessed."),
}
"""Fields of `Totals`, with the names and descriptions of their counters."""
GPU_QUERY = ("--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits")


class _Request(WSGIRequestHandler):
    """One request; a slow client is disconnected."""

    def handle(self) -> None:
        """Answer within `PATIENCE_S`."""
        timer = threading.Timer(PATIENCE_S, self._hang_up)
        timer.daemon = True
        timer.start()
        with suppress(OSError):  # the client has disconnected
            super().handle()
        timer.cancel()

    def _hang_up(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


class PrometheusMetrics(Collector):
    """Serves a run's metrics over HTTP from a thread; observes its steps for the histograms."""

    def __init__(self, metrics: Metrics, host: str, port: int, *, by_stream: bool = False) -> None:
        """Start the server. Raises PlainError for an address that cannot be bound.

        Args: by_stream: whether each stream has series of its own.
        """
        self._metrics = metrics
        self._by_stream = by_stream
        self._inputs = Counter[tuple[str, str]]()
        self._frames = Counter[str]()
        registry = CollectorRegistry()
        registry.register(self)
        self._seconds = Histogram(
            f"{PREFIX}stage_seconds",
            "Seconds that a stage took for a packet.",
            ["stage"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        try:
            self._server, self._thread = start_http_server(port, host, registry)
            self._server.RequestHandlerClass = _Request
        except OSError as error:
            what = f"the metrics cannot be served at {host}:{port} ({error.strerror})"
            raise PlainError(what, "observe.metrics", "name another port") from error

    def step(self, lane: str, stream: int, step: Step) -> None:
        """One call of a lane."""
        for stage, timing in step.timings.items():
            if timing.items:
                self._seconds.labels(stage).observe(timing.busy_s)

    def restarted(self, lane: str, death: WorkerDeath | None = None) -> None:
        """Counted by the metrics themselves."""

    def recorded(self, record: FileRecord) -> None:
        """An input of a batch ended."""
        self._inputs[record.worker, record.state] += 1
        self._frames[record.worker] += record.frames

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """The current values of everything but the histograms."""
        yield from self._of_streams()
        yield from self._of_workers()
        yield from self._of_lanes()
        stage_cpu = CounterMetricFamily(f"{PREFIX}stage_cpu_seconds", "Processor seconds of a stage.", labels=["stage"])
        for name, timing in list(self._metrics.stages.items()):
            stage_cpu.add_metric([name], timing.cpu_s)
        yield stage_cpu
        yield from gpu_metrics()

    def _of_streams(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """The sums over all streams, or one series for each stream; and what live streams measure."""
        labels = ["stream"] if self._by_stream else []
        rows: list[tuple[list[str], Any]] = [([], self._metrics.totals())]
        if self._by_stream:
            rows = [([str(index)], sums_of(tally)) for index, tally in list(self._metrics.streams.items())]
        for field, (name, about) in COUNTERS.items():
            family = CounterMetricFamily(f"{PREFIX}{name}", about, labels=labels)
            for values, sums in rows:
                family.add_metric(values, getattr(sums, field))
            yield family
        live = self._metrics.under_way
        for name in sorted({name for tally in live for name in dict(tally.gauges)}):
            gauge = GaugeMetricFamily(f"{PREFIX}live_{name}", "Reported by a live stage.", labels=["stream"])
            for tally in live:
                if name in tally.gauges:
                    gauge.add_metric([str(tally.job.index)], tally.gauges[name])
            yield gauge

    def _of_workers(self) -> Iterator[CounterMetricFamily]:
        """What the workers of a batch made."""
        inputs = CounterMetricFamily(f"{PREFIX}inputs", "Inputs that ended.", labels=["worker", "state"])
        for (worker, state), count in list(self._inputs.items()):
            inputs.add_metric([worker, state], count)
        frames = CounterMetricFamily(f"{PREFIX}worker_frames", "Frames of results.", labels=["worker"])
        for worker, count in list(self._frames.items()):
            frames.add_metric([worker], count)
        yield from (inputs, frames)

    def _of_lanes(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        packets = CounterMetricFamily(f"{PREFIX}lane_packets", "Packets that a lane took.", labels=["lane"])
        busy = CounterMetricFamily(f"{PREFIX}lane_busy_seconds", "Seconds a lane's stages worked.", labels=["lane"])
        restarts = CounterMetricFamily(f"{PREFIX}lane_restarts", "Processes of a lane that died.", labels=["lane"])
        waiting = GaugeMetricFamily(f"{PREFIX}lane_waiting", "Packets that wait before a lane.", labels=["lane"])
        for name, tally in list(self._metrics.lanes.items()):
            packets.add_metric([name], tally.packets)
            busy.add_metric([name], tally.busy_s)
            restarts.add_metric([name], tally.restarts)
            waiting.add_metric([name], tally.waiting)
        yield from (packets, busy, restarts, waiting)


def gpu_metrics() -> Iterator[GaugeMetricFamily]:
    """Utilisation and memory of every GPU from `nvidia-smi`; nothing if it is absent."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return
    try:
        answer = subprocess.run([program, *GPU_QUERY], capture_output=True, text=True, check=True, timeout=5)
        rows = [[float(cell) for cell in line.split(",")] for line in answer.stdout.splitlines() if line.strip()]
    except (subprocess.SubprocessError, OSError, ValueError):  # no driver
        return
    used = GaugeMetricFamily(f"{PREFIX}gpu_utilization", "Share of time a GPU worked, 0..1.", labels=["gpu"])
    memory = GaugeMetricFamily(f"{PREFIX}gpu_memory_bytes", "Memory of a GPU in use.", labels=["gpu"])
    for number, (share, mebibytes) in enumerate(rows):
        used.add_metric([str(number)], share / 100)
        memory.add_metric([str(number)], mebibytes * 2**20)
    yield from (used, memory)
