"""Public names consist of the field's words: those of the glossary, and a frozen list of common English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "field_words.txt"
WORDS_AT_MOST, DEPRECATED_AT_MOST = 1696, 28
"""Lengths of both parts of `field_words.txt`: they may only fall. A new word needs a row in docs/glossary.md."""


def public_names() -> Iterator[tuple[str, str]]:
    """Names of modules, and of public classes, functions, methods, fields and constants, each with its file."""
    for room in ("models", "stages", "pipeline", "densepose_video"):
        for file in sorted((ROOT / room).rglob("*.py")):
            where = str(file.relative_to(ROOT))
            yield file.stem, where
            yield from ((name, where) for name in _names_in(ast.parse(file.read_text()).body))


def _names_in(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("_"):
                yield node.name
                if isinstance(node, ast.ClassDef):
                    yield from _names_in(node.body)
        elif isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            for name in ast.walk(target):
                if isinstance(name, ast.Name) and not name.id.startswith("_"):
                    yield name.id


def words_of(name: str) -> list[str]:
    """The words of a name in lower case, without numbers and without the suffix that states a shape."""
    parts = [part for part in name.split("_") if part]
    if len(parts) > 1 and name != name.upper() and (re.search(r"[A-Z0-9]", parts[-1]) or parts[-1] in ("hw", "h", "w")):
        parts.pop()
    found = [word for part in parts for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", part)]
    return [word.lower() for word in found if len(word) > 1]


def glossary_words() -> set[str]:
    """Words of the first column of the glossary's tables."""
    rows = [line.split("|")[1] for line in (ROOT / "docs" / "glossary.md").read_text().splitlines() if line[:1] == "|"]
    return {word.lower() for row in rows for word in re.findall(r"[A-Za-z]+", row)}


def listed() -> tuple[list[str], list[str]]:
    """Both parts of the list: common English, and words that names still have and new names may not."""
    common, _, deprecated = LIST.read_text().partition("# deprecated\n")
    return common.split(), deprecated.split()


def is_known(word: str, known: set[str]) -> bool:
    """Whether a word or its singular is known."""
    return word in known or any(word.endswith(end) and word.removesuffix(end) in known for end in ("s", "es"))


def test_words_of_a_name() -> None:
    assert words_of("box_N4") == ["box"] and words_of("uv_2hw") == ["uv"]
    assert words_of("MAX_GLB_BYTES") == ["max", "glb", "bytes"]
    assert words_of("CameraRNN2Head") == ["camera", "rnn", "head"]


def test_public_names_have_words_of_the_field() -> None:
    common, deprecated = listed()
    known = {*common, *deprecated, *glossary_words()}
    named = {(word, where, name) for name, where in public_names() for word in words_of(name)}
    unknown = sorted(found for found in named if not is_known(found[0], known))
    assert unknown == [], "take a word of docs/glossary.md, or add a row there"


def test_the_lists_only_shrink() -> None:
    common, deprecated = listed()
    assert common == sorted(set(common)) and deprecated == sorted(set(deprecated)), "sorted, each word once"
    assert not set(common) & (set(deprecated) | glossary_words()), "each word stands in one list"
    assert len(common) <= WORDS_AT_MOST and len(deprecated) <= DEPRECATED_AT_MOST
