"""SIGKILL at random moments, for real: five rounds here, `python -m tests.faults.kill_rounds` for more."""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from pipeline.batch.ray_workers import RayWorkers
from pipeline.command.cli import main
from tests.faults.kill_rounds import CLIP, actor_processes, decoded, one_round, small_run, undisturbed

LOOKING_AHEAD = ["smooth.look_ahead=1", "track.confident_score=0"]
"""Packets are held back, and the random network's people have identities, so that they are smoothed."""


def test_a_process_killed_at_any_moment_changes_no_frame(ray_started: None, tmp_path: Path) -> None:
    config = small_run(tmp_path, *LOOKING_AHEAD)
    expected = undisturbed(config, tmp_path)
    rng = random.Random(6)
    rounds = [one_round(config, tmp_path, rng, expected) for _ in range(5)]
    assert all(one.same for one in rounds), rounds
    assert any(one.restarts for one in rounds), "no process was hit"


def test_a_batch_whose_worker_is_killed_gives_the_frames_of_an_undisturbed_run(
    ray_started: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_run(tmp_path)  # for its weights
    settings = [
        "network.max_people=1",
        "network.min_score=0.0001",
        "network.max_size=96",
        "network.engine=torch",
        "threads=1",
        *LOOKING_AHEAD,
    ]
    settings += [f"network.weights={tmp_path / 'random.safetensors'}", "decode.max_size=96"]
    words = [word for setting in settings for word in ("--set", setting)]
    calm, inputs, out = tmp_path / "calm.mp4", tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(CLIP, inputs / name)
    assert main([str(CLIP), "-o", str(calm), "--serial", *words]) == 0
    begin, begun = RayWorkers.begin, []

    def begin_and_kill(bench: RayWorkers, *arguments) -> None:
        begin(bench, *arguments)
        begun.append(arguments[0])
        if len(begun) == 4:  # both videos are being worked on
            os.kill(next(iter(actor_processes("BatchWorker"))), signal.SIGKILL)

    monkeypatch.setattr(RayWorkers, "begin", begin_and_kill)
    batch = ["-c", "batch", "--set", "batch.workers=2", "--set", "batch.shard_frames=60"]
    assert main([str(inputs), "-o", f"{out}/", *batch, *words]) == 0
    assert {unit.kind for unit in begun} == {"probe", "shard", "tail"} and any(unit.tries for unit in begun)
    for name in ("a", "b"):
        assert decoded(out / f"{name}.densepose.mp4") == decoded(calm)
