"""The styles by name: what each draws of one person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from models.surface.atlas import Atlas
from pipeline.stage import StageError
from stages.drawing.boxes_and_skeletons import draw_box, draw_skeleton
from stages.drawing.chart_colours import coordinate_atlas, paint_confidence, paint_parts, part_palette, uv_atlas
from stages.drawing.compositing import FrameCanvas, Visible, draw_opaque, visible_part
from stages.drawing.isolines import draw_contours, draw_grid
from stages.drawing.texture import draw_matte_texture, draw_texture
from stages.payloads import F32, U8, PersonSurface


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPerson:
    """One person to be drawn.

    Attributes:
        surface: on the person's own grid.
        box_4, score, identity: as in `People`.
        atlas: the person's texture at this time; None in styles without texture.
        textured: the surface by which the texture is painted; None = `surface`.
    """

    surface: PersonSurface
    box_4: F32
    score: float
    identity: int
    atlas: Atlas | None = None
    textured: PersonSurface | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleSettings:
    """Opacity, shading and fade as in `Render.Config`; `kept_256`: which labels are drawn (None: all)."""

    opacity: float
    shading: float = 0.0
    fade: float = 0.0
    kept_256: U8 | None = None


PersonPainter = Callable[[FrameCanvas, DrawnPerson], None]

STYLES: dict[str, tuple[float, str]] = {
    "texture": (0.95, "an atlas on each person, lit like the original"),
    "parts": (0.7, "one colour per chart"),
    "uv": (0.75, "red grows with U, green with V, lines at tenths"),
    "u": (0.8, "U alone, dark blue 0 to yellow 1"),
    "v": (0.8, "V alone, dark blue 0 to yellow 1"),
    "grid": (0.9, "a grid over the original: lines of equal U orange, of equal V white"),
    "contours": (1.0, "contours of U and V over the original, coloured by their value, as in the paper"),
    "confidence": (0.75, "the network's confidence, dark blue 0 to yellow 1"),
    "skeleton": (1.0, "COCO's joints and bones, computed from the surface"),
    "boxes": (1.0, "box, identity, score"),
    "none": (1.0, "the original frames"),
}
"""Default opacity, and a description."""
GRID_COLOURS = ((255, 150, 40), (255, 255, 255))
GRID_LINES, CONTOUR_LINES = 10, 12


def painter_of(style: str, settings: StyleSettings) -> PersonPainter | None:
    """The function that draws one person in a style; None for the style `none`."""
    if style == "none":
        return None
    if style == "boxes":
        return lambda canvas, drawn: draw_opaque(
            canvas, lambda rgb_HW3: draw_box(rgb_HW3, drawn.box_4, drawn.score, drawn.identity)
        )
    if style == "skeleton":
        return lambda canvas, drawn: draw_opaque(canvas, lambda rgb_HW3: draw_skeleton(rgb_HW3, drawn.surface))
    paint = _grid_painter(style, settings)

    def paint_person(canvas: FrameCanvas, drawn: DrawnPerson) -> None:
        surface = drawn.textured if style == "texture" and drawn.textured is not None else drawn.surface
        visible = visible_part(canvas, surface, settings.kept_256)
        if visible is None:
            return
        if surface is drawn.surface or drawn.atlas is None:
            paint(visible, drawn.atlas)
            return
        light = {"shading": settings.shading, "fade": settings.fade}
        draw_matte_texture(visible, drawn.atlas, opacity=settings.opacity, **light)

    return paint_person


def _grid_painter(style: str, settings: StyleSettings) -> Callable[[Visible, Atlas | None], None]:
    opacity = settings.opacity
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
        colour_atlas = uv_atlas() if style == "uv" else coordinate_atlas("uv".index(style))
        return lambda visible, _: draw_texture(visible, colour_atlas, opacity=opacity, shading=0)

    def paint_texture(visible: Visible, atlas: Atlas | None) -> None:
        assert atlas is not None
        draw_texture(visible, atlas, opacity=opacity, shading=settings.shading, fade=settings.fade)

    return paint_texture


def _confidence(visible: Visible, opacity: float) -> None:
    if visible.confidence_hw is None:
        remedy = "choose another style, or use a video or an export of surfaces as input"
        raise StageError("the confidence of these surfaces is unknown", "render.style: confidence", remedy)
    paint_confidence(visible, visible.confidence_hw, opacity=opacity)
