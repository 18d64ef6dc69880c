"""Weights loaded into deeper and wider networks leave the outputs equal; sizes are stated and seen in tensors."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from models.errors import ModelError
from models.light.architecture.detector import PersonDetector
from models.light.architecture.preprocessing import OTHER_PLANES
from models.light.architecture.sizes import (
    DetectorSizes,
    LightSizes,
    SurfaceSizes,
    sizes_as_json,
    sizes_from_json,
)
from models.light.architecture.surface_net import SurfaceNet
from models.light.architecture.weight_files import (
    detector_sizes,
    load_networks,
    load_smaller,
    read_sizes,
    read_weights,
    surface_sizes,
    write_weights,
)
from models.light.architecture.weight_paths import BUILT_IN

pytestmark = pytest.mark.quick


def crops(count: int, side: int) -> torch.Tensor:
    """RGB and the planes of other people, 0..255."""
    return torch.rand(count, 3 + OTHER_PLANES, side, side, generator=torch.Generator().manual_seed(0)) * 255


def deeper(blocks: tuple[int, ...], by: int = 1) -> tuple[int, ...]:
    return tuple(count + by for count in blocks)


def wider(widths: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(width + 8 for width in widths)


def wider_surface(sizes: SurfaceSizes) -> SurfaceSizes:
    return dataclasses.replace(sizes, widths=wider(sizes.widths), wide=sizes.wide + 6)  # type: ignore[arg-type]


def grown(net: nn.Module, prefix: str) -> nn.Module:
    load_smaller(net, read_weights(BUILT_IN), prefix, BUILT_IN)
    return net.eval()


@torch.no_grad()
def test_new_blocks_change_nothing_until_trained() -> None:
    sizes = read_sizes(BUILT_IN)
    detector, surface = (net.eval() for net in load_networks(BUILT_IN))
    deep = DetectorSizes(widths=sizes.detector.widths, blocks=deeper(sizes.detector.blocks))  # type: ignore[arg-type]
    fine = dataclasses.replace(
        sizes.surface,
        blocks=deeper(sizes.surface.blocks),  # type: ignore[arg-type]
        refined=deeper(sizes.surface.refined),  # type: ignore[arg-type]
        attention=sizes.surface.attention + 1,
    )
    more = grown(PersonDetector(deep), "detector."), grown(SurfaceNet(fine), "surface.")
    assert len(more[0].state_dict()) > len(detector.state_dict())
    crop = crops(1, 160)
    assert torch.equal(more[0](crop[:, :3]), detector(crop[:, :3]))
    assert all(torch.equal(a, b) for a, b in zip(more[1](crop), surface(crop), strict=True))
    for parameter in more[1].refined4[-1].expand.parameters():
        torch.nn.init.constant_(parameter, 0.1)
    assert not torch.equal(more[1](crop).part, surface(crop).part)


@torch.no_grad()
def test_wider_networks_have_equal_outputs_until_trained() -> None:
    sizes = read_sizes(BUILT_IN)
    detector, surface = (net.eval() for net in load_networks(BUILT_IN))
    broad = dataclasses.replace(sizes.detector, widths=wider(sizes.detector.widths))  # type: ignore[arg-type]
    fine = wider_surface(sizes.surface)
    more = grown(PersonDetector(broad), "detector."), grown(SurfaceNet(fine), "surface.")
    crop = crops(1, 160)
    torch.testing.assert_close(more[0](crop[:, :3]), detector(crop[:, :3]), rtol=0, atol=1e-4)
    for wide, narrow in zip(more[1](crop), surface(crop), strict=True):
        torch.testing.assert_close(wide, narrow, rtol=0, atol=1e-4)


def test_new_channels_get_gradients() -> None:
    sizes = read_sizes(BUILT_IN).surface
    net = SurfaceNet(wider_surface(sizes))
    load_smaller(net, read_weights(BUILT_IN), "surface.", BUILT_IN)
    torch.stack([part.square().mean() for part in net(crops(2, 64))]).sum().backward()
    assert net.read.weight.grad is not None
    assert net.read.weight.grad[:, sizes.wide :].abs().min() > 0


def test_narrower_networks_and_fewer_bottlenecks_are_refused() -> None:
    sizes = read_sizes(BUILT_IN).surface
    for other in (dataclasses.replace(sizes, wide=sizes.wide - 2), SurfaceSizes(blocks=(1, 0, 1))):
        with pytest.raises(ModelError, match=r"weights do not fit the light network: surface\."):
            load_smaller(SurfaceNet(other), read_weights(BUILT_IN), "surface.", Path("some.safetensors"))


def test_sizes_are_found_from_the_tensors() -> None:
    detector = DetectorSizes(widths=(8, 16, 24, 32, 40), blocks=(1, 2, 0, 3))
    assert detector_sizes(PersonDetector(detector).state_dict()) == detector
    for sizes in (
        SurfaceSizes(),
        read_sizes(BUILT_IN).surface,
        SurfaceSizes(widths=(8, 12, 16, 24), blocks=(2, 0, 4), wide=10, refined=(2, 1), attention=3, joints=True),
    ):
        assert surface_sizes(SurfaceNet(sizes).state_dict()) == sizes


def test_sizes_are_read_back_also_from_older_files() -> None:
    sizes = LightSizes(surface=SurfaceSizes(blocks=(2, 6, 9), refined=(2, 1), attention=2, joints=True))
    assert sizes_from_json(sizes_as_json(sizes)) == sizes
    newer_keys = ', "refined": [0, 0], "attention": 0, "joints": false'
    assert newer_keys in sizes_as_json(LightSizes())
    assert sizes_from_json(sizes_as_json(LightSizes()).replace(newer_keys, "")) == LightSizes()


def test_a_network_with_an_encoder_is_known_by_its_tensors_and_by_its_file(tmp_path: Path) -> None:
    sizes = SurfaceSizes(
        widths=(32, 24, 32, 40),
        blocks=(0, 1, 2),
        wide=16,
        encoder="lite0",
        crop=192,
        joints=True,
        others=True,
        own=True,
        thing=True,
    )
    net = SurfaceNet(sizes)
    assert surface_sizes(net.state_dict()) == sizes
    assert sizes_from_json(sizes_as_json(LightSizes(surface=sizes))).surface == sizes
    path = tmp_path / "a.safetensors"
    write_weights(path, PersonDetector().state_dict(), net.state_dict(), LightSizes(surface=sizes))
    _, again = load_networks(path)
    assert again.sizes == sizes and again.channels == 6
    with torch.no_grad():
        x = torch.rand(1, 6, 192, 192) * 255
        assert torch.equal(again.eval()(x).person, net.eval()(x).person)


@pytest.mark.parametrize(
    "wrong", [{"encoder": "lite9"}, {"crop": 170}, {"crop": 4096}, {"own": True}, {"thing": True}]
)
def test_sizes_that_cannot_be_built_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SurfaceSizes(**wrong)
