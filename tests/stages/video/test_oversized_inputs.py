"""Animations, still images and videos with too many pixels are refused by their headers."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from models.files.image_size import VARIABLE
from pipeline.stage import Job, StageError
from stages.drawing.person_atlases import PersonAtlases
from stages.payloads import FrameChunk
from stages.video.decode import Decode

pytestmark = pytest.mark.quick


def decoded(path: Path) -> tuple[list[FrameChunk], dict[str, object]]:
    stage = Decode(Decode.Config())
    try:
        return list(stage(Job(index=0, input=str(path), output=None, stem="a"))), dict(stage.summary())
    finally:
        stage.close()


def animation(path: Path, width: int, height: int) -> Path:
    frames = [Image.fromarray(np.full((height, width, 3), value, np.uint8)) for value in (0, 90, 200)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40)
    return path


def video_file(path: Path, width: int, height: int) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg" if path.suffix == ".avi" else "libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p" if path.suffix == ".avi" else "yuv420p"
        for _ in range(3):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8))))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.avif", "a.mp4", "a.avi"])
def test_oversized_animations_and_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    make = video_file if name in ("a.mp4", "a.avi") else animation
    path = make(tmp_path / name, 1216, 912)
    monkeypatch.setenv(VARIABLE, "1")
    with pytest.raises(StageError, match=r"has 1216×912 pixels; the limit .* 1 million.*largest_image"):
        decoded(path)
    with pytest.raises(StageError, match=r"render.atlas: .*has 1216×912 pixels"):
        PersonAtlases(str(path), {}, None)  # type: ignore[arg-type]
    monkeypatch.setenv(VARIABLE, "1.2")
    assert sum(len(chunk) for chunk in decoded(path)[0]) == 3


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp"])
def test_oversized_still_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    Image.fromarray(np.zeros((912, 1216, 3), np.uint8)).save(tmp_path / name)
    monkeypatch.setenv(VARIABLE, "1")
    with pytest.raises(StageError, match=r"has 1216×912 pixels"):
        decoded(tmp_path / name)


def test_an_oversized_frame_in_a_video_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Motion JPEG states the size of a later frame only in that frame."""
    parts = []
    for number, (width, height) in enumerate([(320, 240)] * 5 + [(1216, 912)] + [(320, 240)] * 2):
        image = np.full((height, width, 3), number * 20, np.uint8)
        Image.fromarray(image).save(tmp_path / "one.jpg", quality=95)
        parts.append((tmp_path / "one.jpg").read_bytes())
    (tmp_path / "a.mjpeg").write_bytes(b"".join(parts))
    monkeypatch.setenv(VARIABLE, "1")
    chunks, facts = decoded(tmp_path / "a.mjpeg")
    assert sum(len(chunk) for chunk in chunks) == 7
    assert facts["truncated"]
