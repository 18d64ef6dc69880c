"""Fixtures: toy runs as data, and the two runners."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import toy_stages
import yaml
from toy_runs import GRAPH, MACHINE, STORE, Run, driver

from pipeline.configuration.config import RunConfig, read_config, validate
from pipeline.scheduling.serial import run_serial
from pipeline.stage import Job

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def toy_config(tmp_path: Path) -> Callable[..., RunConfig]:
    """Builds a validated run over toy stages: the default graph, changed by keyword and by `--set` texts."""

    def build(*changes: str, **keys: Any) -> RunConfig:
        file = tmp_path / "toy.yaml"
        file.write_text(yaml.safe_dump({**GRAPH, **keys}, sort_keys=False))
        return validate(read_config(str(file), changes), toy_stages.TABLE)

    return build


@pytest.fixture
def toy_jobs(tmp_path: Path) -> Callable[..., list[Job]]:
    """Jobs for inputs named by their counts, with results in a folder of their own."""

    def build(*inputs: str, folder: str = "results") -> list[Job]:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        return [
            Job(index=i, input=name, output=str(place / f"{i}.json"), stem=str(i), several=len(inputs) > 1)
            for i, name in enumerate(inputs)
        ]

    return build


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A light network that knows nothing: what it finds means nothing, and must be equal."""
    from tests.faults.random_weights import random_weights

    return random_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def serially() -> Run:
    """Runs a configuration in this process."""
    return driver(run_serial)


@pytest.fixture
def no_ignored_signals() -> Iterator[None]:
    """The stopping signals count, also where the tests were started so that they are ignored (`nohup`, `&`).

    Programs that a test starts inherit which signals are ignored.
    """
    ignored = [number for number in STOPPING if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session")
def ray_started() -> Iterator[None]:
    """One Ray for all tests that need it; as `run_workers` does, it has a processor for Ray Train's controller."""
    from pipeline.actors.cluster import start_ray, stop_ray

    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # the actors import the toys
    start_ray(None, MACHINE.cpus + 1, STORE)
    yield
    stop_ray()


@pytest.fixture
def under_ray(ray_started: None) -> Run:
    """Runs a configuration as Ray actors."""
    from pipeline.actors.runner import run_ray

    return driver(run_ray)
