"""The surface network's second stage: what it is told, how it learns, and as the engine that serves it computes it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from models.inference.torch_body import compile_body
from models.light.cascade import SecondStage
from models.light.sizes import SurfaceSizes
from models.light.surface_net import SurfaceNet
from models.losses.light import body_places
from stages.training.surface_batches import EARLIER, surface_loss

SIZES = SurfaceSizes(widths=(8, 8, 8, 16), blocks=(0, 0, 0), wide=8, cascade=1)
SIDE = 32


def network() -> SurfaceNet:
    torch.manual_seed(2)
    return SurfaceNet(SIZES)


def pictures() -> torch.Tensor:
    return torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 255


@torch.no_grad()
def test_it_is_told_the_mean_answer_of_the_four_cells_of_a_place() -> None:
    net = network().eval()
    first = net.features_by_stage(pictures())[0]
    place_PC = first.permute(0, 2, 3, 1).flatten(0, 2)
    person, part = net.read_person(place_PC).mean(1, keepdim=True), net.read_part(place_PC).mean(1)
    wanted = torch.cat([person.sigmoid(), part.softmax(1)], 1)
    torch.testing.assert_close(net.answer(first).permute(0, 2, 3, 1).flatten(0, 2), wanted)


def test_both_stages_are_supervised_and_the_last_one_is_served() -> None:
    net = network().train()
    label = torch.randint(0, 25, (2, SIDE // 2, SIDE // 2), generator=torch.Generator().manual_seed(1))
    places = body_places(label, torch.tensor([True, False]))
    uv, joints = torch.full((2, 2, SIDE // 2, SIDE // 2), 0.5), torch.zeros(2, 17, 3)
    batch = (pictures().byte(), label, torch.ones(label.shape), uv, joints, *places)
    losses = surface_loss(net, batch)
    assert set(losses) == {"person", "part", "uv", "first_person", "first_part"}
    # As nothing has been learnt yet, both stages say the same.
    torch.testing.assert_close(losses["first_part"], EARLIER * losses["part"])
    losses["part"].backward()
    assert net.second is not None and net.second.tell.weight.grad is not None
    assert net.second.tell.weight.grad.abs().sum() > 0
    nn.init.constant_(net.second.refined4[0].expand[1].bias, 1.0)
    after = surface_loss(net, batch)
    torch.testing.assert_close(after["first_part"], losses["first_part"])
    assert (after["part"] - losses["part"]).abs() > 1e-3
    served = net.read(net.features_by_stage(pictures())[-1])
    torch.testing.assert_close(served, net.read(net.features(pictures())))


def test_without_one_there_is_one_stage() -> None:
    net = SurfaceNet(SurfaceSizes(widths=(8, 8, 8, 16), blocks=(0, 0, 0), wide=8))
    assert net.second is None
    assert len(net.features_by_stage(pictures())) == 1


@pytest.mark.parametrize("engine", ["openvino", "torch"])
@torch.no_grad()
def test_it_is_served_as_it_was_trained(engine: str) -> None:
    class Whole(nn.Module):
        """Of one input, from which all that the stage sees is cut."""

        def __init__(self) -> None:
            super().__init__()
            self.second = SecondStage((8, 8, 16), 25, 1)
            nn.init.normal_(self.second.tell.weight, std=0.3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x8, x16 = x[:, :8, ::2, ::2], x[:, :16, ::4, ::4]
            return self.second(x[:, :8], x8, x16, x[:, 8:33])

    torch.manual_seed(5)
    whole, x = Whole().eval(), torch.randn(1, 33, 16, 16)
    body = compile_body(whole, (1, 33, 16, 16), engine=engine, precision="fp32", threads=1)
    np.testing.assert_allclose(body(x.numpy()), whole(x).numpy(), rtol=1e-4, atol=1e-4)
