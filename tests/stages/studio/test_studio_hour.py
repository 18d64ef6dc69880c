"""Four annotators, the program and two of them killed in between: what was confirmed is in the file."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.quality.studio_hour import worked_hour
from tests.stages.studio.kept_actions import Sheet, missing


def test_every_confirmed_action_is_in_the_file_after_kills(tmp_path: Path) -> None:
    """The quick form of `tests.benchmarks.quality.studio_hour`."""
    lost, actions = worked_hour(tmp_path, images=12, actions=120, kills=1)
    assert lost == [] and actions >= 120


def test_what_is_lost_is_named() -> None:
    """The check itself: a file that lacks a keypoint, and one that lacks the person."""
    sheet = Sheet()
    sheet.do({"do": "box", "person": 1, "box_4": [1, 1, 9, 9]})
    sheet.do({"do": "keypoint", "person": 1, "joint": 3, "x": 4, "y": 5, "visibility": 2})
    about = {"annotator": "ann", "finished": False, "hidden": 0}
    person = {"image_id": 1, "bbox": [1, 1, 8, 8], "area": 64, "dp_annotation": about}
    document = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [person]}
    assert list(missing(document, {"ann": {"a.png": sheet}})) == ["a.png, ann: joint 3"]
    assert list(missing({**document, "annotations": []}, {"ann": {"a.png": sheet}})) == ["a.png, ann: the person"]
    sheet.do("undo")
    assert list(missing(document, {"ann": {"a.png": sheet}})) == []
