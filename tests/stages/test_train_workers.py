"""Two workers that share every batch learn what one learns from the whole: losses and weights, to 1e-5."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing

from models.architecture.variant import Variant
from models.learning.assignment import Sampling
from models.learning.learner import LossConfig
from models.losses.points import PointWeights
from models.losses.terms import Term, settle
from stages.annotated_sets import SetConfig, prepared
from stages.augment import Augment
from stages.synthesize import Synthesize
from stages.train_network import TrainNetwork
from stages.training.fit import FitConfig
from stages.training.payloads import AnnotatedSets, Round

STEPS = {"rcnn": 1, "fcn": 4}
"""Steps that are compared. Which proposals survive is a choice between near ties while a network is new: from the
second step on rounding can decide it, and one and two workers then learn from other regions."""


def config_of(folder: Path, kind: str) -> tuple[Augment, TrainNetwork.Config]:
    """Plain gradient descent: AdamW divides by the gradient's size, so rounding would decide where it is near 0."""
    augment = Augment(Augment.Config(kind=kind, batch=4, least=64, most=96, longest=128))  # type: ignore[arg-type]
    losses = LossConfig(
        uv="mean", weights=PointWeights(uv=4.0), sampling=Sampling(anchors=64, regions=24, proposals=50, dense=6)
    )
    rcnn = kind == "rcnn"
    return augment, TrainNetwork.Config(
        folder=str(folder),
        variant=Variant(backbone="tiny", mask=rcnn, keypoints=rcnn, cascade=rcnn),
        losses=losses,
        fit=FitConfig(steps=STEPS[kind], optimizer="sgd", rate=0.01, warmup=1, bf16=False, clip=1e9),
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


def test_a_mean_over_workers_is_a_mean_over_all() -> None:
    """Without workers a term is its own mean, and a sum stays one."""
    terms = {"mean": Term(torch.tensor(6.0), 4, 2.0), "sum": Term(torch.tensor(6.0), None, 0.5)}
    assert settle(terms) == {"mean": torch.tensor(3.0), "sum": torch.tensor(3.0)}
    assert settle({"nothing": Term(torch.tensor(0.0), 0.0)})["nothing"] == 0
