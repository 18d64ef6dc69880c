"""The results of a batch: each is made in a place of its own, marked, and then given its name.

`OUT.partial/made.json` says what a result was made from, with which settings, and what its bytes hash to. It is written
before the result has its name, and goes when the manifest knows of the result. A batch that is killed in between thus
knows its own whole results again, and takes no file for one that a user put there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline import remote_files
from pipeline.stage import CLAIM, Job, PlainError, working_folder

SHARDS, WHOLE = "shards-", "whole-"
"""How the folders of shards, and of results that are not whole yet, begin in `OUT.partial/`."""
_MARK = "made.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is known of a whole result.

    Attributes:
        made_from: settings and file that it was made from, see `origin`.
        sha256: of its bytes.
        frames: in it.
    """

    made_from: str
    sha256: str
    frames: int


def source_mark(job: Job, settings: str) -> str:
    """A short name for settings and the file under an input's name: other ones make another result."""
    source = hashlib.sha256(repr(remote_files.stamp(job.input)).encode()).hexdigest()
    return f"{settings}-{source[:16]}"


def shard_file(job: Job, first: int, settings: str) -> str:
    """Where what the shard from frame `first` on found lies."""
    return _within(job, f"{SHARDS}{source_mark(job, settings)}", f"shard_{first:09d}.zip")


def unfinished_path(job: Job, settings: str) -> Path:
    """Where the result of an input is made that goes to a folder of this machine."""
    assert job.output is not None
    return Path(_within(job, f"{WHOLE}{source_mark(job, settings)}", Path(job.output).name))


def publish_result(draft: Path, job: Job, made_from: str, frames: int) -> None:
    """Mark a whole result, and give it its name. Raises PlainError where something else has that name by now."""
    assert job.output is not None
    if remote_files.exists(job.output) and not job.overwrite:
        raise PlainError("the output exists already", job.output, "add --overwrite or name another with -o")
    mark = Mark(made_from=made_from, sha256=_sha256(draft), frames=frames)
    remote_files.write(_within(job, _MARK), json.dumps(asdict(mark)))
    remote_files.publish(draft, job.output)


def finished_result(job: Job, settings: str) -> Mark | None:
    """The mark of a result that stands and was made from this input with these settings, else None.

    Raises PlainError where a store does not answer.
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
    """The manifest knows of a result: nothing that led to it is needed any more. Raises PlainError."""
    if job.output is None:
        return
    folder = _within(job)
    if remote_files.is_remote(folder):
        remote_files.remove(folder)
        return
    here = Path(folder)
    for made in (*here.glob(f"{SHARDS}*"), *here.glob(f"{WHOLE}*")):  # of a file that was replaced meanwhile, too
        shutil.rmtree(made, ignore_errors=True)
    with contextlib.suppress(OSError):  # something else lies in it
        for left in (*here.glob(f"{_MARK}*"), *here.glob(CLAIM)):  # a worker that was killed leaves its claim
            left.unlink()
        here.rmdir()


def _within(job: Job, *names: str) -> str:
    """A place in the working folder of a job's result."""
    assert job.output is not None
    place = working_folder(job.output)
    for name in names:
        place = remote_files.path_in(place, name)
    return place


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
