"""Names that configurations used before, and what they are called now: whoever uses one is told the new one."""

from __future__ import annotations

FORMER_STAGES: dict[str, str] = {
    "recall": "read_shards",
    "shelve": "write_shards",
}
"""Stages, by their former name."""

FORMER_KEYS: dict[str, str] = {
    "recall.shards": "read_shards.shards",
}
"""Keys by their former place, `SECTION.KEY` of a stage or section; below a key, with more dots."""

FORMER_VALUES: dict[tuple[str, str], str] = {}
"""Values of keys (under their present name) by the former value."""
