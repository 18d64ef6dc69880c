"""An error about a value names its key, whatever the class that refuses it: every key of every stage is tried."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.configuration.config import load_config
from pipeline.configuration.conversion import ConfigError, to_dataclass
from pipeline.configuration.graph import stage_class
from stages import STAGES

WRONG: list[Any] = [-3, 10**9, 2.5, float("nan"), float("inf"), 10**400, "nonsense", "", [-1], {"no_such_key": 1}]


def sections(cls: type, path: tuple[str, ...]) -> Iterator[tuple[type, tuple[str, ...]]]:
    """A dataclass of settings and those in it, with the keys that lead to each; those in lists are left out."""
    yield cls, path
    for name, hint in typing.get_type_hints(cls).items():
        for one in (hint, *typing.get_args(hint)):
            if dataclasses.is_dataclass(one) and isinstance(one, type) and typing.get_origin(hint) is not tuple:
                yield from sections(one, (*path, name))


def refused(stage: str, path: tuple[str, ...], value: Any) -> str | None:
    """The error about one value of a stage's settings; None if the stage takes it."""
    for key in reversed(path):
        value = {key: value}
    try:
        to_dataclass(stage_class(stage, STAGES).Config, value, (stage,), lambda keys: ".".join(keys))
    except ConfigError as error:
        return str(error)
    return None


@pytest.mark.parametrize("stage", STAGES)
def test_the_error_about_a_value_names_its_key(stage: str) -> None:
    config = stage_class(stage, STAGES).Config
    keys = [(*path, field.name) for cls, path in sections(config, ()) for field in dataclasses.fields(cls)]
    found = {(key, str(value)): refused(stage, key, value) for key in keys for value in WRONG}
    errors = {tried: said for tried, said in found.items() if said is not None and "is missing" not in said}
    assert bool(errors) == bool(keys)
    # What is wrong may be another key, such as one that has to be given, too: then the sentence names this one.
    nameless = [(tried, said) for tried, said in errors.items() if ".".join(tried[0]) not in said]
    assert nameless == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("render.opacity=-3", "--set: render.opacity: opacity is -3.0, must be from 0 to 1"),
        ("render.opacity=.nan", "--set: render.opacity: expected a finite number, got nan"),
        ("smooth.look_ahead=9", "--set: smooth.look_ahead: look_ahead is 9"),
        ("network.min_score=7", "--set: network.min_score: 7.0 is out of range; give a number from 0 to 1"),
        ("credits=0", "--set: credits: credits is 0"),
        ("lanes.network.threads=0", "--set: lanes.network.threads: threads is 0"),
        ("ray.start_timeout_s=0", "--set: ray.start_timeout_s: start_timeout_s is 0"),
        ("observe.metrics=0", "--set: observe.metrics: metrics is 0"),
    ],
)
def test_the_place_of_a_wrong_value_is_named(change: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("video", [change], STAGES)
    assert str(caught.value).startswith(said)
