"""Which runner a run gets, and what happens before it."""

from __future__ import annotations

import dataclasses

import pytest
import toy_stages
from toy_runs import MACHINE

from pipeline.command.launch import cannot_be_parallel, launch
from pipeline.command.preflight import fetch_assets
from pipeline.configuration.plan import make_plan
from pipeline.interrupts import Interrupt
from pipeline.observe.metrics import Metrics
from pipeline.stage import StageError

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("names", "lanes", "alone"),
    [
        (["a.mp4"], 3, False),
        (["a.JPG"], 3, True),
        (["a.jpg", "b.jpg"], 3, False),
        (["a.mp4", "b.mp4"], 1, True),
    ],
)
def test_ray_is_for_what_can_run_side_by_side(toy_config, toy_jobs, names: list[str], lanes: int, alone: bool) -> None:
    stages = ["count", "square", "smooth", "save"]
    cut = {"all": {"stages": stages}} if lanes == 1 else {name: {"stages": [name]} for name in stages}
    config = toy_config(lanes=cut)
    jobs = [dataclasses.replace(job, input=name) for job, name in zip(toy_jobs(*names), names, strict=True)]
    assert cannot_be_parallel(make_plan(config.graph, config.settings, MACHINE), jobs) == alone


def test_stages_fetch_what_they_need_before_anything_starts(toy_config, toy_jobs, monkeypatch) -> None:
    fetched = []
    monkeypatch.setattr(toy_stages.Square, "fetch", classmethod(lambda cls, config: fetched.append(config.at)))
    config = toy_config(square={"at": 77})
    fetch_assets(config)
    assert fetched == [77]


def test_a_fetch_that_fails_ends_the_run_before_it_begins(toy_config, toy_jobs, monkeypatch) -> None:
    def unreachable(cls, config):
        raise StageError("cannot be downloaded", "there", "try again")

    monkeypatch.setattr(toy_stages.Square, "fetch", classmethod(unreachable))
    config, jobs = toy_config(), toy_jobs("3")
    plan = make_plan(config.graph, config.settings, MACHINE)
    with pytest.raises(StageError, match="there: cannot be downloaded; try again"):
        launch(config, plan, jobs, Metrics(config.graph, jobs), Interrupt(), serial=True)


def test_no_inputs_are_no_run(toy_config) -> None:
    config = toy_config()
    plan = make_plan(config.graph, config.settings, MACHINE)
    assert list(launch(config, plan, [], Metrics(config.graph, []), Interrupt(), serial=False)) == []
