"""The whole training graph on a handful of pictures: every stage runs, a second call goes on, the weights load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.light.architecture.weight_files import read_sizes
from models.light.architecture.weight_paths import BUILT_IN
from models.light.inference.light_network import open_light
from models.network import NetworkConfig

Done = subprocess.CompletedProcess[str]


def train(root: Path, settings: dict[str, object], config: str = "train_light_scratch") -> Done:
    command = [sys.executable, str(root / "run_pipeline.py"), "-c", config, "--serial"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def settings(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("training")
    oracles = shared / "assets" / "oracles"
    return {
        "folder": folder,
        "label_photos.coco": shared / "assets" / "images" / "coco_mini",
        "label_photos.part_teacher": oracles / "bodypix_mobilenet050_stride8.onnx",
        "label_photos.box_teacher": oracles / "yolox_nano.onnx",
        "draw_scenes.count": 4,
        "rounds.count": 2,
        "train_detector.batch": 2,
        "train_detector.fit.steps": 2,
        "train_surface.batch": 2,
        "train_surface.fit.steps": 2,
        "export_light.weights": folder / "light.safetensors",
    }


def test_training_runs_and_goes_on(root: Path, settings: dict[str, object]) -> None:
    pytest.importorskip("onnxruntime", reason="the teachers need onnxruntime")
    folder = Path(str(settings["folder"]))
    done = train(root, settings)
    assert done.returncode == 0, done.stderr
    first = open_light(NetworkConfig(weights=str(folder / "light.safetensors"), engine="torch"), 1)
    assert len(first.detect(np.zeros((1, 64, 64, 3), np.uint8))[0]) == 1
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}
    assert len(stamps) == 2
    more = train(root, {**settings, "train_surface.fit.steps": 3})
    assert more.returncode == 0, more.stderr
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")} == stamps
    second = open_light(NetworkConfig(weights=str(folder / "light.safetensors"), engine="torch"), 1)
    assert first.sha256 != second.sha256


def test_halves_that_train_alone_are_joined(root: Path, settings: dict[str, object]) -> None:
    pytest.importorskip("onnxruntime", reason="the teachers need onnxruntime")
    folder = Path(str(settings["folder"])) / "halves"
    alone = {**settings, "folder": folder, "export_light.weights": folder / "light.safetensors"}
    for half, other in (("detector", "surface"), ("surface", "detector")):
        elsewhere = (f"train_{other}.", "export_light.")
        own = {key: value for key, value in alone.items() if not key.startswith(elsewhere)}
        done = train(root, own, f"train_light_{half}")
        assert done.returncode == 0, done.stderr
    left = {path: path.read_bytes() for path in folder.glob("*/state.pt")}
    assert len(left) == 2
    done = train(root, alone)
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in folder.glob("*/state.pt")} == left
    assert read_sizes(folder / "light.safetensors") == read_sizes(BUILT_IN)


def test_two_workers_train_it_and_one_writes(root: Path, settings: dict[str, object]) -> None:
    pytest.importorskip("onnxruntime", reason="the teachers need onnxruntime")
    pytest.importorskip("ray.train", reason="needs ray[train]", exc_type=ImportError)
    folder = Path(str(settings["folder"])) / "workers"
    both = {**settings, "folder": folder, "export_light.weights": folder / "light.safetensors", "workers": 2}
    done = train(root, both)
    assert done.returncode == 0, done.stderr
    assert read_sizes(folder / "light.safetensors") == read_sizes(BUILT_IN)
    assert {path.name for path in folder.glob("*/*")} == {"0000.npz", "done.json", "log.jsonl", "state.pt"}
    refused = train(root, {**both, "train_surface.batch": 3, "train_surface.fit.steps": 3})
    assert refused.returncode == 1
    assert "train_surface.batch: a batch of 3 cannot be shared by 2 workers" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_without_pictures_it_says_what_to_give(root: Path, settings: dict[str, object]) -> None:
    bare = {**settings, "folder": Path(str(settings["folder"])) / "bare", "label_photos.coco": '""'}
    done = train(root, bare)
    assert done.returncode == 1
    assert "label_photos.human_v2: no images are given" in done.stderr
    assert "Traceback" not in done.stderr


def test_scores_are_written(root: Path, settings: dict[str, object], shared: Path) -> None:
    folder = Path(str(settings["folder"]))
    weights, report = folder / "light.safetensors", folder / "report.json"
    command = [sys.executable, str(root / "run_pipeline.py"), "-c", "evaluate", "--weights", str(weights)]
    sets = f"data=[val, '{settings['label_photos.coco']}']"
    for change in ("scenes=3", "network.max_people=4", sets, f"write_scores.folder={folder}"):
        command += ["--set", change]
    command += ["--report", str(report)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())
    assert set(found["inputs"][0]["sets"]) == {"val", "person_keypoints_val2017"}
    assert 0 <= found["metrics"]["box_AP50"] <= 1
    assert "part_of_joint" in done.stdout
