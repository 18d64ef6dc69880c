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
class Board:
    """Units that wait, in order, and those that run."""

    waiting: tuple[Unit, ...]
    running: tuple[Unit, ...] = ()


def finished(board: Board) -> bool:
    """Nothing waits and nothing runs."""
    return not board.waiting and not board.running


def next_unit(board: Board) -> Unit | None:
    """The unit that a free worker takes: the first that waits for no other; a tail waits for its shards."""
    busy = {unit.index for unit in (*board.waiting, *board.running) if unit.kind == "shard"}
    return next((unit for unit in board.waiting if unit.kind != "tail" or unit.index not in busy), None)


def begin(board: Board, unit: Unit) -> Board:
    """A worker has taken a unit."""
    waiting = tuple(other for other in board.waiting if other != unit)
    return replace(board, waiting=waiting, running=(*board.running, unit))


def done(board: Board, unit: Unit, following: tuple[Unit, ...] = ()) -> Board:
    """A unit is done; what follows from it comes before what waits, so that inputs end in their order."""
    running = tuple(other for other in board.running if other != unit)
    return replace(board, waiting=(*following, *board.waiting), running=running)


def failed(board: Board, unit: Unit) -> Board:
    """An input cannot go on: the rest of its units are dropped."""
    waiting = tuple(other for other in board.waiting if other.index != unit.index)
    return done(replace(board, waiting=waiting), unit)


def died(board: Board, unit: Unit) -> Board | None:
    """A worker's process died under a unit: it is tried again, or None when that was the last try."""
    if unit.tries + 1 >= _TRIES:
        return None
    return done(board, unit, (replace(unit, tries=unit.tries + 1),))


def cut(index: int, length: int | None, config: BatchConfig, chunk: int) -> tuple[Unit, ...]:
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
