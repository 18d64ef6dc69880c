"""Cache of files that are computed or downloaded once, and paths as users write them."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from models.errors import ModelError

DEFAULT_CACHE = "~/.cache/densepose-video"
"""Default cache folder."""
RUN_CACHE = "runs/cache"
"""Cache below the working folder, used if the default one is not writable."""
CACHE_REMEDY = "name a cache folder that can be written to, with 200 MB free"


def user_path(text: str | Path) -> Path:
    """A path as a user writes it: `~/` is the home folder. Raises ModelError if there is no home folder."""
    full = os.path.expanduser(text)
    if full == "~" or full.startswith("~/"):
        raise ModelError("there is no home folder", full, "write the full path")
    return Path(full)


def cached_file(cache: str | Path, name: str) -> Path:
    """Path of a cached file, or the path where it can be written.

    Args:
        cache: the configured folder. If it is `DEFAULT_CACHE` and not writable, `RUN_CACHE` is tried, and then a folder
            of this user in the system's temporary folder.
        name: path of the file in the cache.

    Raises:
        ModelError: the file does not exist and no folder is writable.
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
    raise ModelError(f"cannot be written: {reasons[0]}", str(Path(cache) / name), CACHE_REMEDY)


def cached_files(cache: str | Path) -> list[Path]:
    """All files in the folders that `cached_file` searches."""
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
    if is_own_folder(private):
        yield private


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "cache"


def is_own_folder(folder: Path) -> bool:
    """Whether a folder belongs to this user, who alone can write to it; or does not exist yet."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    mine = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
    return stat.S_ISDIR(status.st_mode) and mine


def _refusal(place: Path, folder: Path) -> str | None:
    """Why a cache folder is not writable, found by writing; None if it is writable."""
    try:
        guessable = place.parent == Path(tempfile.gettempdir())
        if guessable:
            place.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return "the folder belongs to another user" if guessable and not is_own_folder(place) else None
    except OSError as error:
        return error.strerror or str(error)
