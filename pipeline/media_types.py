"""The media type of a file: image, video or neither, by its first bytes, else by its name."""

from __future__ import annotations

import os
import re
from typing import BinaryIO, Literal
from urllib.parse import unquote

Kind = Literal["image", "video"]

RAW_PHOTO_SUFFIXES = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".dng", ".erf", ".gpr", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw"),
    *(".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
)
"""Raw photos, which must be developed first: `decode` refuses them with a message."""
RAW_PHOTO_HEADS = (b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM")
"""First bytes of raw photos that are no TIFF files."""
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".heic", ".heif"),
    *(".hif", ".avif", ".jp2", ".j2k", ".jpf", ".jpx", ".jxl", ".tga", ".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm"),
    *(".hdr", ".exr", ".psd", ".sgi", ".qoi", ".dds", ".dpx", ".pcx", ".ico", ".jls"),
    *RAW_PHOTO_SUFFIXES,
)
MJPEG_SUFFIXES = (".mjpeg", ".mjpg")
"""Video as consecutive JPEGs without a container: only the suffix distinguishes it from a photo."""
VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob", ".flv"),
    *(".wmv", ".asf", ".ogv", ".3gp", ".3g2", ".gif", ".apng", ".y4m", ".mxf", ".h264", ".h265", ".ivf", ".dv"),
    *MJPEG_SUFFIXES,
)
SOUND_SUFFIXES = (".m4a", ".m4b", ".mka", ".oga", ".ogg", ".opus", ".spx", ".weba", ".wma", ".aax")
"""Sound files in the containers of videos."""

IMAGE_HEADS = (
    b"\xff\xd8\xff",  # JPEG
    *(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),  # TIFF, and BigTIFF
    *RAW_PHOTO_HEADS,
    *(b"\xff\x4f\xff\x51", b"\0\0\0\x0cJXL \r\n\x87\n"),  # JPEG 2000 as a bare stream, JPEG XL
    *(b"8BPS\0", b"qoif\0", b"DDS \x7c\0\0\0", b"SDPX", b"XPDS", b"\x76\x2f\x31\x01", b"#?RADIANCE", b"#?RGBE"),
    *(b"\x01\xda\x00\x01", b"\x01\xda\x00\x02", b"\x01\xda\x01\x01", b"\x01\xda\x01\x02"),  # SGI
    *(b"\x0a\x05\x01\x08", b"\x0a\x05\x01\x01", b"\x59\xa6\x6a\x95"),  # PCX, Sun raster
)
IMAGE_PATTERN = re.compile(
    rb"P[1-6]\s+(#[^\n]*\n\s*)*\d+\s+\d+\s|P7\n(#|WIDTH|HEIGHT)|P[Ff]\s+\d+\s+\d+\s"
    rb"|BM.{4}\0{4}.{4}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    re.S,
)
"""Netpbm with its size, and BMP with a header of a known length."""
VIDEO_HEADS = (
    *(b"\x1a\x45\xdf\xa3", b"FLV\x01", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"OggS"),  # Matroska, FLV, ASF, Ogg
    *(b"\0\0\x01\xba", b"\0\0\x01\xb3", b"YUV4MPEG2", b"\x06\x0e\x2b\x34\x02\x05\x01\x01", b"DKIF", b".RMF"),
    *(b"\0\0\0\x01\x67", b"\0\0\0\x01\x27", b"\0\0\0\x01\x40\x01", b"\0\0\0\x01\x42\x01"),  # H.264, HEVC as streams
)
TRANSPORT_PATTERN = re.compile(rb"(G.{187}){2}G|.{4}(G.{191}){2}G", re.S)
"""MPEG-TS, also with the four bytes before each packet that Blu-ray adds."""
BOXES = (b"moov", b"mdat", b"wide", b"pnot", b"styp", b"moof", b"sidx", b"free", b"skip")
"""First boxes of videos of the MP4 family without a brand."""
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis")
"""Brands of files whose primary content is a still HEVC image; image sequences (hevc, msf1 …) are videos."""
HEIF_OF_ANY_CODEC = b"mif1"
IMAGE_BRANDS = (*HEIF_BRANDS, HEIF_OF_ANY_CODEC, b"avif")
"""Brands of still images in the MP4 family."""
CANON_RAW_BRAND = b"crx "
SOUND_BRANDS = (b"M4A ", b"M4B ", b"M4P ", b"aax ")
APPLE_DOUBLE = b"\x00\x05\x16\x07"
"""First bytes of `._NAME`, which macOS writes beside a file on other file systems: never media, despite the name."""
COMPANION = "._"
HEAD = 600
TGA_END = b"TRUEVISION-XFILE.\0"


def is_image(path: str) -> bool:
    """Whether an input is a still image, not a video; URLs are judged by their names."""
    return _kind(path) == "image"


def media_kind(path: str) -> Kind | None:
    """Whether a file is a video or an image by its content or its name; None if it is neither."""
    return None if _suffix(path) in SOUND_SUFFIXES else _kind(path)


def is_companion(path: str) -> bool:
    """Whether a name is that of the file in which macOS keeps the attributes of another one, `._clip.mp4`."""
    return os.path.basename(path).startswith(COMPANION)


def has_media_suffix(path: str) -> bool:
    """Whether a name has the suffix of a video or an image."""
    return _kind_called(path) is not None


def _kind(path: str) -> Kind | None:
    local = _local(path)
    if local is None:
        return _kind_called(path)
    try:
        with open(local, "rb") as file:
            head = file.read(HEAD)
            if head.startswith(APPLE_DOUBLE):
                return None
            found = kind_of_content(head, file)
    except (OSError, ValueError):
        return _kind_called(path)
    if found == "image" and _suffix(path) in MJPEG_SUFFIXES and head.startswith(b"\xff\xd8"):
        return "video"
    return found or _kind_called(path)


def _local(path: str) -> str | None:
    """The regular file that a path or `file:` URL names, None for all others."""
    local = local_path(path)
    return local if os.path.isfile(local) else None


def local_path(name: str) -> str:
    """The path of a `file:` URL; every other name unchanged."""
    scheme, _, rest = name.partition("://")
    host, slash, path = rest.partition("/")
    if scheme.lower() != "file" or host.lower() not in ("", "localhost"):
        return name
    # Programs write such URLs with and without percent encoding: a file with the literal name has priority.
    return slash + path if os.path.exists(slash + path) else slash + unquote(path)


def name_and_suffix(path: str) -> tuple[str, str]:
    """The stem and the suffix of a path's last name, as of `pathlib`, which is too slow for many files."""
    name = os.path.basename(path.rstrip("/"))
    dot = name.rfind(".")
    return (name[:dot], name[dot:]) if 0 < dot < len(name) - 1 else (name, "")


def _suffix(path: str) -> str:
    named = re.sub(r"[?#].*$", "", path) if "://" in path else path
    return name_and_suffix(named)[1].lower()


def _kind_called(path: str) -> Kind | None:
    suffix = _suffix(path)
    if suffix in IMAGE_SUFFIXES:
        return "image"
    return "video" if suffix in VIDEO_SUFFIXES else None


def kind_of_content(head: bytes, file: BinaryIO) -> Kind | None:
    """The media type of a file by its content; None if that is unknown.

    Args:
        head: its first bytes, some hundred.
        file: the file, for data behind its head: whether a GIF, PNG or WebP is animated, and the end of a TGA.
    """
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _image_or_video(_gif_frames(file))
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _image_or_video(_png_frames(file))
    if head[:4] == b"RIFF":
        return _kind_of_riff(head, file)
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return None if brand in SOUND_BRANDS else "image" if brand in (*IMAGE_BRANDS, CANON_RAW_BRAND) else "video"
    if head[4:8] == b"jP  ":
        return "video" if head[20:24] == b"mjp2" else "image"
    if head.startswith(IMAGE_HEADS) or IMAGE_PATTERN.match(head):
        return "image"
    boxes = head[:1] < b" " and head[4:8] in BOXES  # no text begins with the length of a box
    if boxes or head.startswith(VIDEO_HEADS) or TRANSPORT_PATTERN.match(head):
        return "video"
    return "image" if _ends_as_tga(file) else None


def _image_or_video(frames: int) -> Kind:
    return "video" if frames > 1 else "image"


def _kind_of_riff(head: bytes, file: BinaryIO) -> Kind | None:
    if head[8:12] == b"WEBP":
        may_move = head[12:16] == b"VP8X" and int.from_bytes(head[20:21], "big") & 2
        return _image_or_video(_webp_frames(file) if may_move else 1)
    return "video" if head[8:11] == b"AVI" else None


def _gif_frames(file: BinaryIO) -> int:
    """Number of frames of a GIF; counts no further than two (GIF89a, appendix A)."""
    file.seek(10)
    screen = file.read(3)
    file.seek(13 + _palette(screen[:1]))
    frames = 0
    while frames < 2 and (kind := file.read(1)) in (b"!", b","):
        if kind == b"!":
            file.seek(1, os.SEEK_CUR)
        else:
            frames += 1
            file.seek(_palette(file.read(9)[8:]) + 1, os.SEEK_CUR)
        while (size := file.read(1)) not in (b"", b"\0"):
            file.seek(size[0], os.SEEK_CUR)
    return frames


def _palette(flags: bytes) -> int:
    """Size in bytes of the palette that flags announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _png_frames(file: BinaryIO) -> int:
    """Number of frames of a PNG by its `acTL` chunk; one without such a chunk."""
    file.seek(8)
    while len(header := file.read(8)) == 8 and header[4:] != b"IDAT":
        if header[4:] == b"acTL":
            return int.from_bytes(file.read(4), "big")
        file.seek(int.from_bytes(header[:4], "big") + 4, os.SEEK_CUR)
    return 1


def _webp_frames(file: BinaryIO) -> int:
    """Number of frames of an animated WebP; counts no further than two."""
    file.seek(12)
    frames = 0
    while frames < 2 and len(header := file.read(8)) == 8:
        frames += header[:4] == b"ANMF"
        size = int.from_bytes(header[4:], "little")
        file.seek(size + size % 2, os.SEEK_CUR)
    return frames


def _ends_as_tga(file: BinaryIO) -> bool:
    size = file.seek(0, os.SEEK_END)
    if size < len(TGA_END):
        return False
    file.seek(size - len(TGA_END))
    return file.read() == TGA_END
