"""What a batch is cut into, and which piece is next: pure functions on plain, frozen state.

A short input is one unit, the whole run on one worker. A long video is cut: its shards (source up to the first stage
that needs order) may run anywhere at once, and its tail follows when all of them are done.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.settings import BatchConfig

UnitKind = Literal["probe", "whole", "shard", "tail"]
SHARD_STEP = 120
"""Shards begin at multiples of it: of every automatic packet length, and of the encoder's usual segment."""
_TRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A piece of work for one worker.

    Attributes:
        kind: `probe` finds out how long an input is.
        index: of the input.
        first, end: frames of a shard, from first to before end; None = to the end of the video.
        tries: how often a worker's process has died under it.
    """

    kind: UnitKind
    index: int
    first: int = 0
    end: int | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitQueue:
    """Units that wait, in order, and those that run."""

    waiting: tuple[Unit, ...]
    running: tuple[Unit, ...] = ()


def is_empty(queue: UnitQueue) -> bool:
    """Nothing waits and nothing runs."""
    return not queue.waiting and not queue.running


def next_unit(queue: UnitQueue) -> Unit | None:
    """The unit that a free worker takes: the first that waits for no other; a tail waits for its shards."""
    busy = {unit.index for unit in (*queue.waiting, *queue.running) if unit.kind == "shard"}
    return next((unit for unit in queue.waiting if unit.kind != "tail" or unit.index not in busy), None)


def unit_started(queue: UnitQueue, unit: Unit) -> UnitQueue:
    """A worker has taken a unit."""
    waiting = tuple(other for other in queue.waiting if other != unit)
    return replace(queue, waiting=waiting, running=(*queue.running, unit))


def unit_done(queue: UnitQueue, unit: Unit, following: tuple[Unit, ...] = ()) -> UnitQueue:
    """A unit is done; what follows from it comes before what waits, so that inputs end in their order."""
    running = tuple(other for other in queue.running if other != unit)
    return replace(queue, waiting=(*following, *queue.waiting), running=running)


def input_failed(queue: UnitQueue, unit: Unit) -> UnitQueue:
    """An input cannot go on: the rest of its units are dropped."""
    waiting = tuple(other for other in queue.waiting if other.index != unit.index)
    return unit_done(replace(queue, waiting=waiting), unit)


def worker_died(queue: UnitQueue, unit: Unit) -> UnitQueue | None:
    """A worker's process died under a unit: it is tried again, or None when that was the last try."""
    if unit.tries + 1 >= _TRIES:
        return None
    return unit_done(queue, unit, (replace(unit, tries=unit.tries + 1),))


def split_input(index: int, length: int | None, config: BatchConfig, chunk: int) -> tuple[Unit, ...]:
    """The units of an input.

    Args:
        length: its frames, as far as the file says; the last shard goes to the end whatever they are.
        chunk: frames in a packet where the configuration fixes them, else 1: shards hold whole packets.
    """
    step = math.lcm(SHARD_STEP, chunk)
    shards = min(config.most_shards, -(-(length or 0) // config.shard_frames))
    if shards <= 1 or length is None:
        return (Unit(kind="whole", index=index),)
    size = -(-length // (shards * step)) * step
    firsts = list(range(0, length, size))
    ends = [*firsts[1:], None]
    parts = [Unit(kind="shard", index=index, first=a, end=b) for a, b in zip(firsts, ends, strict=True)]
    return (*parts, Unit(kind="tail", index=index))
