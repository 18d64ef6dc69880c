"""The scripts and the notebook of `docs/examples` do what they say, on a short clip."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import av
import numpy as np
import pytest
from nbmake.nb_run import NotebookRun
from PIL import Image

from models.motion.postures import StateChange

FRAMES = 5


@pytest.fixture(scope="module")
def clip(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the demo clip."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with av.open(str(root / "configs" / "demo_walk.mp4")) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for _, frame in zip(range(FRAMES), source.decode(video=0), strict=False):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24")))
        target.mux(stream.encode(None))
    return path


def example(root: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, root / "docs" / "examples" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_film_becomes_a_table(root: Path, clip: Path, tmp_path: Path) -> None:
    example(root, "film").main(str(clip), str(tmp_path / "people.csv"))
    rows = list(csv.DictReader((tmp_path / "people.csv").open()))
    assert {int(row["frame"]) for row in rows} == set(range(FRAMES))
    assert len({row["identity"] for row in rows}) == 2 and all(int(row["visible charts"]) > 3 for row in rows)


def test_a_folder_becomes_coco_and_a_wrong_file_stops_nothing(
    root: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    with av.open(str(clip)) as container:
        next(container.decode(video=0)).to_image().save(photos / "42.png")
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(photos / "nobody.png")
    (photos / "notes.txt").write_text("no photo")
    example(root, "folder").main(str(photos), str(tmp_path / "people.json"))
    entries = json.loads((tmp_path / "people.json").read_text())
    assert {entry["image_id"] for entry in entries} == {"42"} and len(entries) == 2
    assert "notes.txt" in capsys.readouterr().err


def test_a_camera_calls_a_function_until_it_says_no(root: Path, clip: Path) -> None:
    seen = []

    def callback(frame: object) -> bool:
        seen.append(frame)
        return len(seen) < 2

    settings = {"live_decode.source.watchdog_s": 20, "frames.states": True}
    count = example(root, "live_camera").watch(str(clip), callback, settings)
    assert count == len(seen) == 2 and all(len(frame.people) for frame in seen)  # type: ignore[attr-defined]
    assert all(frame.state_changes == () for frame in seen)  # type: ignore[attr-defined]


def test_a_state_of_a_person_calls_a_function(root: Path) -> None:
    """A frame in which one person raises the arms, and another person stops sitting."""
    calls = []
    look = example(root, "live_camera").triggered(lambda *one: calls.append(one), "arms_raised")
    changes = [
        (3, StateChange(state="arms_raised", begins=True, second=1.2, since=1.2)),
        (4, StateChange(state="arms_raised", begins=False, second=1.2, since=0.2)),
        (4, StateChange(state="sitting", begins=True, second=1.2, since=1.2)),
    ]
    look(SimpleNamespace(state_changes=changes))
    assert calls == [(3, 1.2)]


def test_clothes_pass_from_one_film_to_another(
    root: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(root))
    result = tmp_path / "result.mp4"
    example(root, "wear_clothes").main(str(clip), str(clip), str(result))
    with av.open(str(result)) as container:
        assert len(list(container.decode(video=0))) == FRAMES
    with Image.open(tmp_path / "result.clothes.png") as clothes:
        assert np.asarray(clothes).std() > 10


def test_bodies_reach_blender(root: Path, clip: Path, tmp_path: Path) -> None:
    """Where Blender is at hand the scene is opened; else the glTF file is written, and said so."""
    script = root / "docs" / "examples" / "bodies_in_blender.py"
    own = root / ".venv" / "blender" / "bin" / "python"
    python = str(own) if own.exists() and not shutil.which("blender") else ""
    command = [sys.executable, str(script), str(clip), str(tmp_path / "scene.blend")]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    glb, blend = tmp_path / "scene.glb", tmp_path / "scene.blend"
    assert glb.read_bytes()[:4] == b"glTF"
    if python:  # Blender's package has an environment of its own
        names = runpy.run_path(str(script))
        code = names["IMPORT"].format(glb=str(glb), blend=str(blend)) + "print(len(bpy.data.armatures))"
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0 and int(done.stdout.split()[-1]) >= 1, done.stderr
    if python or shutil.which("blender"):
        assert blend.stat().st_size > 10_000
    else:
        assert f"Blender is not installed: open {glb}" in done.stdout


def test_the_notebook_runs_and_shows_what_it_says(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jupyter's kernel executes its cells; a picture for each of two, a player for each of two others."""
    path = root / "docs" / "examples" / "notebook.ipynb"
    cells = json.loads(path.read_text())["cells"]
    assert all(not cell.get("outputs") for cell in cells), "commit the notebook without outputs"
    monkeypatch.setenv("PYTHONPATH", str(root))
    done = NotebookRun(path, default_timeout=300).execute()
    assert done.error is None, done.error
    shown = [output for cell in done.nb.cells for output in cell.get("outputs", ())]
    kinds = [kind for output in shown for kind in output.get("data", ())]
    assert kinds.count("image/png") == 2 and kinds.count("text/html") == 2
    assert "repeat the one channel" in "".join(output.get("text", "") for output in shown)
