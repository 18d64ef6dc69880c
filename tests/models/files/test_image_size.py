"""Images with small files and huge sizes: only their header is read."""

from __future__ import annotations

import os
import struct
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from models.errors import ModelError
from models.files import image_size
from models.files.image_size import VARIABLE, decode_pixels, max_pixels, open_image, read_pixels, stated_size
from models.surface.atlas_file import load_atlas
from pipeline.configuration.plan import LARGEST_IMAGE_VARIABLE

pytestmark = pytest.mark.quick


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def black_png(width: int, height: int) -> bytes:
    """Rows of zeros, which compress to a thousandth."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width)) for _ in range(height)) + packer.flush()
    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_too_large_images_are_refused_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    (tmp_path / "giant.png").write_bytes(content := black_png(6000, 4000))
    tracemalloc.start()
    for read in (load_atlas, read_pixels):
        with pytest.raises(ModelError, match=r"giant.png: has 6000×4000 pixels; the limit .* 1 million.*largest_image"):
            read(tmp_path / "giant.png")
    with pytest.raises(ModelError, match="a result: has 6000×4000"):
        decode_pixels(content, "a result")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    monkeypatch.setenv(VARIABLE, "24")
    found = read_pixels(tmp_path / "giant.png")
    assert found is not None and found.shape == (4000, 6000, 3)


def test_an_atlas_of_another_shape_is_refused_before_decoding(tmp_path: Path) -> None:
    content = bytearray(black_png(4000, 4000))
    content[-200:-20] = bytes(180)  # damaged pixels must not be noticed, because they are not decoded
    (tmp_path / "square.png").write_bytes(content)
    with pytest.raises(ModelError, match=r"square.png: an atlas of 4000×4000 pixels is not 24 square tiles"):
        load_atlas(tmp_path / "square.png")


SUFFIXES = (".tif", ".exr", ".hdr", ".pfm", ".ras", ".png", ".jpg", ".bmp", ".ppm", ".webp")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sizes_of_all_supported_formats_are_read(tmp_path: Path, suffix: str) -> None:
    pixels = np.zeros((30, 50, 3), np.float32 if suffix in (".exr", ".hdr", ".pfm") else np.uint8)
    path = tmp_path / f"a{suffix}"
    if suffix == ".tif":
        pixels = pixels.astype(np.uint16)  # Pillow does not support 16-bit colour
    if not cv2.haveImageWriter(str(path)) or suffix == ".exr":
        path.write_bytes(EXR) if suffix == ".exr" else pytest.skip("OpenCV does not write it here")
    else:
        assert cv2.imwrite(str(path), pixels)
    with path.open("rb") as file:
        assert stated_size(file, "a") == (50, 30)


EXR = (
    b"\x76\x2f\x31\x01\x02\0\0\0channels\0chlist\0\x01\0\0\0\0dataWindow\0box2i\0\x10\0\0\0"
    + struct.pack("<4i", 10, 20, 59, 49)
    + b"\0"
)


def test_files_without_a_size_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"rubbish")
    assert read_pixels(tmp_path / "a.png") is None
    assert read_pixels(tmp_path / "absent.png") is None


def test_names_that_are_no_utf_8_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in archives of old systems: OpenCV's reader of files ends the process at them."""
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.write_bytes(cv2.imencode(".png", np.full((4, 6, 3), 7, np.uint8))[1].tobytes())
    monkeypatch.setattr(cv2, "imread", lambda *_: pytest.fail("this would end the process"))
    found = read_pixels(path)
    assert found is not None and found.shape == (4, 6, 3) and (found == 7).all()
    assert decode_pixels(b"", "a") is None


@pytest.mark.parametrize("head", [b"#?RADIANCE\n\n-Y %b +X 5\n", b"#?RADIANCE\n\n-Y 5 +X %b\n", b"PF\n%b 5\n-1\n"])
def test_a_size_of_thousands_of_digits_is_none(tmp_path: Path, head: bytes) -> None:
    """Python refuses to read such numbers, with an error of its own."""
    (tmp_path / "a.hdr").write_bytes(head % (b"9" * 5000))
    assert read_pixels(tmp_path / "a.hdr") is None


def test_an_image_inside_an_icon_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An icon whose header states 16×16 contains a PNG of another size."""
    png = black_png(3000, 3000)
    entry = struct.pack("<4B2H2I", 16, 16, 0, 0, 1, 32, len(png), 22)
    (tmp_path / "a.ico").write_bytes(struct.pack("<3H", 0, 1, 1) + entry + png)
    monkeypatch.setenv(VARIABLE, "1")
    with pytest.raises(ModelError, match="3000×3000 pixels"), open_image(tmp_path / "a.ico", "an icon") as image:
        image.load()


def test_the_limit_depends_on_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(image_size, "_memory", lambda: 24 << 30)
    assert 199_756_800 < max_pixels() < 256_000_000  # a phone's 200 megapixels, a GIF of 16000×16000
    monkeypatch.setattr(image_size, "_memory", lambda: 1 << 30)
    assert max_pixels() >= 7680 * 4320


def test_pipeline_and_models_use_the_same_variable() -> None:
    assert VARIABLE == LARGEST_IMAGE_VARIABLE


def test_pillow_settings_are_restored(tmp_path: Path) -> None:
    made = BytesIO()
    Image.fromarray(np.full((4, 6, 3), 7, np.uint8)).save(made, "GIF")
    assert decode_pixels(made.getvalue(), "a") is not None
