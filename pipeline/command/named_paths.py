"""The paths that a run's settings name: files that it reads, and where it writes."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.configuration.config import RawConfig, RunConfig
from pipeline.jobs.inputs import SAVED, has_scheme
from pipeline.media_types import has_media_suffix

_MOST_BYTES = 1 << 20
_EARLIER = {
    "--report": re.compile(rb'\{\s*"inputs"'),
    "--log": re.compile(rb'\{"time"'),
    "--profile": re.compile(rb'[\[,]\s*(\{"name"|\]|$)'),
}
"""How a file of each option begins; a profile that a second start continued before its first line begins with `,`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPaths:
    """The paths that settings name, each with what it is in words.

    Attributes:
        read: the files of the configuration, and all texts among the settings of the stages: any could be a path.
        written: exports, and the folders that stages write to.
    """

    read: Mapping[str, str]
    written: Mapping[str, str]


def paths_of_settings(config: RunConfig, raw: RawConfig) -> NamedPaths:
    """The paths that a run's settings name, each with its key; and the files the configuration was read from.

    Keys are named as they are written; settings that nobody wrote follow by stage.
    """
    read = dict.fromkeys((place for place in raw.origins.values() if os.path.isfile(place)), "the configuration")
    written: dict[str, str] = {}
    destinations = _destinations(config)
    run_keys = {field.name for field in dataclasses.fields(config.settings)}
    given = {key: value for key, value in raw.values.items() if key not in run_keys}
    defaults = {name: dataclasses.asdict(settings) for name, settings in config.stages.items()}
    for key, text in (*_texts(given), *_texts(defaults)):
        if text and "\0" not in text and not has_scheme(text):
            (written if key in destinations else read).setdefault(text, f"what {key} names")
    return NamedPaths(read=read, written=written)


def _destinations(config: RunConfig) -> set[str]:
    """The keys that hold paths to which stages write."""
    classes = [(node.name, node.cls) for node in config.graph.nodes]
    exports = {f"{name}.{key}" for name, cls in classes for key in cls.exports.values()}
    return exports | {f"{name}.{cls.writes_to}" for name, cls in classes if cls.writes_to}


def videos_of(inputs: Sequence[str]) -> Iterator[str]:
    """The input video of each saved folder among the inputs; none for a folder that cannot be read."""
    for path in inputs:
        if has_scheme(path) or has_media_suffix(path):
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
