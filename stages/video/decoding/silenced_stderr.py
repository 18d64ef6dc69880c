"""Silence for libraries in C that tell the terminal of damage which is told in a sentence anyway."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STANDARD_ERROR = 2
_alone = threading.Lock()


@contextmanager
def silenced_stderr() -> Iterator[None]:
    """What libtiff, libpng and libjpeg write to standard error meanwhile is dropped, with all else there.

    For the reading of one picture, while nothing else of the process has to speak.
    """
    with _alone:
        try:
            kept = os.dup(STANDARD_ERROR)
        except OSError:  # a process without standard error is quiet
            yield
            return
        nothing = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nothing, STANDARD_ERROR)
            yield
        finally:
            os.dup2(kept, STANDARD_ERROR)
            os.close(nothing)
            os.close(kept)
