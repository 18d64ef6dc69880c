"""The examples (`>>>`) in docstrings are run, and those who import the project find one where they begin."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import densepose_video
from models.metrics import bootstrap, gps, masks, pointwise, silhouettes, temporal
from pipeline.command import api
from stages import payloads
from stages.annotations import densepose_coco

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for room in ("models", "stages", "pipeline")
    for file in (ROOT / room).rglob("*.py")
    if "\n    >>> " in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted and not done.failed
    assert not list(tmp_path.iterdir())  # an example leaves no file


@pytest.mark.parametrize(
    "what",
    [
        *(api.run, api.load, payloads.FrameChunk, payloads.People, payloads.PersonSurface),
        *(gps.gps_paper, gps.masked_gps, pointwise.correct_ratio, pointwise.area_under_curve, silhouettes.overlap),
        *(masks.box_overlaps, bootstrap.ratio, temporal.box_jitter, densepose_coco.read_dense_set),
    ],
    ids=lambda what: what.__name__,
)
def test_what_users_call_has_an_example(what: object) -> None:
    assert ">>> " in (inspect.getdoc(what) or "")


def test_the_package_states_the_types_of_what_it_gives() -> None:
    """`run` and `load` as type checkers see them have the arguments of those that run."""
    tree = ast.parse((ROOT / "densepose_video" / "__init__.py").read_text(encoding="utf-8"))
    stated = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for name, function in (("run", api.run), ("load", api.load)):
        assert getattr(densepose_video, name) is function
        real = ast.parse(inspect.getsource(function)).body[0]
        assert isinstance(real, ast.FunctionDef)
        assert ast.unparse(stated[name].args) == ast.unparse(real.args)
        assert stated[name].returns is not None and "Any" not in ast.unparse(stated[name].returns)
