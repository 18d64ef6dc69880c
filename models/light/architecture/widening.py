"""Weights of a wider network from those of a narrower one, with equal outputs (after Net2Net, Chen et al., ICLR 2016).

The channels of the narrower network come first. Their weights for new input channels start at zero, so that their
values do not change. New channels take all inputs, with the weights of a newly initialised network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from models.light.architecture.blocks import SelfAttention


def widen_weights(net: nn.Module, narrow: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The weights of a narrower network, enlarged to the sizes of `net`; new values are those of `net`.

    Args:
        net: newly initialised, with the wanted widths.
        narrow: weights, keys are `prefix` and the names in `net`. Tensors that `net` does not have, or has in a smaller
            size, are returned unchanged.
        prefix: of the keys of `narrow` and of the result.
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
    """Whether a tensor has the same dimensions as another, is nowhere larger and somewhere smaller."""
    if old.ndim != new.ndim or old.shape == new.shape:
        return False
    return all(a <= b for a, b in zip(old.shape, new.shape, strict=True))


def _widen(new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    """A tensor (outputs, inputs, …) or (outputs): the old outputs take only the old inputs."""
    new[: len(old)] = 0
    new[tuple(slice(side) for side in old.shape)] = old
    return new


def _widen_query_key_value(new: torch.Tensor, old: torch.Tensor, heads: int) -> torch.Tensor:
    """Queries, keys and values (3 * C, C, 1, 1): each head keeps its channels; queries ignore new ones at first."""
    was = old.view(3, heads, -1, old.shape[1])
    rows = new.view(3, heads, -1, new.shape[1])
    d_old, d_new = was.shape[2], rows.shape[2]
    rows[0] = 0
    rows[:, :, :d_old] = 0
    rows[:, :, :d_old, : old.shape[1]] = was
    rows[0] *= math.sqrt(d_new / d_old)
    return new


def _widen_projection(new: torch.Tensor, old: torch.Tensor, heads: int) -> torch.Tensor:
    """Output projection (C, C, 1, 1): the old channels ignore the new values at first."""
    was = old.view(old.shape[0], heads, -1)
    rows = new.view(new.shape[0], heads, -1)
    rows[: len(was)] = 0
    rows[: len(was), :, : was.shape[2]] = was
    return new


_WITH_HEADS = {"ask": _widen_query_key_value, "tell": _widen_projection}
"""Layers of a self-attention whose channels belong to heads, by their names in the state dict."""
