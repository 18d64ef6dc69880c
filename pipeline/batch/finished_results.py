"""Finished results of a batch: each is made in a folder of its own, marked, and then renamed to its final name.

`OUT.partial/made.json` records the input and settings of a result and the hash of its bytes. It is written before the
result gets its name, and removed when the manifest lists the result. A batch that was killed in between thus recognises
its own finished results, and no file that a user put there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.jobs import remote_files
from pipeline.stage import CLAIM, Job, PlainError, working_folder

SHARDS, WHOLE = "shards-", "whole-"
"""How the folders of shards and of unfinished results begin in `OUT.partial/`."""
_MARK = "made.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The mark of a finished result.

    Attributes:
        made_from: identifies its settings and its input, see `source_mark`.
        sha256: hash of its bytes.
        frames: number of frames in it.
    """

    made_from: str
    sha256: str
    frames: int


def source_mark(job: Job, settings: str) -> str:
    """A short name for settings and the size and date of an input: it changes when either does."""
    source = hashlib.sha256(repr(remote_files.stamp(job.input)).encode()).hexdigest()
    return f"{settings}-{source[:16]}"


def shard_file(job: Job, first: int, settings: str) -> str:
    """The file of the results of the shard that begins at frame `first`."""
    return _within(job, f"{SHARDS}{source_mark(job, settings)}", f"shard_{first:09d}.zip")


def unfinished_path(job: Job, settings: str) -> Path:
    """Where the result of an input is made, for results on this machine."""
    assert job.output is not None
    return Path(_within(job, f"{WHOLE}{source_mark(job, settings)}", Path(job.output).name))


def publish_result(draft: Path, job: Job, made_from: str, frames: int) -> None:
    """Mark a finished result and rename it to its final name. Raises PlainError if another file has that name."""
    assert job.output is not None
    if remote_files.exists(job.output) and not job.overwrite:
        raise PlainError("the output exists already", job.output, "add --overwrite or name another with -o")
    mark = Mark(made_from=made_from, sha256=_sha256(draft), frames=frames)
    remote_files.write(_within(job, _MARK), json.dumps(asdict(mark)))
    remote_files.publish(draft, job.output)


def finished_result(job: Job, settings: str) -> Mark | None:
    """The mark of a finished result that was made from this input with these settings, else None.

    Raises PlainError if a store does not respond.
    """
    if not job.output or not remote_files.exists(_within(job, _MARK)) or not remote_files.exists(job.output):
        return None
    try:
        mark = Mark(**json.loads(remote_files.read(_within(job, _MARK))))
    except (ValueError, TypeError):
        return None
    if mark.made_from != source_mark(job, settings):
        return None
    with remote_files.opened_locally(job.output) as file:
        return mark if _sha256(Path(file)) == mark.sha256 else None


def remove_leftovers(job: Job) -> None:
    """Remove the working files of a result that the manifest lists. Raises PlainError."""
    if job.output is None:
        return
    folder = _within(job)
    if remote_files.is_remote(folder):
        remote_files.remove(folder)
        return
    here = Path(folder)
    if not here.is_dir():
        return
    for made in (*here.glob(f"{SHARDS}*"), *here.glob(f"{WHOLE}*")):  # also of an input that was replaced meanwhile
        shutil.rmtree(made, ignore_errors=True)
    with contextlib.suppress(OSError):  # other files lie in it
        for left in (*here.glob(f"{_MARK}*"), *here.glob(CLAIM)):  # a killed worker leaves its lock file
            left.unlink()
        here.rmdir()


def _within(job: Job, *names: str) -> str:
    """A path in the working folder of a job's result."""
    assert job.output is not None
    place = working_folder(job.output)
    for name in names:
        place = remote_files.path_in(place, name)
    return place


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
