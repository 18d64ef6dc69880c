"""`--help STAGE`: what a stage does, and a sentence about each of its settings."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pipeline.command.cli import main
from pipeline.command.stage_help import Setting, keys_of_stage, stage_help
from pipeline.configuration.conversion import ConfigError
from pipeline.configuration.graph import stage_class
from stages import STAGES


@dataclass(frozen=True, kw_only=True)
class Group:
    """A small group: `size` in pixels."""

    size: int = 4


@dataclass(frozen=True, kw_only=True)
class Base:
    """What both have.

    Attributes:
        folder: where it
            is written.
    """

    folder: str


@dataclass(frozen=True, kw_only=True)
class Config(Base):
    """What one has.

    Attributes:
        low, high: a range: of pixels.
        group: some more.
    """

    low: int | None = None
    high: bool = True
    group: Group = field(default_factory=Group)


def test_settings_have_their_defaults_and_sentences() -> None:
    assert list(keys_of_stage(Config)) == [
        Setting("folder", "(required)", "where it is written."),
        Setting("low", "null", "a range: of pixels."),
        Setting("high", "true", "a range: of pixels."),
        Setting("group", "", "some more."),
        Setting("group.size", "4", "A small group: `size` in pixels."),
    ]


@pytest.mark.parametrize("name", sorted(STAGES))
def test_every_setting_of_a_stage_has_a_sentence_at_its_class(name: str) -> None:
    found = list(keys_of_stage(stage_class(name, STAGES).Config))
    assert [setting.key for setting in found if not setting.about] == []


def test_help_with_a_stage_prints_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help", "smooth"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("smooth: Temporal smoothing") and "--set smooth.KEY=VALUE" in said
    assert "\n  look_ahead: 0\n      number of later frames" in said
    assert "nothing to set" in stage_help("write_shards", STAGES)
    with pytest.raises(ConfigError, match="there is no stage 'smoth'; did you mean 'smooth'"):
        stage_help("smoth", STAGES)
