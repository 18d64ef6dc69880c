"""Benchmarks and the scripts that draw the documents' pictures still fit the code: each can be imported."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

OURS = {"docs", "models", "pipeline", "stages", "tests"}
ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted([*(ROOT / "tests" / "benchmarks").rglob("*.py"), *(ROOT / "docs").glob("*.py")])


@pytest.mark.parametrize("name", [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SCRIPTS])
def test_a_script_can_be_imported(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in OURS:
            raise
        pytest.skip(f"{error.name}, which {name} needs, is not installed")
