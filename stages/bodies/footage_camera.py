"""The camera of a video or photo: its focal length, as given, of the photo's EXIF, or assumed."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from models.body.camera import PinholeCamera
from pipeline.stage import StageError
from stages.payloads import VideoInfo

FocalSource = Literal["given", "exif", "assumed"]
FIELDS_DEG = (2.0, 150.0)
"""Fields of view over the larger side of a frame, in degrees, that a pinhole camera can have."""
FULL_FRAME_MM = math.hypot(36, 24)
"""Diagonal of the 35 mm film that EXIF's equivalent focal length is stated for."""
EXIF_IFD, FOCAL_IN_35MM = 0x8769, 0xA405


def camera_of(focal_px: float | None, field_deg: float, video: VideoInfo) -> tuple[PinholeCamera, FocalSource]:
    """The camera of a stream's frames, and where its focal length is from.

    Args:
        focal_px: the focal length if the user gives it.
        field_deg: the field of view over the larger side if it is not known.

    Raises StageError for a given focal length that no camera with such frames has.
    """
    larger = max(video.width, video.height)
    source: FocalSource = "assumed"
    if focal_px is not None:
        _require_field(focal_px, larger)
        source = "given"
    elif video.still and (found := _exif_focal(video)) is not None:
        focal_px, source = found, "exif"
    else:
        focal_px = _focal_of(field_deg, larger)
    center_2 = np.array([video.width / 2, video.height / 2], np.float32)
    return PinholeCamera(focal_px=focal_px, center_2=center_2), source


def _focal_of(field_deg: float, larger: int) -> float:
    return larger / 2 / math.tan(math.radians(field_deg) / 2)


def _require_field(focal_px: float, larger: int) -> None:
    field_deg = math.degrees(2 * math.atan(larger / 2 / focal_px))
    if not FIELDS_DEG[0] <= field_deg <= FIELDS_DEG[1]:
        least, most = (round(_focal_of(field, larger)) for field in reversed(FIELDS_DEG))
        what = f"a focal length of {focal_px:g} px is a field of view of {field_deg:.3g}° on frames of {larger} px"
        raise StageError(what, "fit.focal_px", f"give one from {least} to {most} px, or leave it out")


def _exif_focal(video: VideoInfo) -> float | None:
    """The focal length in pixels from a photo's equivalent focal length; None if the file states none."""
    try:
        with Image.open(video.path) as image:
            equivalent_mm = float(image.getexif().get_ifd(EXIF_IFD).get(FOCAL_IN_35MM, 0))
    except (OSError, UnidentifiedImageError, ValueError, TypeError, SyntaxError):
        return None
    focal_px = equivalent_mm / FULL_FRAME_MM * math.hypot(video.width, video.height)
    larger = max(video.width, video.height)
    fits = _focal_of(FIELDS_DEG[1], larger) <= focal_px <= _focal_of(FIELDS_DEG[0], larger)
    return focal_px if fits else None
