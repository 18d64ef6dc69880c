"""What is true of a picture: who is there, where their surface points lie, and, in made pictures, every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from models.metrics.instances import TrueInstance
from stages.annotations.simulated import annotate
from stages.world.scene import Moving, Scene

F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]
VISIBLE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseTruth:
    """Charts 0..24 (H, W), coordinates (2, H, W) in 0..1 and person 1..N (H, W; 0 nobody) of a whole picture."""

    label_HW: U8
    uv_2HW: npt.NDArray[np.floating[Any]]
    instance_HW: U8


@dataclass(frozen=True, slots=True, kw_only=True)
class TruePerson:
    """A person of a picture.

    Attributes:
        instance: box, points, mask and area, as far as they are known.
        keypoint_173: COCO's keypoints (x, y, visibility), or None.
    """

    instance: TrueInstance
    keypoint_173: F64 | None = None

    @property
    def height(self) -> float:
        """Of the box, in pixels."""
        return float(self.instance.box_4[3])

    @property
    def seen_share(self) -> float:
        """Share of the 17 keypoints that are seen; nan where none is annotated."""
        if self.keypoint_173 is None or not self.keypoint_173[:, 2].any():
            return float("nan")
        return float((self.keypoint_173[:, 2] == VISIBLE).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class TruePicture:
    """A picture and all that is known to be true of it.

    Attributes:
        name: tells it apart from the others of its set.
        rgb_HW3: the picture.
        people: everyone annotated.
        dense: every pixel's surface; person i of `people` is number i + 1 there. None where only points are known.
        moving: what is true of it among its neighbours, in films of the synthetic world.
    """

    name: str
    rgb_HW3: U8
    people: tuple[TruePerson, ...]
    dense: DenseTruth | None = None
    moving: Moving | None = None

    @property
    def boxes(self) -> npt.NDArray[np.float32]:
        """x0, y0, x1, y1 of the people, crowds left out."""
        box_M4 = np.array([one.instance.box_4 for one in self.people], np.float32).reshape(-1, 4)
        box_M4[:, 2:] += box_M4[:, :2]
        return box_M4


def scene_truth(made: Scene, name: str, seed: int, index: int, noise: float = 0.0) -> TruePicture:
    """A synthetic scene: masks and boxes exact, points spread as annotators of DensePose-COCO spread them.

    Args:
        made: the scene.
        name: of the picture.
        seed, index: spread the points.
        noise: how many times the usual error the annotator errs (`annotate`); 0 = the truth.
    """
    rng = np.random.default_rng([seed, index, *b"points"])
    people = []
    for number in range(1, len(made.box_N4) + 1):
        one = annotate(made, number, number, index, rng, noise)
        mine_HW = made.instance_HW == number
        people.append(TruePerson(
            instance=TrueInstance(
                box_4=np.array(one.box_4, np.float64), area=float(mine_HW.sum()), points=one.points,
                mask=coco_mask.encode(np.asfortranarray(mine_HW, np.uint8)),
            ),
            keypoint_173=made.keypoint_N173[number - 1].astype(np.float64),
        ))
    dense = DenseTruth(label_HW=made.label_HW, uv_2HW=made.uv_2HW, instance_HW=made.instance_HW)
    return TruePicture(name=name, rgb_HW3=made.rgb_HW3, people=tuple(people), dense=dense, moving=made.moving)
