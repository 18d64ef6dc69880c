"""`--help STAGE`: what a stage does, and its settings with the sentences of its `Config`."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

from pipeline.configuration.conversion import ConfigError, suggest
from pipeline.configuration.graph import stage_class

WIDTH = 118
_ENTRY = re.compile(r"(\w+(?:, \w+)*): (.*)")


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """A key of a stage: its path below the stage, its default as YAML has it, and its sentence."""

    key: str
    default: str
    about: str


def stage_help(name: str, table: Mapping[str, str]) -> str:
    """What a stage does and what can be set.

    Args:
        table: every known stage, `name -> module:Class`.

    Raises: ConfigError for a name that is no stage, with the nearest one.
    """
    if name not in table:
        remedy = suggest(name, table, otherwise=f"known: {', '.join(sorted(table))}")
        raise ConfigError(f"there is no stage '{name:.60}'", "--help", remedy)
    cls = stage_class(name, table)
    lines = [f"{name}: {(inspect.getdoc(cls) or '').strip()}", ""]
    found = list(keys_of_stage(getattr(cls, "Config")))  # noqa: B009
    if not found:
        return "\n".join([*lines, "nothing to set", ""])
    lines.append(f"settings, each with its default (--set {name}.KEY=VALUE):")
    for setting in found:
        lines.append(f"  {setting.key}: {setting.default}")
        lines += textwrap.wrap(setting.about, WIDTH, initial_indent="      ", subsequent_indent="      ")
    return "\n".join(lines) + "\n"


def keys_of_stage(config: type[Any], above: str = "") -> Iterator[Setting]:
    """Every key of a `Config`, those of its nested groups after the group's own sentence."""
    hints = get_type_hints(config)
    about = sentences_of(config)
    for field in dataclasses.fields(config):
        group = next((one for one in (hints[field.name], *get_args(hints[field.name])) if _is_group(one)), None)
        default = "" if group is not None else _default(field)
        yield Setting(f"{above}{field.name}", default, about.get(field.name, ""))
        if group is not None:
            yield from keys_of_stage(group, f"{above}{field.name}.")


def sentences_of(config: type[Any]) -> dict[str, str]:
    """The sentence of each field, read from the `Attributes` of the docstring of the class, or of one that it extends.

    The docstring of a small class without `Attributes` is the sentence of each field that it names.
    """
    found: dict[str, str] = {}
    for cls in reversed(config.__mro__):
        text = inspect.cleandoc(cls.__doc__ or "") if dataclasses.is_dataclass(cls) else ""
        head, attributes, entries = text.partition("Attributes:\n")
        if not attributes:
            names = [field.name for field in dataclasses.fields(cls)] if text else []
            found |= {name: " ".join(head.split()) for name in names if f"`{name}`" in head}
            continue
        found |= _entries(textwrap.dedent(entries))
    return found


def _entries(text: str) -> dict[str, str]:
    """The entries `NAME, NAME: sentence` of a list, each with its indented continuation."""
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for line in text.splitlines():
        begun = _ENTRY.fullmatch(line)
        if begun:
            names = begun[1].split(", ")
            found |= {name: [begun[2]] for name in names}
        elif line.startswith(" "):
            for name in names:
                found[name].append(line.strip())
        else:
            names = []
    return {name: " ".join(parts) for name, parts in found.items()}


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return "(required)"
    if isinstance(value, tuple):
        return str(list(value))
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value) or '""'
