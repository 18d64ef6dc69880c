"""Files that stand under their name only when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A draft to write in the place of `path`: it gets that name when the block ends well, else it is removed.

    It lies beside the file, hidden, and each process has its own. It ends in `.partial`, so that no search for files
    of a kind finds one that a killed process left; NumPy, which adds the suffix that it misses, is to be given an open
    file.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
