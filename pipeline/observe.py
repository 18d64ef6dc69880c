"""What of a run can be watched, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveConfig:
    """The `observe:` section; nothing is watched unless it is named.

    Attributes:
        metrics: port at which Prometheus finds the run's figures, at `/metrics`.
        host: the address that port is bound to.
        log: a file that gets a line of JSON for each thing that happens: numbers of streams and frames, no pictures.
        profile: a file that gets what each stage did when, for https://ui.perfetto.dev (or chrome://tracing).
    """

    metrics: int | None = None
    host: str = "127.0.0.1"
    log: str | None = None
    profile: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a port out of range."""
        if self.metrics is not None and not 1 <= self.metrics <= 65535:
            raise ValueError(f"metrics is {self.metrics}, must be a port from 1 to 65535")
