"""The light network's file of weights: both networks' tensors, half precision, and of which sizes they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from models.errors import ModelError
from models.files.atomic_file import atomic_write
from models.files.safetensors_file import read_metadata, read_tensors
from models.light.architecture.blocks import Bottleneck, SelfAttention
from models.light.architecture.detector import PersonDetector
from models.light.architecture.files import require_weights
from models.light.architecture.sizes import UNSAID_SIZES, LightSizes, as_text, from_text
from models.light.architecture.surface_net import JointMaps, SurfaceNet
from models.light.architecture.widening import widened

REMEDY = "train or download the weights again"


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a light network's file, float32, keys `detector.…` and `surface.…`.

    Raises:
        ModelError: the file is missing or not one of these.
    """
    require_weights(path)
    try:
        tensors = read_tensors(path)
    except ValueError as error:
        raise ModelError(f"not a safetensors file ({error})", str(path), REMEDY) from error
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def read_sizes(path: Path) -> LightSizes:
    """The sizes of the networks whose weights a file holds; the first ones' where it says nothing.

    Raises:
        ModelError: the file is missing, not one of these, or what it says is no sizes.
    """
    require_weights(path)
    try:
        text = read_metadata(path).get("sizes")
    except ValueError as error:
        raise ModelError(f"not a safetensors file ({error})", str(path), REMEDY) from error
    try:
        return UNSAID_SIZES if text is None else from_text(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"its sizes cannot be read ({error!r})", str(path), REMEDY) from error


def load_networks(path: Path) -> tuple[PersonDetector, SurfaceNet]:
    """Both networks of a file, of the sizes that it says. Raises: ModelError for a file that is none of these."""
    sizes, tensors = read_sizes(path), read_weights(path)
    detector, surface = PersonDetector(sizes.detector), SurfaceNet(sizes.surface)
    fill(detector, tensors, "detector.", path)
    fill(surface, tensors, "surface.", path)
    return detector, surface


def write_weights(
    path: Path,
    detector: dict[str, torch.Tensor],
    surface: dict[str, torch.Tensor],
    sizes: LightSizes = UNSAID_SIZES,
) -> None:
    """Write both networks' state, and of which sizes they are, into one file, whole or not at all."""
    tensors = {f"detector.{name}": value.contiguous() for name, value in detector.items()}
    tensors.update({f"surface.{name}": value.contiguous() for name, value in surface.items()})
    # One entry alone: several are written in any order, and equal weights shall be equal files.
    metadata = {"kind": "light"} if sizes == UNSAID_SIZES else {"sizes": as_text(sizes)}
    with atomic_write(path) as draft:  # safetensors' own writer gives a file to its owner alone
        draft.write_bytes(save(tensors, metadata))


def under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def fill(net: nn.Module, tensors: dict[str, torch.Tensor], prefix: str, path: Path) -> None:
    """Load the tensors under a prefix. Raises: ModelError naming the keys that do not fit."""
    mine = under(prefix, tensors)
    wanted = net.state_dict()
    wrong = sorted(wanted.keys() ^ mine.keys())
    wrong += sorted(name for name in wanted.keys() & mine.keys() if wanted[name].shape != mine[name].shape)
    if wrong:
        keys = ", ".join(f"{prefix + name:.80}" for name in wrong[:5])
        raise ModelError(f"{len(wrong)} weights do not fit the light network: {keys}", str(path), "use its own weights")
    net.load_state_dict(mine)


def grow(net: nn.Module, tensors: dict[str, torch.Tensor], prefix: str, path: Path) -> None:
    """Load the tensors of a smaller network under a prefix; what it lacks stays new, and changes nothing yet.

    It may lack bottlenecks, attentions and the maps of joints, and be narrower (see `widened`).

    Raises: ModelError naming the keys that do not fit.
    """
    silent = (Bottleneck, SelfAttention, JointMaps)
    blocks = [f"{prefix}{name}." for name, module in net.named_modules() if isinstance(module, silent)]
    lacking = tuple(block for block in blocks if not any(name.startswith(block) for name in tensors))
    own = {prefix + name: value for name, value in net.state_dict().items()}
    new = {name: value for name, value in own.items() if name.startswith(lacking)}
    fill(net, {**new, **widened(net, tensors, prefix)}, prefix, path)
