"""Animated images that FFmpeg does not read (WebP, AVIF): frames and time stamps by Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from PIL import Image

from models.arrays import U8
from models.files.image_size import open_image, supported_formats
from pipeline.stage import StageError
from stages.payloads import VideoInfo
from stages.video.decoding.frame_selection import FrameSelection
from stages.video.decoding.resizing import resize_to, size_within
from stages.video.decoding.still_images import FORMATS_BY_PILLOW, rgb_of

MILLISECOND = Fraction(1, 1000)
DEFAULT_MS = 100
"""Browsers use this for frames whose duration is 0."""


def is_animated_image(path: str) -> bool:
    """True for an animated WebP or AVIF. `is_still` has already checked its size."""
    try:
        with open_image(path, path, FORMATS_BY_PILLOW) as image:
            return getattr(image, "n_frames", 1) > 1
    except Exception:  # Pillow passes on every error of its format plugins
        return False


class AnimatedImage:
    """Frames of one animated image: iterate once for `(pts, rgb_HW3)`; `video` and `index` as in `VideoFrames`."""

    def __init__(self, path: str, selection: FrameSelection, *, max_size: int | None = None) -> None:
        """Args: max_size: maximum length of the longer side in pixels, or None."""
        self.warnings: list[str] = []
        self.video: VideoInfo | None = None
        self.index = 0
        self.repaired_pts = 0
        self.truncated = False
        self._path = path
        self._selection = selection
        self._max_size = max_size
        self._image = Image.open(path, formats=supported_formats(FORMATS_BY_PILLOW))

    def close(self) -> None:
        """Close the file."""
        self._image.close()

    def __iter__(self) -> Iterator[tuple[int, U8]]:
        timed = ((item[0] * MILLISECOND, (index, *item)) for index, item in enumerate(self._frames()))
        for number, (index, pts, rgb_HW3) in enumerate(self._selection.choose(timed)):
            if self._selection.is_past_end(number):
                break
            self.index = index
            size = size_within(rgb_HW3.shape[1], rgb_HW3.shape[0], self._max_size)
            rgb_HW3 = resize_to(rgb_HW3, size)
            self.video = self.video or self._describe(size)
            if self._selection.is_before_first(number):
                continue
            yield pts, rgb_HW3
        if self.video is None:
            raise StageError("no frame lies between start and end", self._path, "change decode.start or decode.end")

    def _frames(self) -> Iterator[tuple[int, U8]]:
        """(milliseconds, RGB) of every frame that decodes."""
        time = 0
        notes: list[str] = []
        for number in range(getattr(self._image, "n_frames", 1)):
            try:
                self._image.seek(number)
                rgb_HW3 = rgb_of(self._image, notes)
            except Exception as error:  # Pillow passes on every error of its format plugins
                self.truncated = True
                self.warnings.append(
                    f"the file is damaged or cut short at {time / 1000:.3f} s, after frame {number}: {error}"
                )
                break
            yield time, rgb_HW3
            time += round(self._image.info.get("duration") or DEFAULT_MS)
        self.warnings.extend(notes[:1])

    def _describe(self, size: tuple[int, int]) -> VideoInfo:
        milliseconds = round(self._image.info.get("duration") or DEFAULT_MS)
        rate = Fraction(1000, milliseconds)
        count = getattr(self._image, "n_frames", 1)
        selection = self._selection
        return VideoInfo(
            path=self._path,
            width=size[0],
            height=size[1],
            still=False,
            rate=rate / selection.every,
            time_base=MILLISECOND,
            frames=selection.expected(count, count / rate, rate),
            cut_start=selection.start,
            cut_end=selection.end,
        )
