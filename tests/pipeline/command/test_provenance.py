"""What results state about their making, and what they keep to themselves."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from models.files.npz_file import read_arrays
from models.light.architecture.weight_paths import BUILT_IN
from pipeline.command.provenance import provenance_of
from pipeline.configuration.config import read_config, validate
from pipeline.stage import Job
from pipeline.version import VERSION
from stages import STAGES
from stages.payloads import Overlay
from stages.video.encode import Encode
from tests.stages.results.formats.made_frames import export, frames_of, job_of


def stated(*changes: tuple[str, Any], config: str = "video") -> dict[str, Any]:
    raw = read_config(config)
    for key, value in changes:
        raw.change(tuple(key.split(".")), value, "test")
    found: dict[str, Any] = json.loads(provenance_of(validate(raw, STAGES)))
    return found


def test_results_state_program_network_and_settings() -> None:
    found = stated(("render.style", "parts"), ("decode.end", 2.5), ("network.detector", "open"))
    assert found["program"] == f"densepose-video {VERSION}" and found["configuration"] == "video"
    assert found["network"] == {"name": "light", "sha256": hashlib.sha256(BUILT_IN.read_bytes()).hexdigest()}
    assert found["settings"]["render.style"] == "parts" and found["settings"]["decode.end"] == 2.5
    assert found["settings"]["detect.network.detector"] == "open"


def test_paths_secrets_and_what_changes_no_result_are_left_out(tmp_path: Path) -> None:
    weights = tmp_path / "family" / "ours.safetensors"
    found = stated(
        ("network.weights", str(weights)),
        ("render.atlas", "https://anna:geheim@host/shirt.png?key=abc"),
        ("render.atlas_of", {"2": str(tmp_path / "dress.png")}),
        ("export.to", {"csv": str(tmp_path / "people.csv")}),
        ("encode.codec", "hevc"),
    )
    text = json.dumps(found)
    assert found["network"] == {"name": "ours.safetensors"}  # this file is not here: no hash
    assert found["settings"]["render.atlas"] == "…" and found["settings"]["encode.codec"] == "hevc"
    assert not [word for word in (str(tmp_path), "family", "geheim", "anna", "host", "csv", "dress") if word in text]


def test_a_broadcast_keeps_its_passwords() -> None:
    found = stated(("live_decode.source.options", {"rtsp_transport": "tcp", "passphrase": "geheimnis"}), config="live")
    assert "geheimnis" not in json.dumps(found) and "tcp" not in json.dumps(found)


TEXT = '{"program": "densepose-video 0.0.0", "network": {"name": "light"}}'


def test_exports_carry_it_and_stay_readable(tmp_path: Path) -> None:
    job = replace(job_of(), provenance=TEXT)
    export({"iuv": tmp_path / "i", "surfaces": tmp_path / "s", "parula": tmp_path / "p.mp4"}, job=job)
    export({"iuv": tmp_path / "j", "surfaces": tmp_path / "t"})
    with_text, without = (tmp_path / name / "frame_000000.png" for name in "ij")
    assert Image.open(with_text).info["Software"] == TEXT and "Software" not in Image.open(without).info
    assert np.array_equal(np.asarray(Image.open(with_text)), np.asarray(Image.open(without)))
    arrays, plain = (read_arrays(tmp_path / name / "frame_000000.npz") for name in "st")
    assert str(arrays.pop("provenance")) == TEXT and arrays.keys() == plain.keys()
    assert all(np.array_equal(arrays[name], plain[name]) for name in plain)
    with zipfile.ZipFile(tmp_path / "s" / "frame_000000.npz") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    for name in ("p.mp4", "p.playable.mp4"):
        with av.open(str(tmp_path / name)) as film:
            assert film.metadata["encoder"] == TEXT


def written(path: Path, source: str = "", *, still: bool = False) -> Path:
    frames = frames_of(1 if still else 3)
    video = replace(frames.video, path=source, still=still)
    stage = Encode(Encode.Config())
    job = Job(index=0, input="walk.mp4", output=str(path), stem="walk", provenance=TEXT)
    list(stage(job, replace(frames, video=video), Overlay(rgb_THW3=frames.rgb_THW3)))
    list(stage.flush())
    stage.close()
    return path


@pytest.mark.parametrize(
    ("suffix", "key"),
    [("mp4", "encoder"), ("mov", "comment"), ("mkv", "SOFTWARE"), ("webm", "SOFTWARE"), ("avi", "comment")],
)
def test_films_carry_it(tmp_path: Path, suffix: str, key: str) -> None:
    with av.open(str(written(tmp_path / f"o.{suffix}"))) as film:
        assert film.metadata[key] == TEXT


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_photos_carry_it(tmp_path: Path, suffix: str) -> None:
    with Image.open(written(tmp_path / f"o.{suffix}", still=True)) as image:
        assert TEXT in (image.info.get("Software"), image.getexif().get(0x0131))


def test_a_comment_of_the_author_stays_and_an_older_provenance_does_not(tmp_path: Path) -> None:
    for comment, expected in (("Anna dances", "Anna dances"), ('{"program": "densepose-video 0.1.0"}', TEXT)):
        source = tmp_path / "source.mov"
        with av.open(str(source), "w") as film:
            film.metadata["comment"] = comment
            stream = film.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for rgb_HW3 in frames_of(3).rgb_THW3:
                film.mux(stream.encode(av.VideoFrame.from_ndarray(rgb_HW3, format="rgb24")))
            film.mux(stream.encode())
        with av.open(str(written(tmp_path / f"{len(comment)}.mov", str(source)))) as film:
            assert film.metadata["comment"] == expected
