"""Names of results, and the working folder `OUT.partial/` in which a result is made before it gets its name."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

NAME_BYTES = 255
"""The longest file name that the usual file systems accept, in bytes."""


def fitting_name(stem: str, ending: str) -> str:
    """`stem` followed by `ending`; a name that is too long for file systems is cut, with a hash of the stem added."""
    if len(os.fsencode(stem + ending)) <= NAME_BYTES:
        return stem + ending
    mark = f"-{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}{ending}"
    kept = os.fsencode(stem)[: NAME_BYTES - len(os.fsencode(mark))]
    return kept.decode("utf-8", "ignore") + mark


def closed_folder(folder: str) -> str | None:
    """Why a folder cannot be made or written to; None if no reason is found."""
    place = os.path.abspath(folder)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        return "is no folder" if place == os.path.abspath(folder) else f"{place} is no folder"
    return None if os.access(place, os.W_OK | os.X_OK) else "nothing can be written there"


CLAIM = "claim.lock"
"""The lock file in a working folder while a run makes the result; a second run must not write there."""


PARTS = ("journal.*", "segment_*", "joined.*", "picture.*", "manifest.*", "whole.*", "saved.*")
"""The files of this program in a working folder, in the order of their removal when the result has its name. Other
files in the folder are never removed."""
WHOLE = "whole.json"
"""Holds the size and date of a whole result that is about to get its name, so that a crash right then is recognised."""
SAVED = "saved.json"
"""The same for a recording that was saved under its final name although its parts are kept; a resumed run replaces that
file."""


def working_folder(path: str) -> str:
    """The folder in which a result is made before it gets its name: `OUT.partial`, beside it."""
    name = os.path.basename(path)
    return path[: len(path) - len(name)] + fitting_name(name, ".partial")


def blocked_working_folder(path: str) -> str | None:
    """What prevents a result's working folder from being created: "a link" or "a file" has its name; None if nothing
    prevents it.

    A link is refused even if it leads to a folder. The result is renamed to its final name, which is impossible between
    two file systems; and the folder is removed later with everything that this program wrote there.
    """
    folder = working_folder(path)
    if os.path.islink(folder):
        return "a link"
    return "a file" if os.path.lexists(folder) and not os.path.isdir(folder) else None


def put_mark(draft: Path, name: str) -> None:
    """Record the size and date of a draft in a working folder, before the draft is renamed to the result's name.

    Args:
        draft: the file.
        name: `WHOLE` or `SAVED`. The previous mark stays valid, too, in case of a crash just before the file is
            renamed.

    Raises OSError.
    """
    path = draft.with_name(name)
    marks = [*_marks(path)[-1:], _facts(draft)]
    with path.open("w", encoding="utf-8") as file:
        json.dump(marks, file)
        file.flush()
        os.fsync(file.fileno())


def bears_mark(output: str, name: str) -> bool:
    """Whether the file under a result's name is the one that the mark in its working folder describes."""
    with suppress(OSError):
        return _facts(output) in _marks(Path(working_folder(output)) / name)
    return False


def _facts(path: str | Path) -> dict[str, int]:
    facts = os.stat(path)
    return {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns}


def _marks(path: Path) -> list[dict[str, int]]:
    with suppress(OSError, ValueError):
        stored = json.loads(path.read_text(encoding="utf-8"))
        return stored if isinstance(stored, list) else [stored]
    return []
