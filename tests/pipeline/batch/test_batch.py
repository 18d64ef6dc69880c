"""Batches: what is cut gives the frames of what is not, what is done is not done again, what fails is named."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import toy_stages

from pipeline.batch import folder_lock, ray_workers
from pipeline.batch import units as batch_units
from pipeline.batch.manifest import Manifest
from pipeline.batch.run import Ended, LocalWorker, run_batch
from pipeline.batch.split_graph import split_run
from pipeline.batch.units import Unit, UnitQueue
from pipeline.batch.worker import BatchWorker, WorkerPlace
from pipeline.command.cli import main
from pipeline.configuration.config import RunConfig
from pipeline.configuration.settings import BatchConfig
from pipeline.interrupts import Interrupt
from pipeline.observe.metrics import Metrics
from pipeline.packet import is_result
from pipeline.stage import Job, PlainError
from tests.faults.kill_rounds import decoded
from tests.faults.random_weights import random_weights

SMALL = ["decode.max_size=96", "threads=1", "encode.segment_frames=60"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A network that knows nothing, on small frames."""
    weights = random_weights(tmp_path_factory.mktemp("weights"))
    network = {"weights": weights, "min_score": 0.0001, "max_people": 1, "max_size": 96}
    changes = [*SMALL, *(f"network.{key}={value}" for key, value in network.items())]
    return [word for change in changes for word in ("--set", change)]


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One clip, one picture, one file that is neither."""
    place = tmp_path_factory.mktemp("inputs")
    shutil.copy(root / "configs" / "demo_walk.mp4", place / "a_walk.mp4")
    (place / "b_broken.mp4").write_text("no video")
    return place


@pytest.fixture(scope="module")
def calm(folder: Path, settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of the clip in an ordinary run."""
    output = tmp_path_factory.mktemp("calm") / "calm.mp4"
    assert main([str(folder / "a_walk.mp4"), "-o", str(output), "--serial", *settings]) == 0
    return output


def as_of_video(path: Path) -> bytes:
    """The bytes of a batch's result, as if it stated the configuration `video`, which has the same stages."""
    batch, video = (f'"configuration": "{name}"'.encode() for name in ("batch", "video"))
    content = path.read_bytes()
    assert content.count(batch) == 1
    return content.replace(batch, video)


def test_a_cut_video_gives_the_frames_of_an_uncut_one_and_nothing_is_done_twice(
    folder: Path, settings: list[str], calm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "out", tmp_path / "report.json"
    cut = ["--set", "batch.shard_frames=50", "--report", str(report)]
    command = [str(folder), "-o", f"{out}/", "-c", "batch", "--serial", *settings, *cut]
    assert main(command) == 1  # one input is no video
    said = capsys.readouterr().err
    assert "b_broken.mp4" in said and said.endswith("run the same command again to make the missing results\n")
    result = out / "a_walk.densepose.mp4"
    assert decoded(result) == decoded(calm)
    assert as_of_video(result) == calm.read_bytes()
    lanes = json.loads(report.read_text())["lanes"]
    assert lanes["shard"]["packets"] > 0 and lanes["tail"]["packets"] > 0 and lanes["network"]["packets"] == 0
    assert not Path(f"{result}.partial").exists()
    states = {Path(path).name: entry["state"] for path, entry in _manifest(out).items()}
    assert states == {"a_walk.mp4": "done", "b_broken.mp4": "failed"}
    made = result.stat().st_mtime_ns
    assert main(command) == 1  # the broken one is tried again, the other stands
    assert result.stat().st_mtime_ns == made
    assert [entry["state"] for entry in json.loads(report.read_text())["inputs"]] == ["done", "failed"]


@pytest.mark.parametrize("content", [b"mine", None])
def test_a_result_that_somebody_changed_is_not_taken_for_done(
    content: bytes | None, folder: Path, settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(folder / "a_walk.mp4"), "-o", f"{tmp_path}/", "-c", "batch", "--serial", *settings]
    command += ["--set", "decode.end=0.2"]
    assert main(command) == main(command) == 0
    result = tmp_path / "a_walk.densepose.mp4"
    result.write_bytes(result.read_bytes()[:-1] if content is None else content)
    there = result.read_bytes()
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "this batch did not make it" in said
    assert not said.endswith("run the same command again to make the missing results\n")
    assert result.read_bytes() == there


def test_results_of_other_settings_are_not_taken_for_done(
    folder: Path, settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(folder / "a_walk.mp4"), "-o", f"{tmp_path}/", "-c", "batch", "--serial", *settings]
    short = ["--set", "decode.end=0.2"]
    assert main([*command, *short]) == 0
    assert main([*command, "--set", "decode.end=0.3"]) == 1
    assert "this batch did not make it" in capsys.readouterr().err
    assert main([*command, "--set", "decode.end=0.3", "--overwrite"]) == 0
    assert "the same command again" not in capsys.readouterr().err
    assert decoded(tmp_path / "a_walk.densepose.mp4")[0] == 8


def test_inputs_and_results_may_lie_in_a_store(folder: Path, settings: list[str], calm: Path, tmp_path: Path) -> None:
    store = tmp_path / "bucket"
    (store / "in").mkdir(parents=True)
    shutil.copy(folder / "a_walk.mp4", store / "in" / "a_walk.mp4")
    command = [f"file://{store}/in/", "-o", f"file://{store}/out/", "-c", "batch", "--serial", *settings]
    command += ["--set", "batch.shard_frames=50", "--report", str(tmp_path / "report.json")]
    assert main(command) == 0
    result = store / "out" / "a_walk.densepose.mp4"
    assert as_of_video(result) == calm.read_bytes()
    assert sorted(file.name for file in result.parent.iterdir()) == ["a_walk.densepose.mp4", "batch.json"]
    entry = json.loads((tmp_path / "report.json").read_text())["inputs"][0]
    assert (entry["path"], entry["output"]) == (f"file://{store}/in/a_walk.mp4", f"file://{store}/out/{result.name}")
    made = result.stat().st_mtime_ns
    assert main(command) == 0
    assert result.stat().st_mtime_ns == made
    os.utime(store / "in" / "a_walk.mp4", (0, 0))  # another film under the same name
    assert main([*command, "--overwrite"]) == 0
    assert result.stat().st_mtime_ns != made


def test_an_unreadable_video_in_a_store_is_named_as_given(
    settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.mp4").write_bytes(b"no film")
    command = [f"file://{tmp_path}/in/", "-o", f"file://{tmp_path}/out/", "-c", "batch", "--serial", *settings]
    assert main(command) == 1
    assert f"error: file://{tmp_path}/in/bad.mp4: is not a readable video" in capsys.readouterr().err
    assert list(json.loads((tmp_path / "out" / "batch.json").read_text())["inputs"]) == [
        f"file://{tmp_path}/in/bad.mp4"
    ]


def test_a_store_without_the_file_is_one_sentence(settings: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["file:///nowhere/a.mp4", "-o", "file:///nowhere/out/", "-c", "batch", "--serial", *settings]) == 1
    said = capsys.readouterr().err
    assert "file:///nowhere/a.mp4: this file does not exist" in said and "Traceback" not in said


def test_an_invalid_manifest_is_reported(
    folder: Path, settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "batch.json").write_text("[]")
    assert main([str(folder / "a_walk.mp4"), "-o", f"{tmp_path}/", "-c", "batch", "--serial", *settings]) == 1
    assert "this is no manifest of a batch" in capsys.readouterr().err


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture
def killed(
    settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[list[str], Path]]:
    """A batch of a picture whose driver is killed when the result has its name, before or after it was recorded.

    Gives the command, and the result. `there` is what stands before the folder's name: `file://` for a store; `moment`
    is the method of the manifest that is not reached.
    """

    def run(there: str, moment: str = "note") -> tuple[list[str], Path]:
        picture = tmp_path / "in" / "photo.png"
        picture.parent.mkdir()
        cv2.imwrite(str(picture), np.full((48, 64, 3), 90, np.uint8))
        command = [str(picture), "-o", f"{there}{tmp_path}/out/", "-c", "batch", "--serial", *settings]
        with monkeypatch.context() as patch:
            patch.setattr(Manifest, moment, _killing)
            with pytest.raises(Killed):
                main(command)
        result = tmp_path / "out" / "photo.densepose.png"
        assert result.is_file() and not (result.parent / "batch.json").exists()
        return command, result

    return run


def _killing(*_: object) -> None:
    raise Killed


@pytest.mark.parametrize("moment", ["note", "_remove_marks", "close"])
@pytest.mark.parametrize("there", ["", "file://"])
def test_a_finished_result_is_recognised_whenever_the_driver_was_killed(
    killed: Callable[..., tuple[list[str], Path]], there: str, moment: str
) -> None:
    command, result = killed(there, moment)
    made = result.stat().st_mtime_ns
    (result.parent / "batch.json.0123abcd.draft").write_text("half of it")
    (result.parent / "batch.lock").touch()  # of a driver that was killed
    (result.parent / f"{result.name}.partial").mkdir(exist_ok=True)
    (result.parent / f"{result.name}.partial" / "claim.lock").touch()  # and of its worker
    assert main(command) == 0
    assert result.stat().st_mtime_ns == made
    assert sorted(file.name for file in result.parent.iterdir()) == ["batch.json", result.name]
    assert [entry["state"] for entry in _manifest(result.parent).values()] == ["done"]


@pytest.mark.parametrize("there", ["", "file://"])
def test_a_file_of_the_users_under_a_results_name_stays(
    killed: Callable[..., tuple[list[str], Path]], there: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, result = killed(there)
    result.write_bytes(b"mine")
    assert main(command) == 1
    assert "this batch did not make it from this input" in capsys.readouterr().err
    assert result.read_bytes() == b"mine"
    assert main([*command, "--overwrite"]) == 0
    assert sorted(file.name for file in result.parent.iterdir()) == ["batch.json", result.name]


def test_a_finished_result_of_another_input_is_not_used(
    killed: Callable[..., tuple[list[str], Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    command, result = killed("")
    made = result.read_bytes()
    os.utime(command[0], (0, 0))
    assert main(command) == 1
    assert "this batch did not make it from this input" in capsys.readouterr().err
    assert result.read_bytes() == made


def test_one_batch_at_a_time_has_a_folder(
    folder: Path,
    settings: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folder_lock, "PATIENCE_S", 0.1)
    command = [str(folder / "a_walk.mp4"), "-c", "batch", "--serial", *settings, "--set", "decode.end=0.1"]
    for place in (f"{tmp_path}/out/", f"file://{tmp_path}/out/"):
        with folder_lock.lock_folder(place):
            assert main([*command, "-o", place]) == 1
        assert capsys.readouterr().err.count("another batch is writing its results there") == 1
    assert list((tmp_path / "out").iterdir()) == []
    assert main([*command, "-o", f"{tmp_path}/out/"]) == 0


def test_a_worker_finds_what_a_worker_of_a_killed_batch_made_meanwhile(
    toy_config: Callable[..., RunConfig], toy_jobs: Callable[..., list[Job]]
) -> None:
    config, (job,) = toy_config(batch={"most_shards": 1}), toy_jobs("3")
    worker = BatchWorker(split_run(config, toy_stages.TABLE), 1, os.getcwd(), "mark")
    unit = Unit(kind="whole", index=0)
    first, second = (worker.run(unit, job, ()).metrics.streams[0] for _ in range(2))
    assert (first.state, second.state) == ("done", "done")
    assert (first.frames_done, second.frames_done, second.results) == (3, 3, [])


def _manifest(out: Path) -> dict[str, dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = json.loads((out / "batch.json").read_text())["inputs"]
    return entries


@pytest.mark.parametrize(
    ("length", "chunk", "expected"),
    [
        (None, 1, []),
        (3000, 1, []),
        (3001, 1, [(0, 1560), (1560, None)]),  # half of it, up to a multiple of 120
        (9000, 7, [(0, 3360), (3360, 6720), (6720, None)]),  # whole packets of 7 as well
        (90_000, 1, [(first, first + 11_280) for first in range(0, 78_960, 11_280)] + [(78_960, None)]),
    ],
)
def test_shards_hold_whole_packets_and_the_last_goes_to_the_end(length, chunk, expected) -> None:
    units = batch_units.split_input(3, length, BatchConfig(), chunk)
    assert [(unit.first, unit.end) for unit in units if unit.kind == "shard"] == expected
    assert units[-1] == Unit(kind="tail" if expected else "whole", index=3)


def test_a_tail_waits_for_its_shards_and_workers_take_the_next_unit() -> None:
    queue = UnitQueue([Unit(kind="probe", index=0), Unit(kind="whole", index=1)])
    probe = queue.take()
    assert probe is not None
    queue.done(probe, batch_units.split_input(0, 6000, BatchConfig(), 1))
    first, second, other = (queue.take() for _ in range(3))
    assert first and second and other
    assert (first.first, second.kind, other.index) == (0, "shard", 1)
    assert queue.take() is None
    queue.done(first)
    assert queue.take() is None and not queue.is_empty
    queue.done(second)
    tail = queue.take()
    assert tail == Unit(kind="tail", index=0)
    queue.done(tail)
    queue.done(other)
    assert queue.is_empty


def test_units_of_inputs_that_have_begun_come_first_in_their_order() -> None:
    queue = UnitQueue(Unit(kind="probe", index=index) for index in range(3))
    probe = queue.take()
    assert probe is not None
    queue.done(probe, batch_units.split_input(0, 6000, BatchConfig(), 1))
    assert [(unit.index, unit.first) for _ in range(4) if (unit := queue.take())] == [(0, 0), (0, 3000), (1, 0), (2, 0)]


def test_a_worker_that_dies_twice_under_a_unit_ends_its_input() -> None:
    queue = UnitQueue([Unit(kind="whole", index=0), Unit(kind="whole", index=1)])
    unit = queue.take()
    assert unit is not None and queue.died(unit)
    retried = queue.take()
    assert retried is not None and (retried.index, retried.tries) == (0, 1)
    assert not queue.died(retried)
    queue.failed(retried)
    last = queue.take()
    assert last == Unit(kind="whole", index=1) and queue.take() is None
    queue.done(last)
    assert queue.is_empty


def test_a_failed_input_drops_its_remaining_units() -> None:
    queue = UnitQueue([Unit(kind="probe", index=0), Unit(kind="whole", index=1)])
    probe = queue.take()
    assert probe is not None
    queue.done(probe, batch_units.split_input(0, 9000, BatchConfig(), 1))
    first, second = queue.take(), queue.take()
    assert first and second
    queue.failed(first)
    queue.done(second)  # it ran when the input failed
    last = queue.take()
    assert last == Unit(kind="whole", index=1)
    queue.done(last)
    assert queue.is_empty


class DyingOnce:
    """Workers of which the first dies during its first unit."""

    def __init__(self, worker: BatchWorker) -> None:
        self._next = LocalWorker(worker)
        self._died: list[Ended] = []
        self._deaths = 0

    @property
    def free(self) -> bool:
        return self._next.free and not self._died

    def begin(self, unit: Unit, job: Job, shards: Sequence[Unit]) -> None:
        if self._deaths:
            self._next.begin(unit, job, shards)
        else:
            self._deaths += 1
            self._died.append(Ended(unit=unit, outcome=None, place=WorkerPlace(node="far", process=7)))

    def finished(self) -> list[Ended]:
        died, self._died = self._died, []
        return [*died, *self._next.finished()]


def test_a_worker_that_died_is_counted_and_its_unit_done_by_the_next(
    toy_config: Callable[..., RunConfig], toy_jobs: Callable[..., list[Job]], tmp_path: Path
) -> None:
    config, jobs = toy_config(batch={"most_shards": 1}), toy_jobs("3", "4")
    parts = split_run(config, toy_stages.TABLE)
    metrics = Metrics(config.graph, jobs)
    manifest = Manifest(str(tmp_path / "results"), "mark")
    dying = DyingOnce(BatchWorker(parts, 1, os.getcwd(), "mark"))
    receipts = list(run_batch(parts, jobs, metrics, Interrupt(), dying, manifest))
    manifest.close()
    assert sorted(job.index for job, receipt in receipts if is_result(receipt)) == [0, 1]
    assert metrics.lanes["worker"].restarts == 1
    assert all(tally.state == "done" for tally in metrics.streams.values())
    first, second = _manifest(tmp_path / "results").values()
    here = platform.node()
    assert (first["restarts"], first["node"], first["frames"]) == (1, f"far, {here}", 3)
    assert (second["restarts"], second["node"], second["worker"]) == (0, here, f"{here}:{os.getpid()}")
    assert min(float(entry["seconds"]) for entry in (first, second)) > 0


def test_a_batch_serves_rays_dashboard_on_request(
    toy_config: Callable[..., RunConfig],
    toy_jobs: Callable[..., list[Job]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []

    def start(*_: object, dashboard: bool) -> bool:
        asked.append(dashboard)
        raise PlainError("no Ray in this test", "", "")

    monkeypatch.setattr(ray_workers, "start_ray", start)
    for wish in (True, False):
        config, jobs = toy_config(f"ray.dashboard={wish}", batch={"most_shards": 1}), toy_jobs("3")
        parts = split_run(config, toy_stages.TABLE)
        manifest = Manifest(str(tmp_path / "results"), "mark")
        with pytest.raises(PlainError, match="no Ray in this test"):
            list(ray_workers.run_batch_on_ray(parts, jobs, Metrics(config.graph, jobs), Interrupt(), manifest, "mark"))
    assert asked == [True, False]
