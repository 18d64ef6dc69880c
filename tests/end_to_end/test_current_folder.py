"""No file of the current folder is ever imported, whichever way the program is started, by none of its processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.import_path import ROOMS, RoomFinder, is_program, keep_to_own_modules, link_rooms, module_command
from tests.stages.live.clock_video import free_port

ADDRESS = re.compile(r"http://127\.0\.0\.1:\S+")
TRAPS = (
    *("av", "yaml", "numpy", "ray", "filelock", "torch", "json", "cv2", "fsspec", "prometheus_client", "torchvision"),
    *("PIL", "scipy", "aiohttp", "multiprocessing", "pickle", "safetensors", "openvino", "pyarrow", "setup", "tests"),
)
TRAP = """
import os, pathlib
pathlib.Path(__file__).with_name(f"caught_{__name__}_{os.getpid()}").touch()
raise ImportError("a file of the current folder was imported")
"""
SMALL = ["--set", "threads=1", "--set", "decode.max_size=96"]


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    """A folder with the rooms in which traps lie, as in a clone in which somebody works."""
    place = tmp_path / "clone"
    place.mkdir()
    for name in (*ROOMS, "configs", "run_pipeline.py"):
        (place / name).symlink_to(root / name)
    (place / "run_pipeline.py").unlink()
    shutil.copy(root / "run_pipeline.py", place / "run_pipeline.py")
    set_traps(place)
    return place


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """Another folder with traps, and two pictures."""
    place = tmp_path / "user"
    place.mkdir()
    set_traps(place)
    for number in range(2):
        cv2.imwrite(str(place / f"{number}.png"), np.full((40, 48, 3), 60 * number, np.uint8))
    return place


def set_traps(place: Path) -> None:
    for name in TRAPS:
        (place / f"{name}.py").write_text(TRAP)


def environment(**changed: str) -> dict[str, str]:
    """Of a user's shell."""
    names = ("PYTHONPATH", "PYTHONSAFEPATH")
    return {name: value for name, value in os.environ.items() if name not in names and name[:4] != "RAY_"} | changed


def run(command: Sequence[str], place: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=place, env=environment(**changed), capture_output=True, text=True)


@contextmanager
def started(command: Sequence[str], place: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, cwd=place, env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def caught(place: Path) -> list[str]:
    """The traps that were imported."""
    return sorted(path.name for path in place.glob("caught_*"))


@pytest.mark.parametrize("named", [None, f"{os.pathsep}PLACE"])
def test_the_driver_imports_nothing_from_the_current_folder(user: Path, root: Path, named: str | None) -> None:
    changed = {} if named is None else {"PYTHONPATH": named.replace("PLACE", str(user))}
    command = [sys.executable, str(root / "run_pipeline.py"), "0.png", "-o", "out.png", "--serial", *SMALL]
    done = run(command, user, **changed)
    assert (done.returncode, caught(user)) == (0, []), done.stderr


def test_workers_of_a_batch_import_nothing_from_the_current_folder(user: Path, root: Path) -> None:
    command = [sys.executable, str(root / "run_pipeline.py"), "0.png", "1.png", "-o", "out/", "-c", "batch", *SMALL]
    done = run(command, user, PYTHONPATH=f"{os.pathsep}.")
    assert (done.returncode, caught(user)) == (0, []), done.stderr
    assert sorted(path.name for path in (user / "out").iterdir()) == [
        "0.densepose.png", "1.densepose.png", "batch.json",
    ]  # fmt: skip


def words_of(settings: Sequence[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def test_ray_train_imports_nothing_from_the_current_folder(user: Path, root: Path) -> None:
    pytest.importorskip("ray.train", reason="Ray Train is not installed", exc_type=ImportError)
    settings = [
        *("workers=2", "rounds.count=1", "augment.batch=2", "train_network.fit.steps=1"),
        *("train_network.fit.lr_schedule.warmup=1", "train_network.variant.backbone=nano"),
        *("annotated_sets.sets.sparse.folder=set", "annotated_sets.sets.sparse.draw.count=2"),
        *("annotated_sets.sets.sparse.draw.height=96", "annotated_sets.sets.sparse.draw.width=96"),
        *("augment.min_size=64", "augment.max_size=96", "train_network.folder=trained"),
        "export_network.weights=rcnn.safetensors",
    ]
    done = run([sys.executable, str(root / "run_pipeline.py"), "-c", "train_rcnn", *words_of(settings)], user)
    assert (done.returncode, caught(user)) == (0, []), done.stderr
    assert (user / "rcnn.safetensors").exists()


LOADERS = """
import sys
sys.path.insert(0, sys.argv[1])
from pipeline.import_path import keep_to_own_modules
if __name__ == "__main__":
    keep_to_own_modules()
    from functools import partial
    from stages.training.loaders import made_in_order
    print(list(made_in_order(partial(partial, abs), [-1, -2, -3], processes=2, key="workers")))
"""


def test_spawned_loaders_import_nothing_from_the_current_folder(user: Path, root: Path, tmp_path: Path) -> None:
    script = tmp_path / "loaders.py"
    script.write_text(LOADERS)
    done = run([sys.executable, str(script), str(root)], user)
    assert (done.stdout.strip(), caught(user)) == ("[1, 2, 3]", []), done.stderr


@pytest.mark.parametrize("pages", ["studio", "live"])
def test_pages_import_nothing_from_the_current_folder(user: Path, root: Path, pages: str) -> None:
    port = free_port()
    given = {
        "studio": [".", "-c", "annotate", "-o", "people.json", *words_of([f"annotate.port={port}"])],
        "live": [
            *(str(root / "configs" / "demo_walk.mp4"), "-c", "live", "-o", "out.mp4"),
            *words_of([f"preview.port={port}", "live_decode.source.file=play", "live_decode.max_size=96"]),
        ],
    }
    command = [sys.executable, str(root / "run_pipeline.py"), *given[pages]]
    with started(command, user) as process:
        assert process.stderr is not None
        address = next((found[0] for line in process.stderr if (found := ADDRESS.search(line))), None)
        assert address is not None
        with urllib.request.urlopen(address) as page:
            assert page.status == 200
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert (process.returncode, caught(user)) == (130, []), said


@pytest.mark.parametrize("way", [["run_pipeline.py"], ["-m", "densepose_video"]])
def test_in_the_clone_nothing_but_the_rooms_is_imported(clone: Path, user: Path, way: list[str]) -> None:
    command = [sys.executable, *way, str(user / "0.png"), str(user / "1.png"), "-o", "out/", *SMALL]
    done = run(command, clone)
    assert (done.returncode, caught(clone)) == (0, []), done.stderr


def test_a_module_that_is_run_in_a_process_of_its_own_finds_the_rooms_alone(clone: Path, user: Path) -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1]); from pipeline.import_path import module_command; "
    script += "import subprocess; subprocess.run(module_command('stages.live.broadcast_process'), input=b'{}')"
    for place in (clone, user):
        done = run([sys.executable, "-P", "-c", script, str(clone)], place)
        assert "KeyError" in done.stderr or "required" in done.stderr or "missing" in done.stderr, done.stderr
        assert caught(place) == []


@pytest.mark.parametrize(
    ("first", "words", "expected"),
    [
        ("-m", ["python", "-m", "densepose_video", "a.mp4"], True),
        ("-m", ["python", "-Imdensepose_video"], False),  # isolated: the current folder is not on the path
        ("-m", ["python", "-mdensepose_video"], True),
        ("-m", ["python", "-m", "other"], False),
        ("/venv/bin/densepose-video", ["python", "/venv/bin/densepose-video"], True),
        ("other.py", ["python", "other.py", "-m", "densepose_video"], False),
    ],
)
def test_only_the_program_changes_the_path(
    first: str, words: list[str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [first])
    monkeypatch.setattr(sys, "orig_argv", words)
    assert is_program("densepose_video", "densepose-video") == expected


def test_the_current_folder_leaves_path_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "/a", str(tmp_path), "."])
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "/a", str(tmp_path), "/b", "."]))
    monkeypatch.setenv("PYTHONSAFEPATH", "")  # so that its former value comes back, in whatever way it is set
    keep_to_own_modules()
    assert sys.path == ["/a"] and os.environ["PYTHONPATH"] == f"/a{os.pathsep}/b"
    assert os.environ["PYTHONSAFEPATH"] == "1"


def test_the_finder_finds_rooms_only(root: Path) -> None:
    finder = RoomFinder(str(root))
    found = finder.find_spec("stages")
    assert found is not None and found.origin == str(root / "stages" / "__init__.py")
    assert finder.find_spec("tests") is None and finder.find_spec("setup") is None
    assert module_command("a.b")[1] == "-P"


def test_rooms_are_linked_or_the_clone_is_named(root: Path, tmp_path: Path) -> None:
    place = link_rooms(str(tmp_path), str(root))
    assert sorted(os.listdir(place)) == sorted(ROOMS)
    assert link_rooms(str(tmp_path / "absent"), str(root)) == str(root)
