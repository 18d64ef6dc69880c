"""What reaches a terminal: nothing that steers it, and something for every sign that its encoding lacks."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.command.cli import main
from pipeline.command.terminal import ERASE, Terminal, one_line

pytestmark = pytest.mark.quick


def written(text: str, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    Terminal(out).write(text)
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred\x07.mp4", r"a\x1b[31mred\x07.mp4"),
        ("a\x9b2J\x7f", r"a\x9b2J\x7f"),
        ("photo\u202egnp.exe", r"photo\u202egnp.exe"),
        ("two\nlines\r and a tab\t", "two\nlines\r and a tab\t"),
        (f"\r{ERASE}step 3", f"\r{ERASE}step 3"),
        ("踊り.mp4 → ä.mp4 · 3 frames", "踊り.mp4 → ä.mp4 · 3 frames"),
        ("not UTF-8: \udcff", r"not UTF-8: \udcff"),
    ],
)
def test_what_steers_is_shown(text: str, shown: str) -> None:
    assert written(text) == shown


@pytest.mark.parametrize("gone", ["closed pipe", "full disk", "nothing"])
def test_a_terminal_that_is_gone_ends_no_work(gone: str) -> None:
    if gone == "full disk" and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    reading, writing = os.pipe()
    os.close(reading)
    number = os.open("/dev/full", os.O_WRONLY) if gone == "full disk" else os.dup(writing)
    os.close(writing)
    with open(number, "w", encoding="utf-8") as out:
        terminal = Terminal(None if gone == "nothing" else out)
        for _ in range(3):
            terminal.write("a sentence\n" * 10_000)
            terminal.flush()
        os.fstat(number)  # what is written to vanishes, and stays open


def test_a_sentence_is_one_line() -> None:
    assert one_line("a\nerror: not mine\r\x1b[K") == r"a\nerror: not mine\r\x1b[K"


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "a -> \\xe4 - 2x"), ("cp932", "a -> \\xe4 - 2x")])
def test_signs_that_the_encoding_lacks_have_a_stand_in(encoding: str, shown: str) -> None:
    assert written("a → ä · 2×", encoding) == shown


def test_names_of_files_steer_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "x\x1b]0;title\x07\nerror: y.mp4"
    Path(name).write_bytes(b"no film")
    assert main([name, "-o", "o.mp4", "--serial"]) == 1
    said = capsys.readouterr().err
    assert r"x\x1b]0;title\x07\nerror: y.mp4" in said and "\x1b" not in said


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "cp1252"])
def test_help_is_shown_on_every_terminal(root: Path, encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "run_pipeline.py", "--help-all"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0 and done.stderr == b""
    assert b"examples:" in done.stdout
