"""What a run may replace: no result, export, report, log or profile takes the place of a file that the run reads."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.batch.manifest import JOURNAL, NAME, results_folder
from pipeline.command.named_paths import NamedPaths, is_earlier, videos_of
from pipeline.configuration.config import RunConfig
from pipeline.jobs.inputs import Inputs, UsageError, has_scheme
from pipeline.jobs.output_places import ResolvedPaths
from pipeline.jobs.remote_files import is_remote, path_in
from pipeline.stage import ExportFiles, Job, closed_folder

AN_INPUT = "an input"
NOTHING_NAMED = NamedPaths(read={}, written={})


def check_output_paths(
    inputs: Inputs,
    files: Mapping[str, str | None],
    named: NamedPaths = NOTHING_NAMED,
    config: RunConfig | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Check that results, exports, and the report, log and profile of a run can be written, and what they may replace.

    Args:
        inputs: the inputs, with the paths of their results.
        files: the path of each file by its option; None if there is none.
        named: the paths that the settings name.
        config: the run, whose stages tell what they write; None: no stage writes exports.
        overwrite: whether the files may replace existing ones that are no earlier report, log or profile.

    Raises UsageError: a folder that cannot be written to, a path that two files would share, or a file that would be
    lost.
    """
    outputs = [job.output for job in inputs.ready if job.output and not has_scheme(job.output)]
    for folder in dict.fromkeys(os.path.dirname(output) or "." for output in outputs):
        if reason := closed_folder(folder):
            raise UsageError(f"the results cannot be written ({reason})", folder, "name another folder with -o")
    paths = ResolvedPaths()
    read = _read(inputs, named, paths)
    places = {paths.resolve(output): output for output in outputs}
    _check_results(places, read)
    exports = _Exports(inputs, config, paths)
    if exports.first:
        _check_exports(exports, read, dict.fromkeys(places, "a result"))
    if any(files.values()):
        taken = _of_batch(inputs, config, paths) | _written(named, paths) | read
        _check_files(files, taken | dict.fromkeys(places, "a result"), exports, overwrite)


def _read(inputs: Inputs, named: NamedPaths, paths: ResolvedPaths) -> dict[str, str]:
    """What a run reads, by path; every text among its settings could be a path."""
    given = [path for job in inputs.jobs for path in (job.input, job.partner, *job.together) if path]
    local = [path for path in given if not has_scheme(path)]
    read = {paths.resolve(os.path.expanduser(path)): what for path, what in named.read.items()}
    read |= dict.fromkeys(map(paths.resolve, videos_of(local)), "the video of an input")
    return read | dict.fromkeys(map(paths.resolve, local), AN_INPUT)


def _written(named: NamedPaths, paths: ResolvedPaths) -> dict[str, str]:
    return {paths.resolve(os.path.expanduser(path)): what for path, what in named.written.items()}


def _of_batch(inputs: Inputs, config: RunConfig | None, paths: ResolvedPaths) -> dict[str, str]:
    """The record that a batch keeps beside its results."""
    if config is None or not config.settings.batch:
        return {}
    folder = results_folder(inputs.jobs)
    records = [] if is_remote(folder) else [path_in(folder, name) for name in (NAME, JOURNAL)]
    return dict.fromkeys(map(paths.resolve, records), "the record of this batch")


def _check_results(outputs: Mapping[str, str], read: Mapping[str, str]) -> None:
    """Raise UsageError for a result in place of a file that is read, or inside an input; links count as their target.

    Results in place of an input are refused one by one by `OutputPlaces`, so that the others are made.

    Args:
        outputs: the paths of results as given, by their places.
        read: what is at each place that is read.
    """
    names = {os.path.basename(path).casefold() for path, what in read.items() if what != AN_INPUT}
    inside = _inputs_around({os.path.dirname(place) for place in outputs}, read)
    for place, output in outputs.items() if names or inside else ():
        if os.path.dirname(place) in inside:
            raise UsageError("is inside an input", f"-o {output}", "name a file elsewhere")
        if os.path.basename(place).casefold() not in names or not os.path.isfile(place):
            continue
        for path, what in read.items():
            if what != AN_INPUT and os.path.isfile(path) and os.path.samefile(path, place):
                raise UsageError(f"{what} is there", f"-o {output}", "name another file")


def _inputs_around(folders: set[str], read: Mapping[str, str]) -> set[str]:
    """Those of some folders that are an input, or lie in one."""
    return {
        folder
        for folder in folders
        if any(read.get(str(around)) == AN_INPUT for around in (folder, *Path(folder).parents))
    }


def exports_of(config: RunConfig, job: Job) -> Iterator[ExportFiles]:
    """What the exports of a run write for an input."""
    for node in config.graph.nodes:
        yield from node.cls.export_files(config.stages[node.name], job)


class _Exports:
    """What the exports of a run write; `first`: for the first input."""

    def __init__(self, inputs: Inputs, config: RunConfig | None, paths: ResolvedPaths) -> None:
        self._config = config
        self._paths = paths
        self._several = len(inputs.jobs) > 1
        self._jobs: dict[str, list[Job]] = {}
        for job in inputs.jobs:
            self._jobs.setdefault(job.stem if self._several else "", []).append(job)
        self.first = self._files(inputs.jobs[0]) if inputs.jobs else []

    def at(self, place: str) -> str | None:
        """The export that would write a file, as it is given; None if none would."""
        folder, name = os.path.split(place)
        # The exports of several inputs bear their names.
        stems = (os.path.basename(folder), os.path.splitext(name)[0]) if self._several else ("",)
        for job in (job for stem in dict.fromkeys(stems) for job in self._jobs.get(stem, ())):
            for files in self._files(job):
                same = self._paths.resolve(os.path.join(files.folder, "x")) == os.path.join(folder, "x")
                if same and any(fnmatch.fnmatchcase(name, pattern) for pattern in files.names):
                    return files.option
        return None

    def _files(self, job: Job) -> list[ExportFiles]:
        return [] if self._config is None else list(exports_of(self._config, job))


def _check_exports(exports: _Exports, read: Mapping[str, str], results: Mapping[str, str]) -> None:
    """Raise UsageError for an export that would replace a file that is read, or share a path with another result."""
    _check_names(exports.first)
    for files in exports.first:
        folder = os.path.realpath(files.folder)
        if _inputs_around({folder}, read):
            raise UsageError("is inside an input", files.option, "name another file or folder")
    for path, what in (*read.items(), *results.items()):
        if (path in results or os.path.isfile(path)) and (found := exports.at(path)):
            raise UsageError(f"would replace {path}, which is {what}", found, "name another file or folder")


def _check_names(exports: Sequence[ExportFiles]) -> None:
    """Raise UsageError for two exports that would write files of one name into one folder."""
    first: dict[str, list[ExportFiles]] = {}
    for files in exports:
        others = first.setdefault(os.path.realpath(files.folder), [])
        for other in others:
            same = [name for name in files.names if any(fnmatch.fnmatchcase(name, one) for one in other.names)]
            if same := same or list({*files.names} & {*other.names}):
                what = f"would write the same files as {other.option} ({same[0]})"
                raise UsageError(what, files.option, "name another file or folder")
        others.append(files)


def _check_files(
    files: Mapping[str, str | None], taken: dict[str, str], exports: _Exports, overwrite: bool
) -> None:
    """Raise UsageError for a report, log or profile that would replace, or share, another file."""
    for name, path in files.items():
        if path is None:
            continue
        reason = closed_folder(os.path.dirname(path) or ".") or ("is a folder" if os.path.isdir(path) else None)
        if reason:
            raise UsageError(f"cannot be written ({reason})", f"{name} {path}", "name another file")
        place = Path(os.path.realpath(path))
        if same := taken.get(str(place)):
            raise UsageError(f"{same} is there", f"{name} {path}", "name another file")
        if _inputs_around({str(place.parent)}, taken):
            raise UsageError("is inside an input", f"{name} {path}", "name a file elsewhere")
        if exports.first and (found := exports.at(str(place))):
            raise UsageError(f"{found} writes this file", f"{name} {path}", "name another file")
        if place.is_file() and not (overwrite or is_earlier(name, path)):
            what = f"this file exists already, and is none that {name} has written"
            raise UsageError(what, f"{name} {path}", "give --overwrite, or another name")
        taken[str(place)] = f"what {name} writes"
