"""Draws docs/pictures/steady.jpg: successive frames of a real clip as found, above the same ones steadied.

The clip is juggle.mp4 of facebookresearch/sam2 (Apache-2.0); only what the network says of it is shown, on black:

    BLACK="--style parts --set render.background=black --set render.opacity=1 --set decode.end=2.6"
    run_pipeline.py juggle.mp4 $BLACK --set smooth.kind=none --set track.box_gain=1 --set bridge.max_gap=0 -o FOUND.mp4
    run_pipeline.py juggle.mp4 $BLACK -o STEADY.mp4
    python docs/steady_picture.py FOUND.mp4 STEADY.mp4
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

OUT = Path(__file__).resolve().parent / "pictures" / "steady.jpg"
FIRST, COUNT = 21, 8
WINDOW = (slice(60, 690), slice(560, 900))
SCALE = 0.4


def strip(path: Path) -> np.ndarray:
    """The window of some successive frames, side by side."""
    with av.open(str(path)) as container:
        shown = islice(container.decode(video=0), FIRST, FIRST + COUNT)
        whole = np.hstack([frame.to_ndarray(format="bgr24")[WINDOW] for frame in shown])
    return cv2.resize(whole, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)


def main() -> None:
    """Two strips, one above the other."""
    sheet = np.vstack([strip(Path(path)) for path in sys.argv[1:3]])
    cv2.imwrite(str(OUT), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
