"""Starts a run: finds its inputs and passes them to the serial runner, the Ray runner, or a batch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.actors.cluster import quieten
from pipeline.batch.manifest import Manifest, results_folder
from pipeline.batch.run import LocalWorker, run_batch, settings_mark
from pipeline.batch.split_graph import SplitRun
from pipeline.batch.worker import BatchWorker
from pipeline.command.preflight import fetch_assets
from pipeline.command.provenance import with_provenance
from pipeline.configuration.config import RunConfig
from pipeline.configuration.conversion import ConfigError
from pipeline.configuration.plan import Plan
from pipeline.interrupts import Interrupt
from pipeline.jobs.inputs import (
    Inputs,
    UsageError,
    check_on_this_machine,
    find_inputs,
    inputs_together,
    live_input,
    pair_inputs,
    saved_inputs,
)
from pipeline.jobs.remote_files import is_remote
from pipeline.jobs.watch import Watch
from pipeline.media_types import is_image
from pipeline.observe.metrics import Metrics
from pipeline.recovery.recovery import settings_of
from pipeline.scheduling.serial import run_serial
from pipeline.stage import Job


def run_inputs(
    config: RunConfig,
    names: Sequence[str],
    output: str | None,
    *,
    overwrite: bool,
    resume: bool = False,
    since: float | None = None,
    watch: Watch | None = None,
) -> Inputs:
    """The jobs of a run: the named inputs, else the demo clip, or the single job of a run that makes its own material.

    Arguments as for `pipeline.jobs.inputs.find_inputs`. Raises UsageError or ConfigError.
    """
    if output is not None and config.settings.inputs != "live" and not (config.settings.batch and is_remote(output)):
        check_on_this_machine(output, "-o")
    if config.settings.inputs == "none":
        if names:
            raise UsageError(f"configuration '{config.name}' takes no inputs", names[0], "leave them out")
        job = Job(index=0, input="", output=output, stem=config.name, overwrite=overwrite, resume=resume)
        return Inputs(jobs=(job,), refused={})
    if config.settings.inputs == "pair":
        return pair_inputs(names, output, overwrite=overwrite)
    if config.settings.inputs == "together":
        return inputs_together(names, output, config.settings.result, overwrite=overwrite)
    if config.settings.inputs == "saved" and names:
        return saved_inputs(names, output, overwrite=overwrite, resume=resume, since=since)
    if config.settings.inputs == "live":
        return live_input(names, output, overwrite=overwrite, resume=resume)
    if not names:
        if config.demo is None:
            raise UsageError("no input", "command line", "name a video, an image or a folder")
        if not config.demo.is_file():
            raise ConfigError("the demo clip is missing", str(config.demo), "name an input, or restore the clip")
        names = [os.path.relpath(config.demo)]
    return find_inputs(
        names, output, overwrite=overwrite, resume=resume, since=since, ending=config.settings.result, watch=watch
    )


def cannot_be_parallel(plan: Plan, jobs: Sequence[Job]) -> bool:
    """Whether nothing of a run could be parallel: a single lane, or a single image, which is one packet."""
    single_lane = len(plan.lanes) == 1 and plan.lanes[0].replicas == 1
    single_image = len(jobs) == 1 and is_image(jobs[0].input)
    return single_lane or single_image


def is_short(config: RunConfig, jobs: Sequence[Job]) -> bool:
    """Whether a run is over before Ray would have started: a single video of few pixels, and nothing heavy.

    A run that names a cluster or wants Ray's own page is not short.
    """
    nodes, ray = config.graph.nodes, config.settings.ray
    if len(jobs) != 1 or ray.dashboard or ray.address is not None:
        return False
    if any(node.cls.is_heavy(config.stages[node.name]) for node in nodes):
        return False
    source = nodes[0]
    size = source.cls.megapixels(config.stages[source.name], jobs[0])
    return size is not None and size < ray.least_megapixels


def launch(
    config: RunConfig, plan: Plan, jobs: Sequence[Job], metrics: Metrics, interrupt: Interrupt, *, serial: bool
) -> Iterator[tuple[Job, Any]]:
    """Run the jobs as Ray actors, or in this process with `serial`, or where nothing could be parallel, or is short.

    Arguments, receipts and errors as for `pipeline.scheduling.serial.run_serial`.
    """
    if not jobs:
        return iter(())
    fetch_assets(config)
    jobs = with_provenance(config, jobs)
    if config.settings.workers > 1:
        from pipeline.actors.training import run_workers

        return run_workers(config, plan, jobs, metrics, interrupt)
    alone = cannot_be_parallel(plan, jobs) or is_short(config, jobs)
    if serial or (config.settings.ray.address is None and alone):
        return run_serial(config, plan, jobs, metrics, interrupt)
    quieten(config.settings.ray.address)
    from pipeline.actors.runner import run_ray

    return run_ray(config, plan, jobs, metrics, interrupt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch: the runs of its units, and its manifest."""

    parts: SplitRun
    manifest: Manifest


def launch_batch(
    batch: Batch, plan: Plan, inputs: Inputs, metrics: Metrics, interrupt: Interrupt, *, serial: bool
) -> Iterator[tuple[Job, Any]]:
    """Run a batch over Ray workers, or one unit after the other in this process.

    Arguments, receipts and errors as for `pipeline.batch.run.run_batch`; inputs as `confirmed` returned them.
    """
    if inputs.ready:
        fetch_assets(batch.parts.whole)
        jobs = with_provenance(batch.parts.whole, inputs.ready)
        yield from _run_batch(batch, plan, jobs, metrics, interrupt, serial=serial)
    batch.manifest.close()


def _run_batch(
    batch: Batch, plan: Plan, jobs: Sequence[Job], metrics: Metrics, interrupt: Interrupt, *, serial: bool
) -> Iterator[tuple[Job, Any]]:
    parts, manifest = batch.parts, batch.manifest
    mark = settings_mark(settings_of(parts.whole, plan))
    if serial:
        worker = BatchWorker(parts, max(lane.threads for lane in plan.lanes), os.getcwd(), mark)
        return run_batch(parts, jobs, metrics, interrupt, LocalWorker(worker), manifest)
    quieten(parts.whole.settings.ray.address)
    from pipeline.batch.ray_workers import run_batch_on_ray

    return run_batch_on_ray(parts, jobs, metrics, interrupt, manifest, mark)


def open_manifest(config: RunConfig, plan: Plan, inputs: Inputs) -> Manifest:
    """The manifest of a batch. Raises PlainError."""
    return Manifest(results_folder(inputs.jobs), settings_mark(settings_of(config, plan)))
