"""Clothes from one video onto the people of another, and a film of errors, by the commands that a user gives."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pipeline.command.arguments import apply_shortcuts, read_arguments
from pipeline.command.cli import main
from pipeline.configuration.config import read_config
from stages import STAGES


@pytest.fixture
def clip(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return str(root / "configs" / "demo_walk.mp4")


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def test_clothes_of_one_video_are_worn_in_another(clip: str, tmp_path: Path) -> None:
    """Unwrapped under its default name, then worn beside the original: the left half is the clip, the right differs."""
    short = ["--serial", "--set", "decode.start=2", "--set", "decode.end=2.12"]
    assert main([clip, "-c", "unwrap", *short]) == 0
    with Image.open(tmp_path / "demo_walk.atlas.png") as atlas:
        assert atlas.size == (800, 1200)
    worn = ["--atlas", "demo_walk.atlas.png", "--style", "none+texture", "-o", "worn.mp4"]
    assert main([clip, *worn, *short]) == 0
    shown, before = pictures(tmp_path / "worn.mp4"), pictures(Path(clip))[50:53]
    assert len(shown) == 3
    for frame, original in zip(shown, before, strict=True):
        height, width = original.shape[:2]
        assert frame.shape == (height, 2 * width, 3)
        off_left, off_right = (np.abs(half.astype(int) - original).max(axis=-1) for half in np.split(frame, 2, axis=1))
        assert (off_left > 40).mean() < 0.001  # H.264 alone is seldom that far off
        assert (off_right > 40).mean() > 0.003  # two people, of whom one is in the other's clothes


def test_an_error_video_is_three_images_wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["synthesize.count=2", "synthesize.height=120", "synthesize.width=160"]
    assert main(["-c", "errors", "-o", "errors.mp4", "--serial", *(f"--set={one}" for one in small)]) == 0
    assert [frame.shape for frame in pictures(tmp_path / "errors.mp4")] == [(120, 480, 3)] * 2


def test_atlases_on_the_command_line_are_settings() -> None:
    raw = read_config("video")
    words = ["--atlas", "a.png", "--atlas", "3=b.png", "--atlas", "x=y.png"]
    apply_shortcuts(raw, read_arguments(words), STAGES)
    assert raw.values["render"]["atlas_of"] == {"3": "b.png"}
    assert raw.values["render"]["atlas"] == "x=y.png"  # not a number: a file's name may hold an equals sign


def test_wrong_options_are_one_sentence(clip: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([clip, "-o", "o.mp4", "--serial", "--atlas", "absent.png"]) == 2
    assert "render.atlas: absent.png: no such image file" in capsys.readouterr().err
    assert main([clip, "-o", "o.mp4", "--serial", "--style", "sepia"]) == 2
    assert "there is no style 'sepia', choose one of texture, parts" in capsys.readouterr().err
    assert main([clip, "-o", "o.mp4", "--serial", "--set", "render.only=[trouser]"]) == 2
    assert "did you mean 'trousers'" in capsys.readouterr().err
    assert main([clip, "-o", "o.mp4", "--serial", "-c", "unwrap"]) == 2
    assert "an atlas is a lossless image" in capsys.readouterr().err
    assert main([clip, "-c", "unwrap", "--atlas", "a.png"]) == 2
    assert "this configuration renders nothing" in capsys.readouterr().err
