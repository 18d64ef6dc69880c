"""Tracking on trajectories with known identities."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from models.box_overlap import intersection_over_smaller, iou
from stages.payloads import FrameChunk, People, PersonSurface, Surfaces, VideoInfo
from stages.people.association import best_pairs
from stages.people.track import Track
from stages.synthetic.demo_clip import RATE, SMALL, camera, lights, meshes_at, walkers
from stages.world.camera.rendering import render_people
from stages.world.scene import mask_box

WIDTH, HEIGHT = 320, 180
Frame = list[tuple[int, tuple[float, float, float, float], float]]  # (person, box, score)


def chunk_of(count: int, first: int = 0, still: bool = False, rgb: np.ndarray | None = None) -> FrameChunk:
    info = VideoInfo(path="", width=WIDTH, height=HEIGHT, still=still, rate=Fraction(30), time_base=Fraction(1, 30))
    if rgb is None:
        rgb = np.full((count, HEIGHT, WIDTH, 3), 90, np.uint8)
    return FrameChunk(rgb_THW3=rgb, pts_T=np.arange(first, first + count), first=first, video=info)


def people_of(frames: list[Frame]) -> People:
    rows = [
        (t, box, score) for t, frame in enumerate(frames) for _, box, score in sorted(frame, key=lambda row: -row[2])
    ]
    return People(
        frame_N=np.array([t for t, _, _ in rows], np.int32),
        box_N4=np.array([box for _, box, _ in rows], np.float32).reshape(-1, 4),
        score_N=np.array([score for _, _, score in rows], np.float32),
        id_N=np.full(len(rows), -1, np.int32),
    )


def followed(frames: list[Frame], chunk: int = 1, stage: Track | None = None, **config: float) -> list[dict[int, int]]:
    """Per frame, the identity of each true person."""
    stage = stage or Track(Track.Config(**config))  # type: ignore[arg-type]
    result: list[dict[int, int]] = []
    for first in range(0, len(frames), chunk):
        part = frames[first : first + chunk]
        given = people_of(part)
        (tracked,) = stage(chunk_of(len(part), first), given)
        assert np.array_equal(tracked.score_N, given.score_N) and np.array_equal(tracked.frame_N, given.frame_N)
        ids = iter(tracked.id_N.tolist())
        result += [{person: next(ids) for person, _, _ in sorted(frame, key=lambda row: -row[2])} for frame in part]
    return result


def walker(x: float, y: float = 40, width: float = 40, height: float = 100) -> tuple[float, float, float, float]:
    return (x - width / 2, y, x + width / 2, y + height)


def crossing(frames: int = 60) -> list[Frame]:
    """Two people walk through each other at 4 px per frame; the one behind is occluded for nine frames."""
    rng = np.random.default_rng(0)
    shown = []
    for t in range(frames):
        left, right = 40 + 4 * t, 280 - 4 * t
        frame = [(0, walker(left + rng.normal(0, 0.7), 42), 0.9)]
        if abs(left - right) > 34:
            frame.append((1, walker(right + rng.normal(0, 0.7), 38), 0.8))
        shown.append(frame)
    return shown


def test_people_who_cross_keep_their_identities() -> None:
    frames = crossing()
    hidden = sum(len(frame) == 1 for frame in frames)
    assert hidden >= 8
    result = followed(frames)
    for person in (0, 1):
        assert len({ids[person] for ids in result if person in ids}) == 1
    assert result[0][0] != result[0][1]


def test_identities_do_not_depend_on_chunks() -> None:
    frames = crossing()
    assert followed(frames, chunk=1) == followed(frames, chunk=7) == followed(frames, chunk=60)


@pytest.mark.parametrize(("gap", "same"), [(5, True), (30, True), (31, False)])
def test_a_person_keeps_the_identity_within_the_gap(gap: int, same: bool) -> None:
    seen: list[Frame] = [[(0, walker(100), 0.9)] for _ in range(5)]
    result = followed([*seen, *[[] for _ in range(gap)], *seen])
    assert (result[-1][0] == result[0][0]) is same


def test_an_occluded_walker_is_predicted_farther_along() -> None:
    """Occluded for ten frames at 5 px per frame: farther than the person is wide, so a constant position would lose the
    track."""
    frames: list[Frame] = [[(0, walker(40 + 5 * t), 0.9)] if not 20 <= t < 30 else [] for t in range(50)]
    result = followed(frames)
    assert {ids[0] for ids in result if ids} == {1}


def test_low_frame_rates_make_long_steps() -> None:
    frames: list[Frame] = [[(0, walker(40 + 30 * t), 0.9)] for t in range(9)]  # steps of 3/4 of the width
    assert {ids[0] for ids in followed(frames)} == {1}


def test_low_score_boxes_continue_tracks_and_start_one_in_their_third_frame() -> None:
    """People without any high score are not counted; a low-score box that jumps about, or is missed after every second
    frame, gets no identity."""
    frames: list[Frame] = [[(0, walker(100), 0.9), (1, walker(250), 0.12)]]
    frames += [[(0, walker(101), 0.1), (1, walker(250), 0.12)] for _ in range(5)]
    stage = Track(Track.Config())
    result = followed(frames, stage=stage)
    assert [ids[0] for ids in result] == [1] * 6
    assert [ids[1] for ids in result] == [-1] * 2 + [2] * 4
    assert stage.summary() == {"people": 1}
    restless: list[Frame] = [[(0, walker(60 + 60 * (t % 4)), 0.12)] for t in range(8)]
    flashing: list[Frame] = [[(0, walker(60), 0.12)] if t % 3 else [] for t in range(9)]
    for frames in (restless, flashing):
        assert {ids[0] for ids in followed(frames) if ids} == {-1}


def test_nearness_is_smoothed_over_time_where_people_overlap() -> None:
    """The lower edge of one of two overlapping people jumps around the other's; the order changes once at most."""
    stage, charts = Track(Track.Config(box_gain=1)), np.ones((40, 20), np.uint8)
    uv_2hw = np.stack(np.meshgrid(np.linspace(0, 1, 20), np.linspace(0, 1, 40))).astype(np.float32)

    def nearness(frame: int, *boxes: tuple[float, float, float, float]) -> list[float]:
        surfaces = tuple(PersonSurface(x0=int(box[0]), y0=60, labels_hw=charts, uv_2hw=uv_2hw) for box in boxes)
        given = people_of([[(person, box, 0.9) for person, box in enumerate(boxes)]])
        (tracked,) = stage(chunk_of(1, frame), given, Surfaces(people=surfaces))
        return tracked.nearness().tolist()

    lower = [150.0] + [100 + 20 * (-1.0) ** t for t in range(1, 12)]
    told = [nearness(t, (50, 60, 70, y), (60, 60, 80, 110)) for t, y in enumerate(lower)]
    changes = np.diff([one > other for one, other in told]).sum()
    assert changes <= 1 < np.diff(np.array(lower) > 110).sum()
    assert np.isnan(nearness(12, (50, 60, 70, 100), (150, 60, 170, 110))).all()


def test_the_start_of_a_shot_ends_all_tracks() -> None:
    """The source says where a shot starts; the pictures do not count. Also in a chunk that passed unprocessed."""
    stage, ids = Track(Track.Config()), []
    frames: list[Frame] = [[(0, walker(100), 0.9)]]
    for first, starts in enumerate((False, False, True, False, True, False)):
        chunk = replace(chunk_of(1, first), starts_shot_T=np.array([starts]))
        if first == 4:
            stage.blank(chunk, people_of(frames))
            continue
        (tracked,) = stage(chunk, people_of(frames))
        ids.append(int(tracked.id_N[0]))
    assert ids == [1, 1, 2, 2, 3]


def test_a_single_image_passes_unchanged() -> None:
    people = people_of([[(0, walker(50), 0.9), (1, walker(200), 0.12)]])
    stage = Track(Track.Config())
    (tracked,) = stage(chunk_of(1, still=True), people)
    assert tracked is people
    assert stage.summary() == {"people": 1}


def test_the_report_counts_people_and_not_single_detections() -> None:
    frames: list[Frame] = [[(0, walker(60), 0.9)] + ([(1, walker(250), 0.9)] if t == 4 else []) for t in range(12)]
    stage = Track(Track.Config())
    followed(frames, stage=stage)
    assert stage.summary() == {"people": 1}
    short = Track(Track.Config())
    followed(frames[4:5], stage=short)
    assert short.summary() == {"people": 2}  # in a stream of one frame, one frame must do


def test_a_restored_state_continues_exactly() -> None:
    frames = crossing()
    whole = Track(Track.Config())
    expected = followed(frames, stage=whole)
    for stop in (7, 30, 45):
        first = Track(Track.Config())
        followed(frames[:stop], stage=first)
        second = Track(Track.Config())
        second.restore(first.state())
        ids = []
        for t in range(stop, len(frames)):
            (tracked,) = second(chunk_of(1, t), people_of(frames[t : t + 1]))
            ids.append(set(tracked.id_N.tolist()))
        assert ids == [set(at.values()) for at in expected[stop:]]
        assert second.state() == whole.state()
        assert second.summary() == whole.summary()


def test_iou_of_known_boxes() -> None:
    a = np.array([[0, 0, 10, 10.0]])
    b = np.array([[5, 0, 15, 10.0], [0, 0, 10, 10], [20, 20, 30, 30], [2, 2, 4, 4]])
    assert iou(a, b)[0] == pytest.approx([50 / 150, 1, 0, 4 / 100])


def test_cover_is_the_share_of_the_smaller_box() -> None:
    boxes_24 = np.array([[0, 0, 10, 10], [5, 5, 25, 25]], np.float64)
    parts_34 = np.array([[2, 2, 4, 4], [8, 0, 12, 10], [30, 30, 40, 40]], np.float64)
    assert np.allclose(intersection_over_smaller(boxes_24, parts_34), [[1, 0.5, 0], [0, 0.5, 0]])


def identities_by_shirt(shown: list[tuple[int, tuple[int, int, int, int], int, float]]) -> list[int]:
    """The identity of one person after frames of index, box, grey of the shirt, and score."""
    stage, ids, before = Track(Track.Config()), [], 0
    for t, box, grey, score in shown:
        for empty in range(before + 1, t):
            list(stage(chunk_of(1, empty), people_of([[]]), Surfaces(people=())))
        before = t
        rgb_HW3 = np.full((1, HEIGHT, WIDTH, 3), 90, np.uint8)
        x0, y0, x1, y1 = box
        rgb_HW3[0, y0:y1, x0:x1] = grey
        body = PersonSurface(
            x0=x0,
            y0=y0,
            labels_hw=np.full((y1 - y0, x1 - x0), 2, np.uint8),
            uv_2hw=np.zeros((2, y1 - y0, x1 - x0), np.float32),
        )
        (tracked,) = stage(chunk_of(1, t, rgb=rgb_HW3), people_of([[(0, box, score)]]), Surfaces(people=(body,)))
        ids.append(int(tracked.id_N[0]))
    return ids


@pytest.mark.parametrize(("shirt", "same"), [(200, True), (60, False)])
def test_a_partly_visible_person_keeps_the_identity_if_the_appearance_is_the_same(shirt: int, same: bool) -> None:
    """A person of 40 × 100 pixels, of whom 8 × 40 are visible in the next frame: the IoU is .08."""
    first, second = identities_by_shirt([(0, (0, 40, 40, 140), 200, 0.9), (1, (0, 70, 8, 110), shirt, 0.9)])
    assert (first == second) == same


@pytest.mark.parametrize(
    ("gap", "shirt", "same"), [(3, 140, True), (20, 200, True), (20, 140, False), (40, 200, False)]
)
def test_a_faint_person_keeps_the_identity_for_a_moment_or_by_the_appearance(gap: int, shirt: int, same: bool) -> None:
    """A box of low score, with an IoU of .33 with the last one."""
    first, second = identities_by_shirt([(0, (100, 40, 140, 140), 200, 0.9), (gap, (120, 40, 160, 140), shirt, 0.1)])
    assert second == (first if same else -1)


def test_pairs_are_taken_by_falling_score() -> None:
    correlation = np.array([[0.9, 0.8], [0.85, 0.1]])
    assert best_pairs(correlation, 0.05) == [(0, 0), (1, 1)]
    assert best_pairs(correlation, 0.2) == [(0, 0)]
    assert best_pairs(np.zeros((0, 3)), 0.1) == []


def test_the_walkers_of_the_demo_keep_their_identities() -> None:
    """Rendered ground truth: one walks behind the other; boxes cover the visible part, so they shrink and grow
    again."""
    cast, view, sun = walkers(), camera(SMALL, 1), lights()
    stage, ids = Track(Track.Config()), {1: set[int](), 2: set[int]()}
    smallest = 1.0
    for number in range(46, 76):
        meshes = meshes_at(number / RATE, cast)
        picture = np.zeros((view.height, view.width, 3), np.float32)
        truth = render_people(picture, [w.person for w in cast], meshes, view, sun)
        seen = {person: (truth.instance_HW == person).sum() for person in (1, 2)}
        smallest = min(smallest, seen[1] / max(seen[2], 1))
        shown = [person for person in (1, 2) if seen[person] > 150]
        people = people_of([[(person, mask_box(truth.instance_HW == person), 0.9 - 0.1 * person) for person in shown]])
        rgb = np.full((1, HEIGHT, WIDTH, 3), 90, np.uint8)
        (tracked,) = stage(chunk_of(1, number, rgb=rgb), people)
        for person, identity in zip(shown, tracked.id_N.tolist(), strict=True):
            ids[person].add(identity)
    assert smallest < 0.2  # the one behind is nearly occluded at the meeting
    assert len(ids[1]) == len(ids[2]) == 1
    assert ids[1] != ids[2]


def test_appearance_decides_where_boxes_do_not() -> None:
    """Two people eight pixels apart, in red and in blue, exchange places while occluded for three frames."""
    stage = Track(Track.Config())
    seen: dict[str, set[int]] = {"red": set(), "blue": set()}
    for t in [0, 1, 2, 3, 4, 8, 9, 10]:
        order = ("red", "blue") if t < 5 else ("blue", "red")
        frame = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        surfaces = []
        for left, edge, colour in zip((130, 138), (130, 172), order, strict=True):
            frame[40:140, edge : edge + 6] = (200, 20, 20) if colour == "red" else (20, 20, 200)
            labels = np.zeros((100, 40), np.uint8)
            labels[:, edge - left : edge - left + 6] = 2
            surfaces.append(PersonSurface(x0=left, y0=40, labels_hw=labels, uv_2hw=np.zeros((2, 100, 40), np.float32)))
        people = people_of([[(0, walker(150), 0.9), (1, walker(158), 0.9)]])
        (tracked,) = stage(chunk_of(1, t, rgb=frame[None]), people, Surfaces(people=tuple(surfaces)))
        for colour, identity in zip(order, tracked.id_N.tolist(), strict=True):
            seen[colour].add(identity)
    assert sorted(len(ids) for ids in seen.values()) == [1, 1]
    assert seen["red"] != seen["blue"]


def test_a_person_hidden_by_another_keeps_the_identity_if_the_appearance_is_the_same() -> None:
    """Blue stands still, and red walks in front of blue and rests there for 60 frames, twice the gap; then somebody
    comes out on the other side."""
    colours = {"red": (200, 20, 20), "blue": (20, 20, 200), "green": (20, 160, 20)}

    def identities(who: str) -> list[list[int]]:
        stage, told = Track(Track.Config()), []
        for t in range(90):
            in_front = 100 if t >= 12 else 100 - 5 * (12 - t)
            shown = [("red", in_front)]
            if t < 12:
                shown.append(("blue", 110))
            elif t >= 72:
                shown.append((who, 110 + min(3 * (t - 70), 45)))
            frame = np.full((1, HEIGHT, WIDTH, 3), 90, np.uint8)
            for name, x in reversed(shown):
                frame[0, 40:140, x : x + 40] = colours[name]
            bodies = tuple(
                PersonSurface(
                    x0=x,
                    y0=40,
                    labels_hw=np.full((100, 40), 2, np.uint8),
                    uv_2hw=np.zeros((2, 100, 40), np.float32),
                )
                for _, x in shown
            )
            people = people_of([[(k, (x, 40, x + 40, 140), 0.9) for k, (_, x) in enumerate(shown)]])
            (tracked,) = stage(chunk_of(1, t, rgb=frame), people, Surfaces(people=bodies))
            told.append(tracked.id_N.tolist())
        return told

    same, other = identities("blue"), identities("green")
    assert same[0] == same[-1] == [1, 2]
    assert other[0] == [1, 2] and other[-1] == [1, 3]
