"""Draw what is known of each person into the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from models.errors import ModelError
from models.surface.atlas import DEFAULT_ATLAS, load_atlas
from pipeline.stage import Stage, StageError
from stages.drawing.boxes import draw_box
from stages.drawing.chart_colours import paint_parts, part_palette, uv_atlas
from stages.drawing.compositing import Visible, painters_order, visible_part
from stages.drawing.texture import wear
from stages.payloads import U8, FrameChunk, Overlay, People, Surfaces

Style = Literal["texture", "parts", "uv", "boxes", "none"]
Brush = Callable[[Visible], None]

USUAL_OPACITY: dict[str, float] = {"texture": 0.95, "parts": 0.7, "uv": 0.75}


class Render(Stage):
    """Frames with every person drawn in the chosen style; nearer people cover farther ones."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How people are drawn.

        Attributes:
            style: `texture` (an atlas worn by each person), `parts` (a colour a chart), `uv` (chart coordinates as
                colours with grid lines), `boxes` (box, identity, score) or `none` (the frames as they came).
            atlas: path of an atlas of 24 tiles; None = the one that comes with the product.
            opacity: 0..1, how much a person is covered; None = 0.95 for texture, 0.7 for parts, 0.75 for uv.
            shading: 0..1, how much of the original's light and folds a texture keeps.
            min_score: people the network is less sure of are not drawn.
        """

        style: Style = "texture"
        atlas: str | None = None
        opacity: float | None = None
        shading: float = 0.6
        min_score: float = 0.0

        def __post_init__(self) -> None:
            """Raises ValueError for an unknown style or a number outside 0..1."""
            if self.style not in get_args(Style):
                raise ValueError(f"there is no style {self.style!r}, choose one of {', '.join(get_args(Style))}")
            for key in ("opacity", "shading", "min_score"):
                value = getattr(self, key)
                if value is not None and not 0 <= value <= 1:
                    raise ValueError(f"{key} is {value}, must be from 0 to 1")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Make the brush of the style; raises StageError for an atlas that cannot be used."""
        super().__init__(config, threads=threads)
        self.brush = _brush(config)

    def __call__(self, frames: FrameChunk, people: People, surfaces: Surfaces) -> Iterator[Overlay]:
        """The chunk's frames with its people drawn; the given frames stay as they are."""
        if self.config.style == "none":
            yield Overlay(rgb_THW3=frames.rgb_THW3)
            return
        rgb_THW3 = frames.rgb_THW3.copy()
        for t, frame_HW3 in enumerate(rgb_THW3):
            self._draw(frame_HW3, t, people, surfaces)
        yield Overlay(rgb_THW3=rgb_THW3)

    def blank(self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None) -> Overlay:
        """The frames as they came."""
        return Overlay(rgb_THW3=frames.rgb_THW3)

    def _draw(self, frame_HW3: U8, t: int, people: People, surfaces: Surfaces) -> None:
        here_N = np.flatnonzero((people.frame_N == t) & (people.score_N >= self.config.min_score))
        for position in painters_order(people.box_N4[here_N], people.score_N[here_N]):
            person = int(here_N[position])
            if self.brush is None:
                draw_box(frame_HW3, people.box_N4[person], float(people.score_N[person]), int(people.id_N[person]))
                continue
            visible = visible_part(frame_HW3, surfaces.people[person])
            if visible is not None:
                self.brush(visible)


def _brush(config: Render.Config) -> Brush | None:
    """How one person's surface is drawn in this style; None where the style draws no surface."""
    if config.style in ("boxes", "none"):
        return None
    opacity = USUAL_OPACITY[config.style] if config.opacity is None else config.opacity
    if config.style == "parts":
        palette_253 = part_palette()
        return lambda visible: paint_parts(visible, palette_253, opacity=opacity)
    if config.style == "uv":
        field = uv_atlas()
        return lambda visible: wear(visible, field, opacity=opacity, shading=0)
    try:
        atlas = load_atlas(config.atlas or DEFAULT_ATLAS)
    except ModelError as error:
        raise StageError(error.what, f"render.atlas: {error.where}", error.remedy) from error
    return lambda visible: wear(visible, atlas, opacity=opacity, shading=config.shading)
