"""Makes the pictures of docs/styles.md from a moment of the demo clip and its exact surfaces.

`python -m stages.drawing.style_pictures`
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from models.surface.atlas import DEFAULT_ATLAS
from stages.demo_clip import camera, lights, meshes_at, walkers
from stages.drawing.styles import STYLES
from stages.payloads import FrameChunk, People, Surface, Surfaces, VideoInfo
from stages.render import Render
from stages.world.drawing import Truth, draw
from stages.world.plaza import paint_plaza
from stages.world.scene import mask_box
from stages.world.stage_set import cast_shadows

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
SECOND = 1.88
LARGER = 2
"""Pictures are drawn so many times larger than the clip …"""
WINDOW = (slice(110, 650), slice(330, 930))
"""… and cut to these rows and columns."""


def moment(second: float) -> tuple[FrameChunk, People, Surfaces]:
    """A frame of the demo clip with what a faultless network would say of it."""
    cast, view, sun = walkers(), camera(LARGER), lights()
    picture_HW3 = paint_plaza(view)
    meshes = meshes_at(second, cast)
    cast_shadows(picture_HW3, view, meshes, sun.toward_L3[0], 0.45)
    truth = draw(picture_HW3, [w.person for w in cast], meshes, view, sun)
    rgb_HW3 = np.rint(np.clip(picture_HW3, 0, 1) * 255).astype(np.uint8)
    surfaces = [surface_of(truth, k + 1) for k in range(len(cast))]
    corners = [(s.x0, s.y0, s.x0 + s.labels_hw.shape[1], s.y0 + s.labels_hw.shape[0]) for s in surfaces]
    info = VideoInfo(
        path="", width=view.width, height=view.height, still=False, rate=Fraction(25), time_base=Fraction(1, 25)
    )
    count = len(cast)
    return (
        FrameChunk(rgb_THW3=rgb_HW3[None], pts_T=np.zeros(1, np.int64), first=0, video=info),
        People(
            frame_N=np.zeros(count, np.int32),
            box_N4=np.array(corners, np.float32),
            score_N=np.array([0.98, 0.97], np.float32),
            id_N=np.arange(1, count + 1, dtype=np.int32),
        ),
        Surfaces(people=tuple(surfaces)),
    )


def surface_of(truth: Truth, number: int) -> Surface:
    """One person's exact surface on the grid of its visible pixels."""
    mine_HW = truth.instance_HW == number
    x0, y0, x1, y1 = mask_box(mine_HW)
    grid = (slice(y0, y1), slice(x0, x1))
    return Surface(
        x0=x0,
        y0=y0,
        labels_hw=np.where(mine_HW[grid], truth.label_HW[grid], 0).astype(np.uint8),
        uv_2hw=truth.uv_2HW[:, grid[0], grid[1]] * mine_HW[grid],
    )


def main(folder: Path = FOLDER) -> None:
    """Write one JPEG a style, and the default atlas small."""
    folder.mkdir(parents=True, exist_ok=True)
    frames, people, surfaces = moment(SECOND)
    for style in STYLES:
        (overlay,) = Render(Render.Config(style=style))(frames, people, surfaces)
        shown = Image.fromarray(overlay.rgb_THW3[0][WINDOW])
        shown.resize((shown.width * 2 // 3, shown.height * 2 // 3), Image.Resampling.LANCZOS).save(
            folder / f"style_{style}.jpg", quality=88
        )
    with Image.open(DEFAULT_ATLAS) as atlas:
        atlas.resize((267, 400), Image.Resampling.LANCZOS).save(folder / "atlas_default.jpg", quality=88)


if __name__ == "__main__":
    main()
