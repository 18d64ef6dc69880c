"""What can be seen of a command before anything starts: where it writes, and what it would write over."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping

from pipeline.config import RunConfig
from pipeline.inputs import Inputs, UsageError, has_scheme
from pipeline.packet import Failure, failure_of
from pipeline.plan import PICTURE_VARIABLE
from pipeline.stage import closed_folder, is_plain


def check_output_paths(inputs: Inputs, files: Mapping[str, str | None]) -> None:
    """See whether results and the files that tell of a run can be written.

    Args:
        inputs: where their results go.
        files: path by what it is called on the command line; None where there is none.

    Raises UsageError: a folder that nothing can be written to, or a file that two things would share.
    """
    outputs = [job.output for job in inputs.ready if job.output and not has_scheme(job.output)]
    for folder in dict.fromkeys(os.path.dirname(output) or "." for output in outputs):
        if reason := closed_folder(folder):
            raise UsageError(f"the results cannot be written ({reason})", folder, "name another folder with -o")
    taken = {os.path.realpath(job.input): "an input" for job in inputs.jobs if job.input and not has_scheme(job.input)}
    taken |= {os.path.realpath(output): "a result" for output in outputs}
    for name, path in files.items():
        if path is None:
            continue
        reason = closed_folder(os.path.dirname(path) or ".") or ("is a folder" if os.path.isdir(path) else None)
        if reason:
            raise UsageError(f"cannot be written ({reason})", f"{name} {path}", "name another file")
        if same := taken.get(os.path.realpath(path)):
            raise UsageError(f"{same} is there", f"{name} {path}", "name another file")
        taken[os.path.realpath(path)] = f"what {name} writes"


def refuse_failing_inputs(config: RunConfig, inputs: Inputs) -> Inputs:
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


def fetch_assets(config: RunConfig) -> None:
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
