"""Padding from outlines: bodies fill the silhouettes of dressed people, and joints and soles stay where they are."""

from __future__ import annotations

import numpy as np
import pytest

from models.arrays import F32, U8, Bool
from models.body.fitted_body import FittedBody
from models.body.open_body import forward_kinematics, load_body, skin
from models.body.reduced_pose import driven_bones
from models.fitting.outline_fit import OutlineSums, outline_sums, padding_of
from models.surface.body_image import BodyImage, body_image
from models.surface.padding import padded_skin
from stages.bodies import outline_memory
from stages.bodies.outline_memory import OutlineMemory
from stages.payloads import PersonSurface
from tests.stages.bodies.made_bodies import HEIGHT, WIDTH, made_body

pytestmark = pytest.mark.quick

TURNS_DEG = (0, 50, 130, 250)


def dressed_image(body: FittedBody, padding_D4: F32 | None) -> BodyImage:
    """The body as its camera shows it, with padding."""
    mesh = load_body()
    rest_V3, head_B3 = mesh.rest(body.pose.shape_C)
    if padding_D4 is not None:
        rest_V3 = padded_skin(rest_V3, padding_D4)
    vertex_V3 = skin(
        mesh, rest_V3, head_B3, *forward_kinematics(mesh, head_B3, body.pose.rotation_B33, body.pose.root_3)
    )
    image = body_image(vertex_V3, body.camera, HEIGHT, WIDTH)
    assert image is not None
    return image


def surface_of(image: BodyImage) -> PersonSurface:
    labels_hw, uv_2hw = image.surface()
    return PersonSurface(x0=image.x0, y0=image.y0, labels_hw=labels_hw, uv_2hw=uv_2hw, confidence_hw=None)


def mask_of(image: BodyImage) -> Bool:
    labels_hw: U8 = image.surface()[0]
    mask_HW = np.zeros((HEIGHT, WIDTH), bool)
    mask_HW[image.y0 : image.y0 + image.height, image.x0 : image.x0 + image.width] = labels_hw > 0
    return mask_HW


def overlap(body: FittedBody, found_D4: F32 | None, worn_D4: F32) -> float:
    """IoU of the silhouettes with the found and the true padding."""
    found_HW, true_HW = mask_of(dressed_image(body, found_D4)), mask_of(dressed_image(body, worn_D4))
    return float((found_HW & true_HW).sum() / (found_HW | true_HW).sum())


def clothes() -> F32:
    """A wide shirt that hangs behind the body, and a wide trouser on the left leg."""
    worn_D4 = np.zeros((len(driven_bones().bone_D), 4), np.float32)
    for row, bone in enumerate(driven_bones().bone_D.tolist()):
        name = load_body().bones[bone]
        if name.startswith(("spine", "upperarm", "clavicle")):
            worn_D4[row] = 0.02, 0, 0, -0.01
        if name.startswith("upperleg01.L"):
            worn_D4[row, 0] = 0.025
    return worn_D4


def seen_in(turns_deg: tuple[int, ...], worn_D4: F32) -> OutlineSums:
    bodies = [made_body((0, 0.1, 2.2), turn_deg=turn, bend_deg=30) for turn in turns_deg]
    sums = [outline_sums(surface_of(dressed_image(body, worn_D4)), body, HEIGHT, WIDTH) for body in bodies]
    total, *others = [one for one in sums if one is not None]
    for one in others:
        total = total.added(one)
    return total


def test_padding_fills_the_silhouette_of_frames_that_it_did_not_see() -> None:
    worn_D4 = clothes()
    found_D4 = padding_of(seen_in(TURNS_DEG, worn_D4))
    other = made_body((0.2, 0.1, 2.4), turn_deg=20, bend_deg=60)
    before, after = overlap(other, None, worn_D4), overlap(other, found_D4, worn_D4)
    assert before < 0.87 and after > 0.94, (before, after)
    assert found_D4 is not None
    rows = {load_body().bones[bone]: row for row, bone in enumerate(driven_bones().bone_D.tolist())}
    left, right = found_D4[rows["upperleg01.L"], 0], found_D4[rows["upperleg01.R"], 0]
    assert left > 0.012 and abs(right) < 0.008, (left, right)
    bare = [row for name, row in rows.items() if name.startswith("wrist")]
    assert len(bare) == 2 and np.abs(found_D4[bare]).max() < 1e-6


def test_a_body_without_clothes_keeps_its_skin() -> None:
    found_D4 = padding_of(seen_in(TURNS_DEG, 0 * clothes()))
    rest_V3, _ = load_body().rest(np.zeros(len(load_body().component_CV3), np.float32))
    assert found_D4 is not None
    assert np.abs(padded_skin(rest_V3, found_D4) - rest_V3).max() < 0.001


def test_two_frames_give_no_padding() -> None:
    assert padding_of(seen_in(TURNS_DEG[:2], clothes())) is None


def test_outlines_are_restored() -> None:
    memory, again = OutlineMemory(), OutlineMemory()
    again.restore(memory.to_arrays())
    assert not again.paddings()
    for turn in TURNS_DEG:
        body = made_body((0, 0.1, 2.2), turn_deg=turn)
        memory.add(7, surface_of(dressed_image(body, clothes())), body, HEIGHT, WIDTH)
    again.restore(memory.to_arrays())
    np.testing.assert_array_equal(again.paddings()[7], memory.paddings()[7])


def test_of_very_many_people_those_seen_least_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outline_memory, "MOST_PEOPLE", 2)
    memory, body = OutlineMemory(), made_body((0, 0.1, 2.2))
    surface = surface_of(dressed_image(body, clothes()))
    for identity in (1, 1, 1, 2, 3, 3, 3):
        memory.add(identity, surface, body, HEIGHT, WIDTH)
    assert memory.to_arrays()["outline ids"].tolist() == [1, 3] and set(memory.paddings()) == {1, 3}
