"""Makers of the pictures in `docs/pictures`, each run from the top of a clone: `python -m tools.pictures.NAME`."""

from pathlib import Path

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
"""Where the pictures of the documents stand."""
