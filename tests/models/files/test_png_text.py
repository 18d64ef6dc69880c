"""PNG files with texts and profiles that expand to more than memory holds: the pixels are read without them."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from models.files.image_size import LEFT_OUT, decode_pixels, open_image, read_pixels
from models.files.png_text import LARGEST_TEXT, left_out_text, without_large_text
from models.surface.atlas_file import read_texels
from pipeline.stage import StageError
from stages.drawing.render import Render
from stages.video.decoding.still_images import copied_metadata
from tests.models.files.test_image_size import chunk
from tests.stages.video.video_runs import decoded, transcode

pytestmark = pytest.mark.quick

PIXELS = np.random.default_rng(5).integers(0, 255, (40, 60, 3), dtype=np.uint8)
HEADER_END, END_BYTES = 33, 12
MB = 1 << 20


def _png(*, frames: int = 1) -> bytes:
    memory = BytesIO()
    images = [Image.fromarray(np.roll(PIXELS, i, 0)) for i in range(frames)]
    images[0].save(memory, "PNG", **({"save_all": True, "append_images": images[1:]} if frames > 1 else {}))
    return memory.getvalue()


def _zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(MB)) for _ in range(megabytes)) + packer.flush()


LARGE = {
    "profile": chunk(b"iCCP", b"p\0\0" + _zeros(3)),
    "text": chunk(b"zTXt", b"Comment\0\0" + _zeros(3)),
    "international": chunk(b"iTXt", b"Comment\0\1\0en\0Notiz\0" + _zeros(3)),
    "plain": chunk(b"tEXt", b"Comment\0" + b" " * (3 * MB)),
    "many": b"".join(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(MB - 9))) for _ in range(20)),
}


def _write(path: Path, content: bytes, added: bytes, *, at_end: bool = False) -> Path:
    """A PNG with chunks after its header, or before its end."""
    place = len(content) - END_BYTES if at_end else HEADER_END
    path.write_bytes(content[:place] + added + content[place:])
    return path


@pytest.mark.parametrize("kind", LARGE)
@pytest.mark.parametrize("at_end", [False, True])
def test_every_reader_reads_the_pixels(
    tmp_path: Path, kind: str, at_end: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    if kind == "profile" and at_end:
        pytest.skip("a profile stands before the pixels")
    path = _write(tmp_path / "a.png", _png(), LARGE[kind], at_end=at_end)
    chunks, facts = decoded(path)
    assert (chunks[0].rgb_THW3[0] == PIXELS).all()
    name = "colour profile" if kind == "profile" else "text"
    assert facts["warnings"] == [f"the image is read without its {name} (over 1 MB)"]
    assert (read_texels(path) == PIXELS).all()
    for found in (read_pixels(path), decode_pixels(path.read_bytes(), "a")):
        assert found is not None and (found[..., ::-1] == PIXELS).all()
    assert capfd.readouterr().err == ""
    with open_image(path, "a") as image:
        image.load()
        assert (image.info[LEFT_OUT] and "Comment" not in image.info) or kind == "many"


def test_animations_keep_all_frames(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.png", _png(frames=4), LARGE["profile"])
    run = transcode(path, tmp_path / "out.mkv", encode={"codec": "ffv1"})
    assert run.facts["frames_in"] == 4
    assert run.warnings == "the image is read without its colour profile (over 1 MB)"


def test_usual_profiles_and_texts_are_kept(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    added = chunk(b"iCCP", b"p\0\0" + zlib.compress(profile)) + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"Hi"))
    path = _write(tmp_path / "a.png", _png(), added)
    assert copied_metadata(str(path))["icc_profile"] == profile
    with path.open("rb") as file:
        assert without_large_text(file) == (file, "") and file.tell() == 0
    with open_image(path, "a") as image:
        assert image.info["Comment"] == "Hi" and LEFT_OUT not in image.info


@pytest.mark.parametrize("added", [
    chunk(b"iCCP", b"p\0\0" + b"no zlib"), chunk(b"zTXt", b"no keyword"), chunk(b"iTXt", b"a\0\1"), chunk(b"iCCP", b""),
    struct.pack(">I4s", 2**31, b"zTXt"),
])  # fmt: skip
def test_damaged_chunks_are_left_to_the_readers(tmp_path: Path, added: bytes) -> None:
    path = _write(tmp_path / "a.png", _png(), added)
    with path.open("rb") as file:
        assert without_large_text(file)[1] == ""


def test_the_rest_of_a_file_is_unchanged(tmp_path: Path) -> None:
    content = _png()
    with _write(tmp_path / "a.png", content, LARGE["text"] + LARGE["profile"]).open("rb") as file:
        rest, sentence = without_large_text(file)
        assert rest.read() == content and "colour profile and text" in sentence
        rest.seek(-END_BYTES, 2)
        assert rest.read() == content[-END_BYTES:] and rest.read() == b""
        rest.seek(3)
        assert rest.read(7) == content[3:10] and rest.tell() == 10
        assert not file.closed


def test_atlases_and_logos_are_announced(tmp_path: Path) -> None:
    path = str(_write(tmp_path / "suit.png", _png(), LARGE["profile"]))
    sentence = f"{path}: the image is read without its colour profile (over 1 MB)"
    assert Render.announce(Render.Config(atlas=path, atlas_of={"2": path})) == [sentence]
    assert Render.announce(Render.Config(atlas=path, style="parts")) == ()
    assert Render.announce(Render.Config(atlas=str(tmp_path / "absent.png"))) == []
    assert left_out_text(tmp_path / "absent.png") == ""


def test_an_icon_of_such_an_image_is_refused(tmp_path: Path) -> None:
    png = _write(tmp_path / "a.png", _png(), LARGE["profile"]).read_bytes()
    entry = struct.pack("<4B2H2I", 60, 40, 0, 0, 1, 24, len(png), 22)
    (tmp_path / "a.ico").write_bytes(struct.pack("<3H", 0, 1, 1) + entry + png)
    with pytest.raises(StageError, match=r"a\.ico: is a damaged image"):
        decoded(tmp_path / "a.ico")


MEASURE = """
import resource, sys
from tests.stages.video.video_runs import decoded
decoded(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


def test_memory_does_not_grow_with_the_profile(tmp_path: Path, root: Path) -> None:
    """Read in a process of its own: 180 MB of zeros cost as much as FFmpeg's copies of them, if they are expanded."""
    plain = _write(tmp_path / "plain.png", _png(), b"")
    large = _write(tmp_path / "large.png", _png(), chunk(b"iCCP", b"p\0\0" + _zeros(180)))
    peak_mb = [
        int(subprocess.run([sys.executable, "-c", MEASURE, path], cwd=root, capture_output=True, check=True).stdout)
        for path in (plain, large)
    ]
    assert peak_mb[1] - peak_mb[0] < 40


def test_expanded_sizes_at_the_limit(tmp_path: Path) -> None:
    for size, kept in ((LARGEST_TEXT, True), (LARGEST_TEXT + 1, False)):
        text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(size)))
        path = _write(tmp_path / "a.png", _png(), text)
        assert (left_out_text(path) == "") == kept
        assert cv2.imread(str(path)) is not None
