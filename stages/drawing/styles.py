"""The styles by name: what each draws of one person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from models.surface.atlas import Atlas
from pipeline.stage import StageError
from stages.drawing.boxes import draw_box
from stages.drawing.chart_colours import coordinate_atlas, paint_confidence, paint_parts, part_palette, uv_atlas
from stages.drawing.compositing import Canvas, Visible, draw_opaque, visible_part
from stages.drawing.isolines import draw_contours, draw_grid
from stages.drawing.skeleton import draw_skeleton
from stages.drawing.texture import wear
from stages.payloads import F32, U8, Surface


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One person to be drawn.

    Attributes:
        surface: on the person's own grid.
        box_4, score, identity: as in `People`.
        atlas: what the person wears at this moment; None in styles that wear nothing.
    """

    surface: Surface
    box_4: F32
    score: float
    identity: int
    atlas: Atlas | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How much of it: opacity, shading, fade as in `Render.Config`; `kept_256`: which labels are drawn (None: all)."""

    opacity: float
    shading: float = 0.0
    fade: float = 0.0
    kept_256: U8 | None = None


Brush = Callable[[Canvas, Drawn], None]

STYLES: dict[str, tuple[float, str]] = {
    "texture": (0.95, "an atlas worn by each person, lit like the original"),
    "parts": (0.7, "one colour a chart"),
    "uv": (0.75, "red grows with U, green with V, lines at tenths"),
    "u": (0.8, "U alone, dark blue 0 to yellow 1"),
    "v": (0.8, "V alone, dark blue 0 to yellow 1"),
    "grid": (0.9, "the charts' net over the original: lines of equal U orange, of equal V white"),
    "contours": (1.0, "contours of U and V over the original, coloured by their value, as in the paper"),
    "confidence": (0.75, "how sure the network is, dark blue 0 to yellow 1"),
    "skeleton": (1.0, "COCO's joints and bones, found from the surface"),
    "boxes": (1.0, "box, identity, score"),
    "none": (1.0, "the frames as they came"),
}
"""Usual opacity, and what is seen."""
GRID_COLOURS = ((255, 150, 40), (255, 255, 255))
GRID_LINES, CONTOUR_LINES = 10, 12


def brush_of(style: str, manner: Manner) -> Brush | None:
    """What draws one person in a style; None for the style that draws nobody."""
    if style == "none":
        return None
    if style == "boxes":
        return lambda canvas, drawn: draw_opaque(
            canvas, lambda rgb_HW3: draw_box(rgb_HW3, drawn.box_4, drawn.score, drawn.identity)
        )
    if style == "skeleton":
        return lambda canvas, drawn: draw_opaque(canvas, lambda rgb_HW3: draw_skeleton(rgb_HW3, drawn.surface))
    paint = _painter(style, manner)

    def brush(canvas: Canvas, drawn: Drawn) -> None:
        visible = visible_part(canvas, drawn.surface, manner.kept_256)
        if visible is not None:
            paint(visible, drawn.atlas)

    return brush


def _painter(style: str, manner: Manner) -> Callable[[Visible, Atlas | None], None]:
    opacity = manner.opacity
    if style == "parts":
        palette_253 = part_palette()
        return lambda visible, _: paint_parts(visible, palette_253, opacity=opacity)
    if style == "grid":
        return lambda visible, _: draw_grid(visible, GRID_COLOURS, lines=GRID_LINES, opacity=opacity)
    if style == "contours":
        return lambda visible, _: draw_contours(visible, lines=CONTOUR_LINES, opacity=opacity)
    if style == "confidence":
        return lambda visible, _: _confidence(visible, opacity)
    if style in ("uv", "u", "v"):
        field = uv_atlas() if style == "uv" else coordinate_atlas("uv".index(style))
        return lambda visible, _: wear(visible, field, opacity=opacity, shading=0)

    def clothe(visible: Visible, atlas: Atlas | None) -> None:
        assert atlas is not None
        wear(visible, atlas, opacity=opacity, shading=manner.shading, fade=manner.fade)

    return clothe


def _confidence(visible: Visible, opacity: float) -> None:
    if visible.confidence_hw is None:
        remedy = "choose another style, or begin with a video or an export of surfaces"
        raise StageError("nothing says how sure these surfaces are", "render.style: confidence", remedy)
    paint_confidence(visible, visible.confidence_hw, opacity=opacity)
