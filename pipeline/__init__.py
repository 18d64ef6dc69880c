"""The graph: configuration, plan, schedule, workers and runners. Knows nothing of networks or pixels.

`from pipeline import run, load` is the whole Python interface; see `pipeline.command.api`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.command.api import load, run

__all__ = ["load", "run"]


def __getattr__(name: str) -> Any:
    """Import the interface when it is first used, so that a stage that imports `pipeline.stage` does not."""
    if name in __all__:
        from pipeline.command import api

        return getattr(api, name)
    raise AttributeError(f"module 'pipeline' has no attribute '{name}'")
