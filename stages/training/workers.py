"""Several workers that train one network together: which of them this process is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import distributed


def together() -> bool:
    """Whether several processes train together (`torch.distributed`)."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def rank() -> int:
    """This worker's number, 0 for the only one."""
    return distributed.get_rank() if together() else 0


def workers() -> int:
    """How many there are."""
    return distributed.get_world_size() if together() else 1


def is_chief() -> bool:
    """Whether this worker writes for all."""
    return rank() == 0


@contextmanager
def chief_first() -> Iterator[None]:
    """Let the first worker do something alone; the others do it after, and find its files there."""
    if together() and not is_chief():
        distributed.barrier()
    try:
        yield
    finally:
        if together() and is_chief():
            distributed.barrier()
