"""The settings of a run as a whole: its lanes, Ray, batches, and what can be observed of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneConfig:
    """A lane: the stages that share one process, and what it reserves of the machine.

    Attributes:
        stages: their names, in order.
        replicas: processes that do the same work side by side; `auto` fits the machine, always 1 where order matters.
        threads: compute threads of the lane; `auto` takes the run's, `all` every core, for a lane that does nearly
            all of the work.
        cpus: processor cores that one replica reserves; `auto` shares what is there.
        gpus: GPUs that one replica reserves; `auto` gives one to lanes that can use it, if there is one.
        memory_gb: memory that one replica reserves; null reserves none.
    """

    stages: tuple[str, ...]
    replicas: int | Literal["auto"] = "auto"
    threads: int | Literal["auto", "all"] = "auto"
    cpus: float | Literal["auto"] = "auto"
    gpus: float | Literal["auto"] = "auto"
    memory_gb: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for no stages or a number out of range."""
        if not self.stages:
            raise ValueError("a lane needs at least one stage")
        _at_least(1, replicas=self.replicas, threads=self.threads)
        _at_least(0, cpus=self.cpus, gpus=self.gpus, memory_gb=self.memory_gb)


@dataclass(frozen=True, slots=True, kw_only=True)
class RayConfig:
    """How Ray runs.

    Attributes:
        address: a cluster to join, `HOST:PORT`; null starts Ray on this machine alone.
        object_store_gb: memory for payloads in flight; `auto` takes a quarter of the free memory, 4 GB at most.
        start_timeout_s: how long a lane may take to start.
        dashboard: whether Ray's own page is served on this machine; its address is printed.
        least_megapixels: a single video with fewer megapixels in all its frames (150: five seconds of 1280×720) is
            done by one process before Ray would have started; 0 = Ray starts for each video. The bytes are the same.
    """

    address: str | None = None
    object_store_gb: float | Literal["auto"] = "auto"
    start_timeout_s: float = 300.0
    dashboard: bool = False
    least_megapixels: float = 150.0

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        _at_least(0, least_megapixels=self.least_megapixels)
        _at_least(0.1, object_store_gb=self.object_store_gb, start_timeout_s=self.start_timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConfig:
    """How a batch is divided among workers, each of which takes the next piece when it is free.

    Attributes:
        workers: processes; `auto` takes as many as the cores of the machine or cluster allow for a lane's threads.
        shard_frames: videos longer than this are cut, so that several workers share one; a multiple of 120 is best.
        most_shards: shards of one video; 1 never cuts. A shard decodes its video from the beginning, so many cost more.
    """

    workers: int | Literal["auto"] = "auto"
    shard_frames: int = 3000
    most_shards: int = 8

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        _at_least(1, workers=self.workers, shard_frames=self.shard_frames, most_shards=self.most_shards)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveConfig:
    """What a run records or serves while it runs; nothing by default.

    Attributes:
        metrics: port at which Prometheus finds the run's metrics, at `/metrics`.
        by_stream: whether each input has series of its own there; Prometheus bears a few thousand series, not a
            series for each file of a batch.
        host: the address that port is bound to.
        log: a file that gets a line of JSON for each event: numbers of streams and frames, no images.
        profile: a file that gets what each stage did when, for https://ui.perfetto.dev (or chrome://tracing).
    """

    metrics: int | None = None
    by_stream: bool = False
    host: str = "127.0.0.1"
    log: str | None = None
    profile: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a port out of range."""
        if self.metrics is not None and not 1 <= self.metrics <= 65535:
            raise ValueError(f"metrics is {self.metrics}, must be a port from 1 to 65535")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """The keys of a configuration that belong to the run as a whole.

    Attributes:
        lanes: the graph, in order.
        credits: packets in flight per stream.
        largest_image: millions of pixels that one image or frame may have; null: what a third of the machine's
            memory holds. Larger ones are refused by their header.
        threads: compute threads of a lane; `auto` depends on the machine's cores alone, never on replicas.
        on_error: what happens to a packet that a stage cannot process: `stop` ends its input with an error,
            `pass` lets it through unprocessed where the stages know how, and counts it.
        inputs: `media` for runs over files, `saved` for those over exports, `pair` for those over two at once,
            `together` for those that take all inputs as one, `live` for a camera or a stream, `none` for runs that
            make their own material.
        result: the ending of a result's name where no output is named; null is `.densepose.mp4`, or `.densepose.png`
            for images; of `together` the whole name.
        demo: the clip that is used when no input is named, relative to the file that names it.
        workers: processes that train together, each on its part of every batch (`pipeline.actors.training`).
        ray: see `RayConfig`.
        observe: see `ObserveConfig`.
        batch: makes the run a batch over many inputs; see `BatchConfig`.
    """

    lanes: dict[str, LaneConfig]
    credits: int = 4
    largest_image: float | None = None
    threads: int | Literal["auto"] = "auto"
    on_error: Literal["stop", "pass"] = "stop"
    inputs: Literal["media", "saved", "pair", "together", "live", "none"] = "media"
    result: str | None = None
    demo: str | None = None
    workers: int = 1
    ray: RayConfig = field(default_factory=RayConfig)
    observe: ObserveConfig = field(default_factory=ObserveConfig)
    batch: BatchConfig | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range or a run without lanes."""
        _at_least(1, credits=self.credits, threads=self.threads, workers=self.workers)
        _at_least(1, largest_image=self.largest_image)
        if self.largest_image is not None and not math.isfinite(self.largest_image):
            raise ValueError("largest_image must be a number of millions")
        if not self.lanes:
            raise ValueError("a run needs at least one lane")


def _at_least(least: float, **values: Any) -> None:
    for name, value in values.items():
        if isinstance(value, (int, float)) and value < least:
            raise ValueError(f"{name} is {value}, must be at least {least}")
