"""Former names of stages, keys and values are refused with their present name; the tables name what there is."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from pathlib import Path

import pytest
from toy_stages import TABLE

from pipeline.command.arguments import apply_shortcuts, read_arguments
from pipeline.configuration import former_names
from pipeline.configuration.config import configuration_files, find_config, read_config, validate
from pipeline.configuration.conversion import ConfigError
from pipeline.configuration.graph import stage_class
from pipeline.configuration.settings import RunSettings
from pipeline.stage import PlainError

pytestmark = pytest.mark.quick

TOY = """
lanes:
  all: {stages: [count, square, smooth, save]}
"""


@pytest.fixture
def former(monkeypatch) -> None:
    """Some names of the toy stages have former names."""
    monkeypatch.setattr(former_names, "FORMER_STAGES", {"tally": "count"})
    monkeypatch.setattr(
        former_names,
        "FORMER_KEYS",
        {"count.chonk": "count.chunk", "count.lumps": "", "shared.size": "shared.scale", "square.deed": "square.do"},
    )
    monkeypatch.setattr(former_names, "FORMER_VALUES", {("square.do", "perish"): "die"})


@pytest.mark.parametrize(
    ("text", "changes", "sentence"),
    [
        (TOY + "tally: {}\n", (), "toy.yaml: tally: the stage 'tally' is now called 'count'"),
        (TOY, ("tally.chunk=3",), "--set: tally: the stage 'tally' is now called 'count'"),
        ("lanes: {all: {stages: [tally]}}\n", (), "lanes.all.stages: the stage 'tally' is now called 'count'"),
        (TOY + "count: {chonk: 1}\n", (), "toy.yaml: count.chonk: the key 'count.chonk' is now called 'count.chunk'"),
        (TOY, ("count.lumps=1",), "--set: count.lumps: the key 'count.lumps' was removed, leave it out"),
        (TOY, ("count.chonk=1",), "--set: count.chonk: the key 'count.chonk' is now called 'count.chunk'"),
        (TOY, ("shared.size=1",), "--set: shared.size: the key 'shared.size' is now called 'shared.scale'"),
        (TOY, ("square.shared.size=1",), "square.shared.size: the key 'shared.size' is now called 'shared.scale'"),
        (TOY, ("square.deed=perish",), "'square.deed' is now called 'square.do', and its value 'perish' 'die'"),
        (TOY, ("square.do=perish",), "--set: square.do: 'perish' is now called 'die'"),
        (TOY, ("square.do=[perish]",), "--set: square.do: 'perish' is now called 'die'"),
    ],
)
def test_a_former_name_is_refused_with_the_present_one(former, tmp_path: Path, text, changes, sentence) -> None:
    (tmp_path / "toy.yaml").write_text(text)
    with pytest.raises(PlainError) as caught:
        validate(read_config("toy", changes, tmp_path), TABLE)
    assert str(caught.value).endswith(sentence)
    assert caught.value.exit_code == 2


def test_present_names_are_accepted(former, tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(TOY + "count: {chunk: 1}\nsquare: {do: die}\n")
    assert validate(read_config("toy", (), tmp_path), TABLE).stages["count"].chunk == 1


def test_a_former_configuration_and_a_former_export_are_refused(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setitem(former_names.FORMER_CONFIGURATIONS, "film", "video")
    with pytest.raises(ConfigError, match=re.escape("-c film: the configuration 'film' is now called 'video'")):
        find_config("film", tmp_path)
    monkeypatch.setitem(former_names.FORMER_VALUES, ("--export", "squares"), "saved")
    (tmp_path / "toy.yaml").write_text(TOY)
    arguments = read_arguments(["--export", "squares=here/"])
    with pytest.raises(PlainError, match=re.escape("--export squares=here/: 'squares' is now called 'saved'")):
        apply_shortcuts(read_config("toy", (), tmp_path), arguments, TABLE)


def keys_of(cls: type, above: str) -> set[str]:
    """Every key of a `Config`, in full; below a section that stages share, the section's name begins it."""
    keys: set[str] = set()
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(typing.cast(typing.Any, cls)):
        key = f"{above}{field.name}"
        keys.add(key)
        for kind in (hints[field.name], *typing.get_args(hints[field.name])):
            if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                keys |= keys_of(kind, f"{key}.") | keys_of(kind, f"{field.name}.")
    return keys


def every_key(stages: Mapping[str, str]) -> set[str]:
    keys = keys_of(RunSettings, "")
    for name in stages:
        cls = stage_class(name, stages)
        keys |= keys_of(cls.Config, f"{name}.") | {f"{name}.{key}" for key in cls.exports.values()}
        # A key at the top of a file sets this key of every stage that has it.
        keys |= {field.name for field in dataclasses.fields(typing.cast(typing.Any, cls.Config))}
    return keys


def test_the_tables_name_what_there_is(root: Path) -> None:
    from stages import STAGES

    keys = every_key(STAGES)
    keys |= {key.rpartition(".")[2] for key in keys}  # a key of the run as a whole goes to every stage that has it
    stages = former_names.FORMER_STAGES
    assert set(stages.values()) <= {*STAGES, ""} and not set(stages) & set(STAGES)
    renamed = former_names.FORMER_KEYS
    assert {key for key in renamed.values() if key and key not in keys and key not in STAGES} == set()
    assert {key for key in renamed if key in keys} == set()
    assert {key for key, _ in former_names.FORMER_VALUES if key not in keys and key != "--export"} == set()
    configurations = set(configuration_files())
    assert set(former_names.FORMER_CONFIGURATIONS.values()) <= {*configurations, ""}
    assert not set(former_names.FORMER_CONFIGURATIONS) & configurations
