"""People of a frame who are one person: a part of somebody is found, people behind and beside each other are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stages.bodies.duplicate_people import duplicate_people
from stages.payloads import PersonSurface
from tests.stages.bodies.made_bodies import made_body, surface_of_body


def upper_half(person: PersonSurface) -> PersonSurface:
    """What a network says in a box around head and trunk alone."""
    rows = person.labels_hw.shape[0] // 2
    noise = np.random.default_rng(0).normal(0, 0.05, (2, rows, person.labels_hw.shape[1])).astype(np.float32)
    labels_hw = person.labels_hw[:rows]
    return replace(
        person, labels_hw=labels_hw, uv_2hw=np.where(labels_hw > 0, person.uv_2hw[:, :rows] + noise, 0),
        confidence_hw=None, keypoint_K3=None, mask_hw=None,
    )  # fmt: skip


def test_a_second_box_on_a_part_of_a_person_is_found_in_any_order() -> None:
    whole = surface_of_body(made_body((0, 0, 3.5)))
    other = surface_of_body(made_body((1.2, 0, 4.5)))
    assert duplicate_people([whole, upper_half(whole), other]) == [False, True, False]
    assert duplicate_people([upper_half(whole), other, whole]) == [True, False, False]


def test_of_three_times_the_same_person_one_stays() -> None:
    whole = surface_of_body(made_body((0, 0, 3.5)))
    assert duplicate_people([whole, replace(whole), replace(whole)]) == [False, True, True]


def test_somebody_behind_another_person_is_somebody_else() -> None:
    before = surface_of_body(made_body((0, 0, 3.0)))
    behind = surface_of_body(made_body((0.15, 0, 4.0), turn_deg=40))
    assert duplicate_people([before, behind]) == [False, False]


def test_nobody_and_people_without_pixels_are_not_the_same() -> None:
    nothing = surface_of_body(made_body((0, 0, 3.5)))
    nothing = replace(nothing, labels_hw=np.zeros_like(nothing.labels_hw))
    assert duplicate_people([]) == []
    assert duplicate_people([nothing, nothing]) == [False, False]
