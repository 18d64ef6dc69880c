"""Workers that Ray Train starts run the whole graph together; what they wrote and what went wrong comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.checkpoints.trained_weights import load_trained
from pipeline.command.cli import main

pytest.importorskip("ray.train", reason="needs ray[train]", exc_type=ImportError)

SETTINGS = {
    "workers": 2,
    "rounds.count": 1,
    "augment.batch": 2,
    "augment.min_size": 64,
    "augment.max_size": 64,
    "augment.max_side": 96,
    "train_network.fit.steps": 1,
    "train_network.quiet": "true",
    "annotated_sets.sets.sparse.draw.count": 3,
    "annotated_sets.sets.sparse.draw.height": 120,
    "annotated_sets.sets.sparse.draw.width": 160,
}


def test_two_workers_train_and_one_writes(
    ray_started: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders = {
        "annotated_sets.sets.sparse.folder": "set",
        "train_network.folder": "run",
        "export_network.weights": "fcn.safetensors",
    }
    words = [word for key, value in {**SETTINGS, **folders}.items() for word in ("--set", f"{key}={value}")]
    assert main(["-c", "train_fcn", *words]) == 0
    assert "fcn.safetensors" in capsys.readouterr().err
    assert load_trained(tmp_path / "fcn.safetensors")[1].kind == "fcn"
    assert not (tmp_path / "runs" / "ray_train").exists()
    # What a worker could not do is said in its own sentence.
    assert main(["-c", "train_fcn", *words, "--set", "augment.batch=3", "--set", "train_network.fit.steps=2"]) == 1
    error = capsys.readouterr().err
    assert "a batch of 3 cannot be shared by 2 workers" in error and "Traceback" not in error
