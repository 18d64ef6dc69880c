"""Settings whose YAML would grow, hold itself, or be no value: one sentence each, and nothing is spent on them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
import yaml

from pipeline.configuration.bounded_yaml import read_yaml
from pipeline.configuration.config import read_config
from pipeline.configuration.conversion import ConfigError

pytestmark = pytest.mark.quick

LAUGH = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
MERGED = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 9))
REFUSED = {
    "grows": (LAUGH, "more than 20000 values"),
    "grows by merging": (MERGED, "more than 20000 values"),
    "grows deep": ("a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60)), "deeper than 40"),
    "is deep": ("a: " + "[" * 5000 + "]" * 5000, "deeper than 40"),
    "is deep in blocks": ("".join(" " * k + "a:\n" for k in range(400)), "deeper than 40"),
    "is long": ("# " + "x" * 300_000, "more than 256000 characters"),
    "holds itself": ("a: &a [*a]", "holds itself"),
    "holds itself farther down": ("a: &a {b: {c: *a}}", "holds itself"),
    "names what is not there": ("a: *b", "undefined alias"),
    "holds a date that is none": ("a: 2024-13-45", "a value that is none"),
    "holds a number that is none": ("a: 0b_", "a value that is none"),
    "holds a giant number": ("a: 0x" + "f" * 9000, "more than 64 bits"),
    "holds a key that is none": ("? [a, b]\n: 1", "unhashable key"),
    "holds code": ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    text, part = REFUSED[name]
    (tmp_path / "a.yaml").write_text(text)
    tracemalloc.start()
    with pytest.raises(ConfigError, match=part) as caught:
        read_config(str(tmp_path / "a.yaml"))
    assert len(str(caught.value)) < 400
    with pytest.raises(ConfigError) as caught:
        read_config("video", [f"encode.crf={text}"])
    assert len(str(caught.value)) < 400
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


def test_aliases_of_an_ordinary_size_are_read() -> None:
    text = "a: &a {x: 1, y: [1, 2.5, on, ~]}\nb: *a\nc: {<<: *a, z: 0x10}\nd: &d text\ne: *d\n"
    assert read_yaml(text) == yaml.safe_load(text)


@pytest.mark.parametrize("change", ["a." * 5000 + "b=1", "k" * 5000 + "=1", "k" * 5000])
def test_messages_are_short_whatever_is_given(change: str) -> None:
    from pipeline.configuration.config import validate
    from stages import STAGES

    with pytest.raises(ConfigError) as caught:
        validate(read_config("video", [change]), STAGES)
    assert len(str(caught.value)) < 1500
