"""Results that exist already when a run is resumed: each is left as it is, made again, or refused with the reason."""

from __future__ import annotations

import dataclasses
import fnmatch
import os
from collections.abc import Callable
from functools import cache

from pipeline.command.output_paths import exports_of
from pipeline.configuration.config import RunConfig
from pipeline.configuration.plan import Plan
from pipeline.jobs.inputs import Inputs
from pipeline.packet import Failure
from pipeline.recovery.recovery import Recovery
from pipeline.stage import ExportFiles, Job

Origin = Callable[[Job], bool | None]
"""Whether a result was made from its input with the settings of this run; None = unknown."""


def origin_of_results(config: RunConfig, plan: Plan, inputs: Inputs) -> Origin:
    """The function that recognises results of this run. On a cluster, whose cores differ from this machine's, it gives
    None."""
    recovery = Recovery(config, plan, [job for job in inputs.jobs if job.index in inputs.standing])
    return recovery.would_make if config.settings.ray.address is None else lambda job: None


def examined(config: RunConfig, inputs: Inputs, origin: Origin) -> Inputs:
    """The inputs of a run after a check of their finished results.

    A result of another input or of other settings is refused. A result without one of its exports is made again if it
    was made by the same settings; else it is refused.
    """
    read = cache(lambda: {os.path.realpath(job.input) for job in inputs.jobs})
    jobs, standing, refused = list(inputs.jobs), set(inputs.standing), dict(inputs.refused)
    for job in (job for job in inputs.jobs if job.index in inputs.standing):
        same, missing = origin(job), missing_export(config, job)
        if same is not False and missing is None:
            continue
        standing.remove(job.index)
        if same is True and os.path.realpath(job.output or "") not in read():
            jobs[job.index] = dataclasses.replace(job, overwrite=True)
        else:
            what = "was made from another input or with other settings" if same is False else f"{missing} is missing"
            remedy = "give --overwrite instead of --resume to make it again, or name another output with -o"
            refused[job.index] = Failure(what=f"exists already, but {what}", where=job.output or "", remedy=remedy)
    return dataclasses.replace(inputs, jobs=tuple(jobs), standing=frozenset(standing), refused=refused)


def left_result_note(job: Job, origin: Origin) -> str:
    """The sentence on a finished result that a resumed run leaves."""
    unknown = "" if origin(job) else "; from which input and with which settings it was made is not known"
    return f"{job.output}: exists already, left as it is{unknown}"


def missing_export(config: RunConfig, job: Job) -> str | None:
    """The option of the first export of a finished result that has no file; None if all exports have files."""
    return next((files.option for files in exports_of(config, job) if not _any_file(files)), None)


def with_known_exports(config: RunConfig, inputs: Inputs, is_own: Callable[[Job], bool]) -> Inputs:
    """The inputs with `renews_exports`: whether exports may replace existing files, by `--overwrite` or as own files.

    Args:
        config: the run.
        inputs: of the run.
        is_own: whether an earlier run began an input's result, so that files under the names of exports are that run's.
    """
    if config.settings.batch and not any(True for job in inputs.jobs[:1] for _ in exports_of(config, job)):
        return inputs
    renewing = (job.overwrite or (job.resume and is_own(job)) for job in inputs.jobs)
    jobs = (dataclasses.replace(job, renews_exports=may) for job, may in zip(inputs.jobs, renewing, strict=True))
    return dataclasses.replace(inputs, jobs=tuple(jobs))


def _any_file(files: ExportFiles) -> bool:
    try:
        with os.scandir(files.folder) as found:
            return any(fnmatch.fnmatchcase(file.name, name) for file in found for name in files.names)
    except OSError:
        return False
