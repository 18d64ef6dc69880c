"""The records of a journal in words that people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from models.body.charts import COARSE_NAMES

NAMES = {"box_4": "corners", "who": "annotator"}


def readable_record(record: Mapping[str, Any]) -> str:
    """One line of words for a parsed record: time (UTC), who, the image, and what was done."""
    if "images" in record:
        return f"the list has {len(record['images'])} images"
    at = datetime.fromtimestamp(float(record["at"]), UTC).strftime("%Y-%m-%d %H:%M:%S")
    who = f"{record['who']} (review)" if record.get("review") else record["who"]
    return f"{at}  {who}  {record['image']}  {'; '.join(_deeds(record['action']))}"


def _deeds(action: Any) -> Iterator[str]:
    """An action in words; several where it holds several."""
    if isinstance(action, str):
        yield action
    elif isinstance(action, Mapping) and "do" in action:
        if action["do"] == "together":
            for one in action["actions"]:
                yield from _deeds(one)
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
        value = " ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in value)
    elif isinstance(value, float):
        value = f"{value:.4g}"
    return f"{NAMES.get(name, name)} {value}"
