"""Where the focal length is from: the user, a photo's EXIF, or an assumed field of view."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from stages.bodies.focal_length import camera_of
from stages.payloads import VideoInfo

pytestmark = pytest.mark.quick
FILM = VideoInfo(path="", width=1920, height=1080, still=False, rate=None, time_base=Fraction(1, 25))


def photo(folder: Path, equivalent_mm: object) -> VideoInfo:
    image, exif = Image.new("RGB", (360, 240)), Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = equivalent_mm
    image.save(folder / "photo.jpg", exif=exif)
    return replace(FILM, path=str(folder / "photo.jpg"), width=360, height=240, still=True)


def test_a_given_focal_length_is_taken() -> None:
    camera, source = camera_of(1500, 60, FILM)
    assert (camera.focal_px, camera.center_2.tolist(), source) == (1500, [960, 540], "given")


def test_without_one_the_larger_side_spans_the_assumed_field() -> None:
    for video, larger in ((FILM, 1920), (replace(FILM, width=1080, height=1920), 1920)):
        camera, source = camera_of(None, 60, video)
        assert source == "assumed"
        assert 2 * math.degrees(math.atan(larger / 2 / camera.focal_px)) == pytest.approx(60)


def test_the_equivalent_focal_length_of_a_photo_is_used(tmp_path: Path) -> None:
    """50 mm on film of 36 × 24 mm is 500 pixels on 360 × 240, by the rule of three; a known length has precedence."""
    video = photo(tmp_path, 50)
    camera, source = camera_of(None, 60, video)
    assert (camera.focal_px, source) == (pytest.approx(500), "exif")
    assert camera_of(400, 60, video)[1] == "given"


@pytest.mark.parametrize("stated", [0, 60000], ids=["unknown", "absurd"])
def test_exif_that_states_no_possible_focal_length_is_ignored(stated: int, tmp_path: Path) -> None:
    assert camera_of(None, 60, photo(tmp_path, stated))[1] == "assumed"


def test_a_photo_that_is_gone_has_no_exif() -> None:
    assert camera_of(None, 60, replace(FILM, path="gone.jpg", still=True))[1] == "assumed"
