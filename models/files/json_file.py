"""JSON from files that people give: whatever is wrong with one is a ValueError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Any:
    """The document in a UTF-8 file, with a byte order mark or without.

    Raises: OSError, or ValueError for anything that is no JSON or nested too deep.
    """
    return parsed_json(path.read_text(encoding="utf-8-sig"))


def parsed_json(text: str | bytes) -> Any:
    """The document in a text. Raises: ValueError."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
