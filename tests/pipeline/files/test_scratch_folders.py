"""Folders for the time of a run: those of processes that were killed are gone when the next one begins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.files.scratch_folders import Scratch, scratch_folder

pytestmark = pytest.mark.quick

KILLED = """
import os, signal, sys
from pipeline.files.scratch_folders import Scratch
scratch = Scratch("run-", sys.argv[1])
open(os.path.join(scratch.path, "left"), "w").close()
print(scratch.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path: Path, root: Path) -> None:
    (tmp_path / "run-of-another-program").mkdir()
    mine = Scratch("run-", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL and (Path(done.stdout.strip()) / "left").exists()
    other = Scratch("run-", str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == sorted(
        ["run-of-another-program", Path(mine.path).name, Path(other.path).name]
    )
    mine.remove()
    other.remove()
    assert os.listdir(tmp_path) == ["run-of-another-program"]


def test_a_folder_is_gone_after_its_block() -> None:
    with scratch_folder("run-") as folder:
        (folder / "x").touch()
    assert not folder.exists()
