"""Missed people are propagated to where they are, marked, and not for longer than they can be seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from moving_oval import BODY_HEIGHT, BODY_WIDTH, START, STEADY, Shot, chunk_of, pattern, shot

from stages.payloads import People, PersonSurface, Surfaces
from stages.people.bridge import Bridge

Found = list[tuple[People, Surfaces]]


def box_of(place_2: np.ndarray) -> np.ndarray:
    """The oval's box."""
    half = np.array([BODY_WIDTH, BODY_HEIGHT]) / 2
    return np.concatenate([place_2 - half, place_2 + half])


def given_at(clip: Shot, t: int, seen: bool, identity: int = 1) -> tuple[People, Surfaces]:
    """A network's result for one frame: the exact surface, or no person."""
    count = int(seen)
    people = People(
        frame_N=np.zeros(count, np.int32),
        box_N4=np.tile(box_of(clip.place_T2[t]), (count, 1)).astype(np.float32),
        score_N=np.full(count, 0.8, np.float32),
        id_N=np.full(count, identity, np.int32),
    )
    return people, Surfaces(people=(clip.truth[t],) * count)


def bridged(
    clip: Shot,
    missed: set[int],
    chunk: int = 1,
    stage: Bridge | None = None,
    first: int = 0,
    cut: int | None = None,
    **config: float,
) -> Found:
    """Each frame's result after a run in which the network misses the oval in some frames; a shot starts at `cut`."""
    stage, result = stage or Bridge(Bridge.Config(**{"min_shown_s": 0.06, **config})), []
    for start in range(first, len(clip.truth), chunk):
        numbers = range(start, min(start + chunk, len(clip.truth)))
        parts = [given_at(clip, t, t not in missed) for t in numbers]
        people, surfaces = People.joined([one for one, _ in parts]), Surfaces.joined([one for _, one in parts])
        frames = chunk_of(clip.rgb_THW3[start : start + chunk], start)
        frames = replace(frames, starts_shot_T=np.array([t == cut for t in numbers]))
        ((people, surfaces),) = stage(frames, people, surfaces)
        for k in range(len(numbers)):
            here_N = np.flatnonzero(people.frame_N == k)
            result.append((people.some(here_N), Surfaces(people=tuple(surfaces.people[i] for i in here_N))))
    return result


def on_frame(surface: PersonSurface) -> np.ndarray:
    """Charts, U and V on the whole frame, (3, H, W)."""
    whole = np.zeros((3, 240, 320), np.float32)
    windows = surface.windows(240, 320)
    assert windows is not None
    (rows, columns), grid = windows
    whole[:, rows, columns] = np.concatenate([surface.labels_hw[None], surface.uv_2hw])[:, *grid]
    return whole


@pytest.mark.parametrize("steps_T2", [STEADY, START], ids=["steady", "sudden start"])
def test_a_missed_person_is_propagated_to_the_right_place(steps_T2: np.ndarray) -> None:
    clip, missed = shot(steps_T2), {10, 11, 12}
    found = bridged(clip, missed)
    for t, (people, surfaces) in enumerate(found):
        assert people.id_N.tolist() == [1]
        assert people.bridged().tolist() == [t in missed]
        if t in missed:
            warped_estimate, true = on_frame(surfaces.people[0]), on_frame(clip.truth[t])
            both = (warped_estimate[0] > 0) & (true[0] > 0)
            assert both.sum() > 0.85 * max((warped_estimate[0] > 0).sum(), (true[0] > 0).sum())
            assert (warped_estimate[0] == true[0])[both].mean() > 0.95
            assert np.abs(warped_estimate[1:] - true[1:])[:, both & (warped_estimate[0] == true[0])].mean() < 0.02
            assert np.abs(people.box_N4[0] - box_of(clip.place_T2[t])).max() < 3
            joints, true_joints = surfaces.people[0].keypoint_K3, clip.truth[t].keypoint_K3
            assert joints is not None and true_joints is not None
            assert np.abs(joints - true_joints)[:, :2].max() < 2
            assert joints[:, 2] == pytest.approx(0.8 * 0.8 ** (t - 9), rel=1e-5)
            assert surfaces.people[0].mask_hw is not None
            assert (surfaces.people[0].mask_hw == (surfaces.people[0].labels_hw > 0)).mean() > 0.98
    scores = [float(people.score_N[0]) for people, _ in found[9:14]]
    assert scores == pytest.approx([0.8, 0.64, 0.512, 0.4096, 0.8])
    sure = [float(np.asarray(surfaces.people[0].confidence_hw).max()) for _, surfaces in found[10:13]]
    assert sure == pytest.approx([0.4, 0.32, 0.256], abs=1e-6)


def test_propagation_ends_after_the_configured_frames() -> None:
    clip = shot(STEADY)
    counts = [len(people) for people, _ in bridged(clip, set(range(8, 20)), max_gap_s=0.1)]
    assert counts == [1] * 12 + [0] * 8 + [1] * 4


def test_people_with_few_detections_are_not_propagated() -> None:
    clip = shot(STEADY)
    assert [len(people) for people, _ in bridged(clip, {2, 3}, min_shown_s=0.06)][:5] == [1, 1, 0, 0, 1]
    assert [len(people) for people, _ in bridged(clip, {3, 4}, min_shown_s=0.06)][:6] == [1] * 6
    flash = [len(people) for people, _ in bridged(clip, set(range(8, 24)), stage=Bridge(Bridge.Config()))]
    assert flash == [1] * 8 + [0] * 16
    known = [len(people) for people, _ in bridged(clip, set(range(9, 24)), stage=Bridge(Bridge.Config()))]
    assert known == [1] * 14 + [0] * 10


def test_no_propagation_over_a_cut_or_behind_an_occluder() -> None:
    clip = shot(np.zeros((10, 2)))
    for shown_HW3, cut in ((clip.rgb_THW3[0], 6), (occluded(clip.rgb_THW3[0], clip.place_T2[0]), None)):
        rgb_THW3 = clip.rgb_THW3.copy()
        rgb_THW3[6:] = shown_HW3
        counts = [len(people) for people, _ in bridged(replace(clip, rgb_THW3=rgb_THW3), {5, 6, 7}, cut=cut)]
        assert counts == [1, 1, 1, 1, 1, 1, 0, 0, 1, 1]


def occluded(frame_HW3: np.ndarray, place_2: np.ndarray) -> np.ndarray:
    """The frame with an occluder of the oval's size in front of the oval."""
    x0, y0, x1, y1 = box_of(place_2).astype(int).tolist()
    frame_HW3 = frame_HW3.copy()
    frame_HW3[y0:y1, x0:x1] = pattern(9, y1 - y0, x1 - x0, blur=4.0)
    return frame_HW3


def test_no_propagation_where_another_identity_is_detected_or_without_identity() -> None:
    clip, stage = shot(np.zeros((8, 2))), Bridge(Bridge.Config(min_shown_s=0.06))
    for t in range(8):
        identity = 1 if t < 5 else 2
        given = given_at(clip, t, True, identity)
        ((people, _),) = stage(chunk_of(clip.rgb_THW3[t : t + 1], t), *given)
        assert people.id_N.tolist() == [identity]
    nameless = Bridge(Bridge.Config(min_shown_s=0))
    for t in range(4):
        ((people, _),) = nameless(chunk_of(clip.rgb_THW3[t : t + 1], t), *given_at(clip, t, t != 3, -1))
    assert len(people) == 0


def test_the_best_score_comes_first_in_every_frame() -> None:
    """A second person with the lower score 0.5 is present while the first is missed for four frames."""
    clip, stage = shot(np.zeros((9, 2))), Bridge(Bridge.Config(min_shown_s=0.06))
    other = replace(clip.truth[0], x0=220)
    ids = []
    for t in range(9):
        people, surfaces = given_at(clip, t, t < 5)
        second = replace(given_at(clip, t, True, 2)[0], score_N=np.array([0.5], np.float32))
        second = replace(second, box_N4=second.box_N4 + np.array([130, 0, 130, 0], np.float32))
        both = replace(People.joined([people, second]), frame_N=np.zeros(len(people) + 1, np.int32))
        given = Surfaces(people=(*surfaces.people, other))
        ((people, surfaces),) = stage(chunk_of(clip.rgb_THW3[t : t + 1], t), both, given)
        ids.append(people.id_N.tolist())
        assert (np.diff(people.score_N) <= 0).all()
        assert [surface is other for surface in surfaces.people] == [who == 2 for who in ids[-1]]
    assert ids == [[1, 2]] * 7 + [[2, 1]] * 2


def test_output_depends_neither_on_chunks_nor_on_a_restart() -> None:
    clip, missed = shot(STEADY), {6, 7, 8, 15}
    whole = bridged(clip, missed)
    for chunk in (5, 24):
        assert_same(bridged(clip, missed, chunk=chunk), whole)
    for stop in (6, 7, 8, 9):
        begun, resumed = Bridge(Bridge.Config(min_shown_s=0.06)), Bridge(Bridge.Config(min_shown_s=0.06))
        head = replace(clip, truth=clip.truth[:stop])
        before = bridged(head, missed, stage=begun)
        resumed.restore(begun.state())
        assert_same([*before, *bridged(clip, missed, stage=resumed, first=stop)], whole)
        assert resumed.summary() == {"bridged": 4}


def assert_same(one: Found, other: Found) -> None:
    assert len(one) == len(other)
    for (people, surfaces), (other_people, other_surfaces) in zip(one, other, strict=True):
        assert np.array_equal(people.box_N4, other_people.box_N4)
        assert np.array_equal(people.score_N, other_people.score_N)
        assert people.bridged().tolist() == other_people.bridged().tolist()
        for a, b in zip(surfaces.people, other_surfaces.people, strict=True):
            assert (a.x0, a.y0) == (b.x0, b.y0) and np.array_equal(a.labels_hw, b.labels_hw)
            assert np.array_equal(a.uv_2hw, b.uv_2hw)
            assert np.array_equal(a.keypoint_K3, b.keypoint_K3) and np.array_equal(a.mask_hw, b.mask_hw)


def test_single_images_and_zero_frames_pass_unchanged() -> None:
    clip = shot(np.zeros((2, 2)))
    given = given_at(clip, 0, True)
    ((people, surfaces),) = Bridge(Bridge.Config(min_shown_s=0.06))(chunk_of(clip.rgb_THW3[:1], still=True), *given)
    assert people is given[0] and surfaces is given[1]
    ((people, surfaces),) = Bridge(Bridge.Config(max_gap_s=0))(chunk_of(clip.rgb_THW3[:1]), *given)
    assert people is given[0] and surfaces is given[1]


@pytest.mark.parametrize("values", [{"max_gap_s": -1}, {"max_gap_s": 1.1}, {"min_shown_s": -1}])
def test_numbers_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Bridge.Config(**values)
