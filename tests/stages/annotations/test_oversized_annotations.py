"""Small files whose masks, polygons, boxes or images have oversized dimensions: one error each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.stage import StageError
from stages.annotations.densepose_coco import DAMAGE_HANDLERS, read_dense_set

pytestmark = pytest.mark.quick

SIDE = 10**6
IMAGE = {"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}
PERSON = {"id": 7, "image_id": 1, "category_id": 1, "bbox": [1.0, 2.0, 30.0, 40.0], "area": 900.0, "iscrowd": 0}


def background(cells: int) -> str:
    """COCO's compressed run lengths of one run of zeros."""
    groups = []
    while True:
        group, cells = cells & 31, cells >> 5
        done = cells == 0 and not group & 16
        groups.append(chr(48 + group + (0 if done else 32)))
        if done:
            return "".join(groups)


OVERSIZED: dict[str, dict[str, Any]] = {
    "run lengths": {"segmentation": {"size": [SIDE, SIDE], "counts": background(SIDE * SIDE)}},
    "run lengths as numbers": {"segmentation": {"size": [SIDE, SIDE], "counts": [SIDE * SIDE]}},
    "a part": {"dp_masks": [{"size": [SIDE, SIDE], "counts": background(SIDE * SIDE)}] + [[]] * 13},
    "a polygon": {"segmentation": [[0, 0, 1e15, 0, 1e15, 1e15, 0, 1e15]]},
    "a polygon of long ways": {"segmentation": [[0, 0, 900_000, 900_000] * 20]},
    "a run of endless bits": {"segmentation": {"size": [480, 640], "counts": "o" * 2_000_000}},
    "many polygons": {"segmentation": [[0, 0, 1e6, 1e6, 0, 1]] * 3000},
    "a box": {"bbox": [0, 0, 1e9, 1e9]},
}


@pytest.mark.parametrize("name", OVERSIZED)
def test_oversized_annotations_are_refused(tmp_path: Path, name: str) -> None:
    sizes = {} if name != "a box" else {"width": None, "height": None}
    image = {key: value for key, value in {**IMAGE, **sizes}.items() if value is not None}
    document = {"images": [image], "annotations": [{**PERSON, **OVERSIZED[name]}]}
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(StageError, match="annotation 7: "):
        read_dense_set(tmp_path / "a.json")
    skipped = DAMAGE_HANDLERS["skip"]()
    assert not read_dense_set(tmp_path / "a.json", skipped).people


def test_oversized_images_are_refused(tmp_path: Path) -> None:
    document = {"images": [{**IMAGE, "width": SIDE, "height": SIDE}], "annotations": []}
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(StageError, match="image 1: has 1000000×1000000 pixels"):
        read_dense_set(tmp_path / "a.json")
