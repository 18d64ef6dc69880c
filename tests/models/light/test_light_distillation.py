"""A surface network learns what another one answers about crops and their mirror images."""

from __future__ import annotations

import numpy as np
import torch

from models.body.charts import mirror_maps
from models.light.architecture.preprocessing import OTHER_PLANES
from models.light.architecture.sizes import SurfaceSizes
from models.light.architecture.surface_net import SurfaceLogits, SurfaceNet
from models.light.architecture.weight_files import load_networks
from models.light.architecture.weight_paths import BUILT_IN
from models.losses.light_distillation import (
    SurfaceTeacher,
    TeacherPrediction,
    read_teacher,
    surface_distillation,
    unflipped,
)
from models.losses.light_surface import PART_WEIGHT


def crops(count: int = 2, side: int = 64) -> torch.Tensor:
    """With the planes of other people, which networks that do not read them leave."""
    return torch.rand(count, 3 + OTHER_PLANES, side, side, generator=torch.Generator().manual_seed(1)) * 255


def logits(side: int = 8) -> SurfaceLogits:
    random = torch.Generator().manual_seed(2)
    return SurfaceLogits(*(torch.rand(1, count, side, side, generator=random) for count in (1, 24, 24, 24)))


def test_mirrored_answers_are_those_of_the_mirrored_maps() -> None:
    said, turned = logits(), unflipped(logits())
    assert torch.equal(turned.person, said.person.flip(3))
    for chart in range(1, 25):
        label_GG = np.full((8, 8), chart, np.uint8)
        uv_2GG = np.stack([np.asarray(axis[0, chart - 1]) for axis in (said.u, said.v)])
        mirror_GG, wanted_2GG = mirror_maps(label_GG, uv_2GG)
        other = int(mirror_GG[0, 0]) - 1
        found_2GG = np.stack([np.asarray(axis[0, other]) for axis in (turned.u, turned.v)])
        np.testing.assert_allclose(found_2GG, wanted_2GG, atol=1e-6)
        assert torch.equal(turned.part[:, other], said.part[:, chart - 1].flip(2))
    for once, twice in zip(said, unflipped(turned), strict=True):
        torch.testing.assert_close(twice, once)


def test_a_teacher_says_the_mirrored_of_a_mirror_image() -> None:
    teacher = read_teacher(BUILT_IN)
    seen, turned = teacher(crops()), teacher(crops().flip(3))
    again = unflipped(SurfaceLogits(turned.person_N1GG, turned.part_N24GG, turned.u_N24GG, turned.v_N24GG))
    for one, other in zip(seen, again, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_the_losses_are_the_closed_forms_over_whole_maps() -> None:
    net = load_networks(BUILT_IN)[1].eval()
    said = net(crops())
    random = torch.Generator().manual_seed(3)
    sides = said.person.shape[2:]
    answer = TeacherPrediction(
        torch.rand(2, 1, *sides, generator=random),
        torch.rand(2, 24, *sides, generator=random).softmax(1),
        torch.rand(2, 24, *sides, generator=random),
        torch.rand(2, 24, *sides, generator=random),
    )
    with torch.no_grad():
        found = surface_distillation(net, net.features(crops()), answer)
        seen_NGG = (answer.person_N1GG > 0.5).float()[:, 0]
        weight_NKGG = answer.part_N24GG * PART_WEIGHT[:, None, None] * seen_NGG[:, None]
        part = -(said.part.log_softmax(1) * weight_NKGG).sum() / weight_NKGG.sum()
        gap_NKGG = (said.u - answer.u_N24GG).abs() + (said.v - answer.v_N24GG).abs()
        uv = 4 * ((gap_NKGG * answer.part_N24GG).sum(1) * seen_NGG).sum() / seen_NGG.sum()
        person = torch.nn.functional.binary_cross_entropy_with_logits(said.person, answer.person_N1GG)
    for one, wanted in zip(found, (person, part, uv), strict=True):
        torch.testing.assert_close(one, wanted, rtol=1e-4, atol=1e-5)


def test_a_pupil_comes_nearer_to_its_teacher() -> None:
    torch.manual_seed(0)
    teacher = SurfaceTeacher(load_networks(BUILT_IN)[1])
    pupil = SurfaceNet(SurfaceSizes(widths=(8, 8, 16, 16), blocks=(1, 1, 1), wide=16))
    answer = teacher(crops())
    optimizer = torch.optim.Adam(pupil.parameters(), 3e-3)
    totals = []
    for _ in range(30):
        optimizer.zero_grad()
        total = torch.stack(list(surface_distillation(pupil, pupil.features(crops()), answer))).sum()
        total.backward()
        optimizer.step()
        totals.append(float(total.detach()))
    assert totals[-1] < 0.8 * totals[0]
