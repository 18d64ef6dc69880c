"""The command as a user meets it: exit codes, single sentences, reports, Ctrl-C; over toy stages, in real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.command.cli import main
from pipeline.command.help import NEXT_STEPS
from pipeline.configuration.config import configuration_files
from pipeline.version import VERSION

TOYS = Path(__file__).resolve().parents[1] / "pipeline"
PROGRAM = "import sys, toy_stages; from pipeline.command.cli import main; sys.exit(main(None, toy_stages.TABLE))"
CONFIG = """
lanes:
  read: {stages: [count]}
  compute: {stages: [square, use_local]}
  out: {stages: [watch, smooth, save]}
demo: "6"
"""
TRACEBACK = "Traceback (most recent call last)"

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a configuration and inputs named by their counts."""
    (tmp_path / "toy.yaml").write_text(CONFIG)
    for count in ("5", "6", "7", "nonsense"):
        (tmp_path / count).touch()
    return tmp_path


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(TOYS)])}


@pytest.fixture
def command(place: Path, root: Path) -> Command:
    """Runs the program over the toys, serially unless told otherwise."""

    def call(*words: str, serial: bool = True) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", PROGRAM, "-c", "toy.yaml", *(["--serial"] if serial else []), *words]
        return subprocess.run(line, cwd=place, env=environment(root), capture_output=True, text=True)

    return call


def sentences(said: str) -> list[str]:
    """The lines without those that show the progress: how many of these there are depends on the machine's load."""
    return [line for line in said.splitlines() if " · " not in line]


def frames(path: Path) -> list[int]:
    return [row[0] for row in json.loads(path.read_text())]


def test_the_product_explains_itself(root: Path, tmp_path: Path) -> None:
    def said(*words: str) -> str:
        line = [sys.executable, str(root / "run_pipeline.py"), *words]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    first = said("--help")
    assert first == said("-h") and len(first.splitlines()) < 20
    assert [line.split("run_pipeline.py")[1].split() for line in first.splitlines() if line.startswith("  ")][:2] == [
        [],
        ["dance.mp4"],
    ]
    assert first.count("  run_pipeline.py") == 10 and "run_pipeline.py --help-all" in first
    everything = said("--help-all")
    for word in ("--style", "--export", "--report", "--serial", "--overwrite", "doctor", "examples:", "130"):
        assert word in everything
    assert said("--version") == f"{VERSION}\n"


def test_configurations_are_listed_with_a_line_each(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-c"]) == 0
    listed = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in listed if line.startswith("  ")]
    assert sorted(names) == sorted(configuration_files())
    assert all(len(line) <= 150 and len(line.split()) > 3 for line in listed if line.startswith("  "))


def test_an_input_gives_its_result_and_a_report(command: Command, place: Path) -> None:
    done = command("5", "-o", "out.json", "--report", "made/report.json")
    assert done.returncode == 0, done.stderr
    assert frames(place / "out.json") == [0, 1, 2, 3, 4]
    report = json.loads((place / "made/report.json").read_text())
    assert report["inputs"][0]["frames_out"] == 5 and report["inputs"][0]["output"] == "out.json"
    assert "5 → out.json (5 frames)" in done.stderr


def test_without_input_the_demo_runs(command: Command, place: Path) -> None:
    done = command()
    assert done.returncode == 0
    assert frames(place / "6.densepose.mp4") == list(range(6))
    assert done.stderr.rstrip().endswith(NEXT_STEPS)
    assert NEXT_STEPS not in command("5").stderr


def test_a_run_without_inputs_takes_none_and_needs_no_ray(command: Command, place: Path) -> None:
    (place / "task.yaml").write_text("inputs: none\nlanes:\n  only: {stages: [task]}\n")
    done = command("-c", "task.yaml", "--report", "report.json", serial=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((place / "report.json").read_text())["inputs"][0]["stem"] == "task"
    assert done.stderr.splitlines()[-1].startswith("1 of 1 input done in ") and "fps" not in done.stderr
    refused = command("-c", "task.yaml", "5")
    assert refused.returncode == 2 and "5: configuration 'task' takes no inputs" in refused.stderr


def test_a_graph_of_one_lane_starts_no_ray(place: Path, root: Path) -> None:
    (place / "one.yaml").write_text("lanes:\n  only: {stages: [count, square, smooth, save]}\n")
    program = f"import ray\nray.init = None\n{PROGRAM}"
    line = [sys.executable, "-c", program, "-c", "one.yaml", "5", "-o", "out.json"]
    done = subprocess.run(line, cwd=place, env=environment(root), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert frames(place / "out.json") == list(range(5))


def test_with_ray_the_result_is_the_same(command: Command, place: Path) -> None:
    assert command("5", "-o", "serial.json").returncode == 0
    done = command("5", "-o", "ray.json", "--set", "credits=2", serial=False)
    assert done.returncode == 0, done.stderr
    assert (place / "ray.json").read_bytes() == (place / "serial.json").read_bytes()
    assert "dashboard" not in done.stderr.lower() and "usage" not in done.stderr.lower()
    assert len(sentences(done.stderr)) <= 5  # the result, warnings of the toys, the sum: nothing of Ray's own


def test_what_a_folder_holds_besides_is_counted_and_named(command: Command, place: Path) -> None:
    (place / "clips" / "more").mkdir(parents=True)
    (place / "clips" / "5").write_bytes(b"\xff\xd8\xff\xe0")
    (place / "clips" / "notes.txt").write_text("words")
    done = command("clips", "-o", "made/", "--report", "report.json")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 input done" in done.stderr and "2 in the folder were left out" in done.stderr
    assert (place / "made" / "5.densepose.png").is_file()
    left_out = json.loads((place / "report.json").read_text())["left_out"]
    assert left_out == {"count": 2, "names": ["clips/more/", "clips/notes.txt"]}


def test_one_bad_input_fails_the_run_but_not_the_others(command: Command, place: Path) -> None:
    done = command("nonsense", "absent", "7", "-o", "results/")
    assert done.returncode == 1
    assert frames(place / "results/7.densepose.mp4") == list(range(7))
    assert "error: nonsense: not a number; name a number" in done.stderr
    assert "error: absent: this file does not exist" in done.stderr
    assert TRACEBACK not in done.stderr


def test_a_result_that_exists_is_kept(command: Command, place: Path) -> None:
    (place / "out.json").write_text("mine")
    refused = command("5", "-o", "out.json")
    assert refused.returncode == 1 and "--overwrite" in refused.stderr
    assert (place / "out.json").read_text() == "mine"
    assert command("5", "-o", "out.json", "--overwrite").returncode == 0
    assert frames(place / "out.json") == list(range(5))


def test_an_input_is_never_replaced(command: Command, place: Path) -> None:
    assert command("5", "-o", "5", "--overwrite").returncode == 1
    assert (place / "5").read_bytes() == b""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--stile", "parts", "5"], "there is no option '--stile'; did you mean '--style'?"),
        (["5", "--set", "count.chonk=2"], "--set: count.chonk: unknown key 'chonk'; did you mean 'chunk'?"),
        (["5", "--set", "lanes.out.replicas=2"], "lanes.out.replicas: stage 'watch' needs the packets in order"),
        (["5", "--set", "lanes.compute.gpus=64"], "lanes.compute.gpus: the lanes reserve 64 gpus"),
        (["5", "--style", "parts"], "--style parts: this configuration renders nothing"),
        (["5", "--export", "instances=raw"], "instances=raw: configuration 'toy' has no export of kind 'instances'"),
        (["5", "--export", "instances"], "an export is written KIND=PATH"),
        (["5", "6", "-o", "one.mp4"], "-o one.mp4: several inputs cannot go to one file"),
        (["5", "-c", "vidoe"], "there is no configuration 'vidoe'; did you mean 'video'?"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_2(command: Command, place: Path, words: list[str], sentence: str) -> None:
    before = sorted(place.iterdir())
    said = command(*words)
    assert said.returncode == 2
    assert sentence in said.stderr and len(said.stderr.splitlines()) == 1
    assert sorted(place.iterdir()) == before


def test_a_number_that_is_no_file_may_be_meant_for_a_camera(command: Command) -> None:
    assert "0: this file does not exist; for a camera give -c live 0" in command("0").stderr


def test_an_unexpected_error_is_a_sentence_and_debug_shows_more(command: Command) -> None:
    said = command("7", "--set", "square.at=4")
    assert said.returncode == 1 and TRACEBACK not in said.stderr
    assert "error: 7, frames 3..5: stage 'square' failed (ZeroDivisionError: a toy breaks)" in said.stderr
    assert TRACEBACK in command("7", "--set", "square.at=4", "--debug").stderr


def test_a_death_under_ray_is_one_sentence(command: Command, place: Path) -> None:
    said = command("7", "-o", "out.json", "--set", "smooth.die_at=4", serial=False)
    assert said.returncode == 1 and TRACEBACK not in said.stderr
    assert "error: 7, frames 3..5: the process of lane 'out' died" in said.stderr
    assert said.stdout == "" and len(sentences(said.stderr)) <= 3
    assert not (place / "out.json").exists()


def test_interrupted_serially_keeps_the_finished_part(command: Command, place: Path) -> None:
    (place / "1000000").touch()
    done = command("1000000", "-o", "out.json", "--set", "save.interrupt_at=300", "--report", "report.json")
    assert done.returncode == 130
    assert TRACEBACK not in done.stderr
    kept = frames(place / "out.json.partial.json")
    assert kept == list(range(len(kept))) and len(kept) > 300
    assert not (place / "out.json").exists()
    assert json.loads((place / "report.json").read_text())["inputs"][0]["state"] == "interrupted"


def test_interrupted_under_ray_keeps_the_part_and_leaves_no_process(place: Path, root: Path) -> None:
    (place / "1000000").touch()
    commits = ["--set", "save.part=3", "--set", "smooth.delay=0"]
    line = [sys.executable, "-c", PROGRAM, "-c", "toy.yaml", "1000000", "-o", "out.json", *commits]
    with subprocess.Popen(
        line, cwd=place, env=environment(root), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        journal = place / "out.json.partial" / "journal.jsonl"
        while not journal.exists() and running.poll() is None:
            time.sleep(0.05)
        family = descendants(running.pid)
        running.send_signal(signal.SIGINT)
        said = running.communicate()[1]
    assert running.returncode == 130, said
    assert TRACEBACK not in said
    assert len(family) >= 4  # three lanes and Ray's own
    assert [pid for pid in family if alive(pid)] == []
    kept = frames(place / "out.json.partial.json")
    assert kept == list(range(len(kept))) and kept
    assert not (place / "out.json").exists() and not journal.exists()


def descendants(pid: int) -> list[int]:
    """Every process below one, from /proc."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            found = re.search(r"^PPid:\s+(\d+)", status.read_text(), re.MULTILINE)
        except OSError:
            continue
        if found:
            parents[int(status.parent.name)] = int(found.group(1))
    family, wave = [], [pid]
    while wave:
        wave = [child for child, parent in parents.items() if parent in wave]
        family += wave
    return family


def alive(pid: int) -> bool:
    """Whether a process still works (a zombie that its parent has not yet asked for does not)."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
