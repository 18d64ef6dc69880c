"""Configurations: what is read, what overrides what, and the sentence for everything that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_stages import TABLE

from pipeline.command.help import list_configurations
from pipeline.configuration.config import RunConfig, configuration_files, find_config, read_config, validate
from pipeline.configuration.conversion import ConfigError
from pipeline.stage import PlainError

pytestmark = pytest.mark.quick

TOY = """
lanes:
  all: {stages: [count, square, smooth, save]}
credits: 3
shared: {scale: 2}
count: {chunk: 5}
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., RunConfig]:
    """Validates a YAML text as `toy.yaml`, with changes, among further files."""

    def build(text: str, *changes: str, **files: str) -> RunConfig:
        for name, content in {**files, "toy": text}.items():
            (tmp_path / f"{name}.yaml").write_text(content)
        return validate(read_config("toy", changes, tmp_path), TABLE)

    return build


def test_sections_become_the_stages_own_settings(load) -> None:
    config = load(TOY)
    assert config.settings.credits == 3
    assert config.settings.on_error == "stop"
    assert config.stages["count"].chunk == 5
    assert config.stages["smooth"].delay == 2
    assert [lane.name for lane in config.graph.lanes] == ["all"]


def test_a_shared_section_goes_to_every_stage_with_a_field_of_its_name(load) -> None:
    assert load(TOY).stages["square"].shared.scale == 2
    own = load(TOY + "square: {shared: {scale: 7}}\n")
    assert own.stages["square"].shared.scale == 7


def test_changes_are_yaml_and_come_last(load) -> None:
    config = load(TOY, "count.chunk=7", "lanes.all.threads=3", "square={at: 4, do: die}", "shared.scale=9")
    assert config.stages["count"].chunk == 7
    assert config.settings.lanes["all"].threads == 3
    assert config.settings.lanes["all"].stages == ("count", "square", "smooth", "save")
    assert (config.stages["square"].at, config.stages["square"].do) == (4, "die")
    assert config.stages["square"].shared.scale == 9


ASKED = TOY.replace("save]", "save_asked]") + "total: {}\n"


def test_a_stage_that_only_some_settings_need_is_placed_right_before_the_stage_that_needs_it(load) -> None:
    assert load(ASKED).settings.lanes["all"].stages == ("count", "square", "smooth", "save_asked")
    config = load(ASKED, "save_asked.totals=true")
    assert config.settings.lanes["all"].stages == ("count", "square", "smooth", "total", "save_asked")
    assert [node.name for node in config.graph.nodes] == list(config.settings.lanes["all"].stages)
    assert "total" in config.stages


def test_a_stage_that_is_placed_already_stays_where_it_is(load) -> None:
    config = load(ASKED.replace("square, ", "square, total, "), "save_asked.totals=true")
    assert config.settings.lanes["all"].stages == ("count", "square", "total", "smooth", "save_asked")


def test_settings_of_a_stage_that_nothing_needs_are_refused(load) -> None:
    with pytest.raises(ConfigError, match="total: nothing that this run writes needs the stage 'total'; name an exp"):
        load(ASKED, "total.x=1")


def test_extends_changes_a_lane_that_places_no_stages(load) -> None:
    config = load("extends: base\nlanes: {all: {threads: 5}}\n", base=TOY)
    assert config.settings.lanes["all"].threads == 5
    assert config.settings.lanes["all"].stages == ("count", "square", "smooth", "save")


def test_extends_merges_sections_and_replaces_lanes(load) -> None:
    child = "extends: base\nlanes:\n  one: {stages: [count, save]}\ncount: {chunk: 8}\n"
    config = load(child, base=TOY)
    assert list(config.settings.lanes) == ["one"]
    assert config.settings.credits == 3
    assert config.stages["count"].chunk == 8
    assert set(config.stages) == {"count", "save"}  # what is inherited for other stages may idle


@pytest.mark.parametrize(
    ("text", "changes", "sentence"),
    [
        (TOY + "cuont: {}\n", (), "toy.yaml: cuont: unknown key 'cuont'; did you mean 'count'?"),
        (TOY + "smooth: {dleay: 1}\n", (), "toy.yaml: smooth.dleay: unknown key 'dleay'; did you mean 'delay'?"),
        (TOY, ("count.chonk=1",), "--set: count.chonk: unknown key 'chonk'; did you mean 'chunk'?"),
        (TOY, ("credit=1",), "--set: credit: unknown key 'credit'; did you mean 'credits'?"),
        (TOY, ("credits=many",), "--set: credits: expected a whole number, got 'many' (a text)"),
        (TOY, ("credits=0",), "--set: credits: credits is 0, must be at least 1"),
        (TOY, ("count.chunk=1.5",), "--set: count.chunk: expected a whole number, got 1.5 (a number)"),
        (TOY, ("count.chunk=true",), "--set: count.chunk: expected a whole number, got True (true or false)"),
        (TOY, ("square.do=dye",), "square.do: expected raise or raise_once or die or die_once, got 'dye' (a text)"),
        (TOY, ("square.do=dye",), "did you mean 'die'?"),
        (TOY, ("shared.scale=[1]",), "--set: shared.scale: expected a whole number, got [1]"),
        (TOY, ("shared=5",), "--set: shared: expected a mapping of settings, got 5"),
        (TOY, ("count=5",), "--set: count: expected a mapping of settings, got 5"),
        (TOY, ("count=false",), "--set: count: expected a mapping of settings, got False"),
        (TOY, ("chunk",), "--set chunk: a change is written key.path=value"),
        (TOY, ("a..b=1",), "a change is written key.path=value"),
        (TOY, ("lanes.all.stages=[count, svae]",), "there is no stage 'svae'; did you mean 'save'?"),
        (TOY, ("lanes.all.stages=[]",), "a lane needs at least one stage"),
        (TOY, ("lanes.all.replicas=-1",), "replicas is -1, must be at least 1"),
        (TOY + "watch: {}\n", (), "toy.yaml: watch: stage 'watch' is in no lane of 'toy'; place it in a lane"),
        ("credits: 3\n", (), "toy.yaml: the key 'lanes' is missing"),
        ("lanes: {}\n", (), "a run needs at least one lane"),
        ("[1, 2]\n", (), "toy.yaml: a configuration is a mapping"),
        ("a: [1\n", (), "this is no readable YAML"),
        ("extends: toy\n", (), "configurations extend each other in a circle"),
        ("extends: vidoe\n", (), "there is no configuration 'vidoe'"),
    ],
)
def test_everything_wrong_is_one_sentence_with_file_key_and_remedy(load, text, changes, sentence) -> None:
    with pytest.raises(PlainError, match=re.escape(sentence)) as caught:
        load(text, *changes)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_an_unknown_configuration_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "video.yaml").write_text(TOY)
    sentence = "-c vidoe: there is no configuration 'vidoe'; did you mean 'video'?"
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        read_config("vidoe", (), tmp_path)
    with pytest.raises(ConfigError, match="does not exist"):
        read_config(str(tmp_path / "other.yaml"), (), tmp_path)


def test_every_configuration_of_the_product_is_readable_and_places_known_stages(root: Path) -> None:
    from stages import STAGES

    files = sorted((root / "configs").rglob("*.yaml"))
    assert len({file.stem for file in files}) == len(files)
    known = configuration_files()
    assert set(known.values()) == set(files) and len(known) > len(files)
    for name in known:
        for lane in read_config(name).values["lanes"].values():
            assert set(lane["stages"]) <= set(STAGES), name


VARIED = """
# Two of a kind.
extends: toy_base
credits: 5
count: {chunk: 7}
variants:
  small: {about: "The small one.", count: {chunk: 2}}
  large: {about: "The large one.", smooth: {delay: 3}}
"""


def test_a_file_of_variants_is_one_configuration_for_each(tmp_path: Path) -> None:
    (tmp_path / "toy_base.yaml").write_text(TOY)
    (tmp_path / "toys.yaml").write_text(VARIED)
    (tmp_path / "own.yaml").write_text("extends: small\ncredits: 6\n")
    assert sorted(configuration_files(tmp_path)) == ["large", "own", "small", "toy_base"]
    small, large, own = (validate(read_config(name, [], tmp_path), TABLE) for name in ("small", "large", "own"))
    assert [run.name for run in (small, large, own)] == ["small", "large", "own"]
    assert [run.stages["count"].chunk for run in (small, large, own)] == [2, 7, 2]
    assert [run.stages["smooth"].delay for run in (small, large)] == [2, 3]
    assert [run.settings.credits for run in (small, large, own)] == [5, 5, 6]
    assert "small     The small one." in list_configurations(tmp_path)


def test_a_file_of_variants_is_refused_without_the_name_of_one(tmp_path: Path) -> None:
    (tmp_path / "toy_base.yaml").write_text(TOY)
    (tmp_path / "toys.yaml").write_text(VARIED)
    with pytest.raises(ConfigError, match=r"toys\.yaml: variants: .*; name one of them: small, large$"):
        read_config(str(tmp_path / "toys.yaml"), [], tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'small'"):
        read_config("smal", [], tmp_path)


def test_a_configuration_with_a_file_of_its_own_is_found_without_a_look_at_others(tmp_path: Path) -> None:
    (tmp_path / "toy_base.yaml").write_text(TOY)
    (tmp_path / "others.yaml").write_text("# Damaged.\nvariants: [\nvariants:\n")
    assert find_config("toy_base", tmp_path) == tmp_path / "toy_base.yaml"
