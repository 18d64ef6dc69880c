"""Colour conversion: decoded frames to 8-bit RGB and back to an encoder's pixel format, by matrix and range.

RGB here is full-range R'G'B' with the source's primaries and transfer curve; only HDR is converted (hdr_tone_mapping).
The output carries the source's colour tags, so a player shows both alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from models.arrays import U8
from stages.video.decoding.container_crop import NO_CROP, ContainerCrop
from stages.video.decoding.resizing import resize_to

UNSPECIFIED = 2
RGB_MATRIX = 0
HD_LINES = 720

SWS_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
"""H.273 matrix number to the matrix of FFmpeg's scaler; 10 (constant luminance) uses the nearest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorTags:
    """The colour tags of a stream, as ITU-T H.273 numbers (2 = unspecified)."""

    primaries: int = UNSPECIFIED
    trc: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    full_range: bool = False


RGB_TAGS = ColorTags(matrix=RGB_MATRIX, full_range=True)
"""Tags of frames that are stored as RGB."""


def is_full_range(frame: av.VideoFrame) -> bool:
    """True when the frame's YUV values use 0..255 (scaled to its bit depth), not 16..235."""
    if frame.format.name.startswith("yuvj"):
        return True
    return int(frame.color_range) == ColorRange.JPEG


def tags_of(frame: av.VideoFrame, context: av.VideoCodecContext) -> ColorTags:
    """The tags for a yuv420p copy of this frame: its own tags, and a YUV matrix where it was RGB.

    Args:
        context: the stream's codec context; its tags are used where the frame has none.
    """
    matrix = int(frame.colorspace)
    if matrix == UNSPECIFIED:
        matrix = int(context.colorspace)
    rgb = frame.format.is_rgb or matrix == RGB_MATRIX
    if rgb:
        matrix = 1 if frame.height >= HD_LINES else 6
    primaries, trc = int(frame.color_primaries), int(frame.color_trc)
    return ColorTags(
        primaries=int(context.color_primaries) if primaries == UNSPECIFIED else primaries,
        trc=int(context.color_trc) if trc == UNSPECIFIED else trc,
        matrix=matrix,
        full_range=not rgb and is_full_range(frame),
    )


def copy_color_tags(source: av.VideoFrame, target: av.VideoFrame) -> None:
    """Copy the colour tags of a filter's input to its output; filters may drop them."""
    target.colorspace, target.color_range = source.colorspace, source.color_range
    target.color_primaries, target.color_trc = source.color_primaries, source.color_trc


def scaler_matrix(matrix: int, lines: int) -> Colorspace:
    """The scaler's matrix for an H.273 number. For an unknown number it is chosen by the number of lines, as players
    do."""
    return SWS_MATRICES.get(matrix, Colorspace.ITU709 if lines >= HD_LINES else Colorspace.ITU601)


def has_alpha(frame: av.VideoFrame) -> bool:
    """True for pixel formats with an alpha channel (a palette may hold one)."""
    return frame.format.name == "pal8" or any(c.is_alpha for c in frame.format.components)


def over_black(rgba_HW4: U8) -> U8:
    """Composite RGBA over black: rgb·alpha/255, rounded."""
    rgb_HW3, alpha_HW1 = rgba_HW4[..., :3].astype(np.uint16), rgba_HW4[..., 3:]
    return ((rgb_HW3 * alpha_HW1 + 127) // 255).astype(np.uint8)


def packed_pixels(frame: av.VideoFrame, channels: int) -> U8:
    """A view (H,W,channels) of a packed 8-bit frame, without line padding."""
    plane = frame.planes[0]
    return np.ndarray(
        (frame.height, frame.width, channels), np.uint8, memoryview(plane), strides=(plane.line_size, channels, 1)
    )


class ToRgb:
    """Converts decoded frames of one stream to RGB of one size, with the right matrix and range."""

    def __init__(
        self, *, tone_map: Callable[[av.VideoFrame], av.VideoFrame] | None = None, crop: ContainerCrop = NO_CROP
    ) -> None:
        """Args:
        tone_map: converts an HDR frame to an SDR frame in an RGB format.
        crop: applied to each frame.
        """
        self._reformatter = VideoReformatter()
        self._tone_map = tone_map
        self._crop = crop
        self.transparent = False

    def size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Width and height of a frame after the crop."""
        return self._crop.size(frame.width, frame.height)

    def __call__(self, frame: av.VideoFrame, width: int, height: int) -> U8:
        """The cropped frame, uint8 (height, width, 3); may be a view of an FFmpeg frame, which it keeps alive."""
        if self.size(frame) == (frame.width, frame.height):
            return self._pixels(frame, width, height)
        cropped = self._crop.apply(self._pixels(frame, frame.width, frame.height))
        return np.ascontiguousarray(resize_to(cropped, (width, height)))

    def _pixels(self, frame: av.VideoFrame, width: int, height: int) -> U8:
        """The frame without the crop, scaled to width × height."""
        if self._tone_map is not None:
            frame = self._tone_map(frame)
        alpha = has_alpha(frame)
        result = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgba" if alpha else "rgb24",
            src_colorspace=scaler_matrix(int(frame.colorspace), frame.height),
            src_color_range=ColorRange.JPEG if is_full_range(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        pixels = packed_pixels(result, 4 if alpha else 3)
        if alpha and pixels[..., 3].min() < 255:
            self.transparent = True
            pixels = over_black(pixels)
        elif alpha:
            pixels = np.ascontiguousarray(pixels[..., :3])
        if frame.format.name.startswith("gray") and int(frame.color_range) == ColorRange.MPEG:
            pixels = np.asarray(cv2.LUT(pixels, EXPAND_LIMITED), dtype=np.uint8)
        return pixels


EXPAND_LIMITED = np.clip(np.round((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)
"""Expands limited-range grey video to full range, because FFmpeg's scaler treats every grey format as full range."""


class FromRgb:
    """Converts RGB or RGBA frames to an encoder's pixel format, with the matrix and range of the tags."""

    def __init__(self, tags: ColorTags, pix_fmt: str) -> None:
        self._reformatter = VideoReformatter()
        self._tags = tags
        self._pix_fmt = pix_fmt

    def __call__(self, rgb_HW3: U8) -> av.VideoFrame:
        """The frame for the encoder, with colour tags."""
        # `source` shares memory with the array; only the conversion copies.
        packed = "rgba" if rgb_HW3.shape[2] == 4 else "rgb24"
        source = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(rgb_HW3), format=packed)
        frame = self._reformatter.reformat(
            source,
            format=self._pix_fmt,
            src_color_range=ColorRange.JPEG,
            dst_colorspace=scaler_matrix(self._tags.matrix, source.height),
            dst_color_range=ColorRange.JPEG if self._tags.full_range else ColorRange.MPEG,
            threads=1,
        )
        frame.colorspace = self._tags.matrix
        frame.color_range = ColorRange.JPEG if self._tags.full_range else ColorRange.MPEG
        frame.color_primaries = self._tags.primaries
        frame.color_trc = self._tags.trc
        return frame
