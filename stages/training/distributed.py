"""Several workers that train one network together: which of them this process is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn

from pipeline.stage import StageError


def is_distributed() -> bool:
    """Whether several processes train together (`torch.distributed`)."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def rank() -> int:
    """This worker's number, 0 for the only one."""
    return distributed.get_rank() if is_distributed() else 0


def worker_count() -> int:
    """How many there are."""
    return distributed.get_world_size() if is_distributed() else 1


def is_chief() -> bool:
    """Whether this worker writes for all."""
    return rank() == 0


def indices_of(worker: int, workers: int, batch: int, key: str) -> range:
    """Of a batch's indices those that a worker makes: worker, worker + workers, …

    Args:
        key: of the configuration that says how large a batch is.

    Raises: StageError where the batch cannot be shared equally.
    """
    if batch % workers:
        what = f"a batch of {batch} cannot be shared by {workers} workers"
        raise StageError(what, key, "make it a multiple of the workers")
    return range(worker, batch, workers)


@torch.no_grad()
def average_over_workers(net: nn.Module) -> None:
    """Gradients and real buffers (running statistics of batch norms) become the means over all workers, in place.

    A parameter that one worker's part says nothing of has a gradient of 0 there, so that all send the same numbers.
    """
    shared = [buffer for buffer in net.buffers() if buffer.is_floating_point()]
    for parameter in net.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            shared.append(parameter.grad)
    flat = torch.cat([one.reshape(-1) for one in shared])
    distributed.all_reduce(flat)
    flat /= worker_count()
    for one, mean in zip(shared, flat.split([one.numel() for one in shared]), strict=True):
        one.copy_(mean.view(one.shape))


@contextmanager
def chief_first() -> Iterator[None]:
    """Let the first worker do something alone; the others do it after, and find its files there."""
    if is_distributed() and not is_chief():
        distributed.barrier()
    try:
        yield
    finally:
        if is_distributed() and is_chief():
            distributed.barrier()
