"""Reads JSON from users; every problem with the content is a ValueError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Any:
    """The document of a UTF-8 file, with or without byte order mark.

    Raises: OSError; ValueError if it is not JSON or nested too deeply.
    """
    return parsed_json(path.read_text(encoding="utf-8-sig"))


def parsed_json(text: str | bytes) -> Any:
    """The document of a string. Raises: ValueError."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
