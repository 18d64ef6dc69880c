"""Which box of this frame is which person of the last: overlaps, and pairs taken from the best overlap down."""

from __future__ import annotations

import numpy as np

from stages.payloads import Float


def overlap(box_A4: Float, box_B4: Float) -> Float:
    """Intersection over union of every box of A with every box of B, (A, B)."""
    common_AB = _common(box_A4, box_B4)
    union_AB = _area(box_A4)[:, None] + _area(box_B4)[None, :] - common_AB
    return common_AB / np.maximum(union_AB, 1e-9)


def covered(box_A4: Float, box_B4: Float) -> Float:
    """Intersection over the smaller box, of every box of A with every box of B, (A, B)."""
    smaller_AB = np.minimum(_area(box_A4)[:, None], _area(box_B4)[None, :])
    return _common(box_A4, box_B4) / np.maximum(smaller_AB, 1e-9)


def _common(box_A4: Float, box_B4: Float) -> Float:
    low_AB2 = np.maximum(box_A4[:, None, :2], box_B4[None, :, :2])
    high_AB2 = np.minimum(box_A4[:, None, 2:], box_B4[None, :, 2:])
    return np.asarray(np.prod(np.clip(high_AB2 - low_AB2, 0, None), axis=-1))


def _area(box_N4: Float) -> Float:
    return np.asarray(np.prod(box_N4[:, 2:] - box_N4[:, :2], axis=-1))


def grown(box_N4: Float, share: float) -> Float:
    """Boxes with `share` of their width and height added on each side."""
    margin_N2 = (box_N4[:, 2:] - box_N4[:, :2]) * share
    return np.concatenate([box_N4[:, :2] - margin_N2, box_N4[:, 2:] + margin_N2], axis=1)


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
