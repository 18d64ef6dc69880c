"""The units of a batch and their order.

A short input is one unit: the whole run on one worker. A long video is split: its shards (the source up to the first
stage that needs order) run on any workers in parallel, and its tail follows when all of them are done.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.configuration.settings import BatchConfig

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


class UnitQueue:
    """Waiting units, in order, and running units. Every method takes as long for a million inputs as for one.

    Args:
        first: the first unit of each input; they are taken from it one by one.
    """

    def __init__(self, first: Iterable[Unit]) -> None:
        self._inputs = iter(first)
        self._next_input = next(self._inputs, None)
        self._ahead: deque[Unit] = deque()
        self._running = 0
        self._tails: dict[int, Unit] = {}
        self._open_shards: dict[int, int] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no unit waits and none runs."""
        return not (self._ahead or self._next_input or self._tails or self._running)

    def take(self) -> Unit | None:
        """The unit for an idle worker, which runs from now on; None if none can start now.

        Units of inputs that have begun come first, so that inputs finish in their order.
        """
        if self._ahead:
            self._running += 1
            return self._ahead.popleft()
        if self._next_input is None:
            return None
        unit, self._next_input = self._next_input, next(self._inputs, None)
        self._running += 1
        return unit

    def done(self, unit: Unit, following: tuple[Unit, ...] = ()) -> None:
        """A unit is done; the units that follow from it wait before all others, a tail until its shards are done."""
        self._running -= 1
        shards = [one for one in following if one.kind != "tail"]
        self._ahead.extendleft(reversed(shards))
        for tail in (one for one in following if one.kind == "tail"):
            self._tails[tail.index], self._open_shards[tail.index] = tail, len(shards)
        if unit.kind == "shard" and unit.index in self._open_shards:
            self._open_shards[unit.index] -= 1
            if not self._open_shards[unit.index]:
                del self._open_shards[unit.index]
                self._ahead.appendleft(self._tails.pop(unit.index))

    def failed(self, unit: Unit) -> None:
        """An input failed during a unit: its remaining units are dropped."""
        self._running -= 1
        self._ahead = deque(other for other in self._ahead if other.index != unit.index)
        self._tails.pop(unit.index, None)
        self._open_shards.pop(unit.index, None)

    def died(self, unit: Unit) -> bool:
        """A worker died during a unit. Returns whether the unit is tried again; else the input has failed."""
        if unit.tries + 1 >= _TRIES:
            return False
        self._running -= 1
        self._ahead.appendleft(replace(unit, tries=unit.tries + 1))
        return True


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
