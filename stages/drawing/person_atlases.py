"""The atlas that each person wears at each time: one for all or one of their own, an image or a video."""

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

NO_ATLAS = "none"
"""In place of an atlas path: only logos are drawn."""


class AtlasVideo:
    """A video whose frames are atlases. It plays along with the video it is drawn into and starts again at its end."""

    def __init__(self, path: str, builder: AtlasBuilder) -> None:
        """Raises StageError or ModelError for a file that is no video, or whose frames are no atlases."""
        self._path = path
        self._builder = builder
        self._length: Fraction | None = None
        self._atlas: Atlas | None = None
        self._step = Fraction(1)
        self._frames = self._timed()
        self._start, self._image = next(self._frames)
        self._next = next(self._frames, None)
        self._update_length()

    def at(self, second: Fraction) -> Atlas:
        """The atlas at a time in seconds from the beginning; times may come in any order."""
        second = max(second, Fraction(0))
        if self._length is not None:
            second = second % self._length
        if second < self._start:
            self._frames = self._timed()
            self._advance(next(self._frames))
        while self._next is not None and second >= self._next[0]:
            self._step = self._next[0] - self._start
            self._advance(self._next)
        if self._next is None and self._length is not None and second >= self._length:
            return self.at(second)
        if self._atlas is None:
            self._atlas = self._builder(self._image)
        return self._atlas

    def _advance(self, timed: tuple[Fraction, U8]) -> None:
        self._start, self._image = timed
        self._atlas = None
        self._next = next(self._frames, None)
        self._update_length()

    def _update_length(self) -> None:
        """The length is known at the last frame, which lasts as long as the one before it."""
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


class PersonAtlases:
    """The atlases of people, by identity and by time."""

    def __init__(self, atlas: str, atlas_of: Mapping[str, str], builder: AtlasBuilder) -> None:
        """Raises StageError naming an atlas that cannot be used.

        Args:
            atlas: path for all people, or `none`.
            atlas_of: paths (or `none`) of single identities.
        """
        self._builder = builder
        paths = {atlas, *atlas_of.values()}
        atlases = {path: self._opened(path) for path in sorted(paths)}
        self._default = atlases[atlas]
        self._by_identity = {int(identity): atlases[path] for identity, path in atlas_of.items()}

    def atlas_of(self, identity: int, second: Fraction) -> Atlas:
        """The atlas of a person at a time in seconds from the beginning of the video."""
        chosen = self._by_identity.get(identity, self._default)
        return chosen if isinstance(chosen, Atlas) else chosen.at(second)

    def _opened(self, path: str) -> Atlas | AtlasVideo:
        try:
            if path == NO_ATLAS:
                return self._builder.bare((0, 0, 0, 0))
            is_video = is_video_file(path)
            opened = AtlasVideo(path, self._builder) if is_video else load_atlas(path, self._builder)
            if isinstance(opened, AtlasVideo):
                opened.at(Fraction(0))
            return opened
        except (ModelError, StageError) as error:
            raise StageError(error.what, f"render.atlas: {error.where or path}", error.remedy) from error


def is_video_file(path: str) -> bool:
    """True for a file that exists and is not a single image."""
    try:
        with open(path, "rb"):
            return not is_still(path)
    except OSError:
        return False
