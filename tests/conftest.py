"""Fixtures shared by every room's tests."""

from __future__ import annotations

import faulthandler
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
STDERR = pytest.StashKey[int]()
PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if PROCESSES > 1:  # they share the cores: threads that have none of their own wait for each other in loops
    threads = str(max(1, (os.cpu_count() or 1) // PROCESSES))
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads))


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is captured yet."""
    config.stash[STDERR] = os.dup(2)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m quick` only files that bear the mark are imported: that alone is half of the time."""
    if config.option.markexpr != "quick" or not collection_path.name.startswith("test_"):
        return None
    return True if "pytest.mark.quick" not in collection_path.read_text(encoding="utf-8") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of quick tests come last: then no process waits for a long file that another began at the end."""
    long = {item.path for item in items if item.get_closest_marker("quick") is None}
    items.sort(key=lambda item: item.path not in long)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A crash says where it happened: once started, Ray hears of it instead, and what Ray says is captured."""
    faulthandler.disable()
    faulthandler.enable(file=item.config.stash[STDERR])


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference facts and real material beside the checkout; without it the test is skipped."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("reference material (../shared) is not on this machine")
    return folder
