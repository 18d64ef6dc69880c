"""The options of the command line: what is misspelt is named with what was meant."""

from __future__ import annotations

import pytest

from pipeline.command.arguments import read_arguments
from pipeline.jobs.inputs import UsageError

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--styl", "parts"], "there is no option '--styl'; did you mean '--style'?"),
        (["a.mp4", "--out=x.mp4"], "there is no option '--out'; did you mean '--output'?"),
        (["a.mp4", "-output", "x.mp4"], "there is no option '-output'; did you mean '--output'?"),
        (["-config", "video"], "there is no option '-config'; did you mean '--config'?"),
        (["--Weight", "light"], "there is no option '--Weight'; did you mean '--weights'?"),
        (["-s", "a.b=c"], "there is no option '-s'; did you mean '--set'?"),
        (["--no-ray"], "there is no option '--no-ray'; see --help-all"),
        (["-o"], "argument -o/--output: expected one argument"),
    ],
)
def test_a_wrong_option_is_named_with_the_nearest(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_arguments(words)
    assert said in str(caught.value) and caught.value.exit_code == 2


def test_what_is_no_option_or_a_right_one_is_taken() -> None:
    found = read_arguments(["-oout.mp4", "-c=live", "--set", "a=-1", "--set=b.c=--d", "-1", "--", "--file.mp4"])
    assert (found.output, found.config, found.changes) == ("out.mp4", "live", ["a=-1", "b.c=--d"])
    assert found.inputs == ["-1", "--file.mp4"]
    found = read_arguments(["a.mp4", "-o", "out/", "b.mp4", "--serial", "c.mp4"])
    assert (found.inputs, found.output, found.serial) == (["a.mp4", "b.mp4", "c.mp4"], "out/", True)
    assert read_arguments(["-c"]).config is None and read_arguments([]).config == "video"


@pytest.mark.parametrize(
    ("words", "inputs"),
    [
        (["--", "-dash.mp4"], ["-dash.mp4"]),
        (["--serial", "--", "-dash.mp4", "--", "--serial"], ["-dash.mp4", "--", "--serial"]),
        (["a.mp4", "--"], ["a.mp4"]),
    ],
)
def test_every_word_after_two_hyphens_is_an_input(words: list[str], inputs: list[str]) -> None:
    assert read_arguments(words).inputs == inputs
