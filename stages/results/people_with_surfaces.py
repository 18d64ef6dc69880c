"""The people of one frame as a calling program gets them: in the formats of other libraries, and as a picture."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

import numpy as np

from models.files.png_image import png_of
from pipeline.stage import StageError
from stages.payloads import I64, U8, People, PersonSurface, VideoInfo
from stages.results.formats.frame_result import FrameResult, flattened
from stages.results.formats.part_colours import parula_image
from stages.results.formats.results_json import coco_entries


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleWithSurfaces(People):
    """People of one frame with their surfaces. A notebook shows their charts in colours.

    Attributes:
        surface_N: one surface per person.
        height, width: pixels of the frame.

    >>> surface = PersonSurface(x0=1, y0=0, labels_hw=np.array([[2, 0]], np.uint8), uv_2hw=np.full((2, 1, 2), 0.5))
    >>> one = People(frame_N=np.zeros(1), box_N4=np.array([[1, 0, 3, 1.0]]), score_N=np.ones(1), id_N=np.array([7]))
    >>> people = PeopleWithSurfaces.of(one, (surface,), height=1, width=4)
    >>> people.to_iuv().tolist()
    [[[0, 0, 0], [2, 127, 127], [0, 0, 0], [0, 0, 0]]]
    >>> [(entry["image_id"], entry["bbox"], entry["track_id"]) for entry in people.to_coco("a.jpg")]
    [('a.jpg', [1.0, 0.0, 2.0, 1.0], 7)]
    >>> people.to_masks().tolist()
    [[[False, True, False, False]]]
    """

    surface_N: tuple[PersonSurface, ...]
    height: int
    width: int

    @classmethod
    def of(cls, people: People, surface_N: tuple[PersonSurface, ...], height: int, width: int) -> PeopleWithSurfaces:
        """The people of a frame, with their surfaces in the same order; height and width in pixels."""
        arrays = {spec.name: getattr(people, spec.name) for spec in fields(People)}
        return cls(**arrays, surface_N=surface_N, height=height, width=width)

    def some(self, chosen_N: I64) -> PeopleWithSurfaces:
        """The people of the given indices, or of a mask (N,), with their surfaces."""
        index_N = np.arange(len(self))[chosen_N]
        arrays = People(**{spec.name: getattr(self, spec.name) for spec in fields(People)})
        return self.of(arrays.some(index_N), tuple(self.surface_N[i] for i in index_N), self.height, self.width)

    def to_coco(self, image_id: int | str = 0) -> list[dict[str, Any]]:
        """A result of COCO for each person: `bbox`, `segmentation`, `keypoints`, DensePose's keys; ready for JSON."""
        return [{**entry, "image_id": image_id} for entry in coco_entries(self.result())]

    def to_iuv(self) -> U8:
        """(H, W, 3) uint8: chart 0 to 24, 255·U, 255·V; nearer people hide farther ones. OpenCV writes it as it is."""
        return flattened(self.result()).iuv_HW3

    def to_masks(self) -> np.ndarray:
        """(N, H, W) bool: the silhouette of each person, hidden or not."""
        mask_NHW = np.zeros((len(self), self.height, self.width), bool)
        for mask_HW, surface in zip(mask_NHW, self.surface_N, strict=True):
            if windows := surface.windows(self.height, self.width):
                mask_HW[windows[0]] = surface.silhouette_hw[windows[1]]
        return mask_NHW

    def to_detections(self) -> Any:
        """`supervision.Detections`: boxes, masks, scores, and identities as `tracker_id` where people have one.

        Raises StageError: the package `supervision` is not installed.
        """
        try:
            import supervision
        except ImportError as error:
            what = f"to_detections() needs the package supervision ({error})"
            raise StageError(what, "", "install it: pip install supervision") from error
        return supervision.Detections(
            xyxy=np.asarray(self.box_N4, np.float32),
            mask=self.to_masks(),
            confidence=np.asarray(self.score_N, np.float32),
            class_id=np.zeros(len(self), int),
            tracker_id=np.asarray(self.id_N, int) if len(self) and (np.asarray(self.id_N) >= 0).all() else None,
        )

    def _repr_png_(self) -> bytes:
        """Charts in parula on black, as notebooks show it."""
        return png_of(parula_image(self.result()))

    def result(self, rgb_HW3: U8 | None = None, *, still: bool = True) -> FrameResult:
        """The frame as exports take it, on black without its image."""
        video = VideoInfo(
            path="", width=self.width, height=self.height, still=still, rate=None, time_base=Fraction(1), frames=1
        )
        return FrameResult(
            stem="image",
            index=0,
            pts=0,
            video=video,
            rgb_HW3=np.broadcast_to(np.uint8(0), (self.height, self.width, 3)) if rgb_HW3 is None else rgb_HW3,
            box_N4=np.asarray(self.box_N4, np.float32),
            score_N=np.asarray(self.score_N, np.float32),
            id_N=np.asarray(self.id_N, np.int32),
            surfaces=self.surface_N,
            bridged_N=self.bridged_N,
            near_N=self.near_N,
        )
