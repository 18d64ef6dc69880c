"""Rendering: draws the surface of each person into the frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np

from models.errors import ModelError
from models.files.png_text import left_out_text
from models.surface.atlas import DEFAULT_ATLAS
from models.surface.atlas_file import AtlasBuilder
from models.surface.garments import Cut, check_garments
from models.surface.logos import Logo
from pipeline.stage import Stage, StageError
from stages.bodies.body_paints import BodyPaints, PersonPaint, textured_surface
from stages.drawing.body_styles import BODY_STYLES, DrawnBody, paint_bodies
from stages.drawing.compositing import FrameCanvas, straight_colours
from stages.drawing.part_groups import charts_of, label_filter
from stages.drawing.person_atlases import PersonAtlases
from stages.drawing.styles import STYLES, DrawnPerson, PersonPainter, StyleSettings, painter_of
from stages.payloads import Bodies, FrameChunk, Overlay, People, PersonSurface, Surfaces
from stages.people.depth_order import painters_order

SIDE_BY_SIDE = "+"
"""Separates the styles of images that are drawn side by side."""
BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "green": (0, 177, 64),
    "transparent": (0, 0, 0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintCount:
    """How many people were painted over all frames, how many of them by the body, and the same for their pixels."""

    people: int = 0
    by_body: int = 0
    pixels: int = 0
    body_pixels: float = 0.0

    def with_person(self, pixels: int, body_share: float) -> PaintCount:
        """One more person in a frame; a share of 0: painted by the surface."""
        return PaintCount(
            people=self.people + 1, by_body=self.by_body + (body_share > 0), pixels=self.pixels + pixels,
            body_pixels=self.body_pixels + body_share * pixels,
        )  # fmt: skip

    def __add__(self, other: PaintCount) -> PaintCount:
        """Both together."""
        return PaintCount(
            people=self.people + other.people, by_body=self.by_body + other.by_body,
            pixels=self.pixels + other.pixels, body_pixels=self.body_pixels + other.body_pixels,
        )  # fmt: skip

    def shares(self) -> dict[str, dict[str, float]]:
        """Shares painted by the body, for the report."""
        if not self.pixels:
            return {}
        shares = {"people": self.by_body / self.people, "pixels": self.body_pixels / self.pixels}
        return {"painted_by_body": {key: round(share, 4) for key, share in shares.items()}}


class Render(Stage):
    """Frames with every person drawn in the chosen style; nearer people occlude farther ones."""

    optional_stages = ("fit", "paint_bodies")

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How people are drawn.

        Attributes:
            style: see `stages.drawing.styles.STYLES`; several joined by `+` are drawn side by side (`none+texture`).
            atlas: the texture: an image of 24 tiles, or a video of such images; `none` for logos alone; None = the
                built-in atlas.
            atlas_of: the same for single identities: `{3: other.png}`.
            layout: of atlases that are one whole-body image: `figures`, or an .obj; None = 24 tiles.
            logos: images on top of every atlas, see `models.surface.logos.Logo`.
            garments: to what a texture is cut: `shirt`, `dress` …, with lengths, see `models.surface.garments`; none =
                not cut.
            only: names of parts that are drawn (`shirt`, `left`, `torso_front` …); none = all.
            opacity: 0..1; None = the style's own.
            shading: 0..1, how much of the original's light and folds a texture keeps.
            fade: 0..1, how much of the original shows through a texture where confidence is low.
            paint: by what a texture is painted: the network's `surface`; the fitted `body` where there is one; `auto`:
                the body where it agrees with the network, else the surface.
            background: around people: the `frame`, `black`, `white`, `green`, or nothing (`transparent`).
            min_score: people with a lower score are not drawn.
        """

        style: str = "texture"
        atlas: str | None = None
        atlas_of: dict[str, str] = field(default_factory=dict)
        layout: str | None = None
        logos: tuple[Logo, ...] = ()
        garments: tuple[str, ...] | dict[str, Cut] = ()
        only: tuple[str, ...] = ()
        opacity: float | None = None
        shading: float = 0.6
        fade: float = 0.0
        paint: Literal["auto", "body", "surface"] = "auto"
        background: Literal["frame", "black", "white", "green", "transparent"] = "frame"
        min_score: float = 0.0

        def __post_init__(self) -> None:
            """Raises ValueError for an unknown style, part or identity, or a number outside 0..1."""
            for style in self.styles:
                if style not in STYLES and style not in BODY_STYLES:
                    known = ", ".join((*STYLES, *BODY_STYLES))
                    raise ValueError(f"there is no style {style!r}, choose one of {known}")
            for key in ("opacity", "shading", "fade", "min_score"):
                value = getattr(self, key)
                if value is not None and not 0 <= value <= 1:
                    raise ValueError(f"{key} is {value}, must be from 0 to 1")
            for identity in self.atlas_of:
                if not identity.isdecimal():
                    raise ValueError(f"atlas_of names the identity {identity!r}, must be a whole number")
            charts_of(self.only)
            check_garments(self.cuts)

        @property
        def cuts(self) -> Mapping[str, Cut]:
            """The garments with their lengths."""
            return self.garments if isinstance(self.garments, dict) else {name: Cut() for name in self.garments}

        @property
        def styles(self) -> list[str]:
            """The styles of the images side by side, left to right."""
            return self.style.split(SIDE_BY_SIDE)

    @classmethod
    def needs(cls, config: Config) -> Sequence[str]:
        """`fit` for the styles that draw fitted bodies; and `paint_bodies` for textures that are painted by them."""
        painted = config.paint != "surface" and "texture" in config.styles
        return (*(("fit",) if draws_bodies(config) else ()), *(("paint_bodies",) if painted else ()))

    @classmethod
    def announce(cls, config: Config) -> Sequence[str]:
        """Which atlases and logos are read without oversized texts or profiles."""
        if not _wears_atlas(config):
            return ()
        pictures = [config.atlas or "", *config.atlas_of.values(), *(logo.picture for logo in config.logos)]
        return [f"{name}: {left_out}" for name in dict.fromkeys(pictures) if (left_out := left_out_text(name))]

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises StageError for an atlas or a logo that cannot be used."""
        chosen = (config.atlas, config.layout, *config.atlas_of.values(), *config.logos)
        if _wears_atlas(config) and any(chosen):
            _atlases(config)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Raises StageError for an atlas or a logo that cannot be used."""
        super().__init__(config, threads=threads)
        self._painters = [
            None if style in BODY_STYLES else painter_of(style, _settings_of(config, style)) for style in config.styles
        ]
        self._atlases = _atlases(config) if _wears_atlas(config) else None
        self.painted = PaintCount()

    def __call__(
        self, frames: FrameChunk, people: People, surfaces: Surfaces, bodies: Bodies | None = None,
        paints: BodyPaints | None = None,
    ) -> Iterator[Overlay]:  # fmt: skip
        """The chunk's frames with its people drawn; the input frames stay unchanged.

        Raises StageError for a style of fitted bodies where nothing is fitted.
        """
        if self.config.styles == ["none"]:
            yield Overlay(rgb_THW3=frames.rgb_THW3)
            return
        count, height, width, _ = frames.rgb_THW3.shape
        rgb_THW3 = np.empty((count, height, width * len(self._painters), 3), np.uint8)
        transparent = self.config.background == "transparent"
        alpha_THW = np.zeros(rgb_THW3.shape[:3], np.uint8) if transparent else None
        for t in range(count):
            drawn = self._people_to_draw(frames, t, people, surfaces, paints)
            for panel, (style, painter) in enumerate(zip(self.config.styles, self._painters, strict=True)):
                columns = slice(panel * width, (panel + 1) * width)
                canvas = FrameCanvas(
                    source_HW3=frames.rgb_THW3[t],
                    rgb_HW3=rgb_THW3[t, :, columns],
                    alpha_HW=None if alpha_THW is None else alpha_THW[t, :, columns],
                )
                if style in BODY_STYLES:
                    self._paint_bodies(canvas, style, frames, t, bodies)
                else:
                    self._paint(canvas, painter, drawn)
                if canvas.alpha_HW is not None:
                    canvas.rgb_HW3[...] = straight_colours(canvas.rgb_HW3, canvas.alpha_HW)
        yield Overlay(rgb_THW3=rgb_THW3, alpha_THW=alpha_THW)

    def blank(
        self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None, bodies: Bodies | None = None,
        paints: BodyPaints | None = None,
    ) -> Overlay:  # fmt: skip
        """The original frames, once per image side by side."""
        if len(self._painters) == 1:
            return Overlay(rgb_THW3=frames.rgb_THW3)
        return Overlay(rgb_THW3=np.concatenate([frames.rgb_THW3] * len(self._painters), axis=2))

    def _people_to_draw(
        self, frames: FrameChunk, t: int, people: People, surfaces: Surfaces, paints: BodyPaints | None
    ) -> list[DrawnPerson]:
        """The people to draw in a frame, the farthest first."""
        here_N = np.flatnonzero((people.frame_N == t) & (people.score_N >= self.config.min_score))
        surfaces_here = [surfaces.people[n] for n in here_N]
        here = people.some(here_N)
        order = painters_order(here.box_N4, here.score_N, surfaces_here, frames.video.height, here.id_N, here.near_N)
        second = int(frames.pts_T[t]) * frames.video.time_base
        return [
            DrawnPerson(
                surface=surfaces.people[n],
                box_4=people.box_N4[n],
                score=float(people.score_N[n]),
                identity=int(people.id_N[n]),
                atlas=None if self._atlases is None else self._atlases.atlas_of(int(people.id_N[n]), second),
                textured=None if paints is None else self._textured(surfaces.people[n], paints.people[n]),
            )
            for n in here_N[order]
        ]

    def _textured(self, surface: PersonSurface, paint: PersonPaint | None) -> PersonSurface | None:
        """The surface by which a person's texture is painted, where it is not the person's own."""
        textured = textured_surface(surface, paint, self.config.paint)
        share = 0.0 if paint is None or textured is surface else paint.body_share
        self.painted = self.painted.with_person(cv2.countNonZero(surface.labels_hw), share)
        return None if textured is surface else textured

    def summary(self) -> Mapping[str, Any]:
        """`painted_by_body`: shares of people over all frames, and of their pixels; empty where none was tried."""
        return self.painted.shares()

    def _paint(self, canvas: FrameCanvas, painter: PersonPainter | None, drawn: list[DrawnPerson]) -> None:
        """Fill a canvas with its background and people; the style `none` always shows the frame."""
        background = "frame" if painter is None else self.config.background
        canvas.rgb_HW3[...] = canvas.source_HW3 if background == "frame" else BACKGROUNDS[background]
        if painter is not None:
            for person in drawn:
                painter(canvas, person)
        elif canvas.alpha_HW is not None:
            canvas.alpha_HW[...] = 255

    def _paint_bodies(self, canvas: FrameCanvas, style: str, frames: FrameChunk, t: int, bodies: Bodies | None) -> None:
        """Fill a canvas with its background and the fitted bodies of a frame."""
        if bodies is None:
            remedy = "start the run with this style, or choose another"
            raise StageError("no bodies are fitted in this run", f"render.style: {style}", remedy)
        background = self.config.background
        canvas.rgb_HW3[...] = canvas.source_HW3 if background == "frame" else BACKGROUNDS[background]
        second = int(frames.pts_T[t]) * frames.video.time_base
        worn = self._atlases if style == "body" else None
        drawn = [
            DrawnBody(body=body, atlas=None if worn is None else worn.atlas_of(identity, second))
            for identity, body in bodies.in_frame(t)
        ]
        settings = _settings_of(self.config, style)
        paint_bodies(canvas, style, drawn, settings.opacity, settings.kept_256)


def draws_bodies(config: Render.Config) -> bool:
    """Whether a style draws the fitted bodies themselves."""
    return any(style in BODY_STYLES for style in config.styles)


def _wears_atlas(config: Render.Config) -> bool:
    return any(style in ("texture", "body") for style in config.styles)


def _settings_of(config: Render.Config, style: str) -> StyleSettings:
    return StyleSettings(
        opacity=(STYLES | BODY_STYLES)[style][0] if config.opacity is None else config.opacity,
        shading=config.shading,
        fade=config.fade,
        kept_256=label_filter(charts_of(config.only)) if config.only else None,
    )


def _atlases(config: Render.Config) -> PersonAtlases:
    try:
        whole_suit = config.background != "frame" or "body" in config.styles
        builder = AtlasBuilder(config.layout, config.logos, config.cuts, whole_suit=whole_suit)
    except ModelError as error:
        raise StageError(error.what, f"render: {error.where}", error.remedy) from error
    return PersonAtlases(config.atlas or str(DEFAULT_ATLAS), config.atlas_of, builder)
