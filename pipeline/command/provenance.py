"""Provenance: what a result states about its making — program, network, settings — without paths and secrets."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pipeline.configuration.config import RunConfig
from pipeline.redaction import HIDDEN, redacted
from pipeline.stage import Job
from pipeline.version import VERSION

PROGRAM_NAME = "densepose-video"
WORDS = ("codec", "of", "only", "style")
"""Keys of free text that name one of the program's own things. Texts of other keys may be paths, and are hidden."""
LEFT_OUT = ("to",)
"""Keys of exports' paths, which change no other result."""


def with_provenance(config: RunConfig, jobs: Sequence[Job]) -> list[Job]:
    """The jobs of a run with the text that their results state. Call it when all weights are on this machine."""
    text = provenance_of(config)
    return [dataclasses.replace(job, provenance=text) for job in jobs]


def provenance_of(config: RunConfig) -> str:
    """JSON: `program` with its version, `configuration`, `network` (name, sha256), `settings` other than the default.

    The settings are those on which results depend. Texts that may be paths or secrets are `…`.
    """
    network: dict[str, str] = {}
    settings: dict[str, Any] = {}
    for node in config.graph.nodes:
        stage = config.stages[node.name]
        network |= node.cls.network_of(stage)
        decisive = node.cls.result_settings(stage)
        settings |= {
            f"{node.name}.{key}": value
            for key, value in _changed(stage)
            if key.partition(".")[0] in decisive and key not in LEFT_OUT
        }
    stated = {
        "program": f"{PROGRAM_NAME} {VERSION}",
        "configuration": config.name,
        **({"network": network} if network else {}),
        **({"settings": settings} if settings else {}),
    }
    return redacted(json.dumps(stated, ensure_ascii=False))


def _changed(settings: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """(key path, value) of the fields of a dataclass that differ from their defaults."""
    hints = get_type_hints(type(settings))
    for field in dataclasses.fields(settings):
        value, key = getattr(settings, field.name), f"{before}{field.name}"
        made = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        if value == made:
            continue
        if dataclasses.is_dataclass(value):
            yield from _changed(value, f"{key}.")
        else:
            yield key, _public(value, is_word=field.name in WORDS or _has_choices(hints[field.name]))


def _has_choices(hint: Any) -> bool:
    """Whether a field's type names the texts that it takes, and takes no others."""
    parts = get_args(hint) if get_origin(hint) is not Literal else ()
    return hint is not str and all(_has_choices(part) for part in parts)


def _public(value: Any, *, is_word: bool) -> Any:
    """Numbers as they are, texts if they are words of the program, else `…`."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if is_word else HIDDEN
    if isinstance(value, Mapping):
        return HIDDEN
    if isinstance(value, Sequence):
        return [_public(one, is_word=is_word) for one in value]
    return str(value) if type(value).__module__ == "fractions" else HIDDEN
