"""The training loop: an interrupted training ends with the same weights; a broken one stops and keeps the evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from models.engines import engine
from pipeline.stage import StageError
from stages.training.device import arithmetic
from stages.training.fit import Batch, Fit, FitConfig, WeightAverage
from stages.training.learning_rate_schedule import LearningRateSchedule
from stages.training.optimizers import Float32Muon, Optimizers, make_optimizer
from stages.training.payloads import Round

pytestmark = pytest.mark.quick


def network() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 1, 3))


def batch_of(step: int) -> Batch:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(4, 3, 12, 12, generator=generator)
    return x, x.mean((1, 2, 3))


def loss_of(net: nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
    return {"square": (net(batch[0]).mean((1, 2, 3)) - batch[1]).square().mean()}


def config(optimizer: Optimizers = "adamw") -> FitConfig:
    return FitConfig(
        steps=60, lr_schedule=LearningRateSchedule(warmup=5), learning_rate=0.01, precision="fp32", optimizer=optimizer
    )


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_interrupted_training_ends_with_the_same_weights(optimizer: Optimizers, tmp_path: Path) -> None:
    straight = Fit(network(), config(optimizer), tmp_path / "straight")
    straight.run(batch_of, loss_of, 60)
    Fit(network(), config(optimizer), tmp_path / "broken").run(batch_of, loss_of, 23)
    resumed = Fit(network(), config(optimizer), tmp_path / "broken")
    assert resumed.step == 23
    resumed.run(batch_of, loss_of, 60)
    for name, value in straight.net.state_dict().items():
        assert torch.equal(value, resumed.net.state_dict()[name]), name
        assert torch.equal(straight.average[name], resumed.average[name]), name
    assert Fit(network(), config(optimizer), tmp_path / "broken").step == 60


@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_statistics_of_batch_norms_stay_while_weights_learn(frozen: bool, tmp_path: Path) -> None:
    fit = Fit(network(), replace(config(), freeze_statistics=frozen), tmp_path)
    before = {name: value.clone() for name, value in fit.net.state_dict().items()}
    fit.run(batch_of, loss_of, 10)
    after = fit.net.state_dict()
    for name in ("1.running_mean", "1.running_var"):
        assert torch.equal(before[name], after[name]) == frozen, name
        assert torch.equal(fit.average[name], before[name]) == frozen, name
    assert not torch.equal(before["1.weight"], after["1.weight"])


@pytest.mark.parametrize(("first", "second"), [("adamw", "muon"), ("muon", "adamw")])
def test_the_state_of_another_optimizer_is_refused(first: Optimizers, second: Optimizers, tmp_path: Path) -> None:
    Fit(network(), config(first), tmp_path).run(batch_of, loss_of, 2)
    with pytest.raises(StageError, match="the checkpoint belongs to another optimizer"):
        Fit(network(), config(second), tmp_path)


def test_muon_changes_kernels_by_orthogonal_steps_and_the_rest_as_adamw_does() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 3))
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    generator = torch.Generator().manual_seed(1)
    for value in net.parameters():
        value.grad = torch.empty_like(value).normal_(generator=generator)
    make_optimizer(net, "muon", 0.01, 0.0).step()
    moved = {name: value.detach() - before[name] for name, value in net.named_parameters()}
    kernel = moved.pop("1.weight")
    singular = torch.linalg.svdvals(kernel.flatten(1)) / (0.01 * 0.2 * 72**0.5)
    assert singular.min() > 0.6
    assert singular.max() < 1.3
    # Down the gradient, element by element: a matrix that named them in another order than the kernel would not be.
    gradient = net[1].weight.grad
    assert torch.nn.functional.cosine_similarity(kernel.flatten(), -gradient.flatten(), dim=0) > 0.8
    for value in moved.values():  # AdamW's first step is the rate, whatever the gradient
        torch.testing.assert_close(value.abs(), torch.full_like(value, 0.01), rtol=1e-3, atol=0)


@pytest.mark.parametrize("shape", [(8, 72), (40, 9)])
def test_muon_in_float32_steps_as_torchs_in_bfloat16_does(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(2)
    start = torch.empty(shape).normal_(generator=generator)
    matrices = [nn.Parameter(start.clone()) for _ in range(2)]
    settings = {"lr": 0.01, "weight_decay": 0.1, "adjust_lr_fn": "match_rms_adamw"}
    optimizers = [Float32Muon(matrices[:1], **settings), torch.optim.Muon(matrices[1:], **settings)]
    for _ in range(3):
        gradient = torch.empty(shape).normal_(generator=generator)
        for matrix, optimizer in zip(matrices, optimizers, strict=True):
            matrix.grad = gradient.clone()
            optimizer.step()
    moved, as_torch = (matrix.detach() - start for matrix in matrices)
    assert (moved - as_torch).norm() < 0.02 * as_torch.norm()
    momenta = [optimizer.state_dict()["state"][0]["momentum_buffer"] for optimizer in optimizers]
    torch.testing.assert_close(*momenta, rtol=0, atol=0)


def test_bfloat16_is_for_hardware_that_multiplies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, found = torch.device("cpu"), []
    for has in (True, False):
        monkeypatch.setattr(engine, "has_bf16", lambda has=has: has)
        for wish in ("auto", "bf16", "fp32"):
            with arithmetic(wish, cpu):  # type: ignore[arg-type]
                found.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
    small, full = torch.bfloat16, torch.float32
    assert found == [small, small, full, full, small, full]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_it_learns_and_says_so(optimizer: Optimizers, tmp_path: Path) -> None:
    net = network()
    before = loss_of(net.train(), batch_of(999))["square"].item()
    Fit(net, config(optimizer), tmp_path).run(batch_of, loss_of, 60)
    assert loss_of(net, batch_of(999))["square"].item() < before / 2
    row = json.loads((tmp_path / "log.jsonl").read_text().split("\n")[0])
    assert row["step"] == 50
    assert row["left"] == 10
    assert row["square"] > 0


def test_the_average_lags_behind(tmp_path: Path) -> None:
    fit = Fit(network(), FitConfig(steps=3, precision="fp32", weight_average=WeightAverage(decay=0.5)), tmp_path)
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


def test_from_a_step_on_the_average_is_the_mean_of_all_weights(tmp_path: Path) -> None:
    config = FitConfig(
        steps=9,
        lr_schedule=LearningRateSchedule(warmup=0, kind="constant"),
        precision="fp32",
        weight_average=WeightAverage(from_step=4),
    )
    straight = Fit(network(), config, tmp_path / "straight")
    seen = []
    for step in range(1, 10):
        straight.run(batch_of, loss_of, step)
        seen.append({name: value.clone() for name, value in straight.net.state_dict().items()})
    for name, value in straight.average.items():
        if value.is_floating_point():  # the weights after steps 4 to 8, counted from 0
            torch.testing.assert_close(value, torch.stack([one[name] for one in seen[4:]]).mean(0), msg=name)
    Fit(network(), config, tmp_path / "broken").run(batch_of, loss_of, 6)
    resumed = Fit(network(), config, tmp_path / "broken")
    resumed.run(batch_of, loss_of, 9)
    for name, value in straight.average.items():
        assert torch.equal(value, resumed.average[name]), name


def test_an_average_that_would_never_begin_is_refused() -> None:
    with pytest.raises(ValueError, match=r"weight_average\.from_step must be below steps \(9\)"):
        FitConfig(steps=9, weight_average=WeightAverage(from_step=9))


def test_the_rate_follows_its_schedule() -> None:
    rates = {
        kind: [
            FitConfig(steps=100, lr_schedule=LearningRateSchedule(warmup=10, kind=kind), learning_rate=1.0).rate_at(
                step
            )
            for step in (0, 10, 50, 99)
        ]
        for kind in ("cosine", "constant", "step")
    }
    assert rates["constant"] == [0.1, 1.0, 1.0, 1.0]
    assert rates["step"] == pytest.approx([0.1, 1.0, 1.0, 0.01])
    assert rates["cosine"][0] == 0.1 and rates["cosine"][1] == 1.0
    assert 0.4 < rates["cosine"][2] < 0.7 and rates["cosine"][3] < 0.02


def test_a_constant_rate_cools_down_in_a_line_at_the_end() -> None:
    cooled = FitConfig(
        steps=100, lr_schedule=LearningRateSchedule(warmup=10, kind="constant", cooldown=40), learning_rate=1.0
    )
    assert [cooled.rate_at(step) for step in (0, 10, 60, 80, 99)] == pytest.approx([0.1, 1.0, 1.0, 0.5, 0.025])
    assert (
        FitConfig(steps=100, lr_schedule=LearningRateSchedule(warmup=10, kind="constant"), learning_rate=1.0).rate_at(
            100
        )
        == 1.0
    ), "the log's last row says it"
    with pytest.raises(ValueError, match=r"lr_schedule\.cooldown needs kind: constant, and at most the 9 steps"):
        FitConfig(steps=9, lr_schedule=LearningRateSchedule(kind="constant", cooldown=10))
    with pytest.raises(ValueError, match=r"lr_schedule\.cooldown needs kind: constant"):
        FitConfig(steps=9, lr_schedule=LearningRateSchedule(cooldown=1))


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
