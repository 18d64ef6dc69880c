"""Reads actions from JSON of a browser or a journal; every field is checked against the image."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, get_args

from models.body.charts import COARSE_NAMES
from models.files.image_size import too_large
from pipeline.stage import StageError
from stages.annotations.densepose_coco import KEYPOINTS
from stages.studio.work.actions import (
    ACTIONS,
    Action,
    Change,
    ImageStatus,
    Origin,
    PersonKind,
    Verdict,
    field_names,
)
from stages.studio.work.part_map import PixelMask

MAX_PEOPLE = 1000
"""People of one image."""
MAX_COUNTS = 2**22
"""Characters of a mask's run lengths."""
MAX_ASKED = 1000
"""Points of a part. Given files may have more points than the studio asks for."""
MAX_GROUP = 10_000
"""Changes of a `ChangeGroup`."""
MAX_NAME = 64
"""Characters of an annotator's name."""
MAX_NOTE = 500
"""Characters of a reviewer's note."""
LATEST = 1e11
"""Latest time, seconds since 1970."""
CHARTS, VIEWS = 24, 6
ITEM = re.compile(r"person|kind|box|outline|part \d{1,2}|point \d{1,2} \d{1,3}|joint \d{1,2}", re.ASCII)
REMEDY = "reload the page"

Size = tuple[int, int]
"""Height and width of the image."""


def action_of(message: Any, size: Size) -> Action:
    """The action of a message.

    Args:
        message: parsed JSON.
        size: height and width of the image.

    Raises: StageError that names the field, for a message that is no action, and for pixels outside of the image.
    """
    if not isinstance(message, Mapping) or not isinstance(message.get("do"), str) or message["do"] not in ACTIONS:
        raise StageError("the message is no action", "do", f"send one of {', '.join(ACTIONS)}")
    kind = ACTIONS[message["do"]]
    unknown = set(message) - field_names(kind) - {"do"}
    if unknown:
        raise StageError(f"`{message['do']}` has no such field", str(sorted(map(str, unknown))[0]), REMEDY)
    found = {}
    for spec in fields(kind):
        if spec.name in message:
            found[spec.name] = _checked(spec.name, message[spec.name], size)
        elif spec.default is MISSING:
            raise StageError(f"`{message['do']}` lacks a field", spec.name, REMEDY)
    made: Action = kind(**found)
    return made


def _checked(name: str, value: Any, size: Size) -> Any:
    """A field's value in its type. Raises: StageError that names the field."""
    try:
        return READERS[name](value, size)
    except ValueError as error:
        raise StageError(str(error), name, REMEDY) from error


def _integer(low: int, high: int) -> Callable[[Any, Size], int]:
    def read(value: Any, size: Size) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"is no whole number from {low} to {high}")
        return value

    return read


def _choice(kind: Any) -> Callable[[Any, Size], str]:
    def read(value: Any, size: Size) -> str:
        if value not in get_args(kind):
            raise ValueError(f"is none of {', '.join(get_args(kind))}")
        return str(value)

    return read


def _number(value: Any, low: float, high: float) -> float:
    if type(value) not in (int, float) or not low <= value <= high:
        raise ValueError(f"is no number from {low:g} to {high:g}")
    return float(value)


def _share(value: Any, size: Size) -> float:
    return _number(value, 0, 1)


def _flag(value: Any, size: Size) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value


def _guess(value: Any, size: Size) -> tuple[int, float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ValueError("is not chart, U and V")
    return _integer(1, CHARTS)(value[0], size), _share(value[1], size), _share(value[2], size)


def _box(value: Any, size: Size) -> tuple[float, float, float, float]:
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise ValueError("is not four numbers")
    height, width = size
    x0, x1 = (_number(side, 0, width) for side in (value[0], value[2]))
    y0, y1 = (_number(side, 0, height) for side in (value[1], value[3]))
    if min(x1 - x0, y1 - y0) < 1 - 1e-6:  # boxes of a pixel in given files, as rounded numbers
        raise ValueError("is smaller than a pixel")
    return x0, y0, x1, y1


def _pixels(value: Any, size: Size) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_ASKED:
        raise ValueError(f"is not 1 to {MAX_ASKED} pixels")
    height, width = size
    column, row = _integer(0, width - 1), _integer(0, height - 1)
    if not all(isinstance(pixel, list | tuple) and len(pixel) == 2 for pixel in value):
        raise ValueError("holds a pixel that is not x and y")
    return tuple((column(x, size), row(y, size)) for x, y in value)


def _mask(value: Any, size: Size) -> PixelMask:
    if not isinstance(value, Mapping) or set(value) != {"x", "y", "size", "counts"}:
        raise ValueError("is no mask with x, y, size and counts")
    sides, counts = value["size"], value["counts"]
    if not isinstance(sides, list | tuple) or len(sides) != 2:
        raise ValueError("has a size that is not height and width")
    x, y = _integer(0, size[1] - 1)(value["x"], size), _integer(0, size[0] - 1)(value["y"], size)
    high, wide = _integer(1, size[0] - y)(sides[0], size), _integer(1, size[1] - x)(sides[1], size)
    if not isinstance(counts, str) or len(counts) > MAX_COUNTS or not counts.isascii():
        raise ValueError(f"has counts that are not at most {MAX_COUNTS} characters of text")
    if (what := too_large(wide, high)) is not None:
        raise ValueError(what)
    mask = PixelMask(x=x, y=y, size=(high, wide), counts=counts)
    if not mask.inside_hw.any():
        raise ValueError("has no pixel")
    return mask


def _changes(value: Any, size: Size) -> tuple[Change, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_GROUP:
        raise ValueError(f"is not 1 to {MAX_GROUP} changes")
    if any(isinstance(change, Mapping) and change.get("do") in ("status", "together") for change in value):
        raise ValueError("holds an action that changes no person")
    return tuple(action_of(change, size) for change in value)  # type: ignore[misc]  # the others are changes


def annotator_name(value: Any) -> str:
    """An annotator's name. Raises: ValueError unless it is 1 to `MAX_NAME` printable characters."""
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= MAX_NAME or not value.isprintable():
        raise ValueError(f"is not 1 to {MAX_NAME} printable characters")
    return value.strip()


def _sources(value: Any, size: Size) -> tuple[tuple[str, int], ...]:
    pairs = value if isinstance(value, list | tuple) else [None]
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError("is no list of annotators with the number of their person")
    number = _integer(1, MAX_PEOPLE)
    return tuple((annotator_name(annotator), number(person, size)) for annotator, person in value)


def _item(value: Any, size: Size) -> str:
    if not isinstance(value, str) or ITEM.fullmatch(value) is None:
        raise ValueError("names nothing that can be decided")
    return value


def _note(value: Any, size: Size) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= MAX_NOTE or not value.isprintable():
        raise ValueError(f"is not 1 to {MAX_NOTE} printable characters")
    return value.strip()


def _place(value: Any, size: Size) -> float:
    return _number(value, 0, max(size))


READERS: dict[str, Callable[[Any, Size], Any]] = {
    "person": _integer(1, MAX_PEOPLE),
    "box_4": _box,
    "origin": _choice(Origin),
    "kind": _choice(PersonKind),
    "part": _integer(0, len(COARSE_NAMES) - 1),
    "mask": _mask,
    "pixels": _pixels,
    "number": _integer(0, MAX_ASKED - 1),
    "verdict": _choice(Verdict),
    "chart": _integer(0, CHARTS),
    "u": _share,
    "v": _share,
    "view": _integer(0, VIEWS - 1),
    "hint": _flag,
    "auto": _flag,
    "guess": _guess,
    "joint": _integer(0, KEYPOINTS - 1),
    "x": _place,
    "y": _place,
    "visibility": _integer(0, 2),
    "status": _choice(ImageStatus),
    "actions": _changes,
    "people": _sources,
    "item": _item,
    "choice": lambda value, size: "" if value == "" else annotator_name(value),
    "annotator": lambda value, size: annotator_name(value),
    "note": _note,
    "at": lambda value, size: _number(value, 0, LATEST),
}
"""The function that reads and checks each field, by the field's name."""
