"""Several workers that train one network (`torch.distributed`): their ranks, and what they share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn

from pipeline.stage import StageError


def is_distributed() -> bool:
    """Whether several workers train."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def rank() -> int:
    """This worker's number, 0 for the only one."""
    return distributed.get_rank() if is_distributed() else 0


def worker_count() -> int:
    """How many workers there are."""
    return distributed.get_world_size() if is_distributed() else 1


def is_chief() -> bool:
    """Whether this is the worker that writes files."""
    return rank() == 0


def indices_of(worker: int, workers: int, batch: int, key: str) -> range:
    """The indices of a batch that a worker makes: worker, worker + workers, …

    Args:
        key: the configuration key of the batch size.

    Raises: StageError if the batch cannot be shared equally.
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
    """The first worker runs the block alone; the others run it afterwards, and find its files."""
    if is_distributed() and not is_chief():
        distributed.barrier()
    try:
        yield
    finally:
        if is_distributed() and is_chief():
            distributed.barrier()
