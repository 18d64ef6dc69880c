"""The page on adding a stage is true: its class is taken from the page, wired, and run."""

from __future__ import annotations

import re
import sys
import types
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline.configuration.config import read_config, validate
from pipeline.configuration.graph import read_node
from pipeline.stage import Job
from stages import STAGES
from stages.payloads import FrameChunk, People, VideoInfo

pytestmark = pytest.mark.quick


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "adding_a_stage.md").read_text(encoding="utf-8")


@pytest.fixture
def module(page: str, monkeypatch) -> types.ModuleType:
    """The first block of Python of the page, as a module."""
    made = types.ModuleType("stage_of_the_page")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    exec(compile(code, "docs/adding_a_stage.md", "exec"), made.__dict__)
    return made


def test_the_class_counts(module: types.ModuleType, tmp_path: Path) -> None:
    video = VideoInfo(path="a", width=2, height=2, still=False, rate=None, time_base=Fraction(1))
    frames = FrameChunk(rgb_THW3=np.zeros((2, 2, 2, 3), np.uint8), pts_T=np.arange(2), first=0, video=video)
    people = People(
        frame_N=np.zeros(2, np.int32),
        box_N4=np.zeros((2, 4), np.float32),
        score_N=np.ones(2, np.float32),
        id_N=np.zeros(2, np.int32),
    )
    stage = module.ExportCounts(module.ExportCounts.Config(folder=str(tmp_path)))
    stage(Job(index=0, input="dance.mp4", output=None, stem="dance"), frames, people)
    list(stage.flush())
    assert (tmp_path / "dance.csv").read_text() == "0,2\n1,0\n"
    assert stage.summary() == {"frames_counted": 2}


def test_the_configuration_wires_it(page: str, module: types.ModuleType, tmp_path: Path) -> None:
    config = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    (tmp_path / "counts.yaml").write_text(config)
    assert yaml.safe_load(config)["extends"] == "video"
    table = {**STAGES, "export_counts": "stage_of_the_page:ExportCounts"}
    run = validate(read_config(str(tmp_path / "counts.yaml"), ["export_counts.folder=numbers"]), table)
    assert run.stages["export_counts"].folder == "numbers"
    assert read_node("export_counts", module.ExportCounts).role == "tap"
