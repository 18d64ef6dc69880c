"""Damaged images cause one error and no output of C libraries on standard error."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.video.decoding.silenced_stderr import silenced_stderr

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parents[3]
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8))
READ = """
import sys
from pipeline.stage import StageError
from stages.video.decoding.still_images import is_still, copied_metadata, read_still
for path in sys.argv[1:]:
    try:
        if is_still(path):
            read_still(path)
            copied_metadata(path)
    except StageError:
        pass
"""
KINDS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("TIFF", ".tif", {"compression": "tiff_lzw"}),
    ("TIFF", ".tif", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", ".tif", {"compression": "jpeg"}),
    ("TIFF", ".tif", {}),
    ("PNG", ".png", {}),
    ("PNG", ".tif", {}),
    ("JPEG", ".jpg", {}),
    ("WEBP", ".webp", {}),
    ("AVIF", ".avif", {}),
    ("JPEG2000", ".jp2", {}),
    ("GIF", ".gif", {}),
    ("TGA", ".tga", {}),
)


def damaged(content: bytes, choice: random.Random) -> bytes:
    """A file with three wrong bytes near its start, or a truncated one."""
    if choice.random() < 0.2:
        return content[: choice.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(3):
        changed[choice.randrange(min(len(changed), 300))] = choice.randrange(256)
    return bytes(changed)


def test_damaged_images_print_nothing_to_standard_error(tmp_path: Path) -> None:
    choice = random.Random(0)
    paths = []
    for number, (kind, suffix, options) in enumerate(KINDS):
        file = io.BytesIO()
        NOISE.save(file, kind, **options)
        for copy in range(12):
            paths.append(tmp_path / f"{number}_{copy}{suffix}")
            paths[-1].write_bytes(damaged(file.getvalue(), choice))
    run = subprocess.run([sys.executable, "-c", READ, *map(str, paths)], cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


def test_standard_error_is_restored_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="damage"), silenced_stderr():
        os.write(2, b"a library's line\n")
        raise ValueError("damage")
    os.write(2, b"an error\n")
    assert capfd.readouterr().err == "an error\n"


def test_opencv_prints_no_warnings(tmp_path: Path) -> None:
    code = "import stages, cv2, sys; cv2.imread(sys.argv[1])"
    environment = {key: value for key, value in os.environ.items() if key != "OPENCV_LOG_LEVEL"}
    missing = [sys.executable, "-c", code, str(tmp_path / "missing.png")]
    assert subprocess.run(missing, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stderr == ""
