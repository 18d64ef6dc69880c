"""Which box of this frame is which person of the last: pairs taken from the likest down."""

from __future__ import annotations

import numpy as np

from stages.payloads import Float


def best_pairs(likeness_AB: Float, least: float) -> list[tuple[int, int]]:
    """Pairs (a, b) from the likest down, each a and each b once, none under `least`.

    Greedy, not the optimal assignment: the two differ only where two people overlap two tracks about equally, and there
    neither knows better; it needs no solver.
    """
    pairs = []
    left = likeness_AB.astype(np.float64, copy=True)
    while left.size:
        a, b = np.unravel_index(int(left.argmax()), left.shape)
        if left[a, b] < least:
            break
        pairs.append((int(a), int(b)))
        left[a, :] = -np.inf
        left[:, b] = -np.inf
    return pairs
