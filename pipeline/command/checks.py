"""What can be seen of a command before anything starts: where it writes, and what it would write over."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pipeline.inputs import Inputs, UsageError, is_url
from pipeline.stage import closed_folder


def check_places(inputs: Inputs, files: Mapping[str, str | None]) -> None:
    """See whether results and the files that tell of a run can be written.

    Args:
        inputs: where their results go.
        files: path by what it is called on the command line; None where there is none.

    Raises UsageError: a folder that nothing can be written to, or a file that two things would share.
    """
    outputs = [job.output for job in inputs.ready if job.output and not is_url(job.output)]
    for folder in dict.fromkeys(os.path.dirname(output) or "." for output in outputs):
        if reason := closed_folder(folder):
            raise UsageError(f"the results cannot be written ({reason})", folder, "name another folder with -o")
    taken = {os.path.realpath(job.input): "an input" for job in inputs.jobs if job.input and not is_url(job.input)}
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
