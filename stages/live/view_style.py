"""The drawing style of a live run, which viewers of the page change while it runs."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from models.errors import ModelError
from models.surface.atlas_file import AtlasBuilder, load_atlas
from pipeline.stage import StageError
from stages.bodies.body_paints import BodyPaints
from stages.drawing.person_atlases import PersonAtlases, is_video_file
from stages.drawing.render import SIDE_BY_SIDE, PaintCount, Render
from stages.drawing.styles import STYLES
from stages.payloads import Bodies, FrameChunk, Overlay, People, Surfaces

CONFIGURED_ATLAS = "default"
"""Name, in the page's list, of the atlas that the run was configured with."""
MAX_ATLASES = 12
"""Number of uploaded atlases that are kept; the oldest is removed for a new one."""
MAX_ATLAS_BYTES = 64 * 2**20
"""Total size of the uploaded files that are kept; the oldest are removed for a new one."""
ATLAS_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewStyle:
    """What viewers can change. The field names are those of the page's JSON.

    Attributes:
        style: see `stages.drawing.styles.STYLES`.
        beside: True shows the original beside the drawing.
        atlas: a name from the list of atlases.
        opacity: 0..1, or None for the style's default.
    """

    style: str
    beside: bool = False
    atlas: str = CONFIGURED_ATLAS
    opacity: float | None = None


class StyleSwitcher:
    """Draws frames in the requested style; if that style fails, goes back to the last one that worked."""

    def __init__(self, config: Render.Config, threads: int) -> None:
        """Start with the configured style. Raises StageError for a configuration that cannot be drawn."""
        self._config = config
        self._threads = threads
        self._folder = TemporaryDirectory(prefix="densepose-atlases-")
        self._uploaded: dict[str, Path] = {}
        self._numbers = count()
        self._lock = threading.Lock()
        self._working = Render(config, threads=threads)
        self._requested = self._working
        self._painted = PaintCount()
        styles = config.styles
        beside = len(styles) > 1 and styles[0] == "none"
        self.style = self._working_style = ViewStyle(style=styles[-1], beside=beside, opacity=config.opacity)
        self.trouble = ""

    @property
    def atlases(self) -> list[str]:
        """Names of the atlases that viewers can choose."""
        return [CONFIGURED_ATLAS, *self._uploaded]

    def draw(
        self, frames: FrameChunk, people: People, surfaces: Surfaces, bodies: Bodies | None = None,
        paints: BodyPaints | None = None,
    ) -> Overlay:  # fmt: skip
        """Draw the frames in the requested style.

        If that fails, draws them in the last style that worked, and sets `trouble` to the reason.

        Raises:
            StageError, ModelError: the last style that worked fails too.
        """
        with self._lock:
            requested, style = self._requested, self.style
        try:
            (overlay,) = requested(frames, people, surfaces, bodies, paints)
        except (StageError, ModelError) as error:
            if requested is self._working:
                raise
            with self._lock:
                self.trouble = str(error)
                self._requested, self.style = self._working, self._working_style
            (overlay,) = self._working(frames, people, surfaces, bodies, paints)
            return overlay
        if requested is not self._working:
            self._painted += self._working.painted
        self._working, self._working_style = requested, style
        return overlay

    @property
    def painted(self) -> PaintCount:
        """How many people were painted, and how many of them by the body."""
        return self._painted + self._working.painted

    def change(self, request: Mapping[str, Any]) -> ViewStyle:
        """Change the style from the next frame on.

        Args:
            request: new values of some of the fields of `ViewStyle`.

        Raises:
            StageError: an unknown field, or a value that is not allowed.
        """
        style = replace(self.style, **validate_request(request, self.atlases))
        drawn = f"none{SIDE_BY_SIDE}{style.style}" if style.beside and style.style != "none" else style.style
        config = replace(self._config, style=drawn, opacity=style.opacity)
        if style.atlas != CONFIGURED_ATLAS:
            config = replace(config, atlas=str(self._uploaded[style.atlas]), atlas_of={})
        requested = Render(config, threads=self._threads)
        with self._lock:
            self._requested, self.style, self.trouble = requested, style, ""
        return style

    def upload(self, name: str, content: bytes) -> tuple[str, list[str]]:
        """Store an uploaded atlas.

        Returns:
            Its name in the list of atlases, and the names of older atlases that were removed for it.

        Raises:
            StageError: the file is no atlas. Then nothing is stored and nothing removed.
        """
        title = re.sub(r"[^\w. -]+", "_", Path(name).name)[-60:].lstrip(".") or "atlas.png"
        if Path(title).suffix.lower() not in ATLAS_SUFFIXES:
            raise StageError("an atlas must be an image file", title, f"give one of {', '.join(ATLAS_SUFFIXES)}")
        path = Path(self._folder.name) / f"{next(self._numbers)}_{title}"
        try:
            path.write_bytes(content)
            builder = AtlasBuilder(self._config.layout)
            load_atlas(path, builder)
            if is_video_file(str(path)):
                PersonAtlases(str(path), {}, builder)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise StageError(f"cannot be stored ({error.strerror})", title, "free some disk space") from error
            if isinstance(error, StageError | ModelError):
                raise StageError(error.what.replace(str(path), title), title, error.remedy) from error
            raise
        with self._lock:
            if title in self._uploaded:
                self._uploaded.pop(title).unlink()
            removed = self._make_room(len(content))
            self._uploaded[title] = path
        return title, removed

    def _make_room(self, size: int) -> list[str]:
        """Remove the oldest atlases until another of `size` bytes fits; the one in use stays. Returns their names."""
        removed = []
        for name in [name for name in self._uploaded if name != self.style.atlas]:
            total = sum(path.stat().st_size for path in self._uploaded.values())
            if len(self._uploaded) < MAX_ATLASES and total + size <= MAX_ATLAS_BYTES:
                break
            self._uploaded.pop(name).unlink()
            removed.append(name)
        return removed

    def close(self) -> None:
        """Remove the uploaded files."""
        self._folder.cleanup()


def validate_request(request: Mapping[str, Any], atlases: list[str]) -> dict[str, Any]:
    """A viewer's request as fields of `ViewStyle`. Raises StageError for an unknown field or a wrong value."""
    is_valid = {
        "style": lambda value: value in STYLES,
        "beside": lambda value: isinstance(value, bool),
        "atlas": lambda value: value in atlases,
        "opacity": lambda value: value is None or (type(value) in (int, float) and 0 <= value <= 1),
    }
    for key, value in request.items():
        if key not in is_valid:
            raise StageError(f"unknown field '{key}'", "preview", f"use one of {', '.join(is_valid)}")
        if isinstance(value, (dict, list)) or not is_valid[key](value):
            raise StageError(f"{key} cannot be {value!r}", "preview", "choose a value that the page offers")
    return dict(request)
