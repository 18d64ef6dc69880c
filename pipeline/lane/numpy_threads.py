"""One thread for NumPy's matrix products (BLAS) while stages work.

Stages multiply many small matrices. Several threads of OpenBLAS wait for each other far longer than they compute these,
and their number changes the last bits of results.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_users = 0
_libraries: list[Any] = []
_modules = 0
_before: list[tuple[Any, int]] = []


@contextmanager
def numpy_in_one_thread() -> Iterator[None]:
    """Limit OpenBLAS to one thread in the whole process. The last of several that overlap restores what was set."""
    global _users
    with _lock:
        _users += 1
        _find_libraries()
        for library in _libraries:
            if library.num_threads > 1:
                _before.append((library, library.num_threads))
                _set_threads(library, 1)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            while not _users and _before:
                _set_threads(*_before.pop())


def _find_libraries() -> None:
    """Look for every OpenBLAS but PyTorch's, if modules have been imported since the last call."""
    global _modules
    if len(sys.modules) != _modules:
        _modules = len(sys.modules)
        loaded = ThreadpoolController().lib_controllers
        _libraries[:] = (each for each in loaded if each.internal_api == "openblas" and "torch" not in each.filepath)


def _set_threads(library: Any, threads: int) -> None:
    """Set a library's threads, whichever thread set them last: otherwise only that one may."""
    library.clear_controlling_thread(force=True)
    library.set_num_threads(threads)
    library.clear_controlling_thread(force=True)
