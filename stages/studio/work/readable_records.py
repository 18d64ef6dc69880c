"""Converts the records of a journal to readable text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from models.body.charts import COARSE_NAMES

NAMES = {"box_4": "corners", "who": "annotator"}
"""Names of fields in the text, where they differ from those of the record."""


def readable_record(record: Mapping[str, Any]) -> str:
    """A parsed record in a line of text: time (UTC), annotator, image, and actions."""
    if "images" in record:
        return f"the list has {len(record['images'])} images"
    at = datetime.fromtimestamp(float(record["at"]), UTC).strftime("%Y-%m-%d %H:%M:%S")
    annotator = f"{record['who']} (review)" if record.get("review") else record["who"]
    return f"{at}  {annotator}  {record['image']}  {'; '.join(_deeds(record['action']))}"


def _deeds(action: Any) -> Iterator[str]:
    """An action as text; a group as the texts of its changes."""
    if isinstance(action, str):
        yield action
    elif isinstance(action, Mapping) and "do" in action:
        if action["do"] == "together":
            for change in action["actions"]:
                yield from _deeds(change)
        else:
            fields = (_field(name, value) for name, value in action.items() if name != "do")
            yield f"{action['do'].replace('_', ' ')}: {', '.join(fields)}"
    else:
        for name, value in action.items():
            inside = value if isinstance(value, list) else [value]
            yield f"{name.replace('_', ' ')}: {len(inside)} actions" if name == "start" else f"{name} {value}"


def _field(name: str, value: Any) -> str:
    """A field with its value; a mask by its rectangle."""
    if name == "mask":
        height, width = value["size"]
        return f"{width}×{height} pixels at {value['x']}, {value['y']}"
    if name == "pixels":
        return f"{len(value)} pixels"
    if name == "part":
        return f"part {value} ({COARSE_NAMES[value]})"
    if isinstance(value, list):
        value = " ".join(f"{entry:g}" if isinstance(entry, float) else str(entry) for entry in value)
    elif isinstance(value, float):
        value = f"{value:.4g}"
    return f"{NAMES.get(name, name)} {value}"
