"""Finds densepose-video: the installed package, else the clone in which this folder stands, by whatever link."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

CLONE = Path(__file__).resolve().parents[2]


def package() -> Any:
    """The package `densepose_video`. Raises ImportError with the remedy if it is not there."""
    if importlib.util.find_spec("densepose_video") is None:
        if not (CLONE / "densepose_video").is_dir():
            what = "densepose-video is neither installed nor around this folder"
            raise ImportError(f"{what}: link the folder instead of copying it, or `pip install` the clone")
        sys.path.append(str(CLONE))
    return importlib.import_module("densepose_video")


def module(name: str) -> Any:
    """A module of the product by its name in the clone, such as `stages.drawing.unwrap`, where it is installed."""
    rooms = package().PlainError.__module__.removesuffix("pipeline.stage")
    return importlib.import_module(rooms + name)
