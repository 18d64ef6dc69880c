"""Paths as people write them, and where files are kept that are made or fetched once."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from models.errors import ModelError

DEFAULT_CACHE = "~/.cache/densepose-video"
"""Where files are kept unless a setting names another folder."""
RUN_CACHE = "runs/cache"
"""The same below the folder that a run was started in, where the usual one cannot be written to."""
CACHE_REMEDY = "name a cache folder that can be written to, with 200 MB free"


def user_path(text: str | Path) -> Path:
    """A path as a user writes it: `~/` is the home folder. Raises ModelError where there is none."""
    full = os.path.expanduser(text)
    if full == "~" or full.startswith("~/"):
        raise ModelError("there is no home folder", full, "write the whole path")
    return Path(full)


def cached_file(cache: str | Path, name: str) -> Path:
    """Where a file that is made or fetched once lies, or where it can be written.

    Args:
        cache: the folder that a setting names. In the place of `DEFAULT_CACHE` come, where that cannot be written to,
            `RUN_CACHE` and a folder of this user beside other temporary files.
        name: of the file in it, with folders.

    Raises:
        ModelError: the file is nowhere, and nowhere can it be written.
    """
    found = next((place / name for place in _places(cache) if os.path.isfile(place / name)), None)
    if found is not None:
        return found
    reasons = []
    for place in _places(cache):
        reason = _refusal(place, (place / name).parent)
        if reason is None:
            return place / name
        reasons.append(reason)
    raise ModelError(f"cannot be made: {reasons[0]}", str(Path(cache) / name), CACHE_REMEDY)


def cached_files(cache: str | Path) -> list[Path]:
    """All files that are kept in the folders that `cached_file` looks in."""
    found = (Path(folder) / name for place in _places(cache) for folder, _, names in os.walk(place) for name in names)
    return sorted(found)


def _places(cache: str | Path) -> Iterator[Path]:
    if str(cache) != DEFAULT_CACHE:
        yield user_path(cache)
        return
    usual = os.path.expanduser(cache)
    if not usual.startswith("~"):
        yield Path(usual)
    yield Path(RUN_CACHE).absolute()
    private = Path(tempfile.gettempdir()) / f"densepose-video-{_user()}"
    if _is_safe(private):
        yield private


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "cache"


def _is_safe(folder: Path) -> bool:
    """Whether nobody else can write to a folder whose name others can guess; one that is not there yet is safe."""
    try:
        facts = folder.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    mine = not hasattr(os, "getuid") or (facts.st_uid == os.getuid() and not facts.st_mode & 0o022)
    return stat.S_ISDIR(facts.st_mode) and mine


def _refusal(place: Path, folder: Path) -> str | None:
    """Why nothing can be written to a folder of a place, tried out; None where it can."""
    try:
        guessable = place.parent == Path(tempfile.gettempdir())
        if guessable:
            place.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return "it is another user's" if guessable and not _is_safe(place) else None
    except OSError as error:
        return error.strerror or str(error)
