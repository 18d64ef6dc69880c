"""The plan: replicas, threads, cores, GPUs and memory of each lane; a pure function of graph, settings and machine."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pipeline.configuration.graph import Graph, Lane
from pipeline.configuration.settings import LaneConfig, RunSettings
from pipeline.stage import PlainError

GB = 1 << 30
LARGEST_IMAGE_VARIABLE = "DENSEPOSE_LARGEST_PICTURE"
"""Passes the key `largest_image` to `models.files.image_size` in every process."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
"""Environment variables from which numeric libraries read their number of threads when they are loaded. More OpenCV
threads than cores would busy-wait for each other."""
_REPLICAS_PER_CORE = 4
_MAX_THREADS = 4
_MOST_THREADS_ASKED = 64
"""A configuration for a larger machine may ask for this many threads on a small one."""
_REPLICA_MEMORY = 2 * GB  # a published network and its activations: an estimate that protects small machines
_STORE_LEAST, _STORE_MOST = GB // 4, 4 * GB


class PlanError(PlainError):
    """The machine has less than the configuration requests."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine: processor cores that this process may use, GPUs, bytes of free memory."""

    cpus: int
    gpus: float
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePlan:
    """The resources of one lane; `cpus`, `gpus` and `memory` (bytes) are per replica."""

    name: str
    replicas: int
    threads: int
    cpus: float
    gpus: float
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The resources of every lane, and the bytes of shared memory for payloads in flight."""

    lanes: tuple[LanePlan, ...]
    store: int

    def lane(self, name: str) -> LanePlan:
        """The plan of one lane."""
        return next(lane for lane in self.lanes if lane.name == name)


def auto_threads(cpus: int) -> int:
    """Compute threads of a lane by default: half of the cores, 4 at most.

    Depends on the cores alone, so that neither the runner nor the number of replicas changes results.
    """
    return max(1, min(_MAX_THREADS, cpus // 2))


def make_plan(graph: Graph, settings: RunSettings, machine: Machine) -> Plan:
    """Divide the machine among the lanes.

    Explicit requests are met or refused; automatic ones share the rest, and lanes that compute on GPUs share the GPUs.

    Raises PlanError that names the key, where a request exceeds the machine.
    """
    _refuse_too_many(settings, machine)
    base = auto_threads(machine.cpus) if settings.threads == "auto" else settings.threads
    sharing = sum(_takes_gpus(lane, settings) for lane in graph.lanes)
    own = dataclasses.replace(machine, gpus=machine.gpus / max(1, sharing))
    lanes = [_lane_plan(lane, settings.lanes[lane.name], base, own) for lane in graph.lanes]
    for what, need, has in (
        ("cpus", sum(lane.cpus * lane.replicas for lane in lanes), machine.cpus),
        ("gpus", sum(lane.gpus * lane.replicas for lane in lanes), machine.gpus),
        ("memory_gb", sum(lane.memory * lane.replicas for lane in lanes) / GB, machine.memory / GB),
    ):
        if need > has + 1e-6:
            requested = {lane.name: settings.lanes[lane.name] for lane in graph.lanes}
            raise PlanError(
                f"the lanes reserve {need:g} {what}, the machine has {has:g}",
                f"lanes.{_largest(what, requested)}.{what}",
                "lower it, or the number of replicas",
            )
    return Plan(lanes=tuple(_share_cpus(lanes, settings, machine)), store=_store_size(settings, machine))


def most_threads(cpus: int) -> int:
    """The most compute threads that a lane may have; more would only wait for each other, and use up the memory."""
    return max(_MOST_THREADS_ASKED, _REPLICAS_PER_CORE * cpus)


def _refuse_too_many(settings: RunSettings, machine: Machine) -> None:
    """Raise PlanError for more threads or processes than the cores have work for."""
    lanes = {f"lanes.{name}.threads": lane.threads for name, lane in settings.lanes.items()}
    limits: dict[str, tuple[object, int]] = {
        key: (count, most_threads(machine.cpus)) for key, count in {"threads": settings.threads, **lanes}.items()
    }
    if settings.ray.address is None:  # a cluster has cores of its own
        processes = _REPLICAS_PER_CORE * machine.cpus
        limits["workers"] = (settings.workers, processes)
        limits["batch.workers"] = (settings.batch.workers if settings.batch else None, processes)
    for key, (count, most) in limits.items():
        if isinstance(count, int) and count > most:
            what = f"{count} on {machine.cpus} cores would only wait for each other"
            raise PlanError(what, key, f"use {most} at most")


def _takes_gpus(lane: Lane, settings: RunSettings) -> bool:
    """Whether a lane gets an automatic share of the GPUs."""
    return settings.lanes[lane.name].gpus == "auto" and any(node.cls.accelerated for node in lane.nodes)


def worker_plan(graph: Graph, settings: RunSettings, machine: Machine) -> LanePlan:
    """The resources of one batch worker, which runs all stages in one process; `replicas` is the number of workers."""
    base = auto_threads(machine.cpus) if settings.threads == "auto" else settings.threads
    workers = settings.batch.workers if settings.batch else 1
    may = [lane for lane in graph.lanes if settings.lanes[lane.name].gpus != 0]
    accelerated = any(node.cls.accelerated for lane in may for node in lane.nodes)
    requested = LaneConfig(stages=tuple(node.name for node in graph.nodes))
    count = _fitting_replicas(requested, base, machine, accelerated) if workers == "auto" else workers
    gpus = min(1.0, machine.gpus / count) if accelerated else 0.0
    cpus = min(float(base), int(machine.cpus / count * 1e3) / 1e3)
    return LanePlan(name="worker", replicas=count, threads=base, cpus=cpus, gpus=int(gpus * 1e4) / 1e4, memory=0)


def _lane_plan(lane: Lane, config: LaneConfig, base_threads: int, machine: Machine) -> LanePlan:
    threads = _threads(config.threads, base_threads, machine)
    accelerated = any(node.cls.accelerated for node in lane.nodes)
    replicas = _replicas(lane, config, threads, machine, accelerated)
    gpus = config.gpus
    if gpus == "auto":
        share = machine.gpus / replicas if accelerated else 0.0
        gpus = float(min(1, share)) if share >= 1 else int(share * 1e4) / 1e4
    return LanePlan(
        name=lane.name,
        replicas=replicas,
        threads=threads,
        cpus=0.0 if config.cpus == "auto" else config.cpus,
        gpus=gpus,
        memory=int((config.memory_gb or 0) * GB),
    )


def _threads(requested: int | Literal["auto", "all"], base: int, machine: Machine) -> int:
    if requested == "auto":
        return base
    return machine.cpus if requested == "all" else requested


def _replicas(lane: Lane, config: LaneConfig, threads: int, machine: Machine, accelerated: bool) -> int:
    if lane.ordered:
        if config.replicas not in ("auto", 1):
            held = next(node.name for node in lane.nodes if node.sequential)
            raise PlanError(
                f"stage '{held}' needs the packets in order, so its lane has one replica, not {config.replicas}",
                f"lanes.{lane.name}.replicas",
                "set it to 1, or move the stages without order to a lane of their own",
            )
        return 1
    if config.replicas == "auto":
        return _fitting_replicas(config, threads, machine, accelerated)
    if config.replicas > _REPLICAS_PER_CORE * machine.cpus:
        raise PlanError(
            f"{config.replicas} replicas on {machine.cpus} cores would only wait for each other",
            f"lanes.{lane.name}.replicas",
            f"use {_REPLICAS_PER_CORE * machine.cpus} at most",
        )
    return config.replicas


def _fitting_replicas(config: LaneConfig, threads: int, machine: Machine, accelerated: bool) -> int:
    """As many replicas as cores, GPUs and memory allow; at least 1."""
    memory = _REPLICA_MEMORY if config.memory_gb is None else config.memory_gb * GB
    limits = [machine.memory / memory if memory else math.inf]
    on_gpu = accelerated and machine.gpus > 0 if config.gpus == "auto" else config.gpus > 0
    if on_gpu:
        limits.append(machine.gpus if config.gpus == "auto" else machine.gpus / config.gpus)
    if config.cpus != "auto" and config.cpus > 0:
        limits.append(machine.cpus / config.cpus)
    elif not on_gpu:
        limits.append(machine.cpus / threads)
    return max(1, int(min(limits)))


def _share_cpus(lanes: Sequence[LanePlan], settings: RunSettings, machine: Machine) -> list[LanePlan]:
    """Give lanes with `cpus: auto` a core per thread, or an equal share of the remaining cores if these are fewer."""
    fixed = sum(p.cpus * p.replicas for p in lanes)
    open_lanes = [p for p in lanes if settings.lanes[p.name].cpus == "auto"]
    wanted = sum(p.threads * p.replicas for p in open_lanes)
    scale = min(1.0, (machine.cpus - fixed) / wanted) if wanted else 0.0
    return [
        p
        if settings.lanes[p.name].cpus != "auto"
        else LanePlan(
            name=p.name,
            replicas=p.replicas,
            threads=p.threads,
            cpus=float(p.threads) if scale == 1 else int(p.threads * scale * 1e3) / 1e3,
            gpus=p.gpus,
            memory=p.memory,
        )
        for p in lanes
    ]


def _largest(what: str, requested: dict[str, LaneConfig]) -> str:
    def size(name: str) -> float:
        value = getattr(requested[name], what)
        return float(value) if isinstance(value, (int, float)) else 0.0

    return max(requested, key=size)


def _store_size(settings: RunSettings, machine: Machine) -> int:
    requested = settings.ray.object_store_gb
    if requested == "auto":
        return max(_STORE_LEAST, min(_STORE_MOST, machine.memory // 4))
    if requested * GB > machine.memory:
        raise PlanError(
            f"the object store of {requested:g} GB is more than the {machine.memory / GB:.1f} GB that are free",
            "ray.object_store_gb",
            "lower it",
        )
    return int(requested * GB)


def process_environment(threads: int) -> dict[str, str]:
    """The environment variables of a process with this number of compute threads."""
    image = os.environ.get(LARGEST_IMAGE_VARIABLE)
    limit = {} if image is None else {LARGEST_IMAGE_VARIABLE: image}
    return dict.fromkeys(THREAD_VARIABLES, str(threads)) | limit


def read_machine() -> Machine:
    """The cores that this process may use (affinity and control group), the visible GPUs, and the free memory."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(cpus=max(1, min(affinity, _cgroup_cpus(affinity))), gpus=_gpus(), memory=_free_memory())


def _cgroup_cpus(most: int) -> int:
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return most
    return most if quota == "max" else max(1, int(quota) // int(period))


def _gpus() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
    return len([device for device in Path("/dev").glob("nvidia*") if device.name.removeprefix("nvidia").isdigit()])


def _free_memory() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 4 * GB
