"""How many pixels a source expects of an input, by which a run decides whether Ray is worth its start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from pipeline.stage import Job
from stages.people.detect import Detect
from stages.video.decode import Decode

pytestmark = pytest.mark.quick


def expected(path: Path | str, **settings: Any) -> float | None:
    return Decode.megapixels(Decode.Config(**settings), Job(index=0, input=str(path), output=None, stem="x"))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty frames of 200×100 at 25 per second: one megapixel."""
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 200, 100, "yuv420p"
        for _ in range(50):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((100, 200, 3), np.uint8), format="rgb24")))
        target.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("settings", "megapixels"),
    [
        ({}, 1.0),
        ({"start": 1.0}, 0.5),
        ({"end": 0.5}, 0.25),
        ({"end": 60.0}, 1.0),
        ({"start": 5.0}, 0.0),
        ({"every": 2}, 0.5),
        ({"max_size": 100}, 0.25),
        ({"first_frame": 10, "end_frame": 20}, 0.2),
    ],
)
def test_pixels_are_counted_as_the_settings_select_them(film: Path, settings: Any, megapixels: float) -> None:
    assert expected(film, **settings) == pytest.approx(megapixels, rel=0.05)


def test_what_states_no_length_is_unknown(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "text.mp4").write_text("no video")
    for name in (tmp_path / "a.png", tmp_path / "text.mp4", tmp_path / "absent.mp4", "rtsp://camera/stream"):
        assert expected(name) is None, name


def test_other_networks_are_heavy() -> None:
    assert not Detect.is_heavy(Detect.Config())
    from models.network import NetworkConfig

    assert Detect.is_heavy(Detect.Config(network=NetworkConfig(tta="full")))
    assert Detect.is_heavy(Detect.Config(network=NetworkConfig(kind="zoo", weights="zoo:x")))
