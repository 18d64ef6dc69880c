"""A picture is one by its content, and only where that says nothing by its name."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from pipeline.media_types import is_image, media_kind

pytestmark = pytest.mark.quick

NOISE = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
PHOTO = Image.fromarray(NOISE)
KINDS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000", "PPM", "SGI", "PCX", "DDS", "QOI", "MPO")
MOVING = ("GIF", "PNG", "WEBP", "AVIF")


def stored(kind: str, several: bool = False) -> bytes:
    """A picture, or one that moves, as a file's content."""
    file = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(PHOTO).save(file)
    elif several:
        PHOTO.save(file, kind, save_all=True, append_images=[Image.fromarray(NOISE[::-1].copy())], duration=50)
    else:
        PHOTO.save(file, kind)
    return file.getvalue()


def box(kind: bytes, content: bytes) -> bytes:
    """One of a file of the MP4 family."""
    return (8 + len(content)).to_bytes(4, "big") + kind + content


TRANSPORT = (b"G" + bytes(187)) * 4
FILMS = {
    "mp4": box(b"ftyp", b"isom\0\0\0\0isom"),
    "mov": box(b"ftyp", b"qt  \0\0\0\0qt  "),
    "old mov": box(b"moov", bytes(200)),
    "heic sequence": box(b"ftyp", b"hevc\0\0\0\0mif1heic"),
    "avif sequence": box(b"ftyp", b"avis\0\0\0\0avifmif1"),
    "mkv": b"\x1a\x45\xdf\xa3" + bytes(50),
    "avi": b"RIFF\x10\0\0\0AVI LIST",
    "ts": TRANSPORT,
    "m2ts": b"".join(bytes(4) + TRANSPORT[:188] for _ in range(4)),
    "mpg": b"\0\0\x01\xba" + bytes(50),
    "y4m": b"YUV4MPEG2 W32 H24 F25:1\n",
    "flv": b"FLV\x01\x05",
    "wmv": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(50),
    "motion jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"ftyp", b"mjp2\0\0\0\0mjp2"),
}
RAW = {"cr2": b"II*\0\x10\0\0\0CR\x02\0", "cr3": box(b"ftyp", b"crx \0\0\0\0crx isom"), "raf": b"FUJIFILMCCD-RAW 0201"}
OTHERS = {
    "text": b"BMW is free, and moov is a word",
    "netpbm of words": b"P3 is a player\n",
    "song": b"ID3\x03" + bytes(20),
    "sound": b"RIFF\x10\0\0\0WAVEfmt ",
    "m4a": box(b"ftyp", b"M4A \0\0\0\0"),
    "pdf": b"%PDF-1.7",
    "icon": b"\0\0\x01\0\x01\0",
    "nothing": b"",
    "one byte": b"x",
}


@pytest.mark.parametrize("name", ["a", "a.mp4", "A.JPG", "a.jfif", "a.txt"])
@pytest.mark.parametrize("kind", [*KINDS, "HEIF"])
def test_an_image_is_recognised_under_any_name(tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(stored(kind))
    assert is_image(str(path)) and bool(media_kind(str(path)))
    assert is_image(path.as_uri())


@pytest.mark.parametrize("kind", MOVING)
def test_an_animated_image_is_a_video(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(stored(kind, several=True))
    assert not is_image(str(path)) and bool(media_kind(str(path)))


@pytest.mark.parametrize("kind", FILMS)
def test_a_video_is_recognised_under_any_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(FILMS[kind])
    assert not is_image(str(path))
    assert bool(media_kind(str(path.rename(tmp_path / "a"))))


@pytest.mark.parametrize("kind", RAW)
def test_raw_photos_are_images(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(RAW[kind])
    assert is_image(str(path))


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_neither_goes_by_its_name(tmp_path: Path, kind: str) -> None:
    for name, media, picture in (("a", False, False), ("a.JPE", True, True), ("a.mkv", True, False)):
        (tmp_path / name).write_bytes(OTHERS[kind])
        assert (bool(media_kind(str(tmp_path / name))), is_image(str(tmp_path / name))) == (media, picture)


@pytest.mark.parametrize("kind", [*MOVING, "TIFF", "BMP", "HEIF"])
def test_a_cut_file_is_looked_at_without_an_error(tmp_path: Path, kind: str) -> None:
    content = stored(kind, several=kind in MOVING)
    for length in (*range(64), *range(64, len(content), 97)):
        (tmp_path / "a").write_bytes(content[:length])
        is_image(str(tmp_path / "a"))


def test_what_macos_lays_beside_a_photo_is_no_photo(tmp_path: Path) -> None:
    (tmp_path / "._a.jpg").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")
    assert not bool(media_kind(str(tmp_path / "._a.jpg")))


def test_sound_in_a_video_container_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "a.mka").write_bytes(FILMS["mkv"])
    assert not bool(media_kind(str(tmp_path / "a.mka")))


def test_consecutive_jpegs_are_a_video_by_their_name_alone(tmp_path: Path) -> None:
    (tmp_path / "a.mjpeg").write_bytes(stored("JPEG") * 2)
    assert not is_image(str(tmp_path / "a.mjpeg"))


def test_a_targa_image_is_recognised_by_its_name_or_its_end(tmp_path: Path) -> None:
    content = stored("TGA")
    (tmp_path / "a.tga").write_bytes(content)
    assert is_image(str(tmp_path / "a.tga"))
    end = bytes(8) + b"TRUEVISION-XFILE.\0"
    (tmp_path / "b").write_bytes((content[:-26] if content.endswith(end) else content) + end)
    assert is_image(str(tmp_path / "b"))


@pytest.mark.parametrize(
    ("address", "picture"),
    [
        ("http://h/a.jpg?size=2", True),
        ("https://h/A.HEIC#top", True),
        ("s3://bucket/a.avif", True),
        ("http://h/a.mp4?still=a.jpg", False),
        ("rtsp://h/stream", False),
        ("nothing/there.jpg", True),
        ("nothing/there.mp4", False),
    ],
)
def test_urls_and_absent_files_are_judged_by_name(address: str, picture: bool) -> None:
    assert is_image(address) == picture
