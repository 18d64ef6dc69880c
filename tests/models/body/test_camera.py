"""The pinhole camera against closed forms, and what photos tell of their cameras."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from models.body.camera import PinholeCamera, centred_camera, default_camera, exif_camera
from models.errors import ModelError

pytestmark = pytest.mark.quick


def test_a_point_is_projected_as_by_similar_triangles():
    camera = PinholeCamera(focal_px=800.0, center_2=np.array([320, 240], np.float32))
    point_N3 = np.array([[0, 0, 2], [0.5, -0.25, 4]], np.float32)
    np.testing.assert_allclose(camera.project(point_N3), [[320, 240], [420, 190]])


def test_rays_lead_through_their_pixels():
    camera = PinholeCamera(focal_px=731.0, center_2=np.array([300, 250], np.float32))
    xy_N2 = np.random.default_rng(0).uniform(0, 640, (50, 2)).astype(np.float32)
    ray_N3 = camera.rays(xy_N2)
    assert (ray_N3[:, 2] == 1).all()
    np.testing.assert_allclose(camera.project(ray_N3 * 3.7), xy_N2, atol=1e-3)


def test_a_point_behind_the_camera_has_a_finite_pixel():
    assert np.isfinite(default_camera(640, 480).project(np.array([[1.0, 1, -2], [0, 0, 0]]))).all()


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640)])
def test_the_default_camera_spans_sixty_degrees_over_the_larger_side(width, height):
    camera = default_camera(width, height)
    ends = camera.rays(np.array([[0, height / 2], [width, height / 2]] if width > height else [[width / 2, 0],
                                                                                                [width / 2, height]]))
    cosine = ends[0] @ ends[1] / np.linalg.norm(ends[0]) / np.linalg.norm(ends[1])
    assert np.degrees(np.arccos(cosine)) == pytest.approx(60, abs=1e-3)


@pytest.mark.parametrize("focal", [0.0, -3.0, float("nan"), float("inf")])
def test_an_impossible_focal_length_is_refused(focal):
    with pytest.raises(ModelError, match="focal length"):
        centred_camera(focal, 640, 480)


def focal(tags: dict[int, object], width: int, height: int) -> float | None:
    camera = exif_camera(tags, width, height)
    return None if camera is None else camera.focal_px


def test_photos_with_an_equivalent_focal_length():
    """At 3:2, the aspect of the film, the equivalent is exact along the longer side: 36 mm are 6000 pixels."""
    assert focal({0xA405: 36}, 6000, 4000) == pytest.approx(6000)
    assert focal({0xA405: 36}, 4000, 6000) == pytest.approx(6000)
    assert focal({0xA405: 36, 0xA002: 6000, 0xA003: 4000}, 1500, 1000) == pytest.approx(1500)


def test_photos_with_a_focal_length_and_the_resolution_of_the_sensor():
    """A sensor of 22.2 mm with 5184 pixels, in inches: 50 mm are 11,676 pixels, and half of it at half the size."""
    per_inch = IFDRational(5184 * 254, 222)
    tags = {0x920A: IFDRational(50, 1), 0xA20E: per_inch, 0xA210: 2, 0xA002: 5184, 0xA003: 3456}
    assert focal(tags, 5184, 3456) == pytest.approx(50 * 5184 / 22.2, rel=1e-3)
    assert focal(tags, 2592, 1728) == pytest.approx(25 * 5184 / 22.2, rel=1e-3)
    assert focal(tags | {0xA210: 3}, 5184, 3456) == pytest.approx(50 * 2.54 * 5184 / 22.2, rel=1e-3)


@pytest.mark.parametrize(
    "tags",
    [
        {}, {0xA405: 0}, {0xA405: "wide"}, {0xA405: float("nan")}, {0xA405: -28}, {0xA405: 1}, {0xA405: 100000},
        {0x920A: 50}, {0x920A: IFDRational(50, 0), 0xA20E: 3000, 0xA002: 6000, 0xA003: 4000},
        {0xA405: 36, 0xA002: 8000, 0xA003: 4000},
    ],
)
def test_photos_that_do_not_tell_a_sound_focal_length(tags):
    assert focal(tags, 6000, 4000) is None


def test_the_tags_are_those_of_a_written_photo(tmp_path):
    image, exif = Image.new("RGB", (600, 400)), Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 28
    image.save(tmp_path / "photo.jpg", exif=exif)
    with Image.open(tmp_path / "photo.jpg") as photo:
        assert focal(dict(photo.getexif().get_ifd(0x8769)), *photo.size) == pytest.approx(28 / 36 * 600, rel=1e-3)
