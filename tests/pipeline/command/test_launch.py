"""Which runner a run gets, and what happens before it."""

from __future__ import annotations

import dataclasses

import pytest
import toy_stages
from toy_runs import MACHINE

from pipeline.command.launch import cannot_be_parallel, is_short, launch
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


@pytest.mark.parametrize(
    ("known", "changes", "alone"),
    [
        (149.0, {}, True),
        (151.0, {}, False),
        (None, {}, False),
        (149.0, {"least_megapixels": 0}, False),
        (149.0, {"dashboard": True}, False),
        (149.0, {"address": "127.0.0.1:6379"}, False),
        (1000.0, {"least_megapixels": 2000}, True),
    ],
)
def test_a_single_short_video_needs_no_ray(toy_config, toy_jobs, monkeypatch, known, changes, alone: bool) -> None:
    monkeypatch.setattr(toy_stages.Count, "megapixels", classmethod(lambda cls, config, job: known))
    config = toy_config(ray=changes)
    assert is_short(config, toy_jobs("3")) == alone
    assert not is_short(config, toy_jobs("3", "4"))
    monkeypatch.setattr(toy_stages.Square, "is_heavy", classmethod(lambda cls, config: True))
    assert not is_short(config, toy_jobs("3"))


def test_a_short_run_is_done_in_this_process(toy_config, toy_jobs, monkeypatch) -> None:
    monkeypatch.setattr(toy_stages.Count, "megapixels", classmethod(lambda cls, config, job: 1.0))
    ran = []
    monkeypatch.setattr("pipeline.command.launch.run_serial", lambda *words: ran.append(words) or iter(()))
    config, jobs = toy_config(), toy_jobs("3")
    plan = make_plan(config.graph, config.settings, MACHINE)
    list(launch(config, plan, jobs, Metrics(config.graph, jobs), Interrupt(), serial=False))
    assert len(ran) == 1


def test_no_inputs_are_no_run(toy_config) -> None:
    config = toy_config()
    plan = make_plan(config.graph, config.settings, MACHINE)
    assert list(launch(config, plan, [], Metrics(config.graph, []), Interrupt(), serial=False)) == []
