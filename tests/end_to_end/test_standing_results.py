"""Results that exist already: a resumed run or a batch leaves its own, and says what it does with all others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.command.cli import main
from pipeline.files.made_from import recorded_origin
from tests.faults.random_weights import random_weights

EXPORT = ["--export", "mot=tracks/a.txt"]
OTHER = "exists already, but was made from another input or with other settings; give --overwrite instead of --resume"
UNKNOWN = "from which input and with which settings it was made is not known"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three small frames through a network that knows nothing."""
    weights = random_weights(tmp_path_factory.mktemp("weights"))
    changes = [f"network.weights={weights}", "network.max_people=1", "decode.max_size=96", "decode.end=0.1"]
    return ["--serial", "--set", "threads=1", *(word for change in changes for word in ("--set", change))]


@pytest.fixture
def place(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a film and a folder for tracks."""
    shutil.copy(root / "configs" / "demo_walk.mp4", tmp_path / "a.mp4")
    (tmp_path / "tracks").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_resumed_run_says_what_becomes_of_a_finished_result(
    place: Path, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["a.mp4", "-o", "out.mp4", *EXPORT, *settings]
    out, tracks = place / "out.mp4", place / "tracks" / "a.txt"
    assert main(command) == 0
    made, known = out.stat(), recorded_origin(out)

    def resumed(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        return main([*command, *words, "--resume"]), capsys.readouterr().err

    code, said = resumed()
    assert code == 0 and said.startswith("out.mp4: exists already, left as it is")
    if known is None:  # this file system keeps no attributes
        assert UNKNOWN in said
        pytest.skip("results cannot carry what they were made from here")
    assert UNKNOWN not in said
    for words in (["--style", "parts"], ["--export", "iuv=iuv/"], ["--set", "decode.end=0.2"]):
        code, said = resumed(*words)
        assert code == 1 and f"out.mp4: {OTHER}" in said
    stamp = (place / "a.mp4").stat()
    os.utime(place / "a.mp4", (0, 0))
    code, said = resumed()
    assert code == 1 and OTHER in said
    os.utime(place / "a.mp4", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert out.stat() == made or out.stat().st_mtime_ns == made.st_mtime_ns
    content = tracks.read_bytes()
    tracks.unlink()
    code, said = resumed()
    assert code == 0 and "left as it is" not in said
    assert tracks.read_bytes() == content and out.stat().st_mtime_ns != made.st_mtime_ns


def test_a_file_of_unknown_origin_is_left_and_lacks_no_export_in_silence(
    place: Path, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "out.mp4").write_bytes(b"mine")
    command = ["a.mp4", "-o", "out.mp4", "--resume", *settings]
    assert main(command) == 0
    assert UNKNOWN in capsys.readouterr().err
    assert main([*command, *EXPORT]) == 1
    assert "out.mp4: exists already, but --export mot=tracks/a.txt is missing; " in capsys.readouterr().err
    assert (place / "out.mp4").read_bytes() == b"mine"


def test_a_batch_makes_a_missing_export_and_replaces_none_of_the_users(
    place: Path, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "in").mkdir()
    shutil.move(place / "a.mp4", place / "in" / "a.mp4")
    shutil.copy(place / "in" / "a.mp4", place / "in" / "b.mp4")
    mine = place / "tracks" / "a.txt"
    mine.write_text("mine")
    command = ["in", "-o", "out", "-c", "batch", "--export", "mot=tracks", *settings]
    for code in (1, 2):  # also where the other input has its result
        assert main(command) == code
        assert f"error: {mine.relative_to(place)}: the output exists already" in capsys.readouterr().err
        assert mine.read_text() == "mine" and not (place / "out" / "a.densepose.mp4").exists()
    mine.unlink()
    assert main(command) == 0
    content, made = mine.read_bytes(), (place / "out" / "b.densepose.mp4").stat().st_mtime_ns
    mine.unlink()
    assert main(command) == main(command) == 0
    assert mine.read_bytes() == content
    assert (place / "out" / "b.densepose.mp4").stat().st_mtime_ns == made


KILLED_BEFORE_ITS_NAME = """
import os, signal, sys
from pipeline.batch import worker
from pipeline.command.cli import main
def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)
worker.publish_result = killed
main()
"""


def test_a_batch_replaces_the_export_of_a_worker_that_was_killed(
    root: Path, place: Path, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exports have their names before the result has."""
    command = ["a.mp4", "-o", "out/", "-c", "batch", "--export", "mot=tracks/", *settings]
    line = [sys.executable, "-c", KILLED_BEFORE_ITS_NAME, *command]
    killed = subprocess.run(line, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, check=False)
    export = place / "tracks" / "a.txt"
    assert killed.returncode == -9 and export.exists() and not (place / "out" / "a.densepose.mp4").exists()
    assert main(command) == 0, capsys.readouterr().err
    assert export.exists() and (place / "out" / "a.densepose.mp4").exists()
