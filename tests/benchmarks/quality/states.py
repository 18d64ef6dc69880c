"""Precision and recall of `--export events` on synthetic films whose states are known.

    python -m tests.benchmarks.quality.states [--films 40] [--rendered 0] [--seed 78]

Films are random sequences of ten things to do (`tests/models/motion/state_films.py`): some are states, and squats,
bends, one raised arm and hands and knees are not. The first figures are of exact joints; with `--rendered N`, N films
are rendered at 640×480 and 5 frames per second, and pass the network, tracking and fits without look-ahead, as live.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from models.body.body_pose import posed_keypoints
from models.body.open_body import KEYPOINT_NAMES
from models.inference.open_network import open_network
from models.motion.postures import STATES, PersonStates, level_up, posture_of
from models.network import NetworkConfig
from stages.bodies.fit import FitBodies
from stages.payloads import FrameChunk, People, PersonSurface, Surfaces, VideoInfo
from stages.world.bodies.motions import grounded_actor, in_place
from stages.world.camera.camera_motion import still
from stages.world.image_scenes import random_person
from stages.world.video_scenes import clip_scene, video_clip
from stages.world.video_worlds import HELD_OUT_PEOPLE, VIDEO_WORLDS
from tests.models.motion.state_films import UPRIGHT_3, Film, joints_at, matches, random_film

FPS, SURE = 5, np.ones(len(KEYPOINT_NAMES))
Span = tuple[str, float, float]


def found_in(states: PersonStates, changes: list, until: float) -> list[Span]:
    """Spans of the changes, and of what lasts at the end."""
    found = [(one.state, one.since, one.second) for one in changes if not one.begins]
    return found + [(state, since, until) for state, since in states.since.items()]


def of_exact_joints(film: Film, fps: float = 10) -> list[Span]:
    """What is found in the exact joints of a film."""
    states, changes = PersonStates(), []
    for second in np.arange(0, film.seconds, 1 / fps).tolist():
        changes += states.next_changes(second, posture_of(joints_at(film, second), SURE, UPRIGHT_3))
    return found_in(states, changes, film.seconds)


def rendered(film: Film, seed: int) -> Iterator[tuple[float, FrameChunk]]:
    """The frames of a film of a random person in a random place."""
    world = replace(
        VIDEO_WORLDS["video"], name="states", width=640, height=480, people=(1, 1), camera_motions=("still",), fps=FPS,
        frames=int(film.seconds * FPS), person_height=(0.5, 0.7), shutter=(0.1, 0.2),
    )
    clip = video_clip(world, seed, 0)
    person = random_person(HELD_OUT_PEOPLE, np.random.default_rng(seed))
    half = film.seconds / 2
    motion = in_place(lambda t: film.pose(t + half), film.yaw)
    actor = grounded_actor(person, motion, (0.0, 0.0), half)
    clip = replace(clip, actors=(actor,), camera_motion=still(np.random.default_rng(seed), clip.camera_motion.base))
    video = VideoInfo(path="", width=640, height=480, still=False, rate=Fraction(FPS), time_base=Fraction(1, FPS))
    for number in range(world.frames):
        rgb_1HW3 = clip_scene(clip, number).rgb_HW3[None]
        yield number / FPS, FrameChunk(rgb_THW3=rgb_1HW3, pts_T=np.array([number]), first=number, video=video)


def of_rendered(film: Film, seed: int) -> list[Span]:
    """What is found in the rendered frames: the largest person of each frame is the one."""
    network, fit = open_network(NetworkConfig(weights="light"), 1), FitBodies(FitBodies.Config())
    states, changes = PersonStates(), []
    for second, chunk in rendered(film, seed):
        (found,), features = network.detect(chunk.rgb_THW3, still=False)
        (surface_D,) = network.surfaces(features, [found.box_N4])
        if not len(found.box_N4):
            continue
        best = int(np.argmax(found.score_N))
        people = People(
            frame_N=np.zeros(1, np.int32), box_N4=found.box_N4[[best]], score_N=found.score_N[[best]],
            id_N=np.ones(1, np.int32),
        )
        surfaces = Surfaces(people=(PersonSurface.predicted(surface_D[best]),))
        for bodies in fit(chunk, people, surfaces):
            for _, body in bodies.in_frame(0):
                posture = posture_of(posed_keypoints(body.pose), body.confidence_J, level_up(0))
                changes += states.next_changes(second, posture)
    return found_in(states, changes, film.seconds)


def printed(label: str, pairs: list[tuple[list[Span], list[Span]]]) -> None:
    """Precision and recall of each state."""
    print(f"\n{label}: {len(pairs)} films")
    print("| state | true | found | precision | recall |\n|---|---|---|---|---|")
    for state in STATES:
        sides = zip(*pairs, strict=True)
        true, found = ([[one for one in spans if one[0] == state] for spans in side] for side in sides)
        right = sum(matches(a, b) for a, b in zip(found, true, strict=True)), sum(map(matches, true, found))
        counts = sum(map(len, true)), sum(map(len, found))
        precision, recall = right[0] / max(counts[1], 1), right[1] / max(counts[0], 1)
        print(f"| {state} | {counts[0]} | {counts[1]} | {precision:.2f} | {recall:.2f} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=40)
    parser.add_argument("--rendered", type=int, default=0)
    parser.add_argument("--seed", type=int, default=78)
    options = parser.parse_args()
    films = [random_film(np.random.default_rng([options.seed, n])) for n in range(max(options.films, options.rendered))]
    printed("exact joints", [(list(film.spans), of_exact_joints(film)) for film in films[: options.films]])
    pairs = []
    for number, film in enumerate(films[: options.rendered]):
        pairs.append((list(film.spans), of_rendered(film, options.seed + number)))
        print(number, pairs[-1], flush=True)
    if pairs:
        printed("rendered", pairs)


if __name__ == "__main__":
    main()
