"""Draws docs/pictures/demo_before_after.jpg: `python -m tools.pictures.demo_picture RESULT`.

RESULT is what `run_pipeline.py -o RESULT` wrote.
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import cv2
import numpy as np

from tools.pictures import PICTURES

SHOWN = (35, 62, 90)


def frames(path: Path) -> list[np.ndarray]:
    """All frames of a video, a little smaller."""
    with av.open(str(path)) as container:
        whole = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return [cv2.resize(one, (360, 203), interpolation=cv2.INTER_AREA) for one in whole]


def main() -> None:
    """Three moments of the clip over the same three of the result."""
    videos = (frames(PICTURES.parents[1] / "configs" / "demo_walk.mp4"), frames(Path(sys.argv[1])))
    sheet = np.vstack([np.hstack([video[number] for number in SHOWN]) for video in videos])
    cv2.imwrite(str(PICTURES / "demo_before_after.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
