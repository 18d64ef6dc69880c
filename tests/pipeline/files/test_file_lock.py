"""Locks on files, and file systems that have none: there all works, nothing is locked, and a run says so once."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import Timeout

from models.checkpoints import zoo
from pipeline.batch.folder_lock import lock_folder
from pipeline.batch.worker import _result_locked
from pipeline.command import cli
from pipeline.files.file_lock import has_locks, lock_file, unlock_file
from pipeline.files.scratch_folders import Scratch
from stages.studio.work.work_journal import WorkJournal
from stages.video.encoding.output_file import OutputFile

pytestmark = pytest.mark.quick

WITHOUT_LOCKS = [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP]


def refuse(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Every file system of this process answers `flock` with this error from here on."""

    def refused(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)


@pytest.fixture(params=WITHOUT_LOCKS, ids=errno.errorcode.__getitem__)
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems without locks, one kind after the other."""
    refuse(monkeypatch, request.param)


def test_one_process_holds_a_lock_at_a_time(tmp_path: Path) -> None:
    lock = lock_file(tmp_path / "lock", 0)
    assert lock is not None and has_locks(str(tmp_path / "absent"))
    with pytest.raises(Timeout):
        lock_file(tmp_path / "lock", 0)
    unlock_file(lock)
    assert list(tmp_path.iterdir()) == []
    again = lock_file(tmp_path / "lock", 0)
    assert again is not None
    unlock_file(again)


def test_without_locks_nothing_is_locked_and_nothing_stays(tmp_path: Path, no_locks: None) -> None:
    for _ in range(2):
        assert lock_file(tmp_path / "lock", 0) is None
    unlock_file(None)
    assert not has_locks(str(tmp_path / "absent")) and list(tmp_path.iterdir()) == []


def test_other_errors_of_a_lock_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        lock_file(tmp_path / "lock", 0)
    assert has_locks(str(tmp_path))  # a run meets the error itself, and reports it


def write_result(place: Path) -> None:
    output = OutputFile(str(place / "a.mp4"), str(place / "in.mp4"), overwrite=False)
    output.prepare(fresh=True)
    draft = output.folder / "joined.mp4"
    draft.write_bytes(b"frames")
    output.publish(draft)


def lock_result_of_batch(place: Path) -> None:
    with _result_locked(str(place / "a.mp4")):
        (place / "a.mp4").touch()


def lock_folder_of_batch(place: Path) -> None:
    with lock_folder(str(place)):
        (place / "a.mp4").touch()


def keep_scratch_folder(place: Path) -> None:
    scratch = Scratch("run-", str(place))
    other = Scratch("run-", str(place))  # which sweeps: a folder without a lock is not one of a dead process
    assert os.path.isdir(scratch.path)
    other.remove()
    scratch.remove()
    (place / "a.mp4").touch()


def open_journal(place: Path) -> None:
    WorkJournal(place / "a.mp4", [], 1).close()


@pytest.mark.parametrize(
    "work", [write_result, lock_result_of_batch, lock_folder_of_batch, keep_scratch_folder, open_journal]
)
def test_whoever_locks_works_without_locks(tmp_path: Path, no_locks: None, work: Callable[[Path], None]) -> None:
    work(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


def test_a_download_without_locks_is_alone_in_its_file(
    tmp_path: Path, no_locks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def fetch(url: str, path: Path, part: Path) -> None:
        written.append(part)
        part.write_bytes(b"weights")

    monkeypatch.setattr(zoo, "_fetch", fetch)
    path = zoo.zoo_weights("densepose_rcnn_R_50_FPN_s1x", tmp_path, trust=True)
    assert path.read_bytes() == b"weights" and str(os.getpid()) in written[0].name and not written[0].exists()


def test_a_run_says_once_that_there_are_no_locks(
    root: Path, tmp_path: Path, no_locks: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(*_: Any, **__: Any) -> Any:
        return iter(())

    monkeypatch.setattr(cli, "launch", nothing)
    demo = str(root / "configs" / "demo_walk.mp4")
    assert cli.main([demo, str(tmp_path / "absent.mp4"), "-o", f"{tmp_path}/out/"]) == 1
    assert capsys.readouterr().err.count("this file system has no locks") == 1
