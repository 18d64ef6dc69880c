"""Worlds of the project as sets to be scored on: any scene by its number, exact in every pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from pycocotools import mask as coco_mask

from models.metrics.instances import AnnotatedPoints, TrueInstance
from stages.evaluation.truth import DenseTruth, TruePerson, TruePicture, TrueSet
from stages.synthetic.simulated_annotators import add_annotation_error, annotate_person
from stages.synthetic.synthesize import IMAGE_WORLDS, VIDEO_WORLDS, Synthesize, scene_generator
from stages.world.image_worlds import STRESS_WORLDS
from stages.world.scene import Scene
from stages.world.video_worlds import STRESS_CLIPS

FAR = "far"
GROUPS: dict[str, tuple[str, ...]] = {"stress": tuple(STRESS_WORLDS), "stress_video": tuple(STRESS_CLIPS)}
"""Names that stand for several worlds, each of which is scored by itself."""
ANNOTATORS = 2
USUAL_ERROR = 1.0


def worlds_called(name: str) -> tuple[str, ...]:
    """The worlds that a name stands for; none where it is no world's."""
    if name in GROUPS:
        return GROUPS[name]
    return (name,) if name in known_names() else ()


def known_names() -> list[str]:
    """Everything a world can be asked for by."""
    return sorted({*IMAGE_WORLDS, *VIDEO_WORLDS, FAR, *GROUPS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Worlds:
    """Which part of worlds is scored: seed, scenes of those of single pictures, frames of those of films."""

    seed: int
    scenes: int
    frames: int


def world_set(world: str, part: Worlds) -> TrueSet:
    """The first scenes of a world, or the first frames of its films where it moves."""
    count = part.frames if world in VIDEO_WORLDS else part.scenes
    return TrueSet(name=world, count=count, pictures=_pictures(world, part.seed, count))


def _pictures(world: str, seed: int, count: int) -> Iterator[TruePicture]:
    draw = scene_generator(Synthesize.Config(world=world, seed=seed))
    length = VIDEO_WORLDS[world].frames if world in VIDEO_WORLDS else 0
    for index in range(count):
        picture = scene_truth(draw(index), world, index, seed)
        film = {"film": f"{index // length:04d}", "frame": index % length} if length else {}
        yield replace(picture, **film)  # type: ignore[arg-type]


def scene_truth(made: Scene, world: str, index: int, seed: int = 0) -> TruePicture:
    """A synthetic scene: masks and boxes exact, points spread as DensePose-COCO's are, and annotators who err.

    Args:
        made: the scene.
        world, index: whose scene it is, and its number.
        seed: with the number spreads the points, and the annotators' errors.
    """
    people = tuple(_person(made, number, index, seed) for number in range(1, len(made.box_N4) + 1))
    dense = DenseTruth(label_HW=made.label_HW, uv_2HW=made.uv_2HW, instance_HW=made.instance_HW)
    return TruePicture(
        set_name=world, name=f"{index:06d}", rgb_HW3=made.rgb_HW3, people=people, dense=dense, moving=made.moving
    )


def _person(made: Scene, number: int, index: int, seed: int) -> TruePerson:
    one = annotate_person(made, number, number, index, np.random.default_rng([seed, index, number, *b"points"]))
    assert one.points is not None
    mine_HW = made.instance_HW == number
    return TruePerson(
        instance=TrueInstance(
            box_4=np.array(one.box_4, np.float64),
            area=float(mine_HW.sum()),
            points=one.points,
            mask=coco_mask.encode(np.asfortranarray(mine_HW, np.uint8)),
        ),
        keypoint_173=made.keypoint_N173[number - 1].astype(np.float64),
        annotators=tuple(_annotator(one.points, [seed, index, number, who]) for who in range(1, ANNOTATORS + 1)),
    )


def _annotator(points: AnnotatedPoints, seeds: list[int]) -> AnnotatedPoints:
    """The same points as somebody marks them who errs as much as is usual."""
    if not len(points):
        return points
    uv_M2 = np.stack([points.u_M, points.v_M], axis=1)
    found_M2 = add_annotation_error(points.chart_M, uv_M2, USUAL_ERROR, np.random.default_rng(seeds))
    return replace(points, u_M=found_M2[:, 0], v_M=found_M2[:, 1])
