"""Synthetic tasks: rendered images with asked points, and a file of their truth that scores the annotators."""

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

MIN_PIXELS = 40
"""Parts with fewer visible pixels get no points."""
MIN_PARTS = 8
"""People with fewer visible parts are left out."""
MIN_HEIGHT = 0.4
"""Smaller people are left out; in heights of the image."""
SCENES_A_PERSON = 50
"""Scenes that are rendered for each person, at most."""
PERSON = 1
"""Number of the person on every sheet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticTask:
    """The people of a synthetic task.

    Attributes:
        world: a world of single images (`dressed`, `val`, …).
        seed: of the scenes and of the points.
        people: number of images; each has one person to annotate, the one with the most visible pixels.
        points: number for each person, random on the visible surface: at least one on each visible part, more on large
            parts.
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
    """The images of a task and the sheets with which annotators begin. They are rendered once, beside the result.

    Raises: StageError for an existing truth of other settings, a damaged truth, and a folder that cannot be written.
    """
    truth, folder = truth_path(output), output.with_name(f"{output.stem}_images")
    if not truth.exists():
        _draw(task, truth, folder)
    known = read_dense_set(truth)
    if known.rest.get("task") != asdict(task):
        remedy = "use the former settings, or write to another file with -o"
        raise StageError("these people were rendered with other settings", str(truth), remedy)
    starts = known.rest.get("starts")
    found = []
    for image in known.images:
        if not isinstance(starts, Mapping) or image.file_name not in starts or image.height is None:
            raise StageError("the truth is damaged", str(truth), "delete it: the people are rendered again")
        size = (image.height, int(image.width or 0))
        found.append(GivenImage(
            path=folder / image.file_name,
            task=TaskImage(name=image.file_name, height=size[0], width=size[1]),
            start=Start(actions=tuple(action_of(record, size) for record in starts[image.file_name])),
        ))
    return found


def _draw(task: SyntheticTask, truth: Path, folder: Path) -> None:
    images, people, starts = [], [], {}
    for identity, (scene, number, asked) in enumerate(asked_people(task, task.people), start=1):
        name = f"{identity:04d}.png"
        write_png(folder / name, scene.rgb_HW3)
        images.append(AnnotatedImage(id=identity, file_name=name, height=task.height, width=task.width))
        people.append(_truth_of(scene, number, asked, identity))
        starts[name] = [action_record(action) for action in _given(scene, number, asked)]
    info = {"description": "truth of a synthetic task", "body": BODY}
    rest = {"info": info, "task": asdict(task), "starts": starts}
    write_dense_set(truth, DenseSet(images=tuple(images), people=tuple(people), rest=rest))


Asked = Mapping[int, Int]
"""Pixels (row, column) by part, in the order of the questions."""


def asked_people(task: SyntheticTask, people: int) -> Iterator[tuple[Scene, int, Asked]]:
    """`people` scenes, each with the number of its person to annotate, and the asked pixels.

    Raises: StageError where the world has too few large people.
    """
    world = replace(IMAGE_WORLDS[task.world], height=task.height, width=task.width)
    found = 0
    for index in range(people * SCENES_A_PERSON):
        scene = image_scene(world, task.seed, index)
        if not len(scene.box_N4):
            continue
        number = int(np.bincount(scene.instance_HW.ravel())[1:].argmax()) + 1
        top, bottom = scene.box_N4[number - 1, [1, 3]]
        asked = asked_on_surface(coarse_of(scene, number), task.points, np.random.default_rng([task.seed, index]))
        if len(asked) >= MIN_PARTS and bottom - top >= MIN_HEIGHT * task.height:
            yield scene, number, asked
            found += 1
        if found == people:
            return
    what = f"only {found} people of the world {task.world} are large enough"
    raise StageError(what, "annotate.synthetic.people", "set a smaller number, or another world")


def coarse_of(scene: Scene, number: int) -> U8:
    """Coarse labels of person `number` on the image, (H, W)."""
    return np.where(scene.instance_HW == number, COARSE_OF_CHART[scene.label_HW], 0).astype(np.uint8)


def asked_on_surface(coarse_HW: U8, count: int, rng: np.random.Generator) -> dict[int, Int]:
    """Random pixels of the visible surface by part, (M, 2) row and column: at least one on each part.

    Args:
        coarse_HW: coarse labels of the person.
        count: number of all pixels; fewer where all parts have `MAX_POINTS_PER_PART`.
        rng: draws them.
    """
    pixels = {part: np.argwhere(coarse_HW == part) for part in range(1, PART_MASKS + 1)}
    pixels = {part: found for part, found in pixels.items() if len(found) >= MIN_PIXELS}
    wanted = dict.fromkeys(pixels, 1)
    area = {part: len(found) for part, found in pixels.items()}
    for _ in range(count - len(pixels)):
        open_parts = [part for part in wanted if wanted[part] < MAX_POINTS_PER_PART]
        if not open_parts:
            break
        # The next point goes to the part with the most pixels for each point (Sainte-Laguë method).
        wanted[max(open_parts, key=lambda part: area[part] / (wanted[part] + 0.5))] += 1
    return {
        part: in_succession(found[np.sort(rng.choice(len(found), wanted[part], replace=False))])
        for part, found in pixels.items()
    }


def _given(scene: Scene, number: int, asked: Asked) -> Iterator[Action]:
    """The actions of the first sheet: the box, the asked parts, and the asked points, without answers."""
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

