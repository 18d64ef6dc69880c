"""Questions to a network about many people at once: what is asked of one waits for answers, people do not wait."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TypeVar

from models.arrays import F32, U8

Told = TypeVar("Told")
Asking = Generator[U8, F32, Told]
"""What is asked about somebody: yields crops (H, W, 3) uint8, is sent what the network says of each, ends with what is
made of it all."""


def answered(ask: Callable[[Sequence[U8]], Sequence[F32]], askings: Iterable[Asking[Told]]) -> list[Told]:
    """What each asking ends with, in their order; in every round one crop of each that goes on is asked together.

    Args:
        ask: what the network says of pictures of one size, of each alone.
        askings: not begun yet.
    """
    going, told = dict(enumerate(askings)), {}
    said: dict[int, F32 | None] = dict.fromkeys(going)
    while going:
        crops = {}
        for who, one in list(going.items()):
            try:
                answer = said[who]
                crops[who] = next(one) if answer is None else one.send(answer)
            except StopIteration as end:
                told[who] = end.value
                del going[who]
        said = dict(zip(crops, ask(list(crops.values())), strict=True)) if crops else {}
    return [told[who] for who in sorted(told)]
