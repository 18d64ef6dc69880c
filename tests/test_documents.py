"""Every command, setting and configuration in the documents, and in the heads of configurations, is one that runs take.

What they name need not exist here; options, configurations, keys, values and exports must.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipeline.command.arguments import apply_shortcuts, read_arguments
from pipeline.command.zoo_weights import configuration_for_weights
from pipeline.configuration.config import configuration_files, read_config, validate
from pipeline.configuration.conversion import ConfigError
from pipeline.stage import PlainError
from stages import STAGES

PROGRAM = re.compile(r"(?:^|[\s/`(])(?:run_pipeline\.py|densepose-video)(?=\s+[^\s─→])")
AFTER = re.compile(r" (?:&&|\||>|;) ")
"""What ends a command in a line of a shell."""
SETTING = re.compile(r"(?:--set )?\"?([a-z_]+(?:\.\w+)*)=([^\"]*)\"?")
OF_OTHERS = {"apiVersion", "cluster_name"}
"""Keys of the configurations of Ray and Kubernetes."""
OF_A_READER = {"export_counts", "counts"}
"""The stage that `docs/adding_a_stage.md` defines and its configuration, which `tests/test_adding_a_stage.py` runs."""


def pages() -> list[Path]:
    root = Path(__file__).resolve().parent.parent
    documents = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "models" / "weights").glob("*.md")]
    return [page for page in sorted(documents) if page.name != "CHANGELOG.md"]  # which has former names, too


def heads() -> list[Path]:
    return sorted(set(configuration_files().values()))


def commands(page: Path) -> Iterator[str]:
    """The commands of a document: what follows the program's name; those with `…` in place of their first words go on
    from the one before."""
    text = re.sub(r"\s*\\\n#?\s*", " ", page.read_text(encoding="utf-8"))
    if page.suffix == ".yaml":
        text = "\n".join(line[1:] for line in text.splitlines() if line.startswith("#"))
    before = ""
    for line in text.splitlines():
        spans = re.findall(r"`([^`]+)`", line)
        for one in spans if spans and not line.startswith("    ") else [line]:
            if (found := PROGRAM.search(one)) is None:
                continue
            command = AFTER.split(one[found.end() :].strip())[0]
            command = before + command.removeprefix("…") if command.startswith("…") else command
            before = command
            yield command


def words_of(command: str) -> list[str]:
    """The words of a command, without its comment and the dots that stand for more words."""
    words = shlex.split(command, comments=True)
    return [word.removesuffix("…") for word in words if word not in ("…", "...")]


@pytest.mark.parametrize("page", [*pages(), *heads()], ids=lambda page: page.name)
def test_every_command_is_one_that_the_program_takes(page: Path) -> None:
    for command in commands(page):
        words = words_of(command)
        assert not re.search(r"\S {2,}[^\s#]", command.partition("#")[0]), f"{command}: a comment begins with #"
        if words[:1] == ["doctor"] or {"--help", "--help-all", "--version"} & set(words):
            continue
        arguments = read_arguments(words)
        if arguments.config is None or arguments.config in OF_A_READER:
            continue
        if arguments.config.endswith(".yaml"):  # a file of the reader's own
            arguments.config = "video"
        raw = read_config(*configuration_for_weights(arguments.config, arguments.weights, arguments.changes))
        apply_shortcuts(raw, arguments, STAGES)
        config = validate(raw, STAGES)
        assert config.settings.inputs != "none" or not arguments.inputs, f"{command} takes no inputs"


def settings(page: Path) -> Iterator[tuple[str, str]]:
    """`key.path=value` and `--set key=value` in the prose of a document."""
    for span in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")):
        for one in re.split(r"\s+(?=--set )", span):
            found = SETTING.fullmatch(one)
            if found and " " not in found[2] and ("." in found[1] or one.startswith("--set")):
                yield found[1], found[2]


def places(key: str) -> list[str]:
    """The configurations in which a key may stand, `video` first."""
    top = key.partition(".")[0]
    named = {name: file.read_text(encoding="utf-8") for name, file in configuration_files().items()}
    return ["video", *(name for name, text in named.items() if re.search(rf"\b{top}\b", text) and name != "video")]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_setting_in_prose_is_one_of_a_configuration(page: Path) -> None:
    for key, value in dict.fromkeys(settings(page)):
        if key.partition(".")[0] in OF_A_READER:
            continue
        refusals = []
        for name in places(key):
            try:
                validate(read_config(name, [f"{key}={value}"]), STAGES)
                break
            except ConfigError as error:
                refusals.append(str(error))
        else:
            # The export that a key is for is named beside it.
            assert any("add --export" in one for one in refusals), (key, value, refusals)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_configuration_is_complete(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)):
        raw = yaml.safe_load(block)
        placed = {name for lane in raw.get("lanes", {}).values() for name in lane["stages"]}
        if OF_OTHERS & set(raw) or OF_A_READER & placed:
            continue
        file = tmp_path / f"block_{number}.yaml"
        file.write_text(block, encoding="utf-8")
        validate(read_config(str(file)), STAGES)


def test_wrong_documents_are_found(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.md"
    for line, said in (
        ("    run_pipeline.py a.mp4 --stile parts", "no option '--stile'"),
        ("As in `run_pipeline.py a.mp4 --set decode.ent=1`:", "unknown key 'ent'"),
        ("```sh\nrun_pipeline.py -c evaluate a.mp4   # scores\n```", "takes no inputs"),
        ("    run_pipeline.py a.mp4     draws it", "a comment begins with #"),
    ):
        wrong.write_text(line + "\n", encoding="utf-8")
        with pytest.raises((AssertionError, PlainError), match=said):
            test_every_command_is_one_that_the_program_takes(wrong)
    wrong.write_text("`render.opasity=1`\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="opasity"):
        test_every_setting_in_prose_is_one_of_a_configuration(wrong)
    wrong.write_text("```yaml\nrender: {atlas: none}\n```\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="the key 'lanes' is missing"):
        test_every_configuration_is_complete(wrong, tmp_path)
