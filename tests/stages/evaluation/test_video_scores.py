"""Films: truth is steady along its own flow, what trembles is measured, and identities that swap are seen."""

from __future__ import annotations

import dataclasses
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.surface.geometry import open_body_geometry
from stages.evaluation.ground_truth import GroundTruth, as_frame
from stages.evaluation.measures import estimates
from stages.evaluation.true_images import TrueImage
from stages.evaluation.video_scores import VideoScores, frame_surface
from stages.payloads import People, PersonSurface, Surfaces
from stages.people.estimated_flow import EstimatedFlow
from tests.stages.evaluation.scored_people import JOB, Oracle

FRAMES = 5


@cache
def film() -> tuple[TrueImage, ...]:
    """The first frames of the world `video` that show at least two people."""
    images = [image for _, image in GroundTruth(GroundTruth.Config(data="video", video_frames=FRAMES, seed=4))(JOB)]
    assert min(len(one.people) for one in images) >= 2
    return tuple(images)


def answers(image: TrueImage, **changes: Any) -> tuple[People, Surfaces]:
    """The truth as payloads."""
    assert image.moving is not None
    maps = Oracle([image]).surfaces(image, [image.boxes])[0]
    count = len(maps)
    people = People(
        frame_N=np.zeros(count, np.int32),
        box_N4=image.boxes,
        score_N=np.ones(count, np.float32),
        id_N=image.moving.track_N.astype(np.int32),
    )
    surfaces = Surfaces(
        people=tuple(PersonSurface(x0=one.x0, y0=one.y0, labels_hw=one.labels_hw, uv_2hw=one.uv_2hw) for one in maps)
    )
    return dataclasses.replace(people, **changes), surfaces


def gathered(*frames: tuple[TrueImage, People, Surfaces]) -> VideoScores:
    scores = VideoScores(open_body_geometry())
    for frame in frames:
        scores.add(*frame)
    return scores


def test_truth_has_no_flicker_along_its_flow() -> None:
    """Except for the rounding to whole pixels, one or two centimetres on the surface here."""
    numbers = estimates(gathered(*((one, *answers(one)) for one in film())).stability())
    assert 0 < numbers["flicker_cm"].value < 2.0
    assert numbers["part_changes"].value < 0.12 and numbers["lost"].value < 0.05


def test_a_changed_chart_in_every_second_frame_is_counted() -> None:
    frames = []
    for one in film():
        people, surfaces = answers(one)
        if one.frame % 2:
            surfaces = Surfaces(
                people=tuple(
                    dataclasses.replace(
                        each, labels_hw=np.where(each.labels_hw > 0, each.labels_hw % 24 + 1, 0).astype(np.uint8)
                    )
                    for each in surfaces.people
                )
            )
        frames.append((one, people, surfaces))
    numbers = estimates(gathered(*frames).stability())
    assert numbers["part_changes"].value > 0.9 and numbers["flicker_cm"].value > 10


def test_a_gap_in_the_video_is_not_bridged() -> None:
    first, second, third = film()[:3]
    skipped = gathered((first, *answers(first)), (third, *answers(third))).stability()
    assert np.isnan(estimates(skipped)["flicker_cm"].value)
    other = dataclasses.replace(second, video="another")
    switched = gathered((first, *answers(first)), (other, *answers(other))).stability()
    assert np.isnan(estimates(switched)["flicker_cm"].value)


def test_jitter_of_boxes_is_measured() -> None:
    """Sides that jump by ± s have second differences of 4 s: the jitter is 4 s / height."""
    steady = film()[0]
    frames = []
    for frame in range(FRAMES):
        one = dataclasses.replace(steady, frame=frame)
        people, surfaces = answers(one)
        frames.append((one, dataclasses.replace(people, box_N4=people.box_N4 + (-1) ** frame * 0.5), surfaces))
    height_M = steady.boxes[:, 3] - steady.boxes[:, 1]
    numbers = estimates(gathered(*frames).stability())
    assert numbers["box_jitter"].value == pytest.approx(float((2 / height_M).mean()), rel=1e-4)
    still = [(dataclasses.replace(steady, frame=frame), *answers(steady)) for frame in range(FRAMES)]
    numbers = estimates(gathered(*still).stability())
    assert numbers["box_jitter"].value == 0 and numbers["texel_deviation"].value < 1e-9


def test_constant_identities_are_perfect_and_swaps_are_not() -> None:
    pytest.importorskip("trackeval", reason="TrackEval is not installed")
    right = estimates(gathered(*((one, *answers(one)) for one in film())).identities())
    assert right["HOTA"].value == pytest.approx(1) and right["IDF1"].value == pytest.approx(1)
    swapped = []
    for one in film():
        people, surfaces = answers(one)
        id_N = people.id_N[::-1].copy() if one.frame >= FRAMES // 2 else people.id_N
        swapped.append((one, dataclasses.replace(people, id_N=id_N), surfaces))
    wrong = estimates(gathered(*swapped).identities())
    assert wrong["IDF1"].value < 0.9 and wrong["AssA"].value < 0.9 and wrong["DetA"].value == pytest.approx(1)


def test_false_and_missed_people_are_counted_by_frame() -> None:
    """In the first of five frames nobody is found, in the second a thing in the corner is taken for a person."""
    frames = [(one, *answers(one)) for one in film()]
    first, (second, people, surfaces) = frames[0][0], frames[1]
    thing = PersonSurface(x0=0, y0=0, labels_hw=np.ones((9, 9), np.uint8), uv_2hw=np.zeros((2, 9, 9), np.float32))
    more = People(
        frame_N=np.zeros(len(people) + 1, np.int32),
        box_N4=np.concatenate([people.box_N4, np.array([[0, 0, 9, 9]], np.float32)]),
        score_N=np.ones(len(people) + 1, np.float32),
        id_N=np.append(people.id_N, 99).astype(np.int32),
    )
    frames[0] = (first, people.some(np.zeros(0, np.int64)), Surfaces(people=()))
    frames[1] = (second, more, Surfaces(people=(*surfaces.people, thing)))
    true_T = [len(one.people) for one, _, _ in frames]
    found = estimates(gathered(*frames).presence())
    assert found["missed_people"].value == pytest.approx(true_T[0] / sum(true_T))
    assert found["false_people"].value == pytest.approx(1 / (sum(true_T) - true_T[0] + 1))
    assert found["ids_per_person"].value == 1


def test_a_change_of_identity_is_counted() -> None:
    frames = []
    for one in film():
        people, surfaces = answers(one)
        frames.append((one, dataclasses.replace(people, id_N=people.id_N + 50 * (one.frame % 2)), surfaces))
    assert estimates(gathered(*frames).presence())["ids_per_person"].value == 2


def test_single_images_have_no_video_scores() -> None:
    ((_, image),) = GroundTruth(GroundTruth.Config(data="val", scenes=1))(JOB)
    scores = VideoScores(open_body_geometry())
    nobody = People(
        frame_N=np.zeros(0, np.int32),
        box_N4=np.zeros((0, 4), np.float32),
        score_N=np.zeros(0, np.float32),
        id_N=np.zeros(0, np.int32),
    )
    scores.add(image, nobody, Surfaces(people=()))
    assert scores.identities() == {} and all(np.isnan(one.value) for one in estimates(scores.stability()).values())
    assert as_frame(image, 0).video.still and not as_frame(film()[0], 0).video.still


def test_the_first_of_two_people_lies_on_top() -> None:
    def block(x0: int, chart: int) -> PersonSurface:
        return PersonSurface(
            x0=x0, y0=-1, labels_hw=np.full((3, 4), chart, np.uint8), uv_2hw=np.zeros((2, 3, 4), np.float32)
        )

    whole = frame_surface([block(2, 5), block(0, 9), block(50, 1)], 4, 6)
    assert whole.label_HW.tolist() == [[9, 9, 5, 5, 5, 5]] * 2 + [[0] * 6] * 2


def unknown(image: TrueImage) -> TrueImage:
    """The same frame without ground truth."""
    return dataclasses.replace(image, people=(), dense=None, moving=None, complete=False)


def test_estimated_and_true_flow_give_similar_scores() -> None:
    """Where the estimate is confident; people walk and the camera moves."""
    flows = EstimatedFlow()
    for before, now in pairwise(film()):
        assert before.moving is not None and before.dense is not None
        way_HW2, seen_HW = flows.between(before.rgb_HW3, now.rgb_HW3)
        both_HW = seen_HW & before.moving.next_seen_HW & (before.dense.instance_HW > 0)
        assert both_HW.sum() > 0.3 * (before.dense.instance_HW > 0).sum()
        off = np.hypot(*(way_HW2.transpose(2, 0, 1) - before.moving.next_2HW)[:, both_HW])
        assert np.median(off) < 0.6  # pixels


def test_a_video_without_truth_is_scored_along_the_estimated_flow() -> None:
    steady = gathered(*((unknown(one), *answers(one)) for one in film()))
    numbers = estimates(steady.stability())
    assert 0 < numbers["flicker_cm"].value < 2.5 and numbers["part_changes"].value < 0.15
    assert numbers["box_jitter"].value > 0 and numbers["texel_deviation"].value > 0
    assert steady.identities() == {}  # who is who is not known


def test_a_video_file_is_a_set(root: Path) -> None:
    config = GroundTruth.Config(data=str(root / "configs" / "demo_walk.mp4"), video_frames=3)
    frames = list(GroundTruth(config)(JOB))
    assert [(one.video, one.frame, one.people, one.complete) for _, one in frames] == [
        ("demo_walk", number, (), False) for number in range(3)
    ]
    assert not any(chunk.video.still for chunk, _ in frames)


def test_a_video_is_scored_from_a_given_second_on(root: Path) -> None:
    config = GroundTruth.Config(data=str(root / "configs" / "demo_walk.mp4"), video_frames=14)
    whole = [image.rgb_HW3 for _, image in GroundTruth(config)(JOB)]
    later = [one for _, one in GroundTruth(dataclasses.replace(config, video_frames=2, video_start=0.48))(JOB)]
    assert [one.frame for one in later] == [0, 1]  # of 25 a second: the 12th and 13th
    assert all(np.array_equal(one.rgb_HW3, whole[12 + one.frame]) for one in later)
