"""Sets from the synthetic worlds: numbered scenes with exact truth at every pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from pycocotools import mask as coco_mask

from models.metrics.instances import AnnotatedPoints, TrueInstance
from stages.evaluation.true_images import DenseTruth, TrueImage, TruePerson, TrueSet
from stages.synthetic.simulated_annotators import add_annotation_error, annotate_person
from stages.synthetic.synthesize import ALL_IMAGE_WORLDS, ALL_VIDEO_WORLDS, Synthesize, scene_generator
from stages.world.image_worlds import STRESS_IMAGE_WORLDS
from stages.world.scene import Scene
from stages.world.video_worlds import STRESS_VIDEO_WORLDS

FAR = "far"
GROUPS: dict[str, tuple[str, ...]] = {"stress": tuple(STRESS_IMAGE_WORLDS), "stress_video": tuple(STRESS_VIDEO_WORLDS)}
"""Names of several worlds together; each world is a separate set."""
ANNOTATORS = 2
"""Number of simulated annotators of each person."""
ERROR_SCALE = 1.0
"""Errors of simulated annotators in units of real annotators' errors."""


def worlds_named(name: str) -> tuple[str, ...]:
    """The worlds that a name means: a world, or those of a group; none for other names."""
    if name in GROUPS:
        return GROUPS[name]
    return (name,) if name in known_names() else ()


def known_names() -> list[str]:
    """All names of worlds and groups."""
    return sorted({*ALL_IMAGE_WORLDS, *ALL_VIDEO_WORLDS, FAR, *GROUPS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Worlds:
    """The scored part of each world: its seed, and the number of scenes (single images) or of frames (videos)."""

    seed: int
    scenes: int
    frames: int


def images_of(world: str, part: Worlds) -> int:
    """The number of scored images of a world."""
    return part.frames if world in ALL_VIDEO_WORLDS else part.scenes


def world_set(world: str, part: Worlds) -> TrueSet:
    """The first scenes of a world, or the first frames of its videos."""
    count = images_of(world, part)
    return TrueSet(name=world, count=count, images=_images(world, part.seed, count))


def _images(world: str, seed: int, count: int) -> Iterator[TrueImage]:
    draw = scene_generator(Synthesize.Config(world=world, seed=seed))
    length = ALL_VIDEO_WORLDS[world].frames if world in ALL_VIDEO_WORLDS else 0
    for index in range(count):
        image = scene_truth(draw(index), world, index, seed)
        video = {"video": f"{index // length:04d}", "frame": index % length} if length else {}
        yield replace(image, **video)  # type: ignore[arg-type]


def scene_truth(scene: Scene, world: str, index: int, seed: int = 0) -> TrueImage:
    """The truth of a synthetic scene: exact masks and boxes, points as in DensePose-COCO, simulated annotators.

    Args:
        scene: rendered.
        world, index: the scene's world and its number.
        seed: together with the number, seeds the points and the annotators' errors.
    """
    people = tuple(_person(scene, number, index, seed) for number in range(1, len(scene.box_N4) + 1))
    dense = DenseTruth(label_HW=scene.label_HW, uv_2HW=scene.uv_2HW, instance_HW=scene.instance_HW)
    return TrueImage(
        set_name=world, name=f"{index:06d}", rgb_HW3=scene.rgb_HW3, people=people, dense=dense, moving=scene.moving,
        camera=scene.camera,
    )


def _person(scene: Scene, number: int, index: int, seed: int) -> TruePerson:
    annotated = annotate_person(scene, number, number, index, np.random.default_rng([seed, index, number, *b"points"]))
    assert annotated.points is not None
    mask_HW = scene.instance_HW == number
    return TruePerson(
        instance=TrueInstance(
            box_4=np.array(annotated.box_4, np.float64), area=float(mask_HW.sum()), points=annotated.points,
            mask=coco_mask.encode(np.asfortranarray(mask_HW, np.uint8)),
        ),
        keypoint_173=scene.keypoint_N173[number - 1].astype(np.float64),
        annotators=tuple(_annotator(annotated.points, [seed, index, number, 1 + a]) for a in range(ANNOTATORS)),
        pose=scene.pose_N[number - 1],
    )


def _annotator(points: AnnotatedPoints, seeds: list[int]) -> AnnotatedPoints:
    """The same points as a simulated annotator marks them."""
    if not len(points):
        return points
    uv_M2 = np.stack([points.u_M, points.v_M], axis=1)
    found_M2 = add_annotation_error(points.chart_M, uv_M2, ERROR_SCALE, np.random.default_rng(seeds))
    return replace(points, u_M=found_M2[:, 0], v_M=found_M2[:, 1])
