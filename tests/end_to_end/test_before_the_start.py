"""What can be known before a run starts is said before it starts: exit 2, one sentence, and nothing made or lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from pipeline.command import cli
from pipeline.command.cli import main
from pipeline.stage import Job

MINE = "annotated_sets.sets.mine"
OWN = ["-c", "train_finetune", "--set"]


@pytest.fixture
def place(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two films, a folder that is none, and a run that must not start."""
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(root / "configs" / "demo_walk.mp4", tmp_path / name)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.chdir(tmp_path)

    def never(*_: object, **__: object) -> NoReturn:
        raise AssertionError("the run started")

    monkeypatch.setattr(cli, "launch", never)
    monkeypatch.setattr(cli, "launch_batch", never)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["a.mp4", "b.mp4", "--export", "coco=all.json"], "all.json: several inputs cannot go to one file"),
        (["a.mp4", "b.mp4", "--export", "csv=all.csv", "-c", "batch"], "all.csv: several inputs cannot go to one file"),
        (["a.mp4", "b.mp4", "--export", "prores=x.mov"], "x.mov: several inputs cannot go to one file"),
        (["a.mp4", "--export", "csv=a.xls"], '"csv" cannot be written as ".xls"; use .csv'),
        (["a.mp4", "--export", "webm=a.mp4x"], '"webm" cannot be written as ".mp4x"'),
        (["a.mp4", "--export", "iuv=file/iuv/"], "the export cannot be written ("),
        (["a.mp4", "--export", "csv=file/a.csv"], "the export cannot be written ("),
        (["a.mp4", "-o", "o.mp4", "--export", "magicanimate=o.mp4"], "o.mp4: the result itself goes there"),
        (["a.mp4", "-o", "out.xyz"], 'out.xyz: a video cannot be written as ".xyz"; use one of .mp4'),
        (["a.mp4", "-o", "my.v2"], ".avi; the name of a folder ends with /"),
        (["a.mp4", "-o", "out.webm", "--set", "encode.codec=h264"], "webm cannot hold video made by libx264"),
        (["0", "-c", "live", "-o", "day.xyz"], 'day.xyz: a video cannot be written as ".xyz"'),
        (["a.mp4", "-o", "file/out.mp4"], "file: the results cannot be written (is no folder)"),
        (["a.mp4", "b.mp4", "-o", "file/deep/", "-c", "batch"], "the results cannot be written ("),
        (["a.mp4", "--report", "file/r.json"], "--report file/r.json: cannot be written (is no folder)"),
        (["a.mp4", "--log", "."], "--log .: cannot be written (is a folder)"),
        (["a.mp4", "--report", "a.mp4"], "--report a.mp4: an input is there"),
        (["a.mp4", "-o", "o.mp4", "--profile", "./o.mp4"], "--profile ./o.mp4: a result is there"),
        (["a.mp4", "--log", "x.json", "--profile", "x.json"], "x.json: what --log writes is there"),
        (["a.mp4", "--atlas", "²=x.png"], "atlas_of names the identity"),
        (["a.mp4", "-c", "unwrap", "-o", "o.jpg"], "o.jpg: an atlas is a lossless image"),
        (["a.mp4", "b.mp4", "-c", "compare", "-o", "o.png"], "o.png: the result is a table"),
        (["a.mp4", "--export", "bodies=file/b/"], "the export cannot be written ("),
        (["a.mp4", "--export", "mesh=m/", "--set", "bodies.atlas=file"], "bodies.atlas: file: this image"),
        (["a.mp4", "--export", "bodies=b/", "--set", "fit.focal_px=-3"], "focal_px is -3"),
        (["a.mp4", "--style", "mesh", "--set", "fit.height_m=18"], "height_m is 18"),
        (["a.mp4", "--set", "bodies.vertices=true"], "bodies.vertices is for the export 'bodies' alone"),
        (["a.mp4", "--export", "depth=d/", "--set", "bodies.atlas=file"], "bodies.atlas is for the export 'mesh'"),
        (["a.mp4", "--style", "uv", "--set", "fit.focal_px=9"], "nothing that this run writes needs the stage 'fit'"),
        (["-c", "evaluate", "--set", "write_scores.folder=file"], "file: this folder cannot be used (is no folder)"),
        (["a.mp4", "--weights", "ligth"], "ligth: there is no such weights file; did you mean 'light'?"),
        (["a.mp4", "--weights", "file"], "file: not a safetensors file"),
        (["a.mp4", "-c", "batch", "-o", "out/", "--weights", "."], ".: is a folder, not a weights file"),
        (["0", "-c", "live", "--set", "network.weights=file"], "file: not a safetensors file"),
        (["a.mp4", "--set", "network.device=gpu"], "network.device: expected auto or cpu or cuda"),
        (["a.mp4", "--set", "network.device=GPU:1"], "did you mean 'cuda'?"),
        (["a.mp4", "--set", "network.device=CUDA"], "did you mean 'cuda'?"),
        (["a.mp4", "--set", "network.device=cuda"], "network.device: the light network runs on the CPU alone"),
        (["-c", "export_onnx", "--set", "network={device: cuda, kind: zoo, weights: a.mp4}"], "exported on the CPU"),
        (["-c", "evaluate", "--set", "data=vall"], "neither a synthetic world nor a path; did you mean 'val'?"),
        (["-c", "evaluate", "--set", "data=[val, file]"], "data: file: no set of a kind that can be scored"),
        (["a.mp4", "--atlas", "file"], "render.atlas: file: "),
        (["a.mp4", "--set", "smooth.search=raft"], "smooth.raft_weights: RAFT needs its weights"),
        (["a.mp4", "--set", "smooth={search: raft, raft_weights: file}"], "file: not RAFT's weights"),
        (["-c", "synthetic", "-o", "x.mp4", "--set", "synthesize.world=vall"], "no synthetic world called 'vall'"),
        ([*OWN, f"{MINE}={{annotations: no.json, images: .}}"], f"{MINE}.annotations: no.json: there is no"),
        ([*OWN, f"{MINE}={{annotations: file, images: file}}"], f"{MINE}.images: file: there is no such folder"),
        (["-c", "train_light_scratch", "--set", "device=gpu"], "device: expected auto or cpu or cuda"),
        (["-c", "train_light", "--set", "train_surface.start=file"], "file: not a safetensors file"),
        (["-c", "train_rcnn", "--set", "train_network.start=file"], "file: unknown kind of weights file"),
        (["-c", "train_rcnn", "--set", "train_network.folder=file/x"], "file/x: this folder cannot be used ("),
    ],
)
def test_errors_are_reported_before_the_start(
    place: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    if "²" in words[-1]:
        words = [*words[:1], "--set", "render.atlas_of={²: x.png}"]
    assert main([*words, "--serial"]) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.startswith("error: ") and len(said.splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["a.mp4", "-c", "zoo_r50_s1x", "--weights", "w.pkl", "--set", "network.device=cuda"], "network.device"),
        (["-c", "evaluate", "--set", "network={kind: zoo, weights: w.pkl, device: cuda}"], "network.device"),
        (["-c", "train_rcnn", "--set", "train_network.device=cuda"], "train_network.device"),
        (["-c", "train_light_scratch", "--set", "device=cuda"], "train_detector.device"),
        (["-c", "train_light_scratch", "--set", "train_surface.device=cuda"], "train_surface.device"),
    ],
)
def test_a_gpu_that_is_not_there_is_refused_before_the_start(
    place: Path, words: list[str], key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "w.pkl").write_bytes(b"\x80\x02}.")
    assert main([*words, "--serial"]) == 2
    assert capsys.readouterr().err == f"error: {key}: there is no GPU that torch can use; use auto or cpu\n"


def test_the_size_of_large_exports_is_said_before_the_start(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["a.mp4", "--export", "bodies=b/", "--set", "bodies.vertices=true", "--serial"])
    first, last = capsys.readouterr().err.splitlines()
    assert "export bodies: about 165 kB a person and frame" in first and "the run started" in last


def test_synthetic_data_are_named_before_the_start(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["-c", "evaluate", "--set", "data=[val, video]", "--set", "scenes=7", "--serial"])
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("images of the synthetic worlds val, video to make and score: 207, each about a second")
    assert "--set data=FOLDER" in first and "the run started" in last
    main(["-c", "evaluate", "--set", "data=a.mp4", "--serial"])
    assert "synthetic" not in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_unwritable_folder_is_reported(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "closed").mkdir(mode=0o500)
    assert main(["a.mp4", "-o", "closed/"]) == 2
    assert "closed: the results cannot be written (nothing can be written there)" in capsys.readouterr().err


def test_an_input_whose_export_is_there_does_not_stop_the_others(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "csv").mkdir()
    (place / "csv" / "a.csv").write_text("mine")
    begun: list[str] = []

    def begin(config: object, plan: object, jobs: list[Job], *_: object, **__: object) -> Iterator[object]:
        begun.extend(job.input for job in jobs)
        return iter(())

    monkeypatch.setattr(cli, "launch", begin)
    assert main(["a.mp4", "b.mp4", "--export", "csv=csv/", "--serial"]) == 1
    assert begun == ["b.mp4"]
    assert "csv/a.csv: the output exists already" in capsys.readouterr().err


@pytest.mark.parametrize("export", ["csv=mine.csv", "mot=mine.txt", "prores=mine.mov", "iuv_video=mine.mkv"])
def test_resume_replaces_an_export_only_of_its_own_earlier_run(
    place: Path, capsys: pytest.CaptureFixture[str], export: str
) -> None:
    mine = place / export.partition("=")[2]
    mine.write_text("mine")
    words = ["a.mp4", "-o", "out.mp4", "--export", export, "--serial", "--resume"]
    assert main(words) == 2
    assert f"{mine.name}: the output exists already; add --overwrite" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    (place / "out.mp4.partial").mkdir()
    main(words)
    assert "the run started" in capsys.readouterr().err


def test_a_batch_goes_on_where_an_export_of_its_own_is_there(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "csv").mkdir()
    (place / "csv" / "a.csv").write_text("of the batch, whose worker was killed before the result had its name")
    (place / "out" / "a.densepose.mp4.partial").mkdir(parents=True)
    main(["a.mp4", "-o", "out/", "--export", "csv=csv/", "-c", "batch", "--serial"])
    assert "the run started" in capsys.readouterr().err


def test_an_absent_atlas_is_reported_before_the_network_is_loaded(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(place)
    monkeypatch.setattr("pipeline.command.launch.run_serial", lambda *_: pytest.fail("the run started"))
    for words in (["--atlas", "absent.png"], ["--atlas", "2=absent.png"]):
        assert main(["a.mp4", "--serial", *words]) == 2
        assert "render.atlas: absent.png: no such image file" in capsys.readouterr().err


STOPPED_AT_THE_LIMITS = """
import sys
from pipeline.command import cli
def stop(threads):
    sys.exit(" ".join(name for name in ("numpy", "torch", "cv2", "scipy", "openvino") if name in sys.modules))
cli.set_thread_limits = stop
cli.main(["clip.mp4", *sys.argv[1:]])
"""


@pytest.mark.parametrize("words", [["--serial"], ["-c", "batch"]], ids=" ".join)
def test_numeric_libraries_are_loaded_after_their_number_of_threads_is_set(root: Path, words: list[str]) -> None:
    """They read it once. Sums over another number of threads differ in their last bits from those of Ray's actors."""
    command = [sys.executable, "-c", STOPPED_AT_THE_LIMITS, *words]
    stopped = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert (stopped.returncode, stopped.stderr.strip()) == (1, "")
