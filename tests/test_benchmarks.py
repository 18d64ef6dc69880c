"""The benchmarks' modules still fit the code that they measure: each can be imported."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from tests import benchmarks

OURS = {"models", "pipeline", "stages", "tests"}


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(benchmarks.__path__)])
def test_a_benchmark_can_be_imported(name):
    try:
        importlib.import_module(f"{benchmarks.__name__}.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in OURS:
            raise
        pytest.skip(f"{error.name}, which {name} asks, is not installed")
