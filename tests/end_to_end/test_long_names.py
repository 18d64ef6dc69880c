"""Names as long as file systems take: every input gets its result, and what has too long a name stops nobody."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.files.atomic_file import atomic_write, remove_stale_drafts
from pipeline.command.cli import main
from pipeline.stage import NAME_BYTES, fitting_name, working_folder
from tests.faults.random_weights import random_weights

LONGEST = ("踊" * 78 + "a.mp4", "舞" * 83 + "b.png", "c" * 251 + ".png", "ä" * 120 + "d.png")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A network that knows nothing, on a few small frames."""
    weights = random_weights(tmp_path_factory.mktemp("weights"))
    settings = [f"network.weights={weights}", "network.min_score=0.0001", "network.max_people=1", "threads=1"]
    settings += ["decode.max_size=96", "decode.end=0.2", "encode.segment_frames=2"]
    return [word for setting in settings for word in ("--set", setting)]


@pytest.mark.parametrize("config", ["video", "batch"])
def test_every_input_gets_its_result(
    root: Path, tmp_path: Path, network: list[str], config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "in"
    place.mkdir()
    for name in (*LONGEST, "plain.png"):
        if name.endswith(".mp4"):
            shutil.copy(root / "configs" / "demo_walk.mp4", place / name)
        else:
            cv2.imwrite(str(tmp_path / "x.png"), np.full((48, 64, 3), 90, np.uint8))
            shutil.copy(tmp_path / "x.png", place / name)
    monkeypatch.chdir(tmp_path)
    exports = ["--export", "csv=csv/", "--export", "instances=raw/", "--export", "iuv=iuv/"]
    assert main([str(place), "-o", "out/", "--serial", "-c", config, *network, *exports]) == 0
    made = [path for path in (tmp_path / "out").iterdir() if path.name != "batch.json"]
    assert len(made) == 5 and all(path.is_file() for path in made)
    assert len(list((tmp_path / "csv").iterdir())) == len(list((tmp_path / "raw").iterdir())) == 5
    assert not list(tmp_path.rglob("*.partial"))
    assert main([str(place), "-o", "out/", "--serial", "-c", config, *network, *exports, "--resume"]) == 0


def test_a_name_that_no_file_system_takes_is_one_sentence(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([str(root / "configs" / "demo_walk.mp4"), "-o", "é" * 130 + ".mp4", "--serial"]) == 1
    said = capsys.readouterr().err
    assert "this name is too long; name a shorter one with -o" in said and "Traceback" not in said
    assert main(["x" * 300 + ".mp4", "--serial"]) == 1
    assert "this file does not exist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [*LONGEST, "x" * 255, "踊" * 85, "a.mp4"])
def test_names_beside_a_file_fit_and_differ(name: str) -> None:
    beside = [working_folder(f"/somewhere/{name}"), working_folder(f"/somewhere/{name[:-1]}_")]
    assert beside[0] != beside[1]
    for path in beside:
        assert path.startswith("/somewhere/") and path.endswith(".partial")
        assert len(Path(path).name.encode()) <= NAME_BYTES
    assert fitting_name(name, ".csv").encode().decode() == fitting_name(name, ".csv")
    assert working_folder("/somewhere/a.mp4") == "/somewhere/a.mp4.partial"


def test_a_draft_of_a_long_name_is_written_and_one_of_a_killed_process_removed(tmp_path: Path) -> None:
    for name in LONGEST:
        with atomic_write(tmp_path / name) as draft:
            draft.write_bytes(b"whole")
            (mine,) = tmp_path.glob(".*.partial")
            process = mine.name.split(".")[-2]
            remove_stale_drafts(tmp_path)
            assert draft.exists()
    left = tmp_path / f".x.png.{2**22 + 7}{process[process.index('-') :]}.partial"  # above every process number
    left.touch()
    elsewhere = tmp_path / f".x.png.{2**22 + 7}-01234567.partial"
    elsewhere.touch()
    remove_stale_drafts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*LONGEST, elsewhere.name])
