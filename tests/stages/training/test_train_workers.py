"""Two workers that share every batch learn what one learns from the whole: losses and weights, to 1e-5."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing, nn

from models.learning.label_assignment import Sampling
from models.learning.learner import LossConfig
from models.losses.points import PointWeights
from models.losses.terms import Term, normalise_terms
from models.variant import Variant
from pipeline.stage import StageError
from stages.synthetic.synthesize import Synthesize
from stages.training.data.annotated_sets import SetConfig, prepared
from stages.training.data.augment import Augment
from stages.training.distributed import indices_of
from stages.training.fit import FitConfig
from stages.training.learning_rate_schedule import LearningRateSchedule
from stages.training.light.component_training import ComponentConfig, ComponentTraining
from stages.training.payloads import AnnotatedSets, Round
from stages.training.rcnn.train_network import TrainNetwork

STEPS = {"rcnn": 1, "fcn": 4}
"""Steps that are compared. Which proposals survive is a choice between near ties while a network is new: from the
second step on rounding can decide it, and one and two workers then learn from other regions."""


def config_of(folder: Path, kind: str) -> tuple[Augment, TrainNetwork.Config]:
    """Plain gradient descent: AdamW divides by the gradient's size, so rounding would decide where it is near 0."""
    augment = Augment(Augment.Config(kind=kind, batch=4, min_size=64, max_size=96, max_side=128))  # type: ignore[arg-type]
    losses = LossConfig(
        uv="mean", weights=PointWeights(uv=4.0), sampling=Sampling(anchors=64, regions=24, proposals=50, dense=6)
    )
    rcnn = kind == "rcnn"
    return augment, TrainNetwork.Config(
        folder=str(folder),
        variant=Variant(backbone="tiny", mask=rcnn, keypoints=rcnn, cascade=rcnn),
        losses=losses,
        fit=FitConfig(
            steps=STEPS[kind],
            optimizer="sgd",
            learning_rate=0.01,
            lr_schedule=LearningRateSchedule(warmup=1),
            precision="fp32",
            clip_norm=1e9,
        ),
        quiet=True,
        device="cpu",
    )


def train(place: int, count: int, folder: Path, kind: str, dataset: Path) -> None:
    torch.set_num_threads(1)
    if count > 1:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "RANK": str(place), "WORLD_SIZE": str(count)}
        store = distributed.FileStore(str(folder / "store"), count)
        distributed.init_process_group("gloo", store=store, rank=place, world_size=count)
    draw = Synthesize.Config(count=6, height=120, width=160)
    sets = AnnotatedSets(sets=(prepared(SetConfig(folder=str(dataset), draw=draw)),))
    augment, config = config_of(folder / "run", kind)
    stage = TrainNetwork(config)
    losses: list[dict[str, float]] = []
    for batches in augment(sets):
        for _ in stage(Round(index=0, count=1), batches):
            pass
        training = stage._training
        assert training is not None
        shares = training._losses(training.fit.net, training._batch(STEPS[kind]))
        losses.append({name: float(value.detach()) for name, value in shares.items()})
    (folder / f"losses{place}.json").write_text(json.dumps(losses[0]))
    if count > 1:
        distributed.destroy_process_group()


@pytest.mark.parametrize("kind", ["rcnn", "fcn"])
def test_two_workers_are_one(kind: str, tmp_path: Path) -> None:
    dataset, one, two = tmp_path / "set", tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    train(0, 1, one, kind, dataset)
    multiprocessing.spawn(train, args=(2, two, kind, dataset), nprocs=2)
    alone = json.loads((one / "losses0.json").read_text())
    shared = [json.loads((two / f"losses{place}.json").read_text()) for place in range(2)]
    assert set(alone) == set(shared[0]) == set(shared[1])
    for name, value in alone.items():
        mean = np.mean([share[name] for share in shared])
        assert mean == pytest.approx(value, rel=1e-5, abs=1e-6), name
    first = torch.load(one / "run" / "state.pt", weights_only=True)
    second = torch.load(two / "run" / "state.pt", weights_only=True)
    assert first["step"] == second["step"] == STEPS[kind]
    for name, value in first["net"].items():
        torch.testing.assert_close(second["net"][name], value, rtol=1e-5, atol=1e-5, msg=name)
    assert first["optimizer"]["state"][0]["momentum_buffer"].norm() > 1e-3, (
        "nothing was learnt, so nothing was compared"
    )


class Line(nn.Module):
    """As deep as a test needs: a batch norm, and a bias that only some batches have anything to say of."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.norm = nn.BatchNorm1d(4)
        self.line = nn.Linear(4, 1)
        self.rare = nn.Parameter(torch.zeros(()))


@dataclass(frozen=True)
class Numbers:
    """Batches of eight rows, of which each worker makes its part."""

    indices: range

    def __call__(self) -> Callable[[int], tuple[torch.Tensor, ...]]:
        return self.rows

    def rows(self, step: int) -> tuple[torch.Tensor, ...]:
        return (torch.randn(8, 4, generator=torch.Generator().manual_seed(step))[list(self.indices)],)


def line_loss(net: nn.Module, batch: tuple[torch.Tensor, ...], *, place: int) -> Mapping[str, torch.Tensor]:
    assert isinstance(net, Line)
    x_N4 = batch[0]
    net.norm(x_N4)  # its statistics are the workers' own until they are joined; what is learnt does not depend on them
    losses = {"square": (net.line(x_N4) - x_N4.sum(1, keepdim=True)).square().mean()}
    return losses if place else {**losses, "rare": (net.rare - 1).square()}


def train_half(place: int, count: int, folder: Path) -> None:
    torch.set_num_threads(1)
    if count > 1:
        store = distributed.FileStore(str(folder / "store"), count)
        distributed.init_process_group("gloo", store=store, rank=place, world_size=count)
    fit = FitConfig(
        steps=6,
        optimizer="sgd",
        learning_rate=0.05,
        lr_schedule=LearningRateSchedule(warmup=1),
        precision="fp32",
        clip_norm=1e9,
    )
    half = ComponentTraining(Line(), ComponentConfig(folder=str(folder), fit=fit, device="cpu"), name="line", threads=1)
    half.run(Numbers(indices_of(place, count, 8, "batch")), partial(line_loss, place=place), 6)
    torch.save(half.fit.net.state_dict(), folder / f"net{place}.pt")
    if count > 1:
        distributed.destroy_process_group()


def test_two_workers_train_a_half_as_one_does(tmp_path: Path) -> None:
    """Gradients are means over workers; so are statistics, of which a worker alone sees its own part."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    train_half(0, 1, one)
    multiprocessing.spawn(train_half, args=(2, two), nprocs=2)
    alone, first, second = (torch.load(path) for path in (one / "net0.pt", two / "net0.pt", two / "net1.pt"))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    for name in ("line.weight", "line.bias", "norm.running_mean"):
        torch.testing.assert_close(first[name], alone[name], rtol=1e-5, atol=1e-6, msg=name)
    assert 0 < first["rare"] < alone["rare"], "what one of two workers says counts half"
    assert [path.name for path in (two / "line").iterdir()].count("state.pt") == 1
    assert len((two / "line" / "log.jsonl").read_text().splitlines()) == 1, "one writes"


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    assert [*indices_of(1, 2, 6, "train_surface.batch")] == [1, 3, 5]
    with pytest.raises(StageError, match=r"train_surface.batch: a batch of 5 cannot be shared by 2 workers"):
        indices_of(0, 2, 5, "train_surface.batch")


def test_a_mean_over_workers_is_a_mean_over_all() -> None:
    """Without workers a term is its own mean, and a sum stays one."""
    terms = {"mean": Term(torch.tensor(6.0), 4, 2.0), "sum": Term(torch.tensor(6.0), None, 0.5)}
    assert normalise_terms(terms) == {"mean": torch.tensor(3.0), "sum": torch.tensor(3.0)}
    assert normalise_terms({"nothing": Term(torch.tensor(0.0), 0.0)})["nothing"] == 0
