"""Draws docs/pictures/first.webp, the moving picture of README: `python -m tools.pictures.first_picture juggle.mp4`.

The film is `demo/data/gallery/05_default_juggle.mp4` of facebookresearch/sam2 (Apache-2.0). What the program draws is
what its own network finds. Each panel is one command: `run_pipeline.py juggle.mp4 --style STYLE`.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np
from PIL import Image

from densepose_video import run
from tools.pictures import PICTURES

BEGIN_S, END_S = 5.4, 8.2
RATE, STEP = 24, 2
"""Every second frame is shown: 12 a second."""
LEFT, TOP, WIDTH, HEIGHT = 400, 20, 520, 690
SIDE = 300
"""Width of a panel."""
PANELS = ({"render.style": "none"}, {"render.style": "parts"}, {"render.style": "texture", "render.paint": "auto"})
QUALITY = 62


def panel(film: str, settings: dict[str, str]) -> list[np.ndarray]:
    """The frames of one style, cut to the man."""
    cut = {"decode.start": BEGIN_S - 1.0, "decode.end": END_S}  # a second more: tracks begin before the picture does
    frames = run("video", film, settings={**settings, **cut})
    drawn = [frame.overlay_HW3 for frame in frames if frame.seconds >= BEGIN_S]
    size = (SIDE, round(SIDE * HEIGHT / WIDTH))
    window = np.s_[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH]
    return [cv2.resize(one[window], size, interpolation=cv2.INTER_AREA) for one in drawn[::STEP]]


def main() -> None:
    """Panels side by side, as one WebP."""
    columns = [panel(sys.argv[1], dict(settings)) for settings in PANELS]
    frames = [Image.fromarray(np.hstack(row)) for row in zip(*columns, strict=True)]
    target = PICTURES / "first.webp"
    kept = {"save_all": True, "append_images": frames[1:], "loop": 0, "duration": round(1000 * STEP / RATE)}
    frames[0].save(target, quality=QUALITY, method=6, **kept)
    print(f"{target}: {len(frames)} frames, {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
