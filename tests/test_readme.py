"""What the README promises a newcomer is what the tests and the machine that runs them do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.configuration.config import configuration_files

pytestmark = pytest.mark.quick


def _commands(root: Path) -> list[str]:
    """The lines of the README's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", (root / "README.md").read_text(encoding="utf-8"), flags=re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_first_command_runs_the_product_and_second_the_tests(root: Path) -> None:
    first, second = _commands(root)[:2]
    assert first.endswith("run_pipeline.py")
    assert second.endswith("-m pytest")


def test_ci_does_what_the_readme_tells_for_the_tests(root: Path) -> None:
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    steps = [step.strip() for step in _commands(root)[1].split("&&")]
    for step in steps:
        words = step.replace("python3 -m venv", "venv").split()
        assert words[-1] in script, f"{step!r} of the README is not in .ci/run"


@pytest.mark.parametrize("pattern", [r"\]\(((?!https?:)[^)#]+)", r"!\[[^\]]*\]\(([^)]+)\)"])
def test_links_and_pictures_exist(root: Path, pattern: str) -> None:
    for page in _pages(root):
        for target in re.findall(pattern, page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} points at {target}, which is not there"


def test_every_configuration_named_in_the_readme_exists(root: Path) -> None:
    for name in re.findall(r"-c ([a-z0-9_]+)", "\n".join(_commands(root))):
        assert name in configuration_files(), f"-c {name}"


def _linked(page: Path) -> set[Path]:
    """The files that a document links to."""
    found = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve() for target in found}


GUIDES = {
    "ComfyUI": "docs/comfyui.md",
    "mask": "docs/formats.md",
    "notebook": "docs/examples/notebook.ipynb",
    "camera": "docs/examples/live_camera.py",
    "repetition": "docs/coaching.md",
    "Docker": "docs/cluster.md",
    "styles": "docs/styles.md",
}


@pytest.mark.parametrize("word", GUIDES)
def test_the_guide_of_each_use_is_two_clicks_away(root: Path, word: str) -> None:
    readme = root / "README.md"
    first = _linked(readme)
    second = {target for page in first if page.suffix == ".md" for target in _linked(page)}
    assert word in readme.read_text(encoding="utf-8")
    assert (root / GUIDES[word]).resolve() in first | second


def _pages(root: Path) -> list[Path]:
    """Every document of the project."""
    card = root / "models" / "weights" / "light.md"
    return [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md")), card]


def test_documents_are_short(root: Path) -> None:
    assert len((root / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
    assert len((root / "models" / "weights" / "light.md").read_bytes()) <= 8000
    long = {}
    for page in _pages(root):
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
        prose = [line for line in text.splitlines() if not line.startswith(("|", "    ", "!["))]
        long[str(page)] = [line for line in prose if len(line) > 160]
    assert {name: lines for name, lines in long.items() if lines} == {}
