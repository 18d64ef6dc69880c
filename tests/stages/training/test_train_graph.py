"""The whole training graph on a handful of pictures: every stage runs, a second call goes on, the weights load."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models.light.architecture.weight_files import read_sizes
from models.light.architecture.weight_paths import BUILT_IN
from models.light.inference.light_network import open_light
from models.network import NetworkConfig
from pipeline.command.cli import main
from stages.training.light import component_training


def train(settings: dict[str, object], config: str = "train_light_scratch") -> int:
    """The exit code of a training that runs in this process."""
    changes = (word for key, value in settings.items() for word in ("--set", f"{key}={value}"))
    return main(["-c", config, "--serial", *changes])


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


def test_training_runs_and_goes_on(settings: dict[str, object]) -> None:
    pytest.importorskip("onnxruntime", reason="the teachers need onnxruntime")
    folder = Path(str(settings["folder"]))
    assert train(settings) == 0
    first = open_light(NetworkConfig(weights=str(folder / "light.safetensors"), engine="torch"), 1)
    assert len(first.detect(np.zeros((1, 64, 64, 3), np.uint8))[0]) == 1
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}
    assert len(stamps) == 2
    assert train({**settings, "train_surface.fit.steps": 3}) == 0
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")} == stamps
    second = open_light(NetworkConfig(weights=str(folder / "light.safetensors"), engine="torch"), 1)
    assert first.sha256 != second.sha256


def test_halves_that_train_alone_are_joined(settings: dict[str, object]) -> None:
    pytest.importorskip("onnxruntime", reason="the teachers need onnxruntime")
    folder = Path(str(settings["folder"])) / "halves"
    alone = {**settings, "folder": folder, "export_light.weights": folder / "light.safetensors"}
    for half, other in (("detector", "surface"), ("surface", "detector")):
        elsewhere = (f"train_{other}.", "export_light.")
        own = {key: value for key, value in alone.items() if not key.startswith(elsewhere)}
        assert train(own, f"train_light_{half}") == 0
    left = {path: path.read_bytes() for path in folder.glob("*/state.pt")}
    assert len(left) == 2
    assert train(alone) == 0
    assert {path: path.read_bytes() for path in folder.glob("*/state.pt")} == left
    assert read_sizes(folder / "light.safetensors") == read_sizes(BUILT_IN)


def test_two_workers_train_it_and_one_writes(
    settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="the teachers need onnxruntime")
    pytest.importorskip("ray.train", reason="needs ray[train]", exc_type=ImportError)
    monkeypatch.chdir(tmp_path)  # Ray Train has a folder there
    folder = Path(str(settings["folder"])) / "workers"
    both = {**settings, "folder": folder, "export_light.weights": folder / "light.safetensors", "workers": 2}
    assert train(both) == 0
    assert read_sizes(folder / "light.safetensors") == read_sizes(BUILT_IN)
    assert {path.name for path in folder.glob("*/*")} == {"0000.npz", "done.json", "log.jsonl", "state.pt"}


def test_a_batch_that_workers_cannot_share_is_refused(
    settings: dict[str, object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How a worker's sentence reaches the user: tests/pipeline/actors/test_training.py."""
    pytest.importorskip("onnxruntime", reason="the teachers need onnxruntime")
    monkeypatch.setattr(component_training, "worker_count", lambda: 2)
    assert train({**settings, "train_surface.batch": 3, "train_surface.fit.steps": 4}) == 1
    error = capsys.readouterr().err
    assert "train_surface.batch: a batch of 3 cannot be shared by 2 workers" in error and "Traceback" not in error


def test_without_pictures_it_says_what_to_give(settings: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    bare = {**settings, "folder": Path(str(settings["folder"])) / "bare", "label_photos.coco": '""'}
    assert train(bare) == 1
    error = capsys.readouterr().err
    assert "label_photos.human_v2: no images are given" in error and "Traceback" not in error


@pytest.fixture
def few_photos(settings: dict[str, object], tmp_path: Path) -> Path:
    """The COCO folder with its first four photos of people."""
    whole, few = Path(str(settings["label_photos.coco"])), tmp_path / "few"
    (few / "annotations").mkdir(parents=True)
    (few / "val2017").symlink_to(whole / "val2017")
    listed = json.loads((whole / "annotations" / "person_keypoints_val2017.json").read_text())
    shown = {one["image_id"] for one in listed["annotations"]}
    listed["images"] = [one for one in listed["images"] if one["id"] in shown][:4]
    kept = {one["id"] for one in listed["images"]}
    listed["annotations"] = [one for one in listed["annotations"] if one["image_id"] in kept]
    (few / "annotations" / "person_keypoints_val2017.json").write_text(json.dumps(listed))
    return few


def test_scores_are_written(settings: dict[str, object], few_photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(str(settings["folder"]))
    weights, report = folder / "light.safetensors", folder / "report.json"
    words = ["-c", "evaluate", "--weights", str(weights), "--report", str(report)]
    sets = f"data=[val, '{few_photos}']"
    for change in ("scenes=2", "network.max_people=4", sets, f"write_scores.folder={folder}"):
        words += ["--set", change]
    assert main(words) == 0
    found = json.loads(report.read_text())
    assert set(found["inputs"][0]["sets"]) == {"val", "person_keypoints_val2017"}
    assert 0 <= found["metrics"]["box_AP50"] <= 1
    assert "part_of_joint" in capsys.readouterr().out
