"""The stage that counts: a row for each repetition of each person, and errors that say what is missing."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.body.fitted_body import FittedBody
from models.body.open_body import load_body
from pipeline.configuration.config import read_config, validate
from pipeline.stage import Job, StageError
from stages import STAGES
from stages.payloads import Bodies
from stages.results.count import Count
from tests.stages.bodies.made_bodies import grey_frames, made_body


def squatting(depth_deg: float) -> FittedBody:
    """Somebody with bent hips and knees."""
    body = made_body()
    rotation_B33 = body.pose.rotation_B33.copy()
    for side in "LR":
        for bone, degrees in (("upperleg01", -0.8 * depth_deg), ("lowerleg01", depth_deg)):
            turn_33 = Rotation.from_euler("x", degrees, degrees=True).as_matrix()
            rotation_B33[load_body().bone(f"{bone}.{side}")] = turn_33
    return replace(body, pose=replace(body.pose, rotation_B33=rotation_B33))


def counted(stage: Count, folder: Path, depths: list[list[float]], frames: int = 100) -> list[dict[str, str]]:
    """The rows for people, each with a depth at every frame."""
    job = Job(index=0, input="dance.mp4", output=str(folder / "dance.csv"), stem="dance")
    for t in range(frames):
        people = [(identity, squatting(depth_T[t])) for identity, depth_T in enumerate(depths, 1)]
        list(stage(job, grey_frames(1, t), Bodies.of_frame(people)))
    list(stage.flush())
    with (folder / "dance.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def squats(count: int, frames: int = 100) -> list[float]:
    t_T = np.linspace(0, 1, frames - 20)
    return [0.0] * 10 + (45 - 45 * np.cos(2 * np.pi * count * t_T)).tolist() + [0.0] * 10


def test_each_person_has_a_row_for_each_repetition(tmp_path: Path) -> None:
    stage = Count(Count.Config())
    rows = counted(stage, tmp_path, [squats(2), squats(1)])
    assert [(row["person"], row["repetition"]) for row in rows] == [("1", "1"), ("1", "2"), ("2", "1")]
    assert {row["joint"].partition("_")[2] for row in rows} == {"knee_flexion"}
    assert all(88 < float(row["depth_deg"]) < 100 and abs(float(row["symmetry_deg"])) < 1 for row in rows)
    assert stage.summary()["repetitions"] == {"1": 2, "2": 1}
    assert stage.summary()["notes"] == ["person 1: 2 repetitions", "person 2: 1 repetition"]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    still, short = [[0.0] * 100], [[0.0] * 100]
    with pytest.raises(StageError, match="no repetition was found"):
        counted(Count(Count.Config()), tmp_path, still)
    with pytest.raises(StageError, match="too short to hold a repetition"):
        counted(Count(Count.Config()), tmp_path, short, frames=10)
    with pytest.raises(StageError, match="person 7 is not seen; choose one of 1"):
        counted(Count(Count.Config(person=7)), tmp_path, still)
    with pytest.raises(StageError, match="there are no people"):
        counted(Count(Count.Config()), tmp_path, [])
    job = Job(index=0, input="a.mp4", output=str(tmp_path / "a.mp4"), stem="a")
    with pytest.raises(StageError, match="the result is a table"):
        Count.check(Count.Config(), job)


def test_the_command_fits_bodies() -> None:
    assert "fit" in validate(read_config("count"), STAGES).stages
