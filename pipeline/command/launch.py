"""Start a run: find its inputs, fetch what it needs, then hand it to the runner that suits it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.actors.cluster import quieten
from pipeline.batch.manifest import Manifest, confirmed, results_folder
from pipeline.batch.parts import Parts
from pipeline.batch.run import OneWorker, run_batch, settings_mark
from pipeline.batch.worker import BatchWorker
from pipeline.config import RunConfig
from pipeline.conversion import ConfigError
from pipeline.inputs import (
    Inputs,
    UsageError,
    check_on_this_machine,
    find_inputs,
    live_input,
    pair_inputs,
    saved_inputs,
)
from pipeline.interrupts import Interrupt
from pipeline.media import is_picture
from pipeline.metrics import Metrics
from pipeline.packet import Failure, failure_of
from pipeline.plan import PICTURE_VARIABLE, Plan
from pipeline.recovery import settings_of
from pipeline.serial import run_serial
from pipeline.stage import Job, is_plain
from pipeline.storage import is_remote


def run_inputs(
    config: RunConfig,
    names: Sequence[str],
    output: str | None,
    *,
    overwrite: bool,
    resume: bool = False,
    since: float | None = None,
) -> Inputs:
    """The jobs of a run: what is named, else the demo clip, or the one job of a run that makes its own material.

    Arguments as `pipeline.inputs.find_inputs`. Raises UsageError or ConfigError.
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
    ending = config.settings.result
    return find_inputs(names, output, overwrite=overwrite, resume=resume, since=since, ending=ending)


def checked(config: RunConfig, inputs: Inputs) -> Inputs:
    """The inputs, without those that could not end as it is wanted, as far as that is known before anything starts.

    Raises UsageError where that is true of all of them for the same reason.
    """
    failures: dict[int, Failure] = {}
    for job in inputs.ready:
        try:
            for node in config.graph.nodes:
                node.cls.check(config.stages[node.name], job)
        except Exception as error:
            if not is_plain(error):
                raise
            failures[job.index] = failure_of(error)
    said = {failure.what for failure in failures.values()}
    if len(failures) == len(inputs.ready) and len(said) == 1:
        first = next(iter(failures.values()))
        raise UsageError(first.what, first.where, first.remedy)
    return dataclasses.replace(inputs, refused=inputs.refused | failures)


def fetch(config: RunConfig) -> None:
    """Let every stage get what it needs from outside, in this process, where its progress can be seen.

    Before that, this process and those that it starts hear how large a picture may be.

    Raises what the stages raise: an error with what, where and remedy.
    """
    if config.settings.largest_picture is None:
        os.environ.pop(PICTURE_VARIABLE, None)
    else:
        os.environ[PICTURE_VARIABLE] = repr(config.settings.largest_picture)
    for node in config.graph.nodes:
        node.cls.fetch(config.stages[node.name])


def one_thing_at_a_time(plan: Plan, jobs: Sequence[Job]) -> bool:
    """Whether nothing of a run could happen side by side: a single lane, or a single image, which is one packet."""
    single_lane = len(plan.lanes) == 1 and plan.lanes[0].replicas == 1
    single_image = len(jobs) == 1 and is_picture(jobs[0].input)
    return single_lane or single_image


def launch(
    config: RunConfig, plan: Plan, jobs: Sequence[Job], metrics: Metrics, interrupt: Interrupt, *, serial: bool
) -> Iterator[tuple[Job, Any]]:
    """Run the jobs as Ray actors, or in this process where that is asked for or nothing could run side by side.

    Arguments, receipts and errors as `pipeline.serial.run_serial`.
    """
    if not jobs:
        return iter(())
    fetch(config)
    if config.settings.workers > 1:
        from pipeline.actors.training import run_workers

        return run_workers(config, plan, jobs, metrics, interrupt)
    if serial or (config.settings.ray.address is None and one_thing_at_a_time(plan, jobs)):
        return run_serial(config, plan, jobs, metrics, interrupt)
    quieten(config.settings.ray.address)
    from pipeline.actors.runner import run_ray

    return run_ray(config, plan, jobs, metrics, interrupt)


def launch_batch(
    parts: Parts, plan: Plan, inputs: Inputs, metrics: Metrics, interrupt: Interrupt, *, serial: bool
) -> Iterator[tuple[Job, Any]]:
    """Run a batch over workers, or one unit after the other in this process.

    Arguments, receipts and errors as `pipeline.batch.run.run_batch`; inputs as `confirm_batch` gave them.
    """
    if not inputs.ready:
        return iter(())
    fetch(parts.whole)
    mark = settings_mark(settings_of(parts.whole, plan))
    manifest = Manifest(results_folder(inputs.jobs), mark)
    if serial:
        worker = BatchWorker(parts, max(lane.threads for lane in plan.lanes), os.getcwd(), mark)
        return run_batch(parts, inputs.ready, metrics, interrupt, OneWorker(worker), manifest)
    quieten(parts.whole.settings.ray.address)
    from pipeline.batch.bench import run_batch_on_ray

    return run_batch_on_ray(parts, inputs.ready, metrics, interrupt, manifest, mark)


def confirm_batch(config: RunConfig, plan: Plan, inputs: Inputs) -> Inputs:
    """The inputs of a batch, where those that its manifest says are done stand. Raises PlainError."""
    mark = settings_mark(settings_of(config, plan))
    return confirmed(inputs, Manifest(results_folder(inputs.jobs), mark))
