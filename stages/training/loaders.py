"""Processes that make items ahead of time, in order: batches of coming steps, labelled photos, scenes."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, Generic, Protocol, TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from pipeline.stage import StageError, is_plain
from stages.training.fit import Batch

T = TypeVar("T", covariant=True)

SOCKET_BYTES = 103
"""The longest path of a socket that every system accepts."""
BELOW = len("/pymp-xxxxxxxx/listener-xxxxxxxx")
"""What Python appends to the folder of temporary files: a private folder, and the socket in it."""
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
AHEAD = 2
"""Items that each process makes ahead."""
MOST_PROCESSES = 256


class ItemFactory(Protocol[T]):
    """What is sent to a process: calling it opens the files and networks that are needed to make items.

    What it returns makes the item of a number; within one process the numbers only rise.
    """

    def __call__(self) -> Callable[[int], T]:
        """Open files and networks, in the process that will use them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderError:
    """The parts of a `pipeline.stage.PlainError`, to be sent from a process."""

    what: str
    where: str
    remedy: str


class NumberedItems(Dataset[Any], Generic[T]):
    """Items by their number, for torch's loader; the factory is opened when the first item is made."""

    def __init__(self, recipe: ItemFactory[T]) -> None:
        self._recipe = recipe
        self._make: Callable[[int], T] | None = None

    def __getitem__(self, number: int) -> T | LoaderError:
        """Make one item; a loader process returns errors for users as data, so that they arrive unchanged."""
        try:
            if self._make is None:
                self._make = self._recipe()
            return self._make(number)
        except Exception as error:
            if get_worker_info() is None or not is_plain(error):
                raise
            return LoaderError(what=error.what, where=error.where, remedy=error.remedy)


def made_in_order(
    recipe: ItemFactory[T], numbers: Iterable[int], *, processes: int, key: str, pinned: bool = False
) -> Generator[T, None, None]:
    """The items of these numbers, in order, and the same for any number of processes.

    Args:
        recipe: opened once in each process.
        numbers: rising; may be endless.
        processes: that make items ahead; 0 makes each in this process when it is needed.
        key: the configuration key of their number, for errors.
        pinned: put tensors into pinned memory, from which a GPU copies by itself (a tuple of them becomes a list).

    Close or delete the iterator to end the processes. They end by themselves when this process dies.

    Raises:
        StageError: from the factory's work; or a process died.
    """
    loader: DataLoader[Any] = DataLoader(
        NumberedItems(recipe),
        batch_size=None,
        sampler=numbers,
        num_workers=processes,
        collate_fn=uncollated,
        pin_memory=pinned,
        # Not forked: this process has threads, and perhaps a GPU, that a fork would break.
        multiprocessing_context="spawn" if processes else None,
        prefetch_factor=AHEAD if processes else None,
        worker_init_fn=start_process,
        generator=torch.Generator(),  # the loader draws a seed, which must not come from the global generator
    )
    with named_process_deaths(key):
        with interrupts_blocked() if processes else nullcontext():
            things = iter(loader)
        for thing in things:
            if isinstance(thing, LoaderError):
                raise StageError(thing.what, thing.where, thing.remedy)
            yield thing


def uncollated(thing: Any) -> Any:
    """The item as it is: items are not collated."""
    return thing


def start_process(number: int) -> None:
    """One thread for OpenCV, as torch has in loader processes; a folder for sockets whose path is short enough."""
    cv2.setNumThreads(1)
    if len(os.fsencode(tempfile.gettempdir())) + BELOW > SOCKET_BYTES:
        places = (place for place in SHORT_FOLDERS if os.access(place, os.W_OK | os.X_OK))
        tempfile.tempdir = next(places, tempfile.tempdir)


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Processes started within ignore SIGINT, so that an interrupted run continues to the end of its round."""
    resource_tracker.ensure_running()  # the first process would start it, and unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def named_process_deaths(key: str) -> Iterator[None]:
    """Turn torch's error about a dead loader process into a StageError naming `key`."""
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker (pid"):
            raise
        remedy = "use fewer processes to save memory; the same command resumes from the checkpoint"
        raise StageError(f"a process died ({str(error).splitlines()[0].rstrip('. ')})", key, remedy) from error


def require_count(name: str, processes: int) -> None:
    """Raises: ValueError for a number of processes below 0, or larger than machines have cores for."""
    if not 0 <= processes <= MOST_PROCESSES:
        raise ValueError(f"{name} is {processes}, must be from 0 to {MOST_PROCESSES}")


class BatchLoader:
    """The batches of a training, on its device, made ahead by processes if there are any.

    Batches depend on their number alone, so that the number of processes changes only the time.
    """

    def __init__(
        self, recipe: ItemFactory[Batch], numbers: Iterable[int], *, loaders: int, device: torch.device, key: str
    ) -> None:
        """`numbers`: of all batches that will be needed, in order; for the other arguments see `made_in_order`."""
        self._device = device
        self._made = made_in_order(recipe, numbers, processes=loaders, key=key, pinned=device.type == "cuda")

    def __call__(self, number: int) -> Batch:
        """The next batch, which has this number."""
        return to_device(next(self._made), self._device)

    def close(self) -> None:
        """End the processes."""
        self._made.close()


def to_device(batch: Iterable[torch.Tensor], device: torch.device) -> Batch:
    """A batch on a device; from pinned memory it is copied while this process continues."""
    return tuple(part.to(device, non_blocking=True) for part in batch)
