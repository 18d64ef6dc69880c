"""What each person wears, at each moment: an atlas of their own or everyone's, a still or a film."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from models.errors import ModelError
from models.surface.atlas import Atlas
from models.surface.atlas_file import AtlasBuilder, load_atlas
from pipeline.stage import StageError
from stages.payloads import U8
from stages.video.decoding.frame_selection import FrameSelection
from stages.video.decoding.still_images import is_still
from stages.video.decoding.video_frames import VideoFrames

CLEAR = "none"
"""In the place of an atlas: nothing is worn, only logos show."""


class FilmOfAtlases:
    """A video whose frames are atlases, shown in step with the video it is worn in, and over again at its end."""

    def __init__(self, path: str, maker: AtlasBuilder) -> None:
        """Raises StageError or ModelError for a file that is no video, or whose frames are no atlases."""
        self._path = path
        self._maker = maker
        self._length: Fraction | None = None
        self._atlas: Atlas | None = None
        self._step = Fraction(1)
        self._frames = self._timed()
        self._start, self._picture = next(self._frames)
        self._next = next(self._frames, None)
        self._note_length()

    def at(self, second: Fraction) -> Atlas:
        """The atlas at a time, seconds from the beginning; the same for the same time, asked for in any order."""
        second = max(second, Fraction(0))
        if self._length is not None:
            second = second % self._length
        if second < self._start:
            self._frames = self._timed()
            self._show(next(self._frames))
        while self._next is not None and second >= self._next[0]:
            self._step = self._next[0] - self._start
            self._show(self._next)
        if self._next is None and self._length is not None and second >= self._length:
            return self.at(second)
        if self._atlas is None:
            self._atlas = self._maker(self._picture)
        return self._atlas

    def _show(self, timed: tuple[Fraction, U8]) -> None:
        self._start, self._picture = timed
        self._atlas = None
        self._next = next(self._frames, None)
        self._note_length()

    def _note_length(self) -> None:
        """At the last frame, which is shown as long as the one before it, the film's length is known."""
        if self._next is None and self._length is None:
            self._length = self._start + self._step

    def _timed(self) -> Iterator[tuple[Fraction, U8]]:
        footage = VideoFrames(self._path, FrameSelection())
        first: int | None = None
        try:
            for pts, rgb_HW3 in footage:
                first = pts if first is None else first
                assert footage.video is not None
                yield (pts - first) * footage.video.time_base, rgb_HW3
        finally:
            footage.close()


class Outfits:
    """Which atlas a person wears: by identity, by the moment of the video."""

    def __init__(self, atlas: str, atlas_of: Mapping[str, str], maker: AtlasBuilder) -> None:
        """Raises StageError naming an atlas that cannot be used.

        Args:
            atlas: path for everyone, or `none`.
            atlas_of: paths (or `none`) by identity, for some.
        """
        self._maker = maker
        paths = {atlas, *atlas_of.values()}
        worn = {path: self._opened(path) for path in sorted(paths)}
        self._everyone = worn[atlas]
        self._own = {int(identity): worn[path] for identity, path in atlas_of.items()}

    def worn_by(self, identity: int, second: Fraction) -> Atlas:
        """The atlas of a person; `second` counts from the beginning of the video."""
        chosen = self._own.get(identity, self._everyone)
        return chosen if isinstance(chosen, Atlas) else chosen.at(second)

    def _opened(self, path: str) -> Atlas | FilmOfAtlases:
        try:
            if path == CLEAR:
                return self._maker.bare((0, 0, 0, 0))
            film = is_film(path)
            opened = FilmOfAtlases(path, self._maker) if film else load_atlas(path, self._maker)
            if isinstance(opened, FilmOfAtlases):
                opened.at(Fraction(0))
            return opened
        except (ModelError, StageError) as error:
            raise StageError(error.what, f"render.atlas: {error.where or path}", error.remedy) from error


def is_film(path: str) -> bool:
    """True for a file that is there and is not a single picture."""
    try:
        with open(path, "rb"):
            return not is_still(path)
    except OSError:
        return False
