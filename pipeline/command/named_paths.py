"""The paths that a command names for something else: its report, log and profile must not replace those files."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.config import RawConfig, RunConfig
from pipeline.inputs import SAVED, has_scheme
from pipeline.media_types import is_called_media

_MOST_BYTES = 1 << 20
_EARLIER = {
    "--report": re.compile(rb'\{\s*"inputs"'),
    "--log": re.compile(rb'\{"time"'),
    "--profile": re.compile(rb'[\[,]\s*(\{"name"|\]|$)'),
}
"""How a file of each option begins; a profile that a second start continued before its first line begins with `,`."""


def paths_of_settings(config: RunConfig, raw: RawConfig) -> dict[str, str]:
    """The paths that a run's settings may name, each with the key; and the files the configuration was read from.

    Every text among the settings of the stages counts, since any could be a path. Keys are named as they are written;
    settings that nobody wrote follow by stage.
    """
    files = dict.fromkeys((place for place in raw.origins.values() if os.path.isfile(place)), "the configuration")
    run_keys = {field.name for field in dataclasses.fields(config.settings)}
    written = {key: value for key, value in raw.values.items() if key not in run_keys}
    defaults = {name: dataclasses.asdict(settings) for name, settings in config.stages.items()}
    for key, text in (*_texts(written), *_texts(defaults)):
        if text and "\0" not in text and not has_scheme(text):
            files.setdefault(text, f"what {key} names")
    return files


def films_of(inputs: Sequence[str]) -> Iterator[str]:
    """The film that each saved folder among the inputs records; nothing of a folder that cannot be read."""
    for path in inputs:
        if has_scheme(path) or is_called_media(path):
            continue
        try:
            with open(os.path.join(path, SAVED), "rb") as file:
                film = json.loads(file.read(_MOST_BYTES))["path"]
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            continue
        if isinstance(film, str) and film and "\0" not in film and not has_scheme(film):
            yield film


def is_earlier(option: str, path: str) -> bool:
    """Whether an existing file begins like one that this option has written before; so does an empty one."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
    except OSError:
        return False
    return not head or _EARLIER[option].match(head) is not None


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in nested settings, with its key."""
    if isinstance(value, str | os.PathLike):
        yield key, str(value)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, key)
