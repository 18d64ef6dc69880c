"""Every twentieth photo of LSP-extended (people in extreme poses) as a file in COCO's format, for `-c evaluate`.

    python -m tests.benchmarks.quality.lsp FOLDER FOLDER/lsp.json
    python run_pipeline.py -c evaluate --set data=FOLDER/lsp.json --set boxes=given

FOLDER holds joints.mat and images/ (Johnson and Everingham 2011). Boxes are computed from the joints. Of the 14 joints
the twelve count that COCO has, too, where they are marked as visible.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.io import loadmat

EVERY = 20
COCO_PLACE = (16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9)
"""Index in COCO of the set's first twelve joints: right ankle, knee, hip, left hip, …, left wrist."""
SEEN = 2
MARGIN = 0.12
"""Margin of a person around the joints, as a share of the longer side of the joints' box."""


def person(number: int, joint_143: npt.NDArray[Any], height: int, width: int) -> dict[str, Any] | None:
    """The record of a photo's person; None where fewer than four joints are visible."""
    seen_14 = joint_143[:, 2] > 0
    if seen_14.sum() < 4:
        return None
    low, high = joint_143[seen_14, :2].min(axis=0), joint_143[seen_14, :2].max(axis=0)
    beyond = MARGIN * (high - low).max()
    low, high = np.clip([low - beyond, high + beyond], 0, (width, height))
    keypoints = np.zeros((17, 3))
    for place, joint_3, seen in zip(COCO_PLACE, joint_143, seen_14, strict=False):
        keypoints[place] = (*joint_3[:2], SEEN) if seen else 0
    box = [*low.tolist(), *(high - low).tolist()]
    return {
        "id": number,
        "image_id": number,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": box,
        "area": box[2] * box[3],
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
        "keypoints": keypoints.reshape(-1).tolist(),
    }


def converted(folder: Path) -> dict[str, Any]:
    """The set in COCO's format: records of images and people."""
    joint_N143 = loadmat(str(folder / "joints.mat"))["joints"].transpose(2, 0, 1)
    images, people = [], []
    for index in range(0, len(joint_N143), EVERY):
        name = f"im{index + 1:05d}.jpg"
        height, width = cv2.imread(str(folder / "images" / name)).shape[:2]
        found = person(index + 1, joint_N143[index], height, width)
        if found is not None:
            images.append({"id": index + 1, "file_name": name, "height": height, "width": width})
            people.append(found)
    return {"images": images, "annotations": people, "categories": [{"id": 1, "name": "person"}]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    chosen = parser.parse_args(arguments)
    made = converted(chosen.folder)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(made), encoding="utf-8")
    print(f"{len(made['annotations'])} people in {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
