"""Still images: read a file of any format as upright 8-bit RGB, and write one in the format of its suffix."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from models.arrays import U8
from models.errors import ModelError
from models.files.image_size import FORMATS, LEFT_OUT, open_image, read_pixels
from pipeline.stage import MJPEG_SUFFIXES, StageError
from stages.video.decoding import heif, raw_photos
from stages.video.decoding.color_conversion import over_black
from stages.video.decoding.orientation import EXIF_ORIENTATIONS, UPRIGHT
from stages.video.decoding.paths_and_urls import is_url
from stages.video.decoding.silenced_stderr import silenced_stderr

FORMATS_BY_PILLOW = ("WEBP", "AVIF")
"""Formats whose animations FFmpeg reads incompletely or not at all."""
ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
"""Formats whose several images are a video, not pages."""
MULTIPAGE_WARNINGS = {
    "TIFF": "only the first of {} pages is processed",
    heif.FORMAT: "only the primary one of {} images is processed",
}
"""Warnings for files with several images, of which one is processed."""

CV_SUFFIXES = (".tif", ".tiff", ".hdr", ".exr", ".pfm")
"""Images that Pillow may reject (16-bit colour TIFF) and OpenCV reads."""

IMAGE_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""Pillow's formats to write, by suffix."""

READ_IN_PART = ("JPEG", "MPO", "PNG", "TIFF", "BMP", "GIF", "PPM", "TGA")
"""Formats whose decoders give the rows before the damage."""
EMPTY_SHARE = 0.99
"""An image of which a larger part has one colour shows nothing but the noise at the damage."""
_READING_IN_PART = threading.Lock()
"""Guards Pillow's setting, which holds for the whole process."""

EXIF_ORIENTATION, EXIF_PROGRAM = 0x0112, 0x0131
EXIF_OF_TIFF = frozenset(
    (0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, EXIF_PROGRAM, 0x0132, 0x013B, 0x8298, 0x8769, 0x8825)
)
"""Tags of a TIFF that describe its content: text, resolution, EXIF and GPS. Others say how its pixels are stored."""
EXIF_BYTES_OF_JPEG = 60_000
"""Most that is copied into a JPEG, which holds 65,533 bytes with what is added."""
logging.getLogger("PIL").addHandler(logging.NullHandler())  # damage is reported as an error


def is_still(path: str) -> bool:
    """True for a file with one image, by its content; False for animations and all other files."""
    if is_url(path) or Path(path).suffix.lower() in MJPEG_SUFFIXES:
        return False
    if heif.is_heif(path) or raw_photos.is_raw(path):
        return True
    try:
        with _opened(path) as image:
            return not (image.format in ANIMATED and getattr(image, "n_frames", 1) > 1)
    except ModelError as error:
        raise StageError(error.what, path, error.remedy) from error
    except OSError:  # no image of a format that Pillow knows
        return Path(path).suffix.lower() in CV_SUFFIXES and cv2.haveImageReader(path)
    except Exception:  # an image, but a damaged one; Pillow passes on every error of its format plugins
        return True


@dataclass(frozen=True, slots=True)
class StillImage:
    """An image as it is read.

    Attributes:
        rgb_HW3: upright, uint8 RGB.
        notes: warnings about the conversion.
        truncated: whether a part of the file is damaged or missing, so that a part of the image is empty.
    """

    rgb_HW3: U8
    notes: list[str]
    truncated: bool = False


def read_still(path: str) -> StillImage:
    """The upright image in a file.

    Alpha is composited over black, 16 bits are rounded to 8, and of several pages the first one that is no preview is
    read. Of a damaged image everything that decodes is shown.

    Raises:
        StageError: nothing of the image decodes, or it is a raw photo.
    """
    if raw_photos.is_raw(path):
        raise raw_photos.refusal(path)
    notes: list[str] = []
    try:
        return StillImage(_read_by_pillow(path, notes), notes)
    except StageError:
        raise
    except ModelError as error:
        raise StageError(error.what, path, error.remedy) from error
    except Exception as error:  # Pillow passes on every error of its format plugins
        unknown = isinstance(error, UnidentifiedImageError)
        if unknown and not heif.is_heif(path):
            return StillImage(_read_by_opencv(path), notes)
        partial = None if unknown else _read_what_decodes(path, error)
        if partial is not None:
            return partial
        reason = "its headers cannot be read" if unknown else error
        raise StageError(f"is a damaged image ({reason})", path, "copy or save it again") from error


def _read_by_pillow(path: str, notes: list[str]) -> U8:
    """The upright image; appends warnings to `notes`. Raises what Pillow raises, StageError and ModelError."""
    with _opened(path) as image:
        if LEFT_OUT in image.info:
            notes.append(image.info[LEFT_OUT])
        if image.format == "TIFF" and raw_photos.find_full_page(path, image):
            notes.append("the preview at the start of the file is skipped")
        orientation = EXIF_ORIENTATIONS.get(_exif_orientation(path, image), UPRIGHT)
        pages = getattr(image, "n_frames", 1)
        if pages > 1 and image.format in MULTIPAGE_WARNINGS:
            notes.append(MULTIPAGE_WARNINGS[image.format].format(pages))
        rgb = _tone_mapped(path, image, notes)
        if rgb is None:
            with silenced_stderr() if image.format == "TIFF" else nullcontext():
                rgb = rgb_of(image, notes)
    return orientation.apply(rgb)


def _read_what_decodes(path: str, error: Exception) -> StillImage | None:
    """The part of a damaged image that decodes; None if there is none, or its format cannot be read in part."""
    notes: list[str] = []
    try:
        with _opened(path) as image:
            if image.format not in READ_IN_PART:
                return None
        with _READING_IN_PART:
            ImageFile.LOAD_TRUNCATED_IMAGES = True
            try:
                rgb_HW3 = _read_by_pillow(path, notes)
            finally:
                ImageFile.LOAD_TRUNCATED_IMAGES = False
    except Exception:  # the first error is reported
        return None
    # Decoders fill the rest with one colour; it reaches a corner, whatever the orientation.
    if max((rgb_HW3 == corner).all(-1).mean() for corner in rgb_HW3[[0, 0, -1, -1], [0, -1, 0, -1]]) > EMPTY_SHARE:
        return None
    warning = f"the image is damaged or cut short: {error}; the rest of it is empty"
    return StillImage(rgb_HW3, [*notes, warning], truncated=True)


@contextmanager
def _opened(path: str) -> Iterator[Image.Image]:
    """The image with its header read and its pixels not decoded yet. Raises what Pillow raises."""
    is_heif = heif.is_heif(path)
    if is_heif:
        heif.register()
    with open_image(path, path, (heif.FORMAT,) if is_heif else FORMATS) as image:
        yield image


def _exif_orientation(path: str, image: Image.Image) -> int:
    if image.format == heif.FORMAT:
        return heif.exif_orientation(path, image)
    return int(image.getexif().get(EXIF_ORIENTATION, 1))


def _tone_mapped(path: str, image: Image.Image, notes: list[str]) -> U8 | None:
    return heif.tone_mapped(path, image, notes) if image.format == heif.FORMAT else None


def rgb_of(image: Image.Image, notes: list[str]) -> U8:
    """8-bit RGB of an image in any mode of Pillow, not rotated."""
    if image.format == "TIFF":
        # Pillow rotates TIFF alone while it loads it. `read_still` rotates all formats.
        image.getexif().pop(EXIF_ORIENTATION, None)
    if image.mode.startswith("I") or image.mode == "F":
        return np.repeat(to_eight_bits(np.asarray(image))[..., None], 3, axis=-1)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        if rgba[..., 3].min() < 255:
            notes.append("transparent parts are composited over black")
            return over_black(rgba)
        return np.ascontiguousarray(rgba[..., :3])
    return np.asarray(image.convert("RGB"))


def to_eight_bits(values: npt.NDArray[np.generic]) -> U8:
    """Values of other depths as uint8, rounded: integers are 16-bit (divided by 257), floats lie in 0..1."""
    if values.dtype == np.uint8:
        return values.astype(np.uint8)
    scale = 255.0 if np.issubdtype(values.dtype, np.floating) else 1 / 257
    return np.clip(np.round(np.nan_to_num(values.astype(np.float64)) * scale), 0, 255).astype(np.uint8)


def _read_by_opencv(path: str) -> U8:
    try:
        with silenced_stderr():
            pixels = read_pixels(path, cv2.IMREAD_UNCHANGED)
    except ModelError as error:
        raise StageError(error.what, path, error.remedy) from error
    if pixels is None:
        raise StageError("is a damaged image, or one of an unsupported format", path, "save it as PNG")
    pixels8 = to_eight_bits(np.asarray(pixels))
    if pixels8.ndim == 2:
        return np.repeat(pixels8[..., None], 3, axis=-1)
    if pixels8.shape[-1] == 4:
        return over_black(np.ascontiguousarray(pixels8[..., [2, 1, 0, 3]]))
    return np.ascontiguousarray(pixels8[..., 2::-1])


def copied_metadata(path: str) -> dict[str, bytes]:
    """Metadata of an input image to copy to the output: colour profile (RGB only) and EXIF. Empty for videos.

    The EXIF orientation is removed, because the output's pixels are upright.
    """
    if not is_still(path):
        return {}
    try:
        with _opened(path) as image:
            exif = image.getexif()
            for tag in set(exif) - EXIF_OF_TIFF if image.format == "TIFF" else ():
                del exif[tag]
            profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA") else None
    except Exception:  # Pillow passes on every error of its format plugins
        return {}
    exif.pop(EXIF_ORIENTATION, None)
    return {**({"exif": exif.tobytes()} if exif else {}), **({"icc_profile": profile} if profile else {})}


def write_still(
    path: Path, rgb_HW3: U8, alpha_HW: U8 | None, kind: str, metadata: dict[str, bytes], provenance: str = ""
) -> None:
    """Write one image.

    Args:
        path: the file; its suffix does not matter.
        alpha_HW: alpha channel, stored by PNG, WebP and TIFF; other formats are composited over black.
        kind: one of the values of IMAGE_FORMATS.
        metadata: from `copied_metadata`; BMP cannot store it.
        provenance: what the image states about its making: PNG's text `Software`, else EXIF's field of that name.
    """
    pixels = rgb_HW3
    if alpha_HW is not None:
        pixels = np.dstack([rgb_HW3, alpha_HW])
        if kind not in ("PNG", "WEBP", "TIFF"):
            pixels = over_black(pixels)
    options: dict[str, Any] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}.get(kind, {})
    stored: dict[str, Any] = dict(metadata) if kind != "BMP" else {}
    if provenance and kind == "PNG":
        stored["pnginfo"] = PngInfo()
        stored["pnginfo"].add_itxt("Software", provenance)
    elif provenance and kind != "BMP":
        exif = Image.Exif()
        exif.load(metadata.get("exif", b""))
        exif[EXIF_PROGRAM] = provenance
        stored["exif"] = exif.tobytes()
    Image.fromarray(pixels).save(path, format=kind, **options, **stored)
