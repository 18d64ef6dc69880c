"""Where results may go: a result must replace no input, no other result, no folder, and no file without permission."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from pipeline.jobs.remote_files import StoreListings, is_remote, local_text
from pipeline.packet import Failure
from pipeline.recovery.journal import is_saved_so_far
from pipeline.stage import NAME_BYTES, Job, blocked_working_folder, working_folder

LISTED_AFTER = 8
"""A folder is listed once this many of its files were asked for: looking up many files singly takes longer."""


class FolderContents:
    """Which names exist in folders, and which of them are links; what appears later may not be seen."""

    def __init__(self) -> None:
        self._asked: dict[str, int] = {}
        self._listed: dict[str, dict[str, bool]] = {}

    def has_entry(self, folder: str, name: str) -> bool:
        """Whether a folder has an entry of this name: a file, a folder, or a link, also a broken one."""
        names = self._names(folder)
        return os.path.lexists(os.path.join(folder, name)) if names is None else name in names

    def is_link(self, folder: str, name: str) -> bool:
        """Whether a name in a folder is that of a link."""
        names = self._names(folder)
        return os.path.islink(os.path.join(folder, name)) if names is None else names.get(name, False)

    def _names(self, folder: str) -> dict[str, bool] | None:
        """Whether each name in a folder is that of a link; None if the folder is not listed."""
        listed = self._listed.get(folder)
        if listed is None:
            self._asked[folder] = asked = self._asked.get(folder, 0) + 1
            if asked > LISTED_AFTER:
                listed = _listing(folder)
                if listed is not None:
                    self._listed[folder] = listed
        return listed


def _listing(folder: str) -> dict[str, bool] | None:
    """Whether each name in a folder is that of a link; none in an absent folder; None for one that cannot be read."""
    try:
        with os.scandir(folder or os.curdir) as found:
            return {one.name: one.is_symlink() for one in found}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError:
        return None


class ResolvedPaths:
    """Resolves the links in paths. A folder is resolved once for all files in it, so that many files cost little."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}
        self._contents = FolderContents()

    def resolve(self, path: str) -> str:
        """The path that `os.path.realpath` gives; a path in a remote store is returned unchanged."""
        if is_remote(path):
            local = local_text(path)
            return path if local is None else self.resolve(local)
        folder, name = os.path.split(path)
        if name in ("", os.curdir, os.pardir):
            return os.path.realpath(path)
        there = self._folders.get(folder)
        if there is None:
            there = self._folders[folder] = os.path.realpath(folder)
        resolved = os.path.join(there, name)
        return os.path.realpath(resolved) if self._contents.is_link(there, name) else resolved


class OutputPlaces:
    """The places of a run's inputs and results.

    Args:
        inputs: the paths of all inputs.
        stores: what exists in the stores of the results.
    """

    def __init__(self, inputs: Sequence[str], stores: StoreListings) -> None:
        self._paths = ResolvedPaths()
        self._contents = FolderContents()
        self._stores = stores
        self._inputs = {self._paths.resolve(path) for path in inputs}
        self._results: set[str] = set()

    def take(self, job: Job) -> None:
        """Note that a job has its result there, whether it may start or not."""
        if job.output:
            self._results.add(self._paths.resolve(job.output))

    def refusal(self, job: Job) -> Failure | None:
        """Why a result must not be written to its path, or None."""
        assert job.output is not None
        if len(os.fsencode(os.path.basename(job.output))) > NAME_BYTES:
            return Failure(what="this name is too long", where=job.output, remedy="name a shorter one with -o")
        place = self._paths.resolve(job.output)
        if place in self._inputs:
            what, remedy = "the result would replace an input", "name another file with -o"
            return Failure(what=what, where=job.output, remedy=remedy)
        if place in self._results:
            what, remedy = "two inputs would give this result", "run them apart, or rename one"
            return Failure(what=what, where=job.output, remedy=remedy)
        local = local_text(job.output)
        if local is not None and self._is_free(local):
            return None
        there, is_folder = self._there(job.output, place)
        if is_folder:
            return Failure(what="the result is a folder", where=job.output, remedy="name a file with -o")
        if there and not (job.overwrite or is_saved_so_far(job.output)):
            return Failure(what="this file exists already", where=job.output, remedy="give --overwrite to replace it")
        return None if local is None else _refusal_of_links(local, overwrite=job.overwrite)

    def _is_free(self, output: str) -> bool:
        """Whether nothing lies at a path, and nothing in the place of its working folder."""
        folder, name = os.path.split(output)
        partial = os.path.basename(working_folder(output))
        return bool(name) and not any(self._contents.has_entry(folder, one) for one in (name, partial))

    def _there(self, output: str, place: str) -> tuple[bool, bool]:
        """Whether something is at a path, and whether it is a folder."""
        if local_text(output) is None:
            return self._stores.exists(output), False
        try:
            return True, stat.S_ISDIR(os.stat(place).st_mode)
        except OSError:
            return False, False


def _refusal_of_links(output: str, *, overwrite: bool) -> Failure | None:
    """Why a result must not be made beside the links at its path and at its working folder, or None."""
    if os.path.islink(output) and not os.path.exists(output) and not overwrite:
        remedy = "give --overwrite to replace the link, or name another file with -o"
        return Failure(what="is a link to a file that does not exist", where=output, remedy=remedy)
    if reason := blocked_working_folder(output):
        remedy = "remove it, or name another file with -o"
        return Failure(what=f"is {reason}, where the result is made", where=working_folder(output), remedy=remedy)
    return None
