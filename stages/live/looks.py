"""How the picture of a live run is drawn, and how viewers change that while it runs."""

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
from models.surface.atlas_source import AtlasMaker, load_atlas
from pipeline.stage import StageError
from stages.drawing.outfits import Outfits, is_film
from stages.drawing.render import BESIDE, Render
from stages.drawing.styles import STYLES
from stages.payloads import FrameChunk, Overlay, People, Surfaces

OWN = "default"
"""The atlas that the run began with, on the page's list."""
MOST_ATLASES = 12
"""Uploaded atlases that are kept; the oldest makes place."""
MOST_BYTES = 64 * 2**20
"""Of their files together; the oldest make place."""
ATLAS_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What viewers can change.

    Attributes:
        style: see `stages.drawing.styles.STYLES`.
        beside: whether the original stands beside it.
        atlas: a name on the list of atlases.
        opacity: 0..1, or None: what suits the style.
    """

    style: str
    beside: bool = False
    atlas: str = OWN
    opacity: float | None = None


class Looks:
    """Draws frames in the look that was asked for last; a look that cannot be drawn gives way to the one before."""

    def __init__(self, config: Render.Config, threads: int) -> None:
        """Raises StageError for a configuration that cannot be drawn."""
        self._config = config
        self._threads = threads
        self._folder = TemporaryDirectory(prefix="densepose-atlases-")
        self._uploaded: dict[str, Path] = {}
        self._numbers = count()
        self._lock = threading.Lock()
        self._proven = Render(config, threads=threads)
        self._wanted = self._proven
        styles = config.styles
        beside = len(styles) > 1 and styles[0] == "none"
        self.look = self._proven_look = Look(style=styles[-1], beside=beside, opacity=config.opacity)
        self.trouble = ""

    @property
    def atlases(self) -> list[str]:
        """Names of the atlases that can be worn."""
        return [OWN, *self._uploaded]

    def draw(self, frames: FrameChunk, people: People, surfaces: Surfaces) -> Overlay:
        """The frames in the look asked for. Raises StageError when not even the first look can be drawn."""
        with self._lock:
            wanted, look = self._wanted, self.look
        try:
            (overlay,) = wanted(frames, people, surfaces)
        except (StageError, ModelError) as error:
            if wanted is self._proven:
                raise
            with self._lock:
                self.trouble = str(error)
                self._wanted, self.look = self._proven, self._proven_look
            (overlay,) = self._proven(frames, people, surfaces)
            return overlay
        self._proven, self._proven_look = wanted, look
        return overlay

    def change(self, wish: Mapping[str, Any]) -> Look:
        """Draw from now on as a wish says; it may name some of the fields of `Look`.

        Raises:
            StageError: it names what does not exist, or is out of range.
        """
        look = replace(self.look, **checked(wish, self.atlases))
        style = f"none{BESIDE}{look.style}" if look.beside and look.style != "none" else look.style
        config = replace(self._config, style=style, opacity=look.opacity)
        if look.atlas != OWN:
            config = replace(config, atlas=str(self._uploaded[look.atlas]), atlas_of={})
        wanted = Render(config, threads=self._threads)
        with self._lock:
            self._wanted, self.look, self.trouble = wanted, look, ""
        return look

    def upload(self, name: str, content: bytes) -> tuple[str, list[str]]:
        """Take an atlas; returns the name it has on the list, and the names of older ones that made place for it.

        Raises:
            StageError: it is no atlas; nothing of it stays, and nothing makes place.
        """
        title = re.sub(r"[^\w. -]+", "_", Path(name).name)[-60:].lstrip(".") or "atlas.png"
        if Path(title).suffix.lower() not in ATLAS_SUFFIXES:
            raise StageError("an atlas is a picture", title, f"give one of {', '.join(ATLAS_SUFFIXES)}")
        path = Path(self._folder.name) / f"{next(self._numbers)}_{title}"
        try:
            path.write_bytes(content)
            maker = AtlasMaker(self._config.layout)
            load_atlas(path, maker)
            if is_film(str(path)):
                Outfits(str(path), {}, maker)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise StageError(f"cannot be kept ({error.strerror})", title, "free some disk space") from error
            if isinstance(error, StageError | ModelError):
                raise StageError(error.what.replace(str(path), title), title, error.remedy) from error
            raise
        with self._lock:
            if title in self._uploaded:
                self._uploaded.pop(title).unlink()
            gone = self._made_place(len(content))
            self._uploaded[title] = path
        return title, gone

    def _made_place(self, size: int) -> list[str]:
        """Take away the oldest atlases until one more of so many bytes has place; the one that is worn stays."""
        gone = []
        for one in [name for name in self._uploaded if name != self.look.atlas]:
            kept = sum(path.stat().st_size for path in self._uploaded.values())
            if len(self._uploaded) < MOST_ATLASES and kept + size <= MOST_BYTES:
                break
            self._uploaded.pop(one).unlink()
            gone.append(one)
        return gone

    def close(self) -> None:
        """Remove what was uploaded."""
        self._folder.cleanup()


def checked(wish: Mapping[str, Any], atlases: list[str]) -> dict[str, Any]:
    """A viewer's wish as fields of `Look`. Raises StageError for anything else."""
    tests = {
        "style": lambda value: value in STYLES,
        "beside": lambda value: isinstance(value, bool),
        "atlas": lambda value: value in atlases,
        "opacity": lambda value: value is None or (type(value) in (int, float) and 0 <= value <= 1),
    }
    for key, value in wish.items():
        if key not in tests:
            raise StageError(f"nothing is called '{key}' here", "preview", f"change {', '.join(tests)}")
        if isinstance(value, (dict, list)) or not tests[key](value):
            raise StageError(f"{key} cannot be {value!r}", "preview", "choose what the page offers")
    return dict(wish)
