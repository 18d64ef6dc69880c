"""Random bodies are what a camera sees, and the lift learns from them with one command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from models.body.low_poly import low_poly_keypoints
from models.body.open_body import KEYPOINT_NAMES
from models.lift.lift_weights import read_lift
from pipeline.command.cli import main
from stages.training.lift.random_bodies import BodySource, rotations_of
from stages.training.lift.seen_parts import seen_parts
from stages.training.lift.train_lift import BodyBatches


def test_random_bodies_stand_around_their_hips_and_hide_their_far_side() -> None:
    bodies = BodySource()(64, torch.Generator().manual_seed(1))
    joint_NJ3 = torch.from_numpy(low_poly_keypoints()) @ bodies.point_NL3
    hips = [KEYPOINT_NAMES.index(name) for name in ("left_hip", "right_hip")]
    assert joint_NJ3[:, hips].mean(1).abs().max() < 1e-4
    height_N = bodies.point_NL3.flatten(1).amax(1) - bodies.point_NL3.flatten(1).amin(1)
    assert float(height_N.min()) > 0.5
    assert float(height_N.max()) < 2.6
    assert 0.2 < bodies.seen_NL.float().mean() < 0.6
    depth_NL = bodies.point_NL3[..., 2]
    assert (depth_NL[bodies.seen_NL].mean() + 0.03) < depth_NL[~bodies.seen_NL].mean()


def test_a_body_projects_onto_the_places_that_the_lift_is_told() -> None:
    random = torch.Generator().manual_seed(2)
    bodies = BodySource()(64, random)
    place_N3L, _, point_NL3 = seen_parts(bodies, random)
    assert torch.allclose(point_NL3.norm(dim=2), bodies.point_NL3.norm(dim=2), atol=1e-4)
    seen_NL = place_N3L[:, 0] > 0
    assert not (seen_NL & ~bodies.seen_NL).any()
    assert place_N3L[:, 1:].abs()[seen_NL[:, None].expand(-1, 2, -1)].quantile(0.95) < 0.6
    assert (place_N3L[:, 1:].abs().sum(1)[~seen_NL] == 0).all()
    # What is seen at the right and below stands at the right and below.
    for axis in range(2):
        share = np.corrcoef(place_N3L[:, 1 + axis][seen_NL], point_NL3[..., axis][seen_NL])[0, 1]
        assert share > 0.6


def test_rotation_vectors_turn_as_they_say() -> None:
    turned = rotations_of(torch.tensor([[0.0, 0.0, np.pi / 2]])) @ torch.tensor([1.0, 0, 0])
    assert torch.allclose(turned, torch.tensor([[0.0, 1, 0]]), atol=1e-6)


def test_a_batch_depends_on_its_step_alone() -> None:
    one, other = BodyBatches(4, 0), BodyBatches(4, 0)
    other(0)
    assert all(torch.equal(a, b) for a, b in zip(one(3), other(3), strict=True))
    assert not torch.equal(one(3)[0], one(4)[0])


def test_one_command_trains_a_lift_that_serves(tmp_path: Path) -> None:
    weights = tmp_path / "lift.npz"
    settings = [
        f"folder={tmp_path}", "rounds.count=2", "train_lift.batch=64", "train_lift.fit.steps=50",
        "train_lift.fit.lr_schedule={warmup: 5, kind: constant, cooldown: 10}", f"export_lift.weights={weights}",
    ]  # fmt: skip
    assert main(["-c", "train_lift", *(word for one in settings for word in ("--set", one))]) == 0
    (row,) = (json.loads(line) for line in (tmp_path / "lift" / "log.jsonl").read_text().splitlines())
    assert row["joint"] < 0.5
    lift = read_lift(weights)
    place_N3L, number_N2, point_NL3 = BodyBatches(64, 9)(0)
    found = np.stack([
        lift.points(place_3L[0].numpy() > 0, place_3L[1:].T.numpy(), number_2.numpy())
        for place_3L, number_2 in zip(place_N3L, number_N2, strict=True)
    ])  # fmt: skip
    away = np.linalg.norm(found - point_NL3.numpy(), axis=2).mean()
    assert away < 0.95 * np.linalg.norm(lift.mean_X.reshape(-1, 3) - point_NL3.numpy(), axis=2).mean()
