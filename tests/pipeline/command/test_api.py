"""The Python interface, over toys and over its own real stages."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import toy_stages
import yaml
from toy_runs import GRAPH

import pipeline.command.api
from pipeline.stage import PlainError
from tests.pipeline.scheduling.test_serial import closed_form

pytestmark = pytest.mark.quick

TABLE = {**toy_stages.TABLE, "frames": "toy_stages:Hand"}


@pytest.fixture
def config(tmp_path: Path, monkeypatch) -> str:
    """The path of the toys' configuration, in a folder with inputs named 5 and 3."""
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump({**GRAPH, "save": {"part": 3}}, sort_keys=False))
    for count in ("5", "3"):
        (tmp_path / count).touch()
    monkeypatch.chdir(tmp_path)
    return "toy.yaml"


def test_run_gives_the_frames_and_writes_nothing(config: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    handed = list(pipeline.run(config, ["5", "3"], settings={"count.chunk": 2}, table=TABLE))
    values = [value for chunk in handed for value in chunk.value_T.tolist()]
    assert values == [value for count in (5, 3) for _, value in closed_form(count)]
    assert sorted(tmp_path.iterdir()) == before


def test_run_takes_one_name_too_and_is_lazy(config: str) -> None:
    frames = pipeline.run(config, "5", table=TABLE)
    assert isinstance(frames, Iterator)
    assert next(frames).first == 0


def test_run_raises_what_failed_after_the_rest(config: str) -> None:
    handed = []
    with pytest.raises(PlainError, match=r"none\.mp4: this file does not exist"):
        for chunk in pipeline.run(config, ["none.mp4", "3"], table=TABLE):
            handed.append(chunk)
    assert len(handed) == 1


def test_wrong_settings_are_refused_by_name(config: str) -> None:
    with pytest.raises(PlainError, match=r"settings: count.chonk: unknown key 'chonk'; did you mean 'chunk'"):
        list(pipeline.run(config, "3", settings={"count.chonk": 1}, table=TABLE))


def test_load_applies_the_stages_without_order(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.command.api, "WEIGHTS", ("shared", "scale"))
    table = {**TABLE, "frames": "toy_stages:HandSquares"}
    apply = pipeline.load(3, config, table=table)
    one = [apply(np.array([1, 2, 5])) for _ in range(2)]  # each call is a stream of its own
    assert [squares.value_T.tolist() for _, squares in one] == [[3, 12, 75]] * 2
    assert [squares.value_T.tolist() for _, squares in apply([[1], [2]])] == [[3], [12]]
    with pytest.raises(PlainError, match="images: int is no input"):
        apply(5)


def test_frames_in_memory_take_the_place_of_the_source(config: str) -> None:
    given = pipeline.run(config, iter([[1, 2], [3]]), table=TABLE)
    assert sum(len(chunk.value_T) for chunk in given) == 3
    with pytest.raises(PlainError, match=r"count\.chunk: frames in memory do not pass `count`; leave this setting out"):
        list(pipeline.run(config, iter([[1]]), settings={"count.chunk": 2}, table=TABLE))


def test_paths_may_be_given_as_such(config: str, tmp_path: Path) -> None:
    given = list(pipeline.run(tmp_path / config, tmp_path / "5", table=TABLE))
    assert sum(len(chunk.value_T) for chunk in given) == 5
    several = pipeline.run(Path(config), [Path("5"), "3"], settings={"count.chunk": 2}, table=TABLE)
    assert sum(len(chunk.value_T) for chunk in several) == 8
    assert pipeline.command.api._plain({"a": [tmp_path, 1]}) == {"a": [str(tmp_path), 1]}


def test_a_package_of_the_users_that_bears_our_name_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    (tmp_path / "mine.py").write_text("from pipeline import run\nnext(run('video', 'a.mp4'))")
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert f"{tmp_path}/models: another package is called 'models'" in done.stderr
    assert "rename it, or put this clone first on PYTHONPATH" in done.stderr
