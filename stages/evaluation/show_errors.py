"""Stage: draws the errors of a network: the frame, the predicted charts, and the error of each pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.cache import DEFAULT_CACHE
from models.errors import ModelError
from models.surface.geometry import SurfaceGeometry, open_body_geometry
from pipeline.stage import Stage, StageError
from stages.drawing.compositing import FrameCanvas
from stages.drawing.styles import STYLES, DrawnPerson, StyleSettings, painter_of
from stages.evaluation.error_colours import error_image
from stages.evaluation.video_scores import SurfaceFrame, frame_surface
from stages.payloads import F32, U8, FrameChunk, Overlay, People, PersonSurface, Surfaces
from stages.people.depth_order import painters_order
from stages.world.scene import Scene

MAX_PIXELS = 40_000
"""Largest number of pixels in a frame that are measured; for more, a coarser grid is measured and enlarged."""


class ShowErrors(Stage):
    """Draws three images side by side for a synthetic scene and its predictions: frame, charts, errors."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        min_score: people with lower scores are left out.
        """

        min_score: float = 0.5

        def __post_init__(self) -> None:
            """Raises ValueError for a number outside 0..1."""
            if not 0 <= self.min_score <= 1:
                raise ValueError(f"min_score is {self.min_score}, must be from 0 to 1")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open the distances on the body. Raises: StageError if they cannot be saved."""
        super().__init__(config, threads=threads)
        try:
            self._geometry = open_body_geometry(DEFAULT_CACHE)
        except ModelError as error:
            raise StageError(error.what, error.where, error.remedy) from error
        self._brush = painter_of("parts", StyleSettings(opacity=STYLES["parts"][0]))

    def __call__(self, frames: FrameChunk, people: People, surfaces: Surfaces, scene: Scene) -> Iterator[Overlay]:
        """One scene at a time, as `synthesize` yields them."""
        row_N = np.flatnonzero(people.score_N >= self.config.min_score)
        found = [surfaces.people[n] for n in row_N]
        height, width = frames.rgb_THW3.shape[1:3]
        order = painters_order(people.box_N4[row_N], people.score_N[row_N], found, height)
        nearest_first = [found[i] for i in reversed(order)]
        predicted = frame_surface(nearest_first, height, width)
        error_HW = surface_error(self._geometry, predicted, scene)
        rgb_HW3 = frames.rgb_THW3[0]
        errors = error_image(rgb_HW3, error_HW, scene.label_HW > 0, predicted.label_HW > 0)
        yield Overlay(rgb_THW3=np.hstack([rgb_HW3, self._charts(rgb_HW3, nearest_first), errors])[None])

    def _charts(self, rgb_HW3: U8, nearest_first: list[PersonSurface]) -> U8:
        canvas = FrameCanvas(source_HW3=rgb_HW3, rgb_HW3=rgb_HW3.copy())
        assert self._brush is not None
        for surface in reversed(nearest_first):
            self._brush(canvas, DrawnPerson(surface=surface, box_4=np.zeros(4, np.float32), score=1.0, identity=-1))
        return canvas.rgb_HW3


def surface_error(geometry: SurfaceGeometry, predicted: SurfaceFrame, scene: Scene) -> F32:
    """Geodesic error in metres, (H, W) float32; 0 where prediction or truth is background."""
    both_HW = (predicted.label_HW > 0) & (scene.label_HW > 0)
    stride = int(np.ceil(np.sqrt(max(both_HW.sum() / MAX_PIXELS, 1))))
    row_M, column_M = np.nonzero(both_HW[::stride, ::stride])
    pixel = row_M * stride, column_M * stride
    points = []
    for labels_HW, uv_2HW in ((predicted.label_HW, predicted.uv_2HW), (scene.label_HW, scene.uv_2HW)):
        u_M, v_M = np.clip(uv_2HW[:, pixel[0], pixel[1]].astype(np.float32), 0, 1)
        points.append(geometry.points(labels_HW[pixel].astype(np.int64), u_M, v_M))
    sparse = np.zeros(both_HW[::stride, ::stride].shape, np.float32)
    sparse[row_M, column_M] = geometry.between(*points)
    error_HW = sparse.repeat(stride, axis=0).repeat(stride, axis=1)[: both_HW.shape[0], : both_HW.shape[1]]
    return np.where(both_HW, error_HW, 0).astype(np.float32)
