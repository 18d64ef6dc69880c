"""Checks of a command before anything starts: settings, inputs that must fail, file systems, and downloads."""

from __future__ import annotations

import dataclasses
import os

from pipeline.configuration.config import RunConfig
from pipeline.configuration.plan import LARGEST_IMAGE_VARIABLE
from pipeline.files.file_lock import has_locks
from pipeline.jobs.inputs import Inputs, UsageError, has_scheme
from pipeline.jobs.remote_files import is_remote, path_on_this_machine
from pipeline.jobs.watch import Watch, watched
from pipeline.packet import Failure, failure_of
from pipeline.stage import is_plain

NO_LOCKS = "this file system has no locks: do not start a second run that writes the same results"


def folders_without_locks(inputs: Inputs) -> list[str]:
    """A sentence for each folder of results on a file system without locks: there nothing keeps two runs apart."""
    files = [job.output for job in inputs.ready if job.output and (is_remote(job.output) or not has_scheme(job.output))]
    outputs = [path_on_this_machine(file) for file in files]
    folders = dict.fromkeys(str(output.parent) for output in outputs if output is not None)
    return [f"warning: {folder}: {NO_LOCKS}" for folder in folders if not has_locks(folder)]


def check_settings(config: RunConfig) -> None:
    """Check that this machine has what the settings of the stages name: weights, devices. A cluster has its own.

    Raises UsageError.
    """
    if config.settings.ray.address is not None:
        return
    for node in config.graph.nodes:
        try:
            node.cls.check_settings(config.stages[node.name])
        except Exception as error:
            if not is_plain(error):
                raise
            raise UsageError(error.what, error.where, error.remedy) from error


def refuse_failing_inputs(config: RunConfig, inputs: Inputs, watch: Watch | None = None) -> Inputs:
    """Refuse inputs that a stage cannot process, if that is known before the start; returns all inputs.

    Raises UsageError if all inputs are refused for the same reason.
    """
    failures: dict[int, Failure] = {}
    checks = [(node.cls.check, config.stages[node.name]) for node in config.graph.nodes]
    for job in watched(inputs.ready, "checks", watch):
        try:
            for check, settings in checks:
                check(settings, job)
        except Exception as error:
            if not is_plain(error):
                raise
            failures[job.index] = failure_of(error)
    reasons = {failure.what for failure in failures.values()}
    if len(failures) == len(inputs.ready) and len(reasons) == 1:
        first = next(iter(failures.values()))
        raise UsageError(first.what, first.where, first.remedy)
    return dataclasses.replace(inputs, refused=inputs.refused | failures)


def fetch_assets(config: RunConfig) -> None:
    """Let every stage download what it needs, in this process, where its progress can be shown.

    First sets the environment variable for the largest image, which child processes inherit. Raises the stages' errors.
    """
    if config.settings.largest_image is None:
        os.environ.pop(LARGEST_IMAGE_VARIABLE, None)
    else:
        os.environ[LARGEST_IMAGE_VARIABLE] = repr(config.settings.largest_image)
    for node in config.graph.nodes:
        node.cls.fetch(config.stages[node.name])
