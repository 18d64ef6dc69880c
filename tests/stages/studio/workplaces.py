"""A studio on a small synthetic image, with a proposal that a test states, on a free port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from models.arrays import U8
from models.body.charts import COARSE_OF_CHART
from models.structures import SurfaceMap
from stages.annotations.densepose_coco import AnnotatedPerson, read_dense_set
from stages.studio.given_images import given_images
from stages.studio.proposals import ProposedPerson
from stages.studio.studio_page import StudioPage
from stages.studio.work.actions import Ask, Change, Paint, SetBox, action_record
from stages.studio.work.part_map import PixelMask, packed_map
from stages.studio.workplace import Workplace
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS
from stages.world.scene import Scene
from tests.stages.live.clock_video import free_port


def scene_of_a_person() -> Scene:
    """A scene of the synthetic world with one large person."""
    scene = image_scene(IMAGE_WORLDS["val"], 7, 22)
    assert len(scene.box_N4) == 1 and (scene.label_HW > 0).sum() > 8000
    return scene


def proposed(scene: Scene) -> list[ProposedPerson]:
    """The scene's truth as proposals."""
    found = []
    for number, box_4 in enumerate(scene.box_N4.tolist(), start=1):
        coarse_HW: U8 = np.where(scene.instance_HW == number, COARSE_OF_CHART[scene.label_HW], 0).astype(np.uint8)
        seen = {joint: (float(x), float(y)) for joint, (x, y, v) in enumerate(scene.keypoint_N173[number - 1]) if v > 0}
        found.append(
            ProposedPerson(
                box_4=(box_4[0], box_4[1], box_4[2], box_4[3]), score=0.9, parts=packed_map(coarse_HW, 0, 0),
                outline=PixelMask.of_array(coarse_HW > 0, 0, 0), keypoints=seen,
                surface=surface_of(scene, number),
            )
        )
    return found


def surface_of(scene: Scene, number: int) -> SurfaceMap:
    """The truth of one person as a network would state it."""
    mine_HW = scene.instance_HW == number
    label_HW = np.where(mine_HW, scene.label_HW, 0).astype(np.uint8)
    return SurfaceMap(x0=0, y0=0, labels_hw=label_HW, uv_2hw=np.where(mine_HW, scene.uv_2HW, 0).astype(np.float32))


class Studio:
    """A running studio over copies of one scene; it can be closed and opened again on the same port and journal."""

    def __init__(self, folder: Path, scene: Scene, images: int = 2, **settings: object) -> None:
        self.folder, self.scene, self.port = folder, scene, free_port()
        self.settings = {"copies": 1, "token": None, "review_token": None, **settings}
        for number in range(images):
            cv2.imwrite(str(folder / f"image{number}.png"), scene.rgb_HW3[..., ::-1])
        self.output = folder / "people.json"
        self.open()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Start the program, as it were."""
        images = given_images(sorted(self.folder.glob("image*.png")), self.folder / "people.frames", every=1)
        copies, token = self.settings["copies"], self.settings["token"]
        assert isinstance(copies, int) and (token is None or isinstance(token, str))
        found = proposed(self.scene)
        self.boxes_asked: list[Sequence[float]] = []

        def propose(
            name: str, read: Callable[[], U8], box_4: Sequence[float] | None = None
        ) -> list[ProposedPerson]:
            if box_4 is None:
                return found
            self.boxes_asked.append(box_4)
            return [replace(found[0], box_4=(box_4[0], box_4[1], box_4[2], box_4[3]))]

        self.workplace = Workplace(images, self.output, copies=copies, propose=propose)
        review_token = self.settings["review_token"]
        assert review_token is None or isinstance(review_token, str)
        self.page = StudioPage("127.0.0.1", self.port, token, self.workplace, review_token)

    def people(self) -> tuple[AnnotatedPerson, ...]:
        """The people of the result."""
        return read_dense_set(self.output).people

    def close(self) -> None:
        """End it without writing the result: what is kept is in the journal."""
        self.page.close()
        self.workplace.close()


def act(studio: Studio, *actions: Change) -> None:
    """What Ann does to the first image."""
    for do in actions:
        studio.workplace.act({"who": "ann", "image": "image0.png", "action": action_record(do)})


def with_parts(studio: Studio, *asked: int) -> None:
    """Ann's person with all parts of the truth; eight points of some of them are asked."""
    coarse_HW = COARSE_OF_CHART[studio.scene.label_HW]
    x0, y0, x1, y1 = (float(side) for side in studio.scene.box_N4[0])
    act(studio, SetBox(person=1, box_4=(x0, y0, x1, y1)))
    for part in np.unique(coarse_HW[coarse_HW > 0]).tolist():
        act(studio, Paint(person=1, part=part, mask=PixelMask.of_array(coarse_HW == part, 0, 0)))
    for part in asked:
        at_M2 = np.argwhere(coarse_HW == part)
        at_M2 = at_M2[:: max(1, len(at_M2) // 8)][:8]
        act(studio, Ask(person=1, part=part, pixels=tuple((int(x), int(y)) for y, x in at_M2)))
