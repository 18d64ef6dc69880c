"""From the names on the command line (files, folders, globs, URLs) to jobs: inputs with the paths of their results."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.jobs.output_places import OutputPlaces
from pipeline.jobs.remote_files import StoreListings, exists, is_remote, listing, path_in
from pipeline.jobs.watch import Watch, watched
from pipeline.media_types import Kind, has_media_suffix, is_companion, is_image, media_kind, name_and_suffix
from pipeline.packet import Failure
from pipeline.recovery.journal import is_complete
from pipeline.redaction import HIDDEN, redacted, without_secrets
from pipeline.stage import Job, PlainError, fitting_name

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
    """A found input: its path, the failure if it cannot be read, its media type, if that was looked at, and whether a
    folder or a pattern was named in its place; or a file of a folder that is left out."""

    path: str
    failure: Failure | None = None
    left_out: bool = False
    kind: Kind | None = None
    one_of_many: bool = False


def find_inputs(
    names: Sequence[str],
    output: str | None,
    *,
    overwrite: bool,
    resume: bool = False,
    since: float | None = None,
    folder: Path | None = None,
    ending: str | None = None,
    watch: Watch | None = None,
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
        watch: gets how far the search is.

    Raises UsageError: a file as output for several inputs. Other errors refuse one input only.
    """
    found = [item for name in names for item in _expand(name, watch)]
    return _placed(
        found, output, overwrite=overwrite, resume=resume, since=since, folder=folder, ending=ending, watch=watch
    )


def saved_inputs(
    names: Sequence[str], output: str | None, *, overwrite: bool, resume: bool = False, since: float | None = None
) -> Inputs:
    """The jobs of a run over exports: as `find_inputs`, but a folder of a video's images is one input."""
    found = [item for name in names for item in ([_Found(name)] if _is_of_one_video(name) else _expand(name))]
    return _placed(found, output, overwrite=overwrite, resume=resume, since=since)


def _is_of_one_video(name: str) -> bool:
    return not has_scheme(name) and os.path.isdir(name) and next(Path(name).glob(SAVED_IMAGES), None) is not None


def _placed(
    found: list[_Found],
    output: str | None,
    *,
    overwrite: bool,
    resume: bool,
    since: float | None,
    folder: Path | None = None,
    ending: str | None = None,
    watch: Watch | None = None,
) -> Inputs:
    """The jobs of the found inputs. Raises UsageError as `find_inputs`."""
    left_out = [item.path for item in found if item.left_out]
    found = [item for item in found if not item.left_out]
    several = len(found) > 1
    target = _target_folder(output, several, may_be_several=any(item.one_of_many for item in found))
    left_out = [path for path in left_out if os.path.realpath(path) != os.path.realpath(target or "")]
    stems = _distinct_stems([item.path for item in found])
    jobs: list[Job] = []
    refused: dict[int, Failure] = {}
    standing: set[int] = set()
    stores = StoreListings()
    places = OutputPlaces([item.path for item in found], stores)
    for index, (item, stem) in enumerate(watched(list(zip(found, stems, strict=True)), "results", watch)):
        name = default_name(item.path, stem, ending, item.kind)
        place = output if target is None and output else path_in(target or str(folder or ""), name)
        job = Job(
            index=index, input=item.path, output=place, stem=stem, several=several, overwrite=overwrite, resume=resume
        )
        jobs.append(job)
        if resume and not item.failure and _is_finished(place, since, stores):
            standing.add(index)
        elif failure := item.failure or places.refusal(job):
            refused[index] = failure
        places.take(job)
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
    failure = one.failure or other.failure or OutputPlaces([one.path, other.path], StoreListings()).refusal(job)
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
        index=0,
        input=together[0] if together else "",
        together=together,
        output=place,
        stem=Path(place).stem,
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
    failure = OutputPlaces(names, StoreListings()).refusal(job) if local else None
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


def default_name(path: str, stem: str, ending: str | None = None, kind: Kind | None = None) -> str:
    """The file name of an input's result; `kind` is its media type, if it is known."""
    if ending is not None:
        return fitting_name(stem, ending)
    still = is_image(path) if kind is None else kind == "image"
    return fitting_name(stem, f".densepose{'.png' if still else '.mp4'}")


def _expand(name: str, watch: Watch | None = None) -> list[_Found]:
    if is_remote(name):
        files = listing(name)
        if files is None:
            return [_Found(name)] if exists(name) else [_missing(name, "this file does not exist")]
        return _in_folder(name, files, [], watch)
    if _URL.match(name):
        return [_Found(name)]
    path = Path(name)
    if os.path.isfile(path / SAVED):
        return [_Found(name)]
    if os.path.isdir(path):
        if not os.access(path, os.R_OK | os.X_OK):
            return [_missing(name, "this folder cannot be read")]
        with os.scandir(path) as items:
            found = sorted((item.name, _is_folder(item)) for item in items)
        within = str(path / "x")[:-1]
        folders = [f"{within}{one}/" for one, is_folder in found if is_folder]
        return _in_folder(name, [within + one for one, is_folder in found if not is_folder], folders, watch)
    if os.path.exists(path):
        return [_Found(name)]
    if glob.has_magic(name):
        matches = sorted(file for file in glob.glob(name, recursive=True) if Path(file).is_file())
        return [_Found(file, one_of_many=True) for file in matches] or [_missing(name, "nothing fits this pattern")]
    if name.isdecimal():
        failure = Failure(what="this file does not exist", where=name, remedy=f"for a camera give -c live {name}")
        return [_Found(name, failure)]
    return [_missing(name, "this file does not exist")]


def _is_folder(item: os.DirEntry[str]) -> bool:
    """Whether an item of a folder is a folder; a link to itself is none."""
    try:
        return item.is_dir()
    except OSError:
        return False


def _in_folder(name: str, files: Sequence[str], folders: Sequence[str], watch: Watch | None) -> list[_Found]:
    """The media of a folder, then the files that are left out. Files in stores are judged by their names."""
    asked = (file for file in watched(files, "files", watch) if not is_companion(file))
    kinds = {file: kind for file in asked if (kind := media_kind(file)) is not None}
    others = sorted({*files, *folders} - {*kinds})
    found = [_Found(file, kind=kind, one_of_many=True) for file, kind in kinds.items()] or [
        _missing(name, "no video or image in this folder")
    ]
    return [*found, *(_Found(file, left_out=True) for file in others)]


def _missing(name: str, what: str) -> _Found:
    return _Found(name, Failure(what=what, where=name, remedy="check the name and the current folder"))


def _target_folder(output: str | None, several: bool, *, may_be_several: bool = False) -> str | None:
    """The folder of the results, or None when `output` is a file or the default.

    Where a folder or a pattern names a single input, a name without suffix is a folder, as for several.
    """
    if output is None:
        return None
    if os.path.isdir(output) or output.endswith(("/", os.sep)):
        return output
    if not several:
        return output if may_be_several and not Path(output).suffix else None
    if has_media_suffix(output):
        raise UsageError("several inputs cannot go to one file", f"-o {output}", "name a folder")
    return output


def _distinct_stems(paths: Sequence[str]) -> list[str]:
    """A stem for each input; where two are equal, the suffix is added, and then the folder."""
    stems = _longer([_stem(path) for path in paths], paths, lambda path, stem: Path(path).name)
    return _longer(stems, paths, lambda path, stem: f"{Path(path).absolute().parent.name}_{stem}")


def _longer(stems: list[str], paths: Sequence[str], longer: Callable[[str, str], str]) -> list[str]:
    """The stems, with a longer one wherever two are equal."""
    counts = Counter(stems)
    return [longer(path, stem) if counts[stem] > 1 else stem for path, stem in zip(paths, stems, strict=True)]


def _stem(path: str) -> str:
    if "://" not in path:
        return name_and_suffix(path)[0]
    public = re.sub(r"[?#].*$", "", without_secrets(path).replace(HIDDEN, "")).rstrip("/")
    name = public.rpartition("/")[2]
    names_a_host = public.count("/") == 2  # its dots begin no suffix
    return re.sub(r"[^\w.-]+", "_", name if names_a_host else Path(name).stem) or "stream"


def _is_finished(place: str, since: float | None, stores: StoreListings) -> bool:
    """Whether a result is finished; with `since`, only if it was made after that time."""
    made = since is None or (os.path.exists(place) and os.path.getmtime(place) >= since)
    return made and stores.exists(place) and is_complete(place)
