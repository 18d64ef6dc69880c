"""The same film at 5, 30 and 120 frames per second gives the same identities, gaps, things and boxes within a frame."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from moving_oval import BODY_HEIGHT, BODY_WIDTH, Shot, chunk_of, shot

from models.time_steps import FrameTime
from stages.payloads import FrameChunk, People, Surfaces
from stages.people.bridge import Bridge
from stages.people.person_evidence import RULE_CUES, TrackEvidence
from stages.people.track import Track
from stages.people.trajectory import SmoothedBox
from stages.people.verify import Verify

pytestmark = pytest.mark.quick

FILM_RATE = 30
RATES = (5, 30, 120)
OVAL = np.array([BODY_WIDTH, BODY_HEIGHT]) / 2


def at_rate(frames: FrameChunk, rate: int, t: int) -> FrameChunk:
    """One frame of a film as frame `t` of the same film at another rate."""
    video = replace(frames.video, rate=Fraction(rate), time_base=Fraction(1, rate))
    return replace(frames, video=video, pts_T=np.array([t]), first=t)


def people_of(rows: list[tuple[tuple[float, ...], float]]) -> People:
    """Boxes and scores of one frame."""
    return People(
        frame_N=np.zeros(len(rows), np.int32),
        box_N4=np.array([box for box, _ in rows], np.float32).reshape(-1, 4),
        score_N=np.array([score for _, score in rows], np.float32),
        id_N=np.full(len(rows), -1, np.int32),
    )


def walker(second: float) -> tuple[float, float, float, float]:
    """Walks for two seconds at 40 pixels a second, then stands."""
    x = 20 + 40 * min(second, 2.0)
    return (x, 40.0, x + 40, 140.0)


def detections(second: float) -> list[tuple[tuple[float, ...], float]]:
    """A walker who is missed for .6 s and later for 2.6 s, and somebody faint who stands at one place from .4 s on."""
    seen = not 1.2 <= second < 1.8 and not 3.0 <= second < 5.6
    faint = [((200.0, 40.0, 240.0, 140.0), 0.12)] if second >= 0.4 else []
    return [(walker(second), 0.9)] * seen + faint


def tracked(rate: int) -> tuple[dict[int, float], list[np.ndarray], Track]:
    """When each identity first appears, the walker's boxes after every .2 s up to 3 s, and the stage."""
    stage, started, boxes = Track(Track.Config()), {}, []
    image = chunk_of(np.zeros((1, 240, 320, 3), np.uint8))
    for t in range(7 * rate):
        (found,) = stage(at_rate(image, rate, t), people_of(detections(t / rate)))
        for identity in found.id_N[found.id_N >= 0].tolist():
            started.setdefault(identity, t / rate)
        if t / rate < 3 and len(found) and (5 * t) % rate == 0 and found.score_N[0] > 0.5:
            boxes.append(found.box_N4[0])
    return started, boxes, stage


@pytest.mark.parametrize("rate", RATES)
def test_identities_begin_and_end_at_the_same_time(rate: int) -> None:
    expected, boxes, known = tracked(FILM_RATE)
    started, found, stage = tracked(rate)
    assert sorted(expected) == sorted(started) == [1, 2, 3], "who comes back after 2.6 s is somebody new"
    assert expected[2] == pytest.approx(0.4 + 2 / FILM_RATE), "who is faint has an identity in the third frame"
    for identity, second in expected.items():
        assert started[identity] == pytest.approx(second, abs=1 / min(rate, FILM_RATE) + 1e-6)
    assert {track.identity for track in stage.tracks} == {2, 3}
    assert stage.summary() == known.summary() == {"people": 2}
    assert np.abs(np.array(found) - np.array(boxes)).max() < 40 / FILM_RATE


@pytest.mark.parametrize("rate", [60, 120])
def test_a_smoothed_box_follows_equally_fast(rate: int) -> None:
    """A box that stands moves by 3 pixels at once: what is shown after 1/15 s, .2 s and .8 s."""

    def shown(rate: int) -> list[float]:
        now, boxes = FrameTime().next(0.0), [SmoothedBox.first(np.array(walker(0.0)), 0.0)]
        for t in range(1, rate + 1):
            now = now.next(t / rate)
            boxes.append(boxes[-1].updated(np.array(walker(0.0)) + 3 * (5 * t >= rate), now, 0.4))
        return [float(boxes[t].box_4[0]) - 20 for t in (4 * rate // 15, 2 * rate // 5, rate)]

    assert shown(rate) == pytest.approx(shown(FILM_RATE), abs=0.15)


@pytest.mark.parametrize("rate", RATES)
def test_evidence_fades_with_time(rate: int) -> None:
    """Two seconds of evidence of 0, then one of 1: weights fall by 59/60 in 1/30 s."""
    now, evidence, film_s = FrameTime(), TrackEvidence.empty(), 3
    for t in range(film_s * rate):
        now = now.next(t / rate)
        evidence = evidence.updated(np.full(3, float(t >= 2 * rate)), 0.1, now)
    assert evidence.cues()[0] == pytest.approx((1 - (59 / 60) ** 30) / (1 - (59 / 60) ** 90), abs=0.03)


@pytest.mark.parametrize("rate", RATES)
def test_who_is_missed_is_expected_at_the_same_place(rate: int) -> None:
    """.4 s after the last detection; the last step of the walker counts in full, whatever its length."""
    stage = Track(Track.Config())
    image = chunk_of(np.zeros((1, 240, 320, 3), np.uint8))
    for t in range(rate + 2 * rate // 5 + 1):
        list(stage(at_rate(image, rate, t), people_of([(walker(t / rate), 0.9)] if t <= rate else [])))
    (track,) = stage.tracks
    assert track.velocity_2[0] == pytest.approx(40, rel=0.02)
    ahead = float(track.expected(stage.now)[0]) - walker(1.0)[0]
    assert ahead == pytest.approx(40 / FILM_RATE * (1 - 0.85**12) / 0.15, abs=40 / min(rate, FILM_RATE))


def filmed(clip: Shot, rate: int) -> list[int]:
    """Which frame of a clip of 30 frames per second is each frame at another rate: some dropped, or some repeated."""
    return [t * FILM_RATE // rate for t in range(len(clip.truth) * rate // FILM_RATE)]


def oval_at(clip: Shot, k: int, score: float, confidence: float = 0.5) -> tuple[People, Surfaces]:
    """The oval in frame `k`, as a network finds it."""
    place_2 = clip.place_T2[k]
    people = people_of([(tuple(np.concatenate([place_2 - OVAL, place_2 + OVAL]).tolist()), score)])
    surface = replace(clip.truth[k], confidence_hw=np.full_like(clip.truth[k].confidence_hw, confidence))
    return replace(people, id_N=np.ones(1, np.int32)), Surfaces(people=(surface,))


@pytest.mark.parametrize("rate", RATES)
def test_a_missed_person_is_bridged_for_the_same_time_with_the_same_score(rate: int) -> None:
    """Detected for half a second, then missed."""
    clip, stage, bridged = shot(np.tile([[0.5, 0.0]], (36, 1))), Bridge(Bridge.Config()), {}
    for t, k in enumerate(filmed(clip, rate)):
        people, surfaces = oval_at(clip, k, 0.8)
        if t / rate >= 0.5:
            people, surfaces = people.some(np.zeros(0, np.intp)), Surfaces(people=())
        frame = at_rate(chunk_of(clip.rgb_THW3[k : k + 1]), rate, t)
        ((people, _),) = stage(frame, people, surfaces)
        if people.bridged().any():
            bridged[t / rate] = float(people.score_N[0])
    assert max(bridged) == pytest.approx(19 / FILM_RATE, abs=1 / min(rate, FILM_RATE))
    last_seen = (int(np.ceil(0.5 * rate)) - 1) / rate
    for second, score in bridged.items():
        assert score == pytest.approx(0.8 * 0.8 ** (FILM_RATE * (second - last_seen)), rel=1e-3)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("step", "is_thing"), [(0.0, True), (2.0, False)])
def test_a_thing_is_one_at_any_rate_and_who_moves_is_none(rate: int, step: float, is_thing: bool) -> None:
    clip, stage, decided = shot(np.tile([[step, 0.0]], (36, 1))), Verify(Verify.Config()), []
    for t, k in enumerate(filmed(clip, rate)):
        frame = at_rate(chunk_of(clip.rgb_THW3[k : k + 1]), rate, t)
        (people,) = stage(frame, *oval_at(clip, k, 0.05, 0.1))
        decided.append(people.thing_N is not None)
    assert any(decided) == is_thing
    if is_thing:
        assert decided.index(True) / rate == pytest.approx(2 / FILM_RATE, abs=1 / min(rate, FILM_RATE))
    speed = float(np.exp(stage.tracks[1].cues()[RULE_CUES.index("motion")])) * BODY_HEIGHT
    assert speed == pytest.approx(step, abs=0.6)
