"""Silenced standard error: C libraries print about damaged images, which are reported as errors anyway."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STANDARD_ERROR = 2
_lock = threading.Lock()


@contextmanager
def silenced_stderr() -> Iterator[None]:
    """Discard all that libtiff, libpng, libjpeg and the rest of the process write to standard error meanwhile.

    Use it only around the reading of one image.
    """
    with _lock:
        try:
            kept = os.dup(STANDARD_ERROR)
        except OSError:  # a process without standard error prints nothing
            yield
            return
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, STANDARD_ERROR)
            yield
        finally:
            os.dup2(kept, STANDARD_ERROR)
            os.close(null)
            os.close(kept)
