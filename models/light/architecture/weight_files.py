"""Files of the light network's weights: the tensors of both components, and their sizes in the metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from models.errors import ModelError
from models.files.atomic_file import atomic_write
from models.files.safetensors_file import read_tensors
from models.light.architecture.blocks import LightBottleneck, SelfAttention
from models.light.architecture.detector import PersonDetector
from models.light.architecture.preprocessing import CROP, OTHER_PLANES
from models.light.architecture.sizes import (
    DEFAULT_SIZES,
    DetectorSizes,
    LightSizes,
    SurfaceSizes,
    read_sizes,
    sizes_as_json,
)
from models.light.architecture.surface_net import JointMaps, Planes, SurfaceNet
from models.light.architecture.weight_paths import REMEDY, require_weights
from models.light.architecture.widening import widen_weights
from models.light.architecture.yolox import YoloxDetector

State = Mapping[str, torch.Tensor]
"""The tensors of a component by their names in its state dict."""



def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file, as float32, with keys `detector.…` and `surface.…`.

    Raises:
        ModelError: the file is missing or is no safetensors file.
    """
    require_weights(path)
    try:
        tensors = read_tensors(path)
    except ValueError as error:
        raise ModelError(f"not a safetensors file ({error})", str(path), REMEDY) from error
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def load_networks(path: Path) -> tuple[PersonDetector, SurfaceNet]:
    """Both components of a file, with the sizes that it states. Raises: ModelError for a file of something else."""
    sizes, tensors = read_sizes(path), read_weights(path)
    detector, surface = PersonDetector(sizes.detector), SurfaceNet(sizes.surface)
    load_component(detector, tensors, "detector.", path)
    load_component(surface, tensors, "surface.", path)
    return detector, surface


def load_yolox(path: Path) -> YoloxDetector:
    """YOLOX-nano from its file. Raises: ModelError for a file of something else."""
    detector = YoloxDetector()
    load_component(detector, read_weights(path), "detector.", path)
    return detector


def write_yolox(path: Path, detector: YoloxDetector) -> None:
    """Write YOLOX-nano in half precision. A failure leaves no partial file."""
    tensors = {f"detector.{name}": value.half().contiguous() for name, value in detector.state_dict().items()}
    with atomic_write(path) as draft:
        draft.write_bytes(save(tensors, {"kind": "yolox"}))


def write_weights(
    path: Path,
    detector: dict[str, torch.Tensor],
    surface: dict[str, torch.Tensor],
    sizes: LightSizes = DEFAULT_SIZES,
) -> None:
    """Write the state dicts of both components and their sizes into one file. A failure leaves no partial file."""
    tensors = {f"detector.{name}": value.contiguous() for name, value in detector.items()}
    tensors.update({f"surface.{name}": value.contiguous() for name, value in surface.items()})
    # One entry only: several would be written in any order, and equal weights must give equal files.
    metadata = {"kind": "light"} if sizes == DEFAULT_SIZES else {"sizes": sizes_as_json(sizes)}
    with atomic_write(path) as draft:  # the writer of safetensors lets only the owner read the file
        draft.write_bytes(save(tensors, metadata))


def without_prefix(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors with this prefix; the keys lose it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def load_component(net: nn.Module, tensors: dict[str, torch.Tensor], prefix: str, path: Path) -> None:
    """Load the tensors with this prefix into a network. Raises: ModelError with the keys that do not fit."""
    mine = without_prefix(prefix, tensors)
    wanted = net.state_dict()
    wrong = sorted(wanted.keys() ^ mine.keys())
    wrong += sorted(name for name in wanted.keys() & mine.keys() if wanted[name].shape != mine[name].shape)
    if wrong:
        keys = ", ".join(f"{prefix + name:.80}" for name in wrong[:5])
        raise ModelError(f"{len(wrong)} weights do not fit the light network: {keys}", str(path), "use its own weights")
    net.load_state_dict(mine)


def load_smaller(net: nn.Module, tensors: dict[str, torch.Tensor], prefix: str, path: Path) -> None:
    """Load the tensors of a smaller network with this prefix; outputs stay equal until the network is trained.

    The smaller network may have fewer bottlenecks and attentions, no joint maps, no planes of other people, and fewer
    channels (`widen_weights`).

    Raises: ModelError with the keys that do not fit.
    """
    neutral = (LightBottleneck, SelfAttention, JointMaps, Planes)  # new ones of these kinds change no other output
    blocks = [f"{prefix}{name}." for name, module in net.named_modules() if isinstance(module, neutral)]
    lacking = tuple(block for block in blocks if not any(name.startswith(block) for name in tensors))
    own = {prefix + name: value for name, value in net.state_dict().items()}
    new = {name: value for name, value in own.items() if name.startswith(lacking)}
    load_component(net, {**new, **widen_weights(net, tensors, prefix)}, prefix, path)


def detector_sizes(state: State) -> DetectorSizes:
    """Sizes of a `PersonDetector`, from its tensors. Raises: KeyError or ValueError for tensors of something else."""
    widths, blocks = _backbone_sizes(state, 4)
    return DetectorSizes(widths=widths, blocks=blocks)  # type: ignore[arg-type]


def surface_sizes(state: State) -> SurfaceSizes:
    """Sizes of a `SurfaceNet`, from its tensors. Raises: KeyError or ValueError for tensors of something else."""
    widths, blocks = _pyramid_sizes(state) if "pyramid.from32.weight" in state else _backbone_sizes(state, 3)
    planes = state["others.weight"].shape[1] if "others.weight" in state else 0
    return SurfaceSizes(
        widths=widths,  # type: ignore[arg-type]
        blocks=blocks,  # type: ignore[arg-type]
        wide=len(state["decode4.0.weight"]),
        refined=(_layer_count(state, "refined8."), _layer_count(state, "refined4.")),
        attention=_layer_count(state, "attention.") // 2,
        joints="joints.weight" in state,
        others=planes > 0,
        own=planes > OTHER_PLANES,
        encoder="lite0" if "pyramid.from32.weight" in state else "none",
        crop=int(state["crop"]) if "crop" in state else CROP,
        thing="thing.weight" in state,
    )


def _backbone_sizes(state: State, stages: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channels at every stride, and bottlenecks of every stage."""
    prefixes = [f"stages.{stage}." for stage in range(stages)]
    widths = len(state["stem.0.weight"]), *(len(state[f"{prefix}0.0.weight"]) for prefix in prefixes)
    return widths, tuple(_layer_count(state, prefix) - 1 for prefix in prefixes)


def _pyramid_sizes(state: State) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channels at every stride of a `LitePyramid` with its stem, and bottlenecks at every stride."""
    prefixes = [f"pyramid.to{stride}." for stride in (4, 8, 16)]
    widths = len(state["pyramid.encoder.stem.0.weight"]), *(len(state[f"{prefix}0.0.weight"]) for prefix in prefixes)
    return widths, tuple(_layer_count(state, prefix) - 1 for prefix in prefixes)


def _layer_count(state: State, prefix: str) -> int:
    """Number of layers in the sequence of layers with this prefix."""
    return len({name.removeprefix(prefix).partition(".")[0] for name in state if name.startswith(prefix)})
