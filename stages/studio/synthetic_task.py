"""A task of the synthetic world: images of people with asked points, and a file of their truth for the score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from models.arrays import U8, Int
from models.body.charts import COARSE_OF_CHART
from models.metrics.instances import AnnotatedPoints
from pipeline.stage import StageError
from stages.annotations.densepose_coco import (
    PART_MASKS,
    AnnotatedImage,
    AnnotatedPerson,
    DenseSet,
    read_dense_set,
    write_dense_set,
)
from stages.annotations.point_picking import MAX_POINTS_PER_PART, POINT_RANGE, in_succession
from stages.studio.people_file import BODY
from stages.studio.studio_files import GivenImage
from stages.studio.work.action_messages import action_of
from stages.studio.work.actions import Action, Ask, Paint, SetBox, Start, action_record
from stages.studio.work.part_map import PixelMask
from stages.studio.work.task_list import TaskImage
from stages.studio.written_images import write_png
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS
from stages.world.scene import Scene

LEAST_PIXELS = 40
"""Parts with fewer visible pixels are not asked."""
LEAST_PARTS = 8
"""A person who shows fewer parts is left out."""
LEAST_HEIGHT = 0.4
"""Least height of a person in heights of the image."""
SCENES_A_PERSON = 50
"""So many scenes for each wanted person are looked at, at most."""
PERSON = 1
"""The number of the asked person on every sheet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticTask:
    """Which people of the synthetic world are asked.

    Attributes:
        world: a world of single images (`dressed`, `val`, …).
        seed: of the scenes and of the points.
        people: how many, one in an image: the one with the most visible pixels.
        points: of each person, drawn at random from the visible surface: one of each visible part, the others by area.
        height, width: of the images, in pixels.
    """

    world: str = "dressed"
    seed: int = 0
    people: int = 20
    points: int = 20
    height: int = 720
    width: int = 760

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown world and for numbers out of range."""
        if self.world not in IMAGE_WORLDS:
            raise ValueError(f"world is {self.world!r}, must be one of {', '.join(sorted(IMAGE_WORLDS))}")
        if not 1 <= self.people <= 1000 or not PART_MASKS <= self.points <= 100:
            raise ValueError(f"people must be from 1 to 1000, and points from {PART_MASKS} to 100")
        if not 120 <= self.height <= 4000 or not 120 <= self.width <= 4000:
            raise ValueError("height and width must be from 120 to 4000")


def truth_path(output: Path) -> Path:
    """The file of the truth beside a result: `people.truth.json` beside `people.json`."""
    return output.with_name(f"{output.stem}.truth.json")


def synthetic_images(task: SyntheticTask, output: Path) -> list[GivenImage]:
    """The images of a task, with what annotators find in them. They are drawn once and kept beside the result.

    Raises: StageError for a truth of other settings at that place, a damaged one, and a folder that cannot be written.
    """
    truth, folder = truth_path(output), output.with_name(f"{output.stem}_images")
    if not truth.exists():
        _draw(task, truth, folder)
    known = read_dense_set(truth)
    if known.rest.get("task") != asdict(task):
        remedy = "give the settings of before, or write to another file with -o"
        raise StageError("the people here were drawn with other settings", str(truth), remedy)
    starts = known.rest.get("starts")
    found = []
    for image in known.images:
        if not isinstance(starts, Mapping) or image.file_name not in starts or image.height is None:
            raise StageError("the truth is damaged", str(truth), "delete it; the people are drawn again")
        size = (image.height, int(image.width or 0))
        found.append(GivenImage(
            path=folder / image.file_name,
            task=TaskImage(name=image.file_name, height=size[0], width=size[1]),
            start=Start(actions=tuple(action_of(one, size) for one in starts[image.file_name])),
        ))
    return found


def _draw(task: SyntheticTask, truth: Path, folder: Path) -> None:
    images, people, starts = [], [], {}
    for identity, (scene, number, asked) in enumerate(asked_people(task, task.people), start=1):
        name = f"{identity:04d}.png"
        write_png(folder / name, scene.rgb_HW3)
        images.append(AnnotatedImage(id=identity, file_name=name, height=task.height, width=task.width))
        people.append(_truth_of(scene, number, asked, identity))
        starts[name] = [action_record(one) for one in _given(scene, number, asked)]
    info = {"description": "truth of a synthetic task", "body": BODY}
    rest = {"info": info, "task": asdict(task), "starts": starts}
    write_dense_set(truth, DenseSet(images=tuple(images), people=tuple(people), rest=rest))


Asked = Mapping[int, Int]
"""Pixels (row, column) by part, in the order in which they are asked."""


def asked_people(task: SyntheticTask, people: int) -> Iterator[tuple[Scene, int, Asked]]:
    """So many scenes, with the number of the person that is asked in each, and the pixels. Raises: StageError."""
    world = replace(IMAGE_WORLDS[task.world], height=task.height, width=task.width)
    found = 0
    for index in range(people * SCENES_A_PERSON):
        scene = image_scene(world, task.seed, index)
        if not len(scene.box_N4):
            continue
        number = int(np.bincount(scene.instance_HW.ravel())[1:].argmax()) + 1
        top, bottom = scene.box_N4[number - 1, [1, 3]]
        asked = asked_on_surface(coarse_of(scene, number), task.points, np.random.default_rng([task.seed, index]))
        if len(asked) >= LEAST_PARTS and bottom - top >= LEAST_HEIGHT * task.height:
            yield scene, number, asked
            found += 1
        if found == people:
            return
    what = f"only {found} people of the world {task.world} are large enough"
    raise StageError(what, "annotate.synthetic.people", "ask for fewer, or take another world")


def coarse_of(scene: Scene, number: int) -> U8:
    """Coarse labels of one person on the image, (H, W)."""
    return np.where(scene.instance_HW == number, COARSE_OF_CHART[scene.label_HW], 0).astype(np.uint8)


def asked_on_surface(coarse_HW: U8, count: int, rng: np.random.Generator) -> dict[int, Int]:
    """Random pixels of the visible surface by part, (M, 2) row and column: at least one of each part.

    Args:
        coarse_HW: coarse labels of the person.
        count: number of all pixels; fewer where parts are full (`MAX_POINTS_PER_PART`).
    """
    pixels = {part: np.argwhere(coarse_HW == part) for part in range(1, PART_MASKS + 1)}
    pixels = {part: found for part, found in pixels.items() if len(found) >= LEAST_PIXELS}
    wanted = dict.fromkeys(pixels, 1)
    area = {part: len(found) for part, found in pixels.items()}
    for _ in range(count - len(pixels)):
        open_parts = [part for part in wanted if wanted[part] < MAX_POINTS_PER_PART]
        if not open_parts:
            break
        # The part that has the most pixels for each of its points, as seats are given to parties.
        wanted[max(open_parts, key=lambda part: area[part] / (wanted[part] + 0.5))] += 1
    return {
        part: in_succession(found[np.sort(rng.choice(len(found), wanted[part], replace=False))])
        for part, found in pixels.items()
    }


def _given(scene: Scene, number: int, asked: Asked) -> Iterator[Action]:
    """The box, the parts that are asked, and the points. Everything but the answers is given."""
    x0, y0, x1, y1 = (float(side) for side in scene.box_N4[number - 1])
    yield SetBox(person=PERSON, box_4=(x0, y0, x1, y1), origin="proposed")
    coarse_HW = coarse_of(scene, number)
    for part in asked:
        mask = PixelMask.of_array(coarse_HW == part, 0, 0)
        yield Paint(person=PERSON, part=part, mask=mask, origin="proposed")
    for part, pixel_M2 in asked.items():
        yield Ask(person=PERSON, part=part, pixels=tuple((int(x), int(y)) for y, x in pixel_M2))


def _truth_of(scene: Scene, number: int, asked: Asked, identity: int) -> AnnotatedPerson:
    x0, y0, x1, y1 = (float(side) for side in scene.box_N4[number - 1])
    row_M, column_M = np.concatenate(list(asked.values())).T
    uv_2M = scene.uv_2HW[:, row_M, column_M].astype(np.float64)
    points = AnnotatedPoints(
        x_M=(column_M + 0.5 - x0) * POINT_RANGE / (x1 - x0), y_M=(row_M + 0.5 - y0) * POINT_RANGE / (y1 - y0),
        chart_M=scene.label_HW[row_M, column_M].astype(np.int64), u_M=np.clip(uv_2M[0], 0, 1),
        v_M=np.clip(uv_2M[1], 0, 1),
    )
    rest = {"category_id": 1, "iscrowd": 0, "area": float((scene.instance_HW == number).sum())}
    return AnnotatedPerson(id=identity, image=identity, box_4=(x0, y0, x1 - x0, y1 - y0), points=points, rest=rest)

