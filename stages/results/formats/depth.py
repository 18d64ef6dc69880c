"""Depth of the fitted bodies as 16-bit PNGs in millimetres."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from models.files.png_image import png_of
from models.surface.body_image import BodyImage, body_image
from pipeline.stage import fitting_name
from stages.results.formats.frame_result import FrameResult, vertices_of_bodies
from stages.results.formats.iuv import person_numbers
from stages.results.formats.writer import ExportTarget, FilePerFrame, write_whole

U16 = npt.NDArray[np.uint16]
FARTHEST_MM = int(np.iinfo(np.uint16).max)


class DepthFolder(FilePerFrame):
    """`frame_000123.png` of all people; with several people also `person_2/frame_000123.png` of each."""

    def __init__(self, target: ExportTarget) -> None:
        super().__init__(target, ".png", lambda result: png_of(nearest(depth_images(result), result)))

    def add(self, result: FrameResult) -> None:
        """Write the frame's files."""
        super().add(result)
        if len(result.fitted) > 1:
            numbers = person_numbers(result.id_N, still=result.video.still)
            for (i, _), image in zip(result.fitted, depth_images(result), strict=True):
                path = self.folder / f"person_{numbers[i]}" / fitting_name(result.name, ".png")
                write_whole(path, png_of(nearest([image], result)))


def nearest(images: list[BodyImage | None], result: FrameResult) -> U16:
    """Distance along the camera's axis to the nearest of some bodies, (H, W), millimetres; 0 where there is none."""
    depth_HW = np.full((result.video.height, result.video.width), np.inf, np.float32)
    for image in images:
        if image is not None:
            part_hw = depth_HW[image.y0 : image.y0 + image.height, image.x0 : image.x0 + image.width]
            own_hw = image.depth_hw()
            np.minimum(part_hw, np.where(own_hw > 0, own_hw, np.inf), out=part_hw)
    millimetres_HW = np.where(np.isfinite(depth_HW), np.clip(np.rint(1000 * depth_HW), 1, FARTHEST_MM), 0)
    return millimetres_HW.astype(np.uint16)


@lru_cache(maxsize=1)
def depth_images(result: FrameResult) -> list[BodyImage | None]:
    """The frame's bodies as the camera shows them; None for those that it does not. Cached, as it is read twice."""
    size = result.video.height, result.video.width
    seen = zip(result.fitted, vertices_of_bodies(result), strict=True)
    return [body_image(vertex_V3, body.camera, *size) for (_, body), vertex_V3 in seen]
