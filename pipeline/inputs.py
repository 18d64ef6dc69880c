"""From the names on the command line (files, folders, globs, URLs) to jobs: inputs with the paths of their results."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.journal import is_complete
from pipeline.media_types import is_called_media, is_image, is_media
from pipeline.packet import Failure
from pipeline.redaction import HIDDEN, redacted, without_secrets
from pipeline.remote_files import exists, is_remote, listing, path_in
from pipeline.stage import NAME_BYTES, Job, PlainError, fitting_name

SAVED = "stream.json"
"""A folder with this file in it is an export that can be replayed: one input (`-c render`)."""
SAVED_IMAGES = "frame_*.png"
"""Images of one video, saved frame by frame: their folder is one export as well."""
_URL = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]+://")


class UsageError(PlainError):
    """A command that makes no sense."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The jobs of a run.

    Attributes:
        jobs: all of them.
        refused: why some cannot start, by job index.
        standing: indices of the jobs whose results are finished already, in a resumed run.
        left_out: other contents of the named folders: files of other kinds, and folders other than that of the
            results.
    """

    jobs: tuple[Job, ...]
    refused: dict[int, Failure]
    standing: frozenset[int] = frozenset()
    left_out: tuple[str, ...] = ()

    @property
    def ready(self) -> list[Job]:
        """The jobs that can start."""
        return [job for job in self.jobs if job.index not in self.refused and job.index not in self.standing]


@dataclass(frozen=True, slots=True)
class _Found:
    """A found input: its path, and the failure if it cannot be read; or a file of a folder that is left out."""

    path: str
    failure: Failure | None = None
    left_out: bool = False


def find_inputs(
    names: Sequence[str],
    output: str | None,
    *,
    overwrite: bool,
    resume: bool = False,
    since: float | None = None,
    folder: Path | None = None,
    ending: str | None = None,
) -> Inputs:
    """Find the inputs and decide where each result goes.

    Args:
        names: files, folders, globs, URLs, as given.
        output: a file (one input), a folder, or None for `NAME.densepose.mp4` (`.png`) in the current folder.
        overwrite: whether results may replace files that exist.
        resume: whether parts of an earlier run are resumed, and inputs with finished results are skipped.
        since: results made before this time (seconds since 1970) do not count as finished; None = all count.
        folder: where default outputs go; the current folder by default.
        ending: of default names, in place of `.densepose.mp4`.

    Raises UsageError: a file as output for several inputs. Other errors refuse one input only.
    """
    found = [item for name in names for item in _expand(name)]
    return _placed(found, output, overwrite=overwrite, resume=resume, since=since, folder=folder, ending=ending)


def saved_inputs(
    names: Sequence[str], output: str | None, *, overwrite: bool, resume: bool = False, since: float | None = None
) -> Inputs:
    """The jobs of a run over exports: as `find_inputs`, but a folder of a video's images is one input."""
    found = [item for name in names for item in ([_Found(name)] if _is_of_one_video(name) else _expand(name))]
    return _placed(found, output, overwrite=overwrite, resume=resume, since=since, folder=None, ending=None)


def _is_of_one_video(name: str) -> bool:
    return not has_scheme(name) and os.path.isdir(name) and next(Path(name).glob(SAVED_IMAGES), None) is not None


def _placed(
    found: list[_Found],
    output: str | None,
    *,
    overwrite: bool,
    resume: bool,
    since: float | None,
    folder: Path | None,
    ending: str | None,
) -> Inputs:
    """The jobs of the found inputs. Raises UsageError as `find_inputs`."""
    left_out = [item.path for item in found if item.left_out]
    found = [item for item in found if not item.left_out]
    several = len(found) > 1
    target = _target_folder(output, several)
    left_out = [path for path in left_out if os.path.realpath(path) != os.path.realpath(target or "")]
    stems = _distinct_stems([item.path for item in found])
    jobs: list[Job] = []
    refused: dict[int, Failure] = {}
    standing: set[int] = set()
    for index, (item, stem) in enumerate(zip(found, stems, strict=True)):
        name = default_name(item.path, stem, ending)
        place = output if target is None and output else path_in(target or str(folder or ""), name)
        job = Job(index=index, input=item.path, output=place, stem=stem, several=several, overwrite=overwrite)
        job = dataclasses.replace(job, resume=resume)
        if resume and not item.failure and _is_finished(place, since):
            standing.add(index)
            jobs.append(job)
            continue
        failure = item.failure or _refusal(job, jobs, [other.path for other in found])
        jobs.append(job)
        if failure:
            refused[index] = failure
    return Inputs(jobs=tuple(jobs), refused=refused, standing=frozenset(standing), left_out=tuple(left_out))


def pair_inputs(names: Sequence[str], output: str | None, *, overwrite: bool) -> Inputs:
    """The one job of a run over two inputs; its result is `A_vs_B.csv` unless `output` is a file.

    Raises UsageError for any other number of inputs.
    """
    found = [item for name in names for item in _expand(name) if not item.left_out]
    if len(found) != 2:
        raise UsageError("two inputs are compared", f"{len(found)} given", "name two videos")
    stem = "_vs_".join(_distinct_stems([item.path for item in found]))
    target = _target_folder(output, several=False)
    place = output if target is None and output else path_in(target or "", fitting_name(stem, ".csv"))
    one, other = found
    job = Job(index=0, input=one.path, partner=other.path, output=place, stem=stem, overwrite=overwrite)
    failure = one.failure or other.failure or _refusal(job, [], [one.path, other.path])
    return Inputs(jobs=(job,), refused={0: failure} if failure else {})


def inputs_together(names: Sequence[str], output: str | None, ending: str | None, *, overwrite: bool) -> Inputs:
    """The one job of a run that takes all inputs together and goes on with the result where it exists already.

    Args:
        names: files, folders, globs, as given.
        output: the result's file; None = the configuration's name of results in the current folder.
        ending: that name.
        overwrite: whether the result may replace a file of another origin.

    Whether there may be no input is the stages' to decide, in `Stage.check`.

    Raises UsageError for the first input that cannot be read, and where all that is named is left out.
    """
    found = [item for name in names for item in _expand(name)]
    taken = [item.path for item in found if not item.left_out]
    if names and not taken:
        raise UsageError("no input", "command line", "name images, or a folder of images")
    for failure in (item.failure for item in found if item.failure):
        raise UsageError(failure.what, failure.where, failure.remedy)
    place = output or ending or "result.json"
    if os.path.isdir(place):
        raise UsageError("the result is a folder", f"-o {place}", "name a file")
    if any(os.path.realpath(path) == os.path.realpath(place) for path in taken):
        raise UsageError("the result would replace an input", f"-o {place}", "name another file")
    together = tuple(dict.fromkeys(taken))
    job = Job(
        index=0, input=together[0] if together else "", together=together, output=place, stem=Path(place).stem,
        overwrite=overwrite,
    )
    left_out = tuple(item.path for item in found if item.left_out)
    return Inputs(jobs=(job,), refused={}, left_out=left_out)


def live_input(names: Sequence[str], output: str | None, *, overwrite: bool, resume: bool = False) -> Inputs:
    """The one job of a live run: a camera, a stream or a file.

    Args:
        names: of the input.
        output: a file, a URL, or None: then nothing is written.
        overwrite: whether an existing file may be replaced.
        resume: whether a recording continues after the parts of a run that died.

    Raises UsageError for any other number of inputs than one.
    """
    if len(names) != 1:
        what = f"{len(names)} given" if names else "none given"
        raise UsageError("a live run has one input", what, "name a camera (0), a stream's URL or a file")
    stem = re.sub(r"[^\w.-]+", "_", _stem(names[0])) or "live"
    job = Job(index=0, input=names[0], output=output, stem=stem, overwrite=overwrite, resume=resume)
    local = output is not None and not has_scheme(output)
    failure = _refusal(job, [], names) if local else None
    return Inputs(jobs=(job,), refused={0: failure} if failure else {})


def has_scheme(path: str) -> bool:
    """True for `scheme://…`."""
    return bool(_URL.match(path))


def check_on_this_machine(path: str, named: str) -> None:
    """Raises UsageError for a URL where a local path is needed; `named` is the option in the message."""
    if has_scheme(path):
        remedy = "name a file or a folder; -c batch writes to stores, -c live to streams"
        raise UsageError("this is an address, and no file of this machine", f"{named} {path}", remedy)


def without_output(inputs: Inputs) -> Inputs:
    """The same inputs without outputs, for a caller that takes the frames: existing files are no obstacle."""
    jobs = tuple(dataclasses.replace(job, output=None) for job in inputs.jobs)
    names = {job.index: redacted(job.input) for job in jobs}
    absent = {index: failure for index, failure in inputs.refused.items() if failure.where == names[index]}
    return Inputs(jobs=jobs, refused=absent)


def default_name(path: str, stem: str, ending: str | None = None) -> str:
    """The file name of an input's result."""
    if ending is not None:
        return fitting_name(stem, ending)
    return fitting_name(stem, f".densepose{'.png' if is_image(path) else '.mp4'}")


def _expand(name: str) -> list[_Found]:
    if is_remote(name):
        files = listing(name)
        if files is None:
            return [_Found(name)] if exists(name) else [_missing(name, "this file does not exist")]
        return _in_folder(name, files, [])
    if _URL.match(name):
        return [_Found(name)]
    path = Path(name)
    if os.path.isfile(path / SAVED):
        return [_Found(name)]
    if os.path.isdir(path):
        if not os.access(path, os.R_OK | os.X_OK):
            return [_missing(name, "this folder cannot be read")]
        items = sorted(path.iterdir())
        folders = [f"{item}/" for item in items if item.is_dir()]
        return _in_folder(name, [str(item) for item in items if not item.is_dir()], folders)
    if os.path.exists(path):
        return [_Found(name)]
    if glob.has_magic(name):
        matches = sorted(file for file in glob.glob(name, recursive=True) if Path(file).is_file())
        return [_Found(file) for file in matches] or [_missing(name, "nothing fits this pattern")]
    if name.isdecimal():
        failure = Failure(what="this file does not exist", where=name, remedy=f"for a camera give -c live {name}")
        return [_Found(name, failure)]
    return [_missing(name, "this file does not exist")]


def _in_folder(name: str, files: Sequence[str], folders: Sequence[str]) -> list[_Found]:
    """The media of a folder, then the files that are left out. Files in stores are judged by their names."""
    media = [file for file in files if is_media(file)]
    others = sorted({*files, *folders} - {*media})
    found = [_Found(file) for file in media] or [_missing(name, "no video or image in this folder")]
    return [*found, *(_Found(file, left_out=True) for file in others)]


def _missing(name: str, what: str) -> _Found:
    return _Found(name, Failure(what=what, where=name, remedy="check the name and the current folder"))


def _target_folder(output: str | None, several: bool) -> str | None:
    """The folder of the results, or None when `output` is a file or the default."""
    if output is None:
        return None
    if os.path.isdir(output) or output.endswith(("/", os.sep)):
        return output
    if not several:
        return None
    if is_called_media(output):
        raise UsageError("several inputs cannot go to one file", f"-o {output}", "name a folder")
    return output


def _distinct_stems(paths: Sequence[str]) -> list[str]:
    """A stem for each input; where two are equal, the suffix is added, and then the folder."""
    plain = [_stem(path) for path in paths]
    stems = _longer(plain, [Path(path).name for path in paths])
    folders = [Path(path).absolute().parent.name for path in paths]
    return _longer(stems, [f"{folder}_{stem}" for folder, stem in zip(folders, stems, strict=True)])


def _longer(stems: list[str], longer: list[str]) -> list[str]:
    counts = Counter(stems)
    return [long if counts[stem] > 1 else stem for stem, long in zip(stems, longer, strict=True)]


def _stem(path: str) -> str:
    if "://" not in path:
        return Path(path).stem
    public = without_secrets(path).replace(HIDDEN, "").rstrip("/")
    return re.sub(r"[^\w.-]+", "_", Path(re.sub(r"[?#].*$", "", public)).stem) or "stream"


def _is_finished(place: str, since: float | None) -> bool:
    """Whether a result is finished; with `since`, only if it was made after that time."""
    made = since is None or (os.path.exists(place) and os.path.getmtime(place) >= since)
    return made and exists(place) and is_complete(place)


def _refusal(job: Job, earlier: Sequence[Job], inputs: Sequence[str]) -> Failure | None:
    """Why a result must not be written to its path, or None."""
    assert job.output is not None
    if len(os.fsencode(os.path.basename(job.output))) > NAME_BYTES:
        return Failure(what="this name is too long", where=job.output, remedy="name a shorter one with -o")
    output = os.path.realpath(job.output)
    if any(os.path.realpath(path) == output for path in inputs):
        return Failure(what="the result would replace an input", where=job.output, remedy="name another file with -o")
    if any(os.path.realpath(other.output) == output for other in earlier if other.output):
        return Failure(
            what="two inputs would give this result", where=job.output, remedy="run them apart, or rename one"
        )
    if os.path.isdir(output):
        return Failure(what="the result is a folder", where=job.output, remedy="name a file with -o")
    if (os.path.exists(output) or exists(job.output)) and not job.overwrite:
        return Failure(what="this file exists already", where=job.output, remedy="give --overwrite to replace it")
    return None
