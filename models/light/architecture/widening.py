"""A wider network begun from a narrower one's weights, saying the same before it has learnt (Net2Net, ICLR 2016).

The narrower one's channels come first. What they read of the new ones begins at zero, so that they stay what they were;
the new ones read everything, with weights as of a new network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from models.light.architecture.blocks import SelfAttention


def widened(net: nn.Module, narrow: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The weights of a narrower network at the sizes of `net`, whose own weights fill what is new.

    Args:
        net: new, of the wanted widths.
        narrow: weights by `prefix` and the names of `net`. Those that are not in `net`, or larger than there, are
            returned as they are.
        prefix: of the names in `narrow`, and in what is returned.
    """
    own = {f"{prefix}{name}": value for name, value in net.state_dict().items()}
    attentions = {f"{prefix}{name}": one for name, one in net.named_modules() if isinstance(one, SelfAttention)}
    wide = dict(narrow)
    for name in narrow.keys() & own.keys():
        old = narrow[name]
        if not _narrower(old, own[name]):
            continue
        new = own[name].clone()
        owner, _, part = name.removesuffix(".weight").rpartition(".")
        widen_heads = _WITH_HEADS.get(part) if owner in attentions else None
        wide[name] = widen_heads(new, old, attentions[owner].heads) if widen_heads else _widen(new, old)
    return wide


def _narrower(old: torch.Tensor, new: torch.Tensor) -> bool:
    """Whether a tensor fits into another one, and not wholly."""
    if old.ndim != new.ndim or old.shape == new.shape:
        return False
    return all(a <= b for a, b in zip(old.shape, new.shape, strict=True))


def _widen(new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    """A tensor of outputs (by inputs): the old outputs read the old inputs alone."""
    new[: len(old)] = 0
    new[tuple(slice(side) for side in old.shape)] = old
    return new


def _widen_asking(new: torch.Tensor, old: torch.Tensor, heads: int) -> torch.Tensor:
    """Queries, keys and values (3 * C, C, 1, 1): every head keeps its channels; no query asks for the new ones yet."""
    was = old.view(3, heads, -1, old.shape[1])
    rows = new.view(3, heads, -1, new.shape[1])
    d_old, d_new = was.shape[2], rows.shape[2]
    rows[0] = 0
    rows[:, :, :d_old] = 0
    rows[:, :, :d_old, : old.shape[1]] = was
    rows[0] *= math.sqrt(d_new / d_old)
    return new


def _widen_telling(new: torch.Tensor, old: torch.Tensor, heads: int) -> torch.Tensor:
    """What is made of all heads' values (C, C, 1, 1): of the new ones nothing in the old channels yet."""
    was = old.view(old.shape[0], heads, -1)
    rows = new.view(new.shape[0], heads, -1)
    rows[: len(was)] = 0
    rows[: len(was), :, : was.shape[2]] = was
    return new


_WITH_HEADS = {"ask": _widen_asking, "tell": _widen_telling}
"""Of a self-attention the layers whose channels belong to heads, by name."""
