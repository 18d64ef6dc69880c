"""Images that a calling program has in memory, from NumPy, Pillow or PyTorch, as upright RGB arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageOps

from pipeline.stage import StageError
from stages.payloads import U8
from stages.video.decoding.still_images import rgb_of

ROUNDING = 1e-4
"""How far a float image may go beyond 0..1: arithmetic on images rounds."""


def is_pillow(image: Any) -> bool:
    """Whether it is an image of Pillow."""
    return isinstance(image, Image.Image)


def images_in(given: Any) -> Any:
    """An iterable of images: those of a stack of four axes, the one image itself, or what the iterable yields."""
    if is_pillow(given) or len(getattr(given, "shape", ())) in (2, 3):
        return [given]
    return given


def rgb_in_memory(image: Any, channels: str, where: str) -> U8:
    """An image as (H, W, 3) uint8 RGB, in memory of its own: a program may write its next frame into the same array.

    Args:
        image: of Pillow, in any mode, upright after its EXIF orientation; or an array of NumPy or another library,
            (H, W, 3), uint8 or float from 0 to 1; or a tensor of PyTorch, which may also be (3, H, W).
        channels: the order of an array's channels, `rgb` or `bgr`. Pillow states its own.
        where: names the image in errors.

    Raises:
        StageError: it is no image, or has another shape, type or range; the remedy stands in the error.
    """
    if is_pillow(image):
        if 0 in image.size:
            raise StageError("the image is empty", where, "give an image of one pixel or more")
        return np.ascontiguousarray(rgb_of(ImageOps.exif_transpose(image), []))
    pixels = _bytes_of(_shaped(_array_of(image, where), where, tensor=hasattr(image, "detach")), where)
    return np.array(pixels[..., ::-1] if channels == "bgr" else pixels, order="C")


def _array_of(image: Any, where: str) -> np.ndarray:
    if not hasattr(image, "shape"):
        remedy = "give arrays of NumPy, images of Pillow or tensors of PyTorch"
        raise StageError(f"{type(image).__name__} is no image", where, remedy)
    if hasattr(image, "detach"):
        image = image.detach().cpu()
        image = image.float() if image.is_floating_point() else image  # NumPy has no bfloat16
    return np.asarray(image)


def _shaped(pixels: np.ndarray, where: str, *, tensor: bool) -> np.ndarray:
    """The array as (H, W, 3). Raises StageError for another shape."""
    shape = pixels.shape
    if len(shape) == 3 and shape[0] == 3 and shape[2] != 3 and tensor:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[2] == 3 and 0 not in shape:
        return pixels
    remedies = {
        "grey": "repeat the one channel: numpy.stack([image] * 3, axis=-1)",
        "alpha": "leave alpha out: image[..., :3]",
        "first": "put channels last: image.transpose(1, 2, 0)",
        "other": "give (height, width, 3)",
    }
    kind = "other"
    if 0 not in shape:
        grey = len(shape) == 2 or (len(shape) == 3 and shape[2] == 1)
        alpha, first = len(shape) == 3 and shape[2] == 4, len(shape) == 3 and shape[0] == 3
        kind = "grey" if grey else "alpha" if alpha else "first" if first else "other"
    raise StageError(f"an image of shape {shape} has no three channels", where, remedies[kind])


def _bytes_of(pixels: np.ndarray, where: str) -> U8:
    """Values as uint8: floats from 0 to 1 are multiplied by 255 and rounded. Raises StageError for other values."""
    if pixels.dtype == np.uint8:
        return pixels
    if not np.issubdtype(pixels.dtype, np.floating):
        remedy = "convert it to values from 0 to 255: image.astype(numpy.uint8)"
        raise StageError(f"an image of type {pixels.dtype} is neither uint8 nor float", where, remedy)
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        what = f"a float image has values from 0 to 1, and this one from {low:g} to {high:g}"
        raise StageError(what, where, "divide by 255, or convert to uint8; replace what is not a number")
    return np.rint(np.clip(pixels, 0, 1).astype(np.float32) * np.float32(255)).astype(np.uint8)
