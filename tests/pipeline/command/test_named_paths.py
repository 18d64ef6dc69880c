"""Nothing that a run writes replaces what it reads; reports, logs and profiles replace only files of their kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from pipeline.command import cli
from pipeline.command.cli import main
from pipeline.command.named_paths import is_earlier
from pipeline.command.output_paths import check_output_paths
from pipeline.configuration.settings import ObserveConfig
from pipeline.jobs.inputs import Inputs, UsageError
from pipeline.observe.metrics import Metrics
from pipeline.observe.observers import observing
from pipeline.packet import Span, Step
from pipeline.stage import Job

OPTIONS = ("--report", "--log", "--profile")
EXISTS = "this file exists already"
STARTED = "the run started"


@pytest.fixture
def place(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a film, an atlas, a configuration, a saved folder and other files; the run must not start."""
    shutil.copy(root / "configs" / "demo_walk.mp4", tmp_path / "a.mp4")
    shutil.copy(root / "configs" / "demo_walk.mp4", tmp_path / "b.mp4")
    (tmp_path / "holiday.jpg").write_bytes(b"\xff\xd8\xff\xe0 a photo")
    (tmp_path / "notes.txt").write_text("what I must not forget")
    (tmp_path / "package.json").write_text('{"name": "mine"}')
    (tmp_path / "atlas.json").write_text('{"inputs": []}')
    (tmp_path / "own.yaml").write_text("extends: video\n")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "stream.json").write_text(json.dumps({"path": "b.mp4"}))
    monkeypatch.chdir(tmp_path)

    def never(*_: object, **__: object) -> NoReturn:
        raise AssertionError(STARTED)

    monkeypatch.setattr(cli, "launch", never)
    monkeypatch.setattr(cli, "check_settings", lambda _: None)
    monkeypatch.setattr(cli, "refuse_failing_inputs", lambda _config, inputs, _watch: inputs)
    return tmp_path


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(
    ("words", "path", "sentence"),
    [
        (["a.mp4"], "holiday.jpg", EXISTS),
        (["a.mp4"], "notes.txt", EXISTS),
        (["a.mp4"], "package.json", EXISTS),
        (["a.mp4", "--overwrite", "--atlas", "atlas.json"], "./atlas.json", "what render.atlas names is"),
        (["a.mp4", "--overwrite", "--atlas", "2=atlas.json"], "atlas.json", "what render.atlas_of.2 names is"),
        (["a.mp4", "--overwrite", "--weights", "atlas.json"], "atlas.json", "what network.weights names is"),
        (["a.mp4", "--overwrite", "-c", "own.yaml"], "own.yaml", "the configuration is there"),
        (["a.mp4", "--overwrite", "--export", "csv=qq.csv"], "qq.csv", "what export.to.csv names is"),
        (["saved", "--overwrite", "-c", "render"], "b.mp4", "the video of an input is there"),
        (["saved", "--overwrite", "-c", "render"], "saved/stream.json", "is inside an input"),
        (["a.mp4", "b.mp4", "--overwrite", "-c", "compare"], "b.mp4", "an input is there"),
        (["a.mp4", "b.mp4", "--overwrite", "-c", "annotate"], "b.mp4", "an input is there"),
    ],
)
def test_no_other_file_is_replaced(
    place: Path, option: str, words: list[str], path: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}
    assert main([*words, "--serial", option, path]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {option} {path}: {sentence}") and len(said.splitlines()) == 1
    assert {file: file.read_bytes() for file in place.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.mp4", "-o", "atlas.json", "--atlas", "atlas.json"], "-o atlas.json: what render.atlas names is"),
        (["a.mp4", "-o", "d/atlas.json", "--atlas", "atlas.json"], "-o d/atlas.json: what render.atlas names is"),
        (["a.mp4", "-o", "atlas.json", "--weights", "atlas.json"], "-o atlas.json: what network.weights names is"),
        (["a.mp4", "-o", "./own.yaml", "-c", "own.yaml"], "-o ./own.yaml: the configuration is there"),
        (["saved", "-c", "render", "-o", "b.mp4"], "-o b.mp4: the video of an input is there"),
        (["saved", "-c", "render", "-o", "saved/stream.json"], "-o saved/stream.json: is inside an input"),
        (["saved", "-c", "render", "-o", "new.mp4", "--export", "surfaces=saved"], "--export surfaces=saved: is insi"),
        (["frame_01.png", "--export", "iuv=."], "--export iuv=.: would replace {here}/frame_01.png, which is an input"),
        (["x.jpg", "--export", "depth=.", "--atlas", "x.png"], "--export depth=.: would replace {here}/x.png, which "),
        (["a.mp4", "--export", "csv=notes.csv", "--atlas", "notes.csv"], "--export csv=notes.csv: would replace "),
        (["x.jpg", "-o", "u/x.png", "--export", "iuv=u"], "--export iuv=u: would replace {here}/u/x.png, which is a r"),
        (["x.jpg", "y.jpg", "-o", "t", "--export", "iuv=.", "--atlas", "y/y.png"], "--export iuv=.: would replace "),
        (["a.mp4", "--export", "surfaces=s/", "--report", "s/stream.json"], "--report s/stream.json: --export surfac"),
        (["a.mp4", "--export", "bodies=.", "--log", "body.npz"], "--log body.npz: --export bodies=. writes this file"),
        (["a.mp4", "--export", "mesh=.", "--log", "frame_000001_1.obj"], "--log frame_000001_1.obj: --export mesh=."),
        (["a.mp4", "b.mp4", "-c", "compare", "-o", "b.csv"], "-o b.csv: would replace {here}/b.mp4, which is an input"),
        (["a.mp4", "--export", "csv=c/", "--export", "events=c/a.csv"], "--export events=c/a.csv: would write the sam"),
        (["a.mp4", "--export", "leffa=d.mkv", "--export", "parula=d.mp4"], "--export parula=d.mp4: would write the sa"),
        (["a.mp4", "-c", "batch", "-o", "t", "--report", "t/batch.json"], "--report t/batch.json: the record of this"),
    ],
)
def test_no_result_or_export_replaces_what_is_read(
    place: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("frame_01.png", "x.jpg", "y.jpg", "x.png", "notes.csv", "y/y.png", "t/batch.json", "u/x"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(b"\x89PNG\r\n\x1a\n what I must not lose")
    (place / "t" / "batch.json").write_text('{"inputs": {}}')
    (place / "d").symlink_to(place)
    before = {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}
    assert main([*words, "--serial", "--overwrite"]) == 2
    heard = capsys.readouterr().err
    assert heard.startswith(f"error: {said.format(here=place)}") and len(heard.splitlines()) == 1
    assert {file: file.read_bytes() for file in place.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(
    "words",
    [
        ["a.mp4", "--export", "iuv=.", "--report", "r.json"],
        ["x.jpg", "--export", "iuv=.", "-o", "./y.png"],
        ["x.jpg", "y.jpg", "-o", ".", "--export", "iuv=."],
        ["a.mp4", "-o", "notes.txt", "--atlas", "atlas.json"],
        ["a.mp4", "b.mp4", "-c", "compare", "-o", "b.csv", "--set", "compare.film=false"],
    ],
)
def test_files_beside_those_of_exports_are_allowed(
    place: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("x.jpg", "y.jpg"):
        (place / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    assert main([*words, "--serial", "--overwrite"]) == 1
    assert STARTED in capsys.readouterr().err


@pytest.mark.parametrize("option", OPTIONS)
def test_overwrite_allows_a_file_that_nothing_names(
    place: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["a.mp4", "--serial", "--overwrite", option, "notes.txt"]) == 1
    assert STARTED in capsys.readouterr().err


@pytest.mark.parametrize("steps", [0, 1])
def test_earlier_files_are_renewed(tmp_path: Path, steps: int, toy_config, toy_jobs) -> None:
    jobs = toy_jobs("7")
    metrics = Metrics(toy_config().graph, jobs)
    paths = {option: str(tmp_path / option) for option in OPTIONS}
    with observing(ObserveConfig(log=paths["--log"], profile=paths["--profile"]), metrics):
        for _ in range(steps):
            span = Span(stage="count", start_s=5.0, seconds=0.5, process=7, first=0, frames=1)
            metrics.step("read", 0, Step(spans=(span,)))
    metrics.finish()
    cli.write_report(cli.make_report(metrics), paths["--report"])
    check_output_paths(Inputs(jobs=tuple(jobs), refused={}), paths)
    if steps:
        assert not is_earlier("--log", paths["--report"]) and not is_earlier("--report", paths["--profile"])


def test_all_inputs_of_a_job_are_kept(tmp_path: Path) -> None:
    job = Job(index=0, input="a", output=None, stem="a", partner=str(tmp_path / "b"), together=(str(tmp_path / "c"),))
    for name in "bc":
        with pytest.raises(UsageError, match="an input is there"):
            check_output_paths(Inputs(jobs=(job,), refused={}), {"--log": str(tmp_path / name)}, overwrite=True)
