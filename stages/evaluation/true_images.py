"""Images with ground truth: people with annotated points, and for some sets the surface at every pixel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.arrays import F32, F64, U8, Float, Int
from models.body.body_pose import BodyPose
from models.body.camera import PinholeCamera
from models.metrics.instances import AnnotatedPoints, TrueInstance
from models.metrics.part_of_joint import VISIBLE
from stages.world.scene import MotionTruth

MAX_PEOPLE = 10_000
"""More people than an image has, so that people without tracks have other numbers in each frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseTruth:
    """The surface at every pixel of an image.

    Attributes:
        label_HW: charts 1..24; 0 background.
        uv_2HW: U and V from 0 to 1.
        instance_HW: numbers of people 1..N; 0 background.
    """

    label_HW: U8
    uv_2HW: Float
    instance_HW: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class TruePerson:
    """A person of an image.

    Attributes:
        instance: box and area; points and mask where they are known.
        keypoint_173: COCO's keypoints (x, y, visibility); None where unknown.
        annotators: answers of other or simulated annotators at the same points.
        pose: of the body without clothes, in the camera's frame; None where unknown.
        track: number of the person in an annotated video; None where it is not annotated.
    """

    instance: TrueInstance
    keypoint_173: F64 | None = None
    annotators: tuple[AnnotatedPoints, ...] = ()
    pose: BodyPose | None = None
    track: int | None = None

    @property
    def height(self) -> float:
        """Height of the box, pixels."""
        return float(self.instance.box_4[3])

    @property
    def visible_share(self) -> float:
        """Share of the 17 keypoints that are visible; nan without annotated keypoints."""
        if self.keypoint_173 is None or not self.keypoint_173[:, 2].any():
            return float("nan")
        return float((self.keypoint_173[:, 2] == VISIBLE).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueImage:
    """An image with its ground truth.

    Attributes:
        set_name, name: of the set, and of the image within it.
        rgb_HW3: the image.
        people: all annotated people.
        crowds: regions of many people; detections there are ignored.
        dense: the surface at every pixel; person i of `people` has number i + 1 there. None where unknown.
        moving: flow and identities; None except for frames of synthetic videos.
        complete: whether all people are annotated, so that other detections are false.
        camera: None where unknown.
        video, frame: name of the video ("" for a single image), and number of the frame in it.
    """

    set_name: str
    name: str
    rgb_HW3: U8
    people: tuple[TruePerson, ...]
    crowds: tuple[TrueInstance, ...] = ()
    dense: DenseTruth | None = None
    moving: MotionTruth | None = None
    complete: bool = True
    camera: PinholeCamera | None = None
    video: str = ""
    frame: int = 0

    @property
    def still(self) -> bool:
        """Whether this is a single image, not a frame of a video."""
        return not self.video

    @property
    def tracks(self) -> Int | None:
        """Identity of each person in its video (N,); None where no identities are known.

        A person without an annotated track has a negative number that no other frame has: a track of one frame.
        """
        if self.moving is not None:
            return self.moving.track_N
        if self.still or all(person.track is None for person in self.people):
            return None
        first = self.frame * MAX_PEOPLE + 1
        tracks = [-first - n if person.track is None else person.track for n, person in enumerate(self.people)]
        return np.array(tracks, np.int64)

    @property
    def instances(self) -> list[TrueInstance]:
        """The people, then the crowds."""
        return [*(person.instance for person in self.people), *self.crowds]

    @property
    def boxes(self) -> F32:
        """(M, 4) x0, y0, x1, y1 of the people, without crowds."""
        box_M4 = np.array([person.instance.box_4 for person in self.people], np.float32).reshape(-1, 4)
        box_M4[:, 2:] += box_M4[:, :2]
        return box_M4


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueSet:
    """A data set with ground truth.

    Attributes:
        name: of the set.
        count: largest possible number of images.
        images: read when the iterator reaches them.
        note: a remark for the report, or "".
    """

    name: str
    count: int
    images: Iterable[TrueImage]
    note: str = ""
