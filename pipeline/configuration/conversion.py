"""Converts plain YAML values to annotated dataclasses, with errors that name file and key."""

from __future__ import annotations

import dataclasses
import difflib
import re
import reprlib
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, Union

from pipeline.redaction import redacted_data
from pipeline.stage import PlainError, is_plain

T = TypeVar("T")


class ConfigError(PlainError):
    """A configuration that cannot be used."""

    exit_code: ClassVar[int] = 2


_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 60
Origin = Callable[[tuple[str, ...]], str]
"""Where a key path was written: `FILE: a.b`, or `--set: a.b`."""


OTHER_WORDS = {"gpu": "cuda", "nvidia": "cuda"}
"""Words that mean a known name but are not spelt like it."""


def suggest(name: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """Advice on an unknown name: the nearest known name; if none is near, `otherwise`, or all known names."""
    names = sorted(known)
    small = {one.lower(): one for one in reversed(names)}
    meant = OTHER_WORDS.get(name.lower().partition(":")[0])  # as in `gpu:0`
    close = [meant] if meant in names else difflib.get_close_matches(name.lower(), small, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{small[close[0]]}'?"
    return otherwise or f"known: {', '.join(names) or 'none'}"


def to_dataclass(cls: type[T], value: Any, path: tuple[str, ...], origin: Origin) -> T:
    """Build a dataclass from a mapping, field by field, by its annotations.

    Raises ConfigError: unknown key (names the nearest), missing key, wrong type (names expected and actual one), or a
    ValueError of the class.
    """
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"expected a mapping of settings, got {_shown(value)}", origin(path))
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, cls))}
    for key in value:
        if key not in fields:
            short = _brief(key)
            raise ConfigError(f"unknown key '{short}'", origin((*path, short)), suggest(short, fields))
    hints = typing.get_type_hints(cls)
    found = {key: convert(hints[key], item, (*path, key), origin) for key, item in value.items()}
    for key, field in fields.items():
        absent = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if absent and key not in found:
            raise ConfigError(f"the key '{key}' is missing", origin(path), f"give {'.'.join((*path, key))}")
    try:
        return cls(**found)
    except Exception as error:
        if not isinstance(error, ValueError) and not is_plain(error):
            raise
        raise _refused(error, cls, found, path, origin) from error


def _refused(
    error: Exception, cls: type, found: Mapping[str, Any], path: tuple[str, ...], origin: Origin
) -> ConfigError:
    """A class's own error about its values as a ConfigError that names the key at fault, where one is."""
    text = error.what if is_plain(error) else str(error)
    faulty = [key for key in found if _takes(cls, {name: value for name, value in found.items() if name != key})]
    named = sorted((key for key in faulty or found if key in text), key=text.index)
    keys = named or faulty
    inside = re.search(rf"\b{re.escape(keys[0])}((?:\.\w+)+)", text) if keys else None  # a key of a nested section
    here = (*path, *keys[:1], *(inside[1].split(".")[1:] if inside else ()))
    if not is_plain(error):
        return ConfigError(text, origin(here))
    where = "" if error.where in (here[-1], ".".join(here), ".".join(here[-2:])) else f"{error.where}: "
    return ConfigError(where * bool(error.where) + text, origin(here), error.remedy)


def _takes(cls: type, values: Mapping[str, Any]) -> bool:
    try:
        cls(**values)
    except Exception:  # of any kind: the class refuses these values, too
        return False
    return True


def convert(hint: Any, value: Any, path: tuple[str, ...], origin: Origin) -> Any:
    """A YAML value as the annotated type; raises ConfigError that names the key, the expected and the actual type.

    Supports None, bool, int, float (also whole numbers), str, Path, Literal, unions, tuple[X, ...], fixed tuples,
    list[X], dict[str, X], dataclasses and Any.
    """
    kind = typing.get_origin(hint)
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return to_dataclass(hint, value, path, origin)
    if kind in (Union, types.UnionType):
        return _one_of(typing.get_args(hint), hint, value, path, origin)
    if kind is Literal:
        return _choice(typing.get_args(hint), value, path, origin)
    if kind in (tuple, list):
        return _sequence(kind, hint, value, path, origin)
    if kind in (dict, Mapping, typing.get_origin(Mapping[str, int])) and isinstance(value, Mapping):
        member = typing.get_args(hint)[1]
        return {str(key): convert(member, item, (*path, str(key)), origin) for key, item in value.items()}
    return _plain(hint, value, path, origin)


def _plain(hint: Any, value: Any, path: tuple[str, ...], origin: Origin) -> Any:
    if hint in (None, type(None)) and value is None:
        return None
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if not -sys.float_info.max <= value <= sys.float_info.max:
            raise ConfigError(f"expected a finite number, got {_shown(value)}", origin(path))
        return float(value)
    if hint is str and isinstance(value, str):
        return value
    if hint is Path and isinstance(value, str):
        return Path(value)
    raise ConfigError(f"expected {_named(hint)}, got {_shown(value)}", origin(path))


def _choice(choices: tuple[Any, ...], value: Any, path: tuple[str, ...], origin: Origin) -> Any:
    for choice in choices:
        if choice == value and type(choice) is type(value):
            return choice
    advice = suggest(value, map(str, choices)) if isinstance(value, str) else ""
    raise ConfigError(f"expected {' or '.join(map(str, choices))}, got {_shown(value)}", origin(path), advice)


def _one_of(members: tuple[Any, ...], hint: Any, value: Any, path: tuple[str, ...], origin: Origin) -> Any:
    inner: list[ConfigError] = []
    for member in members:
        try:
            return convert(member, value, path, origin)
        except ConfigError as error:
            inner.append(error)
    concrete = [member for member in members if member is not type(None)]
    if isinstance(value, Mapping):  # the error of the one that takes mappings says what is wrong inside
        concrete = [one for one in concrete if dataclasses.is_dataclass(one) or typing.get_origin(one) is dict]
    if len(concrete) == 1 and value is not None:
        raise inner[members.index(concrete[0])]
    raise ConfigError(f"expected {_named(hint)}, got {_shown(value)}", origin(path))


def _sequence(kind: Any, hint: Any, value: Any, path: tuple[str, ...], origin: Origin) -> Any:
    members = typing.get_args(hint)
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"expected {_named(hint)}, got {_shown(value)}", origin(path), "write it as [a, b]")
    endless = kind is list or (len(members) == 2 and members[1] is Ellipsis)
    hints = [members[0]] * len(value) if endless else list(members)
    if len(hints) != len(value):
        raise ConfigError(f"expected {len(hints)} values, got {len(value)}", origin(path))
    items = [convert(h, item, (*path, str(i)), origin) for i, (h, item) in enumerate(zip(hints, value, strict=True))]
    return kind(items)


def _named(hint: Any) -> str:
    """A type in plain words."""
    kind = typing.get_origin(hint)
    if kind in (Union, types.UnionType):
        return " or ".join(_named(member) for member in typing.get_args(hint))
    if kind is Literal:
        return " or ".join(map(str, typing.get_args(hint)))
    if kind in (tuple, list):
        return "a list of " + _named(typing.get_args(hint)[0])
    if kind is dict:
        return "a mapping of settings"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", Path: "a path"}
    if hint in (None, type(None)):
        return "null"
    return words.get(hint, "a mapping of settings" if dataclasses.is_dataclass(hint) else str(hint))


def _brief(key: Any) -> str:
    """A key of a mapping, of any length and type, shortened for messages."""
    return f"{key if isinstance(key, str) else _BRIEF.repr(key):.60}"


def _shown(value: Any) -> str:
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", dict: "a mapping"}
    if value is None:
        return "nothing"
    known = redacted_data(value)  # before it is shortened: a shortened secret is not recognised
    return f"{_BRIEF.repr(known):.60} ({kinds.get(type(value), type(value).__name__)})"
