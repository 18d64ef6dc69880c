"""Raw photos are refused with an error; their preview is never taken for the photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from pipeline.stage import RAW_PHOTO_SUFFIXES, StageError
from tests.stages.video.test_still_images import IMAGE, still
from tests.stages.video.video_runs import decoded

pytestmark = pytest.mark.quick

PREVIEW = Image.fromarray(np.ascontiguousarray(IMAGE[::2, ::2]))
KIND_OF_PAGE, DNG_VERSION = 254, 50706


def tags(reduced: bool, dng: bool = False) -> TiffImagePlugin.ImageFileDirectory_v2:
    """The tags of a page: whether it is a preview, whether the file is a DNG."""
    found = TiffImagePlugin.ImageFileDirectory_v2()
    found[KIND_OF_PAGE] = int(reduced)
    if dng:
        found.tagtype[DNG_VERSION] = 1
        found[DNG_VERSION] = (1, 4, 0, 0)
    return found


def refused(path: Path) -> None:
    """Raises AssertionError unless the file is refused as a raw photo."""
    with pytest.raises(StageError, match="developed first"):
        decoded(path)


@pytest.mark.parametrize("suffix", [".nef", ".ARW", ".dng", ".pef", ".srw"])
def test_a_tiff_with_the_suffix_of_a_raw_photo_is_one(tmp_path: Path, suffix: str) -> None:
    assert suffix.lower() in RAW_PHOTO_SUFFIXES
    PREVIEW.save(tmp_path / f"a{suffix}", "TIFF")
    refused(tmp_path / f"a{suffix}")


@pytest.mark.filterwarnings("ignore:Metadata Warning:UserWarning")  # Pillow, when it writes the file
@pytest.mark.parametrize("name", ["a.tif", "a", "a.jpg"])
def test_the_content_decides_under_other_names(tmp_path: Path, name: str) -> None:
    PREVIEW.save(tmp_path / name, "TIFF", tiffinfo=tags(reduced=True))
    refused(tmp_path / name)
    PREVIEW.save(tmp_path / name, "TIFF", tiffinfo=tags(reduced=False, dng=True))
    refused(tmp_path / name)


@pytest.mark.parametrize(
    "head", [b"II*\0\x10\0\0\0CR\x02\0", b"\0\0\0\x18ftypcrx ", b"FUJIFILMCCD-RAW 0201", b"IIU\0", b"IIRO", b"FOVb"]
)
def test_raw_formats_that_are_no_tiff(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a").write_bytes(head + bytes(200))
    refused(tmp_path / "a")


def test_a_jpeg_with_the_suffix_of_a_raw_photo_is_a_photo(tmp_path: Path) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "a.nef", "PNG")
    assert (still(tmp_path / "a.nef") == IMAGE).all()


def test_a_preview_before_the_image_is_skipped_with_a_warning(tmp_path: Path) -> None:
    full = Image.fromarray(IMAGE)
    full.encoderinfo = {"tiffinfo": tags(reduced=False)}
    PREVIEW.save(tmp_path / "a.tif", save_all=True, append_images=[full], tiffinfo=tags(reduced=True))
    with Image.open(tmp_path / "a.tif") as written:
        assert written.n_frames == 2 and written.size == PREVIEW.size
    assert (still(tmp_path / "a.tif") == IMAGE).all()
    assert "preview" in " ".join(decoded(tmp_path / "a.tif")[1]["warnings"])


def test_an_image_of_an_unsupported_format(tmp_path: Path) -> None:
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a" + bytes(40))
    with pytest.raises(StageError, match=r"image of a format that cannot be read \(\.jxl\)"):
        decoded(tmp_path / "a.jxl")
