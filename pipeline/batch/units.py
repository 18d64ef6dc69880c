"""The units of a batch and their order: pure functions on frozen state.

A short input is one unit: the whole run on one worker. A long video is split: its shards (the source up to the first
stage that needs order) run on any workers in parallel, and its tail follows when all of them are done.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.settings import BatchConfig

UnitKind = Literal["probe", "whole", "shard", "tail"]
SHARD_STEP = 120
"""Shards begin at multiples of this number, itself a multiple of all automatic packet lengths and of segments."""
_TRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A piece of work for one worker.

    Attributes:
        kind: `probe` finds the length of an input.
        index: of the input.
        first, end: frames of a shard, from first to before end; None = to the end of the video.
        tries: how often a worker died while it carried the unit out.
    """

    kind: UnitKind
    index: int
    first: int = 0
    end: int | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitQueue:
    """Waiting units, in order, and running units."""

    waiting: tuple[Unit, ...]
    running: tuple[Unit, ...] = ()


def is_empty(queue: UnitQueue) -> bool:
    """Whether no unit waits and none runs."""
    return not queue.waiting and not queue.running


def next_unit(queue: UnitQueue) -> Unit | None:
    """The unit for an idle worker: the first whose predecessors are done; a tail waits for its shards."""
    busy = {unit.index for unit in (*queue.waiting, *queue.running) if unit.kind == "shard"}
    return next((unit for unit in queue.waiting if unit.kind != "tail" or unit.index not in busy), None)


def unit_started(queue: UnitQueue, unit: Unit) -> UnitQueue:
    """The queue after a worker has started a unit."""
    waiting = tuple(other for other in queue.waiting if other != unit)
    return replace(queue, waiting=waiting, running=(*queue.running, unit))


def unit_done(queue: UnitQueue, unit: Unit, following: tuple[Unit, ...] = ()) -> UnitQueue:
    """The queue after a unit; the units that follow from it come first, so that inputs finish in their order."""
    running = tuple(other for other in queue.running if other != unit)
    return replace(queue, waiting=(*following, *queue.waiting), running=running)


def input_failed(queue: UnitQueue, unit: Unit) -> UnitQueue:
    """The queue after an input failed: its remaining units are dropped."""
    waiting = tuple(other for other in queue.waiting if other.index != unit.index)
    return unit_done(replace(queue, waiting=waiting), unit)


def worker_died(queue: UnitQueue, unit: Unit) -> UnitQueue | None:
    """The queue after a worker died during a unit, which is retried; None when that was the last try."""
    if unit.tries + 1 >= _TRIES:
        return None
    return unit_done(queue, unit, (replace(unit, tries=unit.tries + 1),))


def split_input(index: int, length: int | None, config: BatchConfig, chunk: int) -> tuple[Unit, ...]:
    """The units of an input.

    Args:
        length: its frames according to the file; the last shard goes to the actual end.
        chunk: frames per packet where the configuration fixes them, else 1: shards hold whole packets.
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
