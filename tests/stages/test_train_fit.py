"""The training loop: an interrupted training ends with the same weights; a broken one stops and keeps the evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.stage import StageError
from stages.training.fit import Batch, Fit, FitConfig
from stages.training.payloads import Round


def network() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 1, 3))


def batch_of(step: int) -> Batch:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(4, 3, 12, 12, generator=generator)
    return x, x.mean((1, 2, 3))


def loss_of(net: nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
    return {"square": (net(batch[0]).mean((1, 2, 3)) - batch[1]).square().mean()}


def config() -> FitConfig:
    return FitConfig(steps=60, warmup=5, rate=0.01, bf16=False)


def test_interrupted_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    straight = Fit(network(), config(), tmp_path / "straight")
    straight.run(batch_of, loss_of, 60)
    Fit(network(), config(), tmp_path / "broken").run(batch_of, loss_of, 23)
    resumed = Fit(network(), config(), tmp_path / "broken")
    assert resumed.step == 23
    resumed.run(batch_of, loss_of, 60)
    for name, value in straight.net.state_dict().items():
        assert torch.equal(value, resumed.net.state_dict()[name]), name
        assert torch.equal(straight.average[name], resumed.average[name]), name
    assert Fit(network(), config(), tmp_path / "broken").step == 60


def test_it_learns_and_says_so(tmp_path: Path) -> None:
    net = network()
    before = loss_of(net.train(), batch_of(999))["square"].item()
    Fit(net, config(), tmp_path).run(batch_of, loss_of, 60)
    assert loss_of(net, batch_of(999))["square"].item() < before / 2
    row = json.loads((tmp_path / "log.jsonl").read_text().split("\n")[0])
    assert row["step"] == 50
    assert row["left"] == 10
    assert row["square"] > 0


def test_the_average_lags_behind(tmp_path: Path) -> None:
    fit = Fit(network(), FitConfig(steps=3, bf16=False, average=0.5), tmp_path)
    seen = [{name: value.clone() for name, value in fit.average.items()}]

    def watched(step: int) -> Batch:
        seen.append({name: value.clone() for name, value in fit.net.state_dict().items()})
        return batch_of(step)

    fit.run(watched, loss_of, 3)
    weights = [state["0.weight"] for state in seen[2:]] + [fit.net.state_dict()["0.weight"]]
    expected = seen[0]["0.weight"]
    for step, weight in enumerate(weights):
        keep = min(0.5, (step + 1) / (step + 10))
        expected = keep * expected + (1 - keep) * weight
    torch.testing.assert_close(fit.average["0.weight"], expected)


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    fit = Fit(network(), config(), tmp_path)
    with pytest.raises(StageError, match=r"the loss is nan at step 0.*bad_batch\.pt"):
        fit.run(batch_of, lambda net, batch: {"square": net(batch[0]).mean() * float("nan")}, 60)
    x, _ = torch.load(tmp_path / "bad_batch.pt", weights_only=True)
    assert torch.equal(x, batch_of(0)[0])
    assert not (tmp_path / "state.pt").exists()


def test_rounds_share_the_steps_and_end_with_the_last() -> None:
    ends = [Round(index=index, count=7).last_step(100) for index in range(7)]
    assert ends[-1] == 100
    assert all(14 <= step - before <= 15 for before, step in zip([0, *ends], ends, strict=False))
    assert [Round(index=index, count=7).last for index in range(7)] == [False] * 6 + [True]
