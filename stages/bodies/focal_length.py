"""Finds the focal length of a video or photo: the user gives it, or the photo's EXIF; else it is assumed."""

from __future__ import annotations

import math
from typing import Literal

from PIL import UnidentifiedImageError

from models.body.camera import (
    NARROWEST,
    WIDEST,
    PinholeCamera,
    centred_camera,
    exif_camera,
    field_of_focal,
    focal_of_field,
)
from models.errors import ModelError
from models.files.image_size import open_image
from pipeline.stage import StageError
from stages.payloads import VideoInfo

FocalSource = Literal["given", "exif", "assumed"]
FIELDS_DEG = (math.degrees(NARROWEST), math.degrees(WIDEST))
"""Smallest and largest field of view of a frame's larger side, degrees."""
EXIF_IFD = 0x8769


def camera_of(focal_px: float | None, field_deg: float, video: VideoInfo) -> tuple[PinholeCamera, FocalSource]:
    """The camera of a stream's frames, and the source of its focal length.

    Args:
        focal_px: the focal length that the user gives, pixels; None if the user gives none.
        field_deg: the field of view of the larger side that is assumed if no focal length is known, degrees.
        video: the stream.

    Raises StageError for a given focal length that is impossible for frames of this size.
    """
    larger = max(video.width, video.height)
    if focal_px is not None:
        _require_field(focal_px, larger)
        return centred_camera(focal_px, video.width, video.height), "given"
    if video.still and (found := _camera_of_photo(video)) is not None:
        return found, "exif"
    return centred_camera(focal_of_field(math.radians(field_deg), larger), video.width, video.height), "assumed"


def _require_field(focal_px: float, larger: int) -> None:
    field_deg = math.degrees(field_of_focal(focal_px, larger))
    if not FIELDS_DEG[0] < field_deg < FIELDS_DEG[1]:
        least, most = (round(focal_of_field(field, larger)) for field in (WIDEST, NARROWEST))
        what = f"a focal length of {focal_px:g} px is a field of view of {field_deg:.3g}° on frames of {larger} px"
        raise StageError(what, "fit.focal_px", f"give one from {least} to {most} px, or leave it out")


def _camera_of_photo(video: VideoInfo) -> PinholeCamera | None:
    """The camera of a photo from its EXIF tags; None without usable tags."""
    try:
        with open_image(video.path, video.path) as image:
            return exif_camera(image.getexif().get_ifd(EXIF_IFD), video.width, video.height)
    except (OSError, UnidentifiedImageError, ModelError, ValueError, TypeError, SyntaxError):
        return None
