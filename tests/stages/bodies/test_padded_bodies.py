"""Animated bodies fill the outlines of their people, and move as before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.arrays import F32
from models.body.fitted_body import FittedBody
from models.body.reduced_pose import driven_bones
from stages.bodies.animate import Animate
from stages.payloads import Bodies, People, Surfaces
from tests.models.animation.test_gltf_writer import array, document
from tests.models.fitting.test_outline_fit import dressed_image, surface_of
from tests.stages.bodies.made_bodies import grey_frames, made_body, shown
from tests.stages.bodies.test_animate import job

FRAMES = 30
THICK = 0.02
"""Share of height."""


def dressed(person: list[FittedBody]) -> tuple[People, Surfaces]:
    """Person 4 in thick clothes."""
    worn_D4 = np.zeros((len(driven_bones().bone_D), 4), np.float32)
    worn_D4[:, 0] = THICK
    people, _ = shown([[(4, body)] for body in person])
    return people, Surfaces(people=tuple(surface_of(dressed_image(body, worn_D4)) for body in person))


def animation(path: Path, *, resumed: bool = False, padding: bool = True) -> bytes:
    """The file of a person who turns around in thick clothes."""
    person = [made_body((0, 0.1, 2.2), turn_deg=10 * t) for t in range(FRAMES)]
    people, surfaces = dressed(person)
    bodies = Bodies.joined([Bodies.of_frame([(4, body)]) for body in person])
    stage, made = Animate(Animate.Config(padding=padding)), job(path.parent, path.name)
    assert list(stage(made, grey_frames(FRAMES), people, surfaces, bodies)) == []
    if resumed:
        state = stage.state()
        stage.close()
        stage = Animate(Animate.Config())
        stage.restore(state)
        stage.reopen(made)
    assert len(list(stage.flush())) == 1
    return path.read_bytes()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("padded")
    animation(folder / "bare.glb", padding=False)
    animation(folder / "worn.glb")
    return folder


def vertices(path: Path) -> F32:
    found, binary = document(path)
    return array(found, binary, found["meshes"][0]["primitives"][0]["attributes"]["POSITION"])


def test_clothes_are_on_the_skin_and_joints_and_soles_do_not_move(files: Path) -> None:
    bare, worn = document(files / "bare.glb"), document(files / "worn.glb")
    assert bare[0]["nodes"] == worn[0]["nodes"] and bare[0]["skins"] == worn[0]["skins"]
    for sampler, other in zip(bare[0]["animations"][0]["samplers"], worn[0]["animations"][0]["samplers"], strict=True):
        np.testing.assert_array_equal(array(*bare, sampler["output"]), array(*worn, other["output"]))
    before_V3, after_V3 = vertices(files / "bare.glb"), vertices(files / "worn.glb")
    height = np.ptp(before_V3[:, 1])
    trunk_V = (np.abs(before_V3[:, 0]) < 0.15) & (np.abs(before_V3[:, 1] / height - 0.6) < 0.05)
    assert np.ptp(after_V3[trunk_V, 2]) - np.ptp(before_V3[trunk_V, 2]) == pytest.approx(2 * THICK * height, rel=0.4)
    assert after_V3[:, 1].min() == pytest.approx(before_V3[:, 1].min(), abs=5e-3)


def test_a_resumed_run_knows_the_outlines_of_its_first_part(files: Path, tmp_path: Path) -> None:
    assert animation(tmp_path / "worn.glb", resumed=True) == (files / "worn.glb").read_bytes()
