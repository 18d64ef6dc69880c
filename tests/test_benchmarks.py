"""The benchmarks' modules still fit the code that they measure: each can be imported."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

OURS = {"models", "pipeline", "stages", "tests"}


FOLDER = Path(__file__).with_name("benchmarks")


@pytest.mark.parametrize(
    "name", sorted(".".join(path.relative_to(FOLDER).with_suffix("").parts) for path in FOLDER.rglob("*.py"))
)
def test_a_benchmark_can_be_imported(name):
    try:
        importlib.import_module(f"tests.benchmarks.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in OURS:
            raise
        pytest.skip(f"{error.name}, which {name} needs, is not installed")
