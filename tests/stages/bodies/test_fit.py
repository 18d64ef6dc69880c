"""The stage `fit`: bodies of rendered people, memory over time, look-ahead, restarts, and odd input."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from models.body.body_pose import posed_keypoints
from models.body.fitted_body import FittedBody
from pipeline.stage import StageError
from stages.bodies.body_height import standing_height
from stages.bodies.fit import FitBodies
from stages.payloads import Bodies, FrameChunk, People, Surfaces, VideoInfo
from tests.stages.bodies.made_bodies import FOCAL, VIDEO, grey_frames, made_body, shown, surface_of_body

Scene = list[list[tuple[int, FittedBody]]]
STILL = replace(VIDEO, still=True)


def walk(frames: int, start: int = 0) -> Scene:
    """Two people who walk past each other and turn."""
    return [
        [
            (1, made_body((-0.6 + 0.05 * t, 0, 3.5), turn_deg=3 * t, bend_deg=40 + 4 * t)),
            (2, made_body((0.7 - 0.05 * t, 0, 4.5), turn_deg=-20, bend_deg=10)),
        ]
        for t in range(start, start + frames)
    ]


def fitted(
    scene: Scene, stage: FitBodies | None = None, sizes: list[int] | None = None, first: int = 0
) -> list[Bodies]:
    """The bodies of each chunk, whose lengths are `sizes`."""
    stage = stage or FitBodies(FitBodies.Config(focal_px=FOCAL))
    made: list[Bodies] = []
    start = 0
    for size in sizes or [len(scene)]:
        people, surfaces = shown(scene[start : start + size])
        made += stage(grey_frames(size, first + start), people, surfaces)
        start += size
    return made + list(stage.flush())


def flat(chunks: list[Bodies]) -> list[tuple[int, FittedBody]]:
    return [(int(identity), body) for one in chunks for identity, body in zip(one.id_N, one.body_N, strict=True)]


def joints(body: FittedBody) -> np.ndarray:
    return posed_keypoints(body.pose)


def same(first: list[Bodies], second: list[Bodies]) -> bool:
    """Whether both hold equal numbers, to the last bit."""
    pairs = list(zip(flat(first), flat(second), strict=True))
    persons = [[person for one in chunks for person in one.person_N.tolist()] for chunks in (first, second)]
    return persons[0] == persons[1] and all(
        a == b
        and np.array_equal(one.pose.rotation_B33, other.pose.rotation_B33)
        and np.array_equal(one.pose.root_3, other.pose.root_3)
        and np.array_equal(one.pose.shape_C, other.pose.shape_C)
        for (a, one), (b, other) in pairs
    )


def test_bodies_stand_where_the_people_are() -> None:
    scene = walk(3)
    (bodies,) = fitted(scene)
    assert bodies.frame_N.tolist() == [0, 0, 1, 1, 2, 2] and bodies.id_N.tolist() == [1, 2] * 3
    truth = [body for frame in scene for _, body in frame]
    error = [np.linalg.norm(joints(a) - joints(b), axis=1).mean() for a, b in zip(bodies.body_N, truth, strict=True)]
    place = [np.linalg.norm(a.pose.root_3 - b.pose.root_3) for a, b in zip(bodies.body_N, truth, strict=True)]
    assert max(place) < 0.35 and np.mean(error) < 0.25  # metres; size and distance of a person trade off


@pytest.mark.parametrize("look_ahead", [0, 2])
def test_chunks_and_restarts_change_nothing(look_ahead: int) -> None:
    scene, config = walk(7), FitBodies.Config(focal_px=FOCAL, look_ahead=look_ahead)
    whole = fitted(scene, FitBodies(config))
    parts = fitted(scene, FitBodies(config), [1, 3, 1, 2])
    assert [len(one) for one in parts] == [2, 6, 2, 4] and same(whole, parts)
    for cut in (1, 4):
        stage = FitBodies(config)
        people, surfaces = shown(scene[:cut])
        before = list(stage(grey_frames(cut), people, surfaces))
        other = FitBodies(config)
        other.restore(stage.state())
        assert same(whole, before + fitted(scene[cut:], other, first=cut))


def test_look_ahead_lowers_the_noise_of_poses_and_follows_the_motion() -> None:
    """Noise of the surfaces becomes noise of the bodies; the second difference over time measures it."""
    rng = np.random.default_rng(5)
    scene = walk(9)

    def roughness(look_ahead: int) -> tuple[float, float]:
        stage = FitBodies(FitBodies.Config(focal_px=FOCAL, look_ahead=look_ahead))
        people, surfaces = shown(scene)
        noisy = []
        for one in surfaces.people:
            noise_2hw = rng.normal(0, 0.05, one.uv_2hw.shape).astype(np.float32)
            noisy.append(replace(one, uv_2hw=np.clip(one.uv_2hw + noise_2hw, 0, 1) * (one.labels_hw > 0)))
        chunks = [*stage(grey_frames(9), people, Surfaces(people=tuple(noisy))), *stage.flush()]
        place_T3 = np.array([body.pose.root_3 for identity, body in flat(chunks) if identity == 1])
        return float(np.abs(np.diff(place_T3, 2, axis=0)).mean()), float(place_T3[-1, 0] - place_T3[0, 0])

    (rough, path), (smooth, smooth_path) = roughness(0), roughness(2)
    assert smooth < 0.75 * rough
    assert path == pytest.approx(0.4, abs=0.1) and smooth_path == pytest.approx(path, abs=0.08)


@pytest.mark.parametrize("cut", [True, False])
def test_a_cut_starts_anew(cut: bool) -> None:
    """The same identity stands .1 m farther after a cut: it is fitted and smoothed as somebody new."""
    stage = FitBodies(FitBodies.Config(focal_px=FOCAL, look_ahead=2))
    near, far = [[(1, made_body((0, 0, 3.0)))]] * 3, [[(1, made_body((0.1, 0, 3.0)))]] * 3
    later = replace(grey_frames(3, first=3), starts_shot_T=np.array([cut, False, False]))
    made = list(stage(grey_frames(3), *shown(near))) + list(stage(later, *shown(far)))
    x_T = np.array([body.pose.root_3[0] for _, body in flat(made + list(stage.flush()))])
    assert stage.memory.tracked[1].frames == (3 if cut else 6)
    assert len(x_T) == 6 and (np.ptp(x_T[:3]) < 0.01 and np.ptp(x_T[3:]) < 0.01) == cut


def test_a_photo_gives_its_people_at_once() -> None:
    stage = FitBodies(FitBodies.Config(focal_px=FOCAL, look_ahead=4))
    people, surfaces = shown([[(-1, made_body()), (-1, made_body((0.9, 0, 4.0)))]])
    (bodies,) = stage(grey_frames(1, video=STILL), people, surfaces)
    assert bodies.id_N.tolist() == [-1, -1] and list(stage.flush()) == []


def test_in_videos_people_without_an_identity_have_no_body() -> None:
    (bodies,) = fitted([[(-1, made_body()), (3, made_body((0.9, 0, 4.0)))]])
    assert bodies.id_N.tolist() == [3]


def test_the_stated_height_sets_size_and_distance() -> None:
    scene = [[(1, made_body((0.2, 0, 3.0)))]]
    (free,) = fitted(scene)
    (tall,) = fitted(scene, FitBodies(FitBodies.Config(focal_px=FOCAL, height_m=1.2, height_of={"1": 2.0})))
    (one,), (other,) = free.body_N, tall.body_N
    assert standing_height(other.pose.shape_C) == pytest.approx(2.0, abs=1e-3)
    ratio = 2.0 / standing_height(one.pose.shape_C)
    assert other.pose.root_3 == pytest.approx(one.pose.root_3 * ratio, rel=1e-4)
    moved_J2 = other.camera.project(joints(other)) - one.camera.project(joints(one))
    assert np.abs(moved_J2).max() < 6  # pixels of about 170


def nobody(frames: FrameChunk) -> tuple[FrameChunk, People, Surfaces]:
    people, surfaces = shown([[]] * len(frames))
    return frames, people, surfaces


def test_nobody_gives_no_bodies() -> None:
    stage = FitBodies(FitBodies.Config(look_ahead=2))
    chunks = [*stage(*nobody(grey_frames(4))), *stage(*nobody(grey_frames(1, first=4))), *stage.flush()]
    assert [len(one) for one in chunks] == [0, 0]
    assert stage.summary()["bodies"] == 0 and "notes" not in stage.summary()
    (photo,) = FitBodies(FitBodies.Config())(*nobody(grey_frames(1, video=STILL)))
    assert len(photo) == 0


@pytest.mark.parametrize("rate", [5, 30, 120])
def test_a_person_is_forgotten_after_a_second_at_any_frame_rate(rate: int) -> None:
    """Absent for .8 s the person is known, for 1.2 s not."""
    video = replace(VIDEO, rate=Fraction(rate), time_base=Fraction(1, rate))
    stage = FitBodies(FitBodies.Config(focal_px=FOCAL))
    people, surfaces = shown([[(1, made_body((0, 0, 3.5)))]])
    list(stage(grey_frames(1, video=video), people, surfaces))
    known, absent, more = stage.memory.tracked[1], round(0.8 * rate), round(0.4 * rate)
    list(stage(*nobody(grey_frames(absent, first=1, video=video))))
    assert stage.memory.tracked == {1: known}
    list(stage(*nobody(grey_frames(more, first=1 + absent, video=video))))
    assert stage.memory.tracked == {}


@pytest.mark.parametrize("video", [VIDEO, STILL])
def test_each_body_says_whose_it_is(video: VideoInfo) -> None:
    """A speck, somebody without an identity, and somebody with one: in a photo nobody has an identity."""
    speck, near, far = made_body((0.5, 0, 60.0)), made_body((-0.5, 0, 3.0)), made_body((0.7, 0, 4.0))
    scene = [[(-1 if video.still else 1, speck), (-1, near), (-1 if video.still else 2, far)]]
    stage = FitBodies(FitBodies.Config(focal_px=FOCAL, look_ahead=2))
    (bodies,) = [*stage(grey_frames(1, video=video), *shown(scene)), *stage.flush()]
    assert bodies.person_N.tolist() == ([1, 2] if video.still else [2])
    of_speck, of_near, of_far = bodies.of_people(0, 3)
    assert of_speck is None and (of_near is not None) == video.still
    assert of_far is not None and of_far.pose.root_3[0] > 0.3


def test_a_speck_is_not_fitted() -> None:
    people, surfaces = shown([[(1, made_body((0, 0, 60.0)))]])
    (bodies,) = FitBodies(FitBodies.Config(focal_px=FOCAL))(grey_frames(1), people, surfaces)
    assert len(bodies) == 0


def test_of_a_crowd_the_largest_are_fitted_and_the_rest_is_told() -> None:
    far, near = surface_of_body(made_body((0, 0, 6.0))), surface_of_body(made_body((0, 0, 4.0)))
    crowd = (far,) * 100 + (near,) * 2 + (far,) * 98
    surfaces = Surfaces(people=tuple(replace(one, x0=100 * n) for n, one in enumerate(crowd)))
    people = People(
        frame_N=np.zeros(200, np.int32),
        box_N4=np.tile(np.array([[0, 0, 9, 9]], np.float32), (200, 1)),
        score_N=np.full(200, 0.9, np.float32),
        id_N=np.arange(200, dtype=np.int32),
    )
    stage = FitBodies(FitBodies.Config(focal_px=FOCAL, most_people=2))
    (bodies,) = stage(grey_frames(1), people, surfaces)
    assert bodies.id_N.tolist() == bodies.person_N.tolist() == [100, 101]
    assert stage.summary()["warnings"] == ["up to 200 people are in a frame, of whom the 2 largest were fitted"]
    list(stage(grey_frames(1, first=1, video=replace(VIDEO, sample_aspect=Fraction(4, 3))), people, surfaces))
    assert "its pixels are not square" in stage.summary()["warnings"][1]


@pytest.mark.parametrize(
    ("focal_px", "what"), [(3.0, "a field of view of 178°"), (1e6, r"a field of view of 0\.0183°")]
)
def test_an_absurd_focal_length_is_one_sentence(focal_px: float, what: str) -> None:
    stage = FitBodies(FitBodies.Config(focal_px=focal_px))
    with pytest.raises(StageError, match=rf"fit\.focal_px: .*{what} on frames of 320 px; give one from 43 to 9166 px"):
        list(stage(*nobody(grey_frames(1))))


@pytest.mark.parametrize(
    "wrong",
    [
        {"focal_px": 0}, {"focal_px": float("nan")}, {"field_deg": 179}, {"height_m": 18}, {"height_of": {"a": 1.8}},
        {"height_of": {"1": 18}}, {"look_ahead": 9}, {"most_people": 0},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    (key,) = wrong
    with pytest.raises(ValueError, match=key):
        FitBodies.Config(**wrong)


def test_an_assumed_focal_length_is_told() -> None:
    stage = FitBodies(FitBodies.Config())
    list(stage(grey_frames(1), *shown([[(1, made_body())]])))
    (note,) = stage.summary()["notes"]
    assert "a field of view of 60° is assumed" in note and "fit.focal_px" in note
    assert "notes" not in FitBodies(FitBodies.Config(focal_px=FOCAL)).summary()
