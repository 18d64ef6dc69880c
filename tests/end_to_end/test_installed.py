"""The installed package: from another folder, beside a user's own packages of the same names as the rooms."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.end_to_end.test_current_folder import caught, set_traps
from tests.faults.kill_rounds import CLIP, decoded
from tests.faults.node_death import node
from tests.stages.live.clock_video import free_port

Command = Callable[..., subprocess.CompletedProcess[str]]
PATIENCE_S = 300.0
ROOMS = ("models", "pipeline", "stages")
SHORT = ("--set", "decode.end=0.4", "--set", "decode.max_size=192", "--set", "threads=1")
FRAMES = 10
PACKETS = ("--set", "decode.chunk=5", "--set", "encode.segment_frames=5")
LIBRARY = """
import models, pipeline, stages
import densepose_video
frames = list(densepose_video.run("video", settings={"decode.end": 0.2, "decode.max_size": 192}))
apply = densepose_video.load()
assert [len(frames), models.OWN, pipeline.OWN, stages.OWN] == [5, 1, 1, 1]
assert callable(apply) and type(frames[0]).__module__ == "densepose_video.stages.results.frames"
print(densepose_video.__version__)
"""
KILLED = """
import os, signal, sys
from densepose_video.pipeline.command.cli import main
from densepose_video.pipeline.recovery.journal import Journal
whole = Journal.append
def append(journal, commit):
    whole(journal, commit)
    os.kill(os.getpid(), signal.SIGKILL)
Journal.append = append
main()
"""


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which a copy of the tree is installed, without its dependencies."""
    copy, site = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("site")
    named = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True)
    if named.returncode:
        pytest.skip("this is no clone: which files belong to the project is not known")
    wanted = (*(f"{room}/" for room in ROOMS), "configs/", "densepose_video/")
    for name in named.stdout.splitlines():
        if (root / name).is_file() and (name.startswith(wanted) or "/" not in name):
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, target)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    made = subprocess.run([*pip, "--target", str(site), str(copy)], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return site


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with modules of their own that bear the rooms' names."""
    folder = tmp_path_factory.mktemp("user")
    for room in ROOMS:
        (folder / room).mkdir()
        (folder / room / "__init__.py").write_text("OWN = 1\n")
    return folder


def test_the_command_imports_nothing_from_the_current_folder(site: Path, tmp_path: Path) -> None:
    set_traps(tmp_path)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    places = os.pathsep.join([str(site), ""])  # the last is the current folder
    line = [sys.executable, str(site / "bin" / "densepose-video"), str(CLIP), "-o", "out.mp4", *SHORT]
    done = subprocess.run(line, cwd=tmp_path, env={**inherited, "PYTHONPATH": places}, capture_output=True, text=True)
    assert (done.returncode, caught(tmp_path)) == (0, []), done.stderr


@pytest.fixture(scope="module")
def environment(site: Path, place: Path) -> dict[str, str]:
    """Of a user's shell: Python looks in the user's folder first."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {**inherited, "PYTHONPATH": os.pathsep.join([str(place), str(site)])}


@pytest.fixture
def command(site: Path, place: Path, environment: dict[str, str]) -> Command:
    """Runs `densepose-video` with some arguments in the user's folder."""

    def run(*words: str, **changed: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, str(site / "bin" / "densepose-video"), *words]
        return subprocess.run(
            line, cwd=place, env={**environment, **changed}, capture_output=True, text=True, timeout=PATIENCE_S
        )

    return run


def test_nothing_is_installed_but_the_package(site: Path) -> None:
    assert {path.name for path in site.iterdir() if not path.name.endswith(".dist-info")} == {"bin", "densepose_video"}


def test_run_and_load_work_beside_packages_of_the_same_names(place: Path, environment: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-c", LIBRARY], cwd=place, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    metadata = [path.name for path in Path(environment["PYTHONPATH"].split(os.pathsep)[1]).glob("*.dist-info")]
    assert metadata == [f"densepose_video-{done.stdout.strip()}.dist-info"]


def test_ray_lanes_give_what_one_process_gives(command: Command, place: Path) -> None:
    for output, words in (("lanes.mp4", ("--set", "ray.least_megapixels=0")), ("serial.mp4", ("--serial",))):
        done = command(str(CLIP), "-o", output, *SHORT, *words)
        assert done.returncode == 0, done.stderr
    assert (place / "lanes.mp4").read_bytes() == (place / "serial.mp4").read_bytes()


def test_a_batch_runs_on_workers(command: Command, place: Path) -> None:
    (place / "clips").mkdir()
    (place / "clips" / "one.mp4").write_bytes(CLIP.read_bytes())
    done = command("clips", "-c", "batch", "-o", "results/", *SHORT, "--set", "batch.workers=1")
    assert done.returncode == 0, done.stderr
    assert decoded(place / "results" / "one.densepose.mp4")[0] == FRAMES


def test_a_killed_run_is_resumed(command: Command, place: Path, environment: dict[str, str]) -> None:
    words = [str(CLIP), "-o", "killed.mp4", *SHORT, "--set", "decode.end=1", "--serial", *PACKETS]
    killed = subprocess.run([sys.executable, "-c", KILLED, *words], cwd=place, env=environment, capture_output=True)
    assert killed.returncode == -signal.SIGKILL and not (place / "killed.mp4").exists()
    done = command(*words, "--resume")
    assert done.returncode == 0, done.stderr
    assert decoded(place / "killed.mp4")[0] == 25


def test_two_workers_train(command: Command, place: Path) -> None:
    settings = [
        *("workers=2", "rounds.count=1", "augment.batch=2", "augment.min_size=64", "augment.max_size=96"),
        *("train_network.fit.steps=2", "train_network.fit.lr_schedule.warmup=1"),
        *("train_network.variant.backbone=nano", "annotated_sets.sets.sparse.folder=set"),
        *("annotated_sets.sets.sparse.draw.count=2", "annotated_sets.sets.sparse.draw.height=96"),
        *("annotated_sets.sets.sparse.draw.width=96", "train_network.folder=trained"),
        "export_network.weights=rcnn.safetensors",
    ]
    done = command("-c", "train_rcnn", *(word for setting in settings for word in ("--set", setting)))
    assert done.returncode == 0, done.stderr
    assert (place / "rcnn.safetensors").exists()


def test_a_cluster_is_joined(command: Command, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RAY_")]:  # of a Ray that other tests started
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    port = free_port()
    with TemporaryDirectory() as folder:  # its path is short: Ray's sockets lie in it
        head = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}/ray"]
        with node(head, Path(folder) / "head.txt"):
            words = ("--set", f"ray.address=127.0.0.1:{port}", "--report", "report.json")
            done = command(str(CLIP), "-o", "cluster.mp4", *SHORT, *words, RAY_AUTH_MODE="disabled")
    assert done.returncode == 0, done.stderr
    assert json.loads((place / "report.json").read_text())["inputs"][0]["frames_out"] == FRAMES
