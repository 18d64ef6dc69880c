"""Advice on a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest_name(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Advice on an unknown name: the nearest known name, in letters of any case.

    Args:
        otherwise: the advice if no name is near; by default, all known names in their order.
    """
    names = list(known)
    small = {one.lower(): one for one in reversed(names)}
    if near := difflib.get_close_matches(name.lower(), small, n=1, cutoff=0.5):
        return f"did you mean {small[near[0]]!r}?"
    return otherwise or f"known: {', '.join(names)}"
