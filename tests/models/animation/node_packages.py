"""Packages of Node.js that tests need: the Khronos validator and three.js (`.ci/run` installs them)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("NODE_PACKAGES", Path(__file__).resolve().parents[3] / ".venv" / "node_modules"))


def node_packages(name: str, unchecked: str = "") -> Path:
    """The folder of packages. Skips the test where Node.js or the package is absent, and says what is `unchecked`."""
    if shutil.which("node") is None or not (FOLDER / name).is_dir():
        told = f"NOT CHECKED: {unchecked}; " if unchecked else ""
        pytest.skip(f"{told}needs Node.js and its package {name}: npm install --prefix .venv {name}")
    return FOLDER
