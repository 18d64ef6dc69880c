"""Damaged saved results: each wrong array, number and entry is named in one typed error."""

from __future__ import annotations

import base64
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.stage import StageError
from stages.payloads import VideoInfo
from stages.results.formats.npz import read_frame, read_stream
from stages.results.formats.numbered_results import ResultList
from stages.video.encoding.resume_info import video_info_to_json

pytestmark = pytest.mark.quick

VIDEO = VideoInfo(path="", width=64, height=48, still=False, rate=None, time_base=Fraction(1, 25))
FRAME: dict[str, Any] = {
    "boxes_N4": np.array([[3, 4, 12, 16]], np.float32),
    "scores_N": np.ones(1, np.float32),
    "ids_N": np.array([1], np.int32),
    "corners_N2": np.array([[3, 4]], np.int32),
    "frame": np.int64(3),
    "pts": np.int64(3),
    "labels_0": np.full((12, 9), 2, np.uint8),
    "uv_0": np.full((2, 12, 9), 0.5, np.float32),
}


def saved(path: Path, **changes: Any) -> Path:
    np.savez(path, **{key: value for key, value in {**FRAME, **changes}.items() if value is not None})
    return path


WRONG: dict[str, Any] = {
    "boxes_N4": (np.zeros((1, 3), np.float32), np.full((1, 4), np.nan, np.float32), np.array(["x"]), None),
    "scores_N": (np.zeros(2, np.float32), np.array([np.inf], np.float32)),
    "ids_N": (np.zeros(1, np.float32), np.zeros((1, 1), np.int32)),
    "corners_N2": (np.array([[2**40, 0]]), np.zeros((2, 2), np.int32), np.array([["a", "b"]])),
    "frame": (np.int64(-1), np.array([1, 2]), np.float64(1)),
    "labels_0": (np.full((12, 9), 25, np.uint8), np.zeros((12, 9), np.float32), np.zeros(12, np.uint8)),
    "uv_0": (np.zeros((2, 12, 8), np.float32), np.full((2, 12, 9), np.inf, np.float32)),
    "near_N": (np.zeros(2, np.float32),),
    "bridged_N": (np.zeros(1, np.float32),),
    "confidence_0": (np.zeros((1, 1), np.float32),),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_frame_with_one_wrong_array(tmp_path: Path, name: str, value: Any) -> None:
    assert read_frame(saved(tmp_path / "whole.npz"), VIDEO).surfaces[0].labels_hw.max() == 2
    with pytest.raises(StageError, match=r"a\.npz: is no frame of an export of surfaces"):
        read_frame(saved(tmp_path / "a.npz", **{name: value}), VIDEO)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", "1e999999999"), ("time_base", "1/0"), ("time_base", "0"), ("time_base", None), ("rate", []),
        ("rate", 25),
        ("width", 10**9), ("height", -3), ("width", 3.5), ("width", True), ("path", 3), ("still", "no"),
        ("frames", "x"),
        ("colorspace", 2**80), ("cut_start", "nan"),
    ],
)  # fmt: skip
def test_a_stream_with_an_invalid_property(tmp_path: Path, name: str, value: Any) -> None:
    (tmp_path / "stream.json").write_text(json.dumps({**video_info_to_json(VIDEO), "exported": 1}))
    assert read_stream(tmp_path) == VIDEO
    (tmp_path / "stream.json").write_text(json.dumps({**video_info_to_json(VIDEO), name: value}))
    with pytest.raises(Exception, match=r"stream\.json: (lacks|has)") as caught:
        read_stream(tmp_path)
    assert len(str(caught.value)) < 400 and caught.value.what  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("score", []), ("score", "x"), ("track_id", 2**63), ("track_id", 1.5), ("bridged", 3), ("bbox", [1, 2, 3]),
        ("bbox", [1, 2, 3, 1e300]), ("bbox", ["a", 2, 3, 4]), ("bbox", None), ("uv_data", 3), ("uv_data", "????"),
    ],
)  # fmt: skip
def test_a_list_with_one_wrong_entry(tmp_path: Path, name: str, value: Any) -> None:
    png = base64.b64encode(cv2.imencode(".png", np.full((8, 6, 3), 3, np.uint8))[1].tobytes()).decode()
    entry = {"image_id": 0, "bbox": [1.0, 2.0, 6.0, 8.0], "score": 0.5, "uv_data": png}
    (tmp_path / "a.json").write_text(json.dumps([entry]))
    people_of_frame = ResultList(tmp_path / "a.json").people_of_frame(0, "a", False)
    assert people_of_frame is not None and len(people_of_frame.surfaces) == 1
    (tmp_path / "a.json").write_text(json.dumps([{**entry, name: value}]))
    with pytest.raises(StageError, match=r"a\.json: has a damaged entry for image_id 0"):
        ResultList(tmp_path / "a.json").people_of_frame(0, "a", False)
