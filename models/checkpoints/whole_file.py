"""Files of weights, written whole or not at all."""

from __future__ import annotations

from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under its name only when it is complete, readable for whom files made here are.

    safetensors' own writer gives a file to its owner alone: on a cluster nobody else could then use the weights.
    """
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(path)
