"""Strips of real clips for the eye: the same frames by one or two settings, side by side and numbered.

    python -m tests.benchmarks.quality.strips OUT CLIP … [--before W] [--after W] [--set KEY=VALUE …]

Each sheet OUT/CLIP_000.png shows successive frames: the original, `--before`, and with `--after` or `--set` the other
weights or settings, in chart colours. All are cut to the window that holds everybody who is shown in the clip and is at
least `--tall` of the tallest one. The yellow number is the frame, the white numbers are the identities shown.
OUT/CLIP.json has the identities and boxes of each frame by setting, so that a tally by eye can be checked.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from densepose_video import run

WIDE, HIGH = 1600, 1500
"""Pixels of a sheet, at most."""
CELL = 300
"""Pixels of the longer side of a frame on a sheet."""
KEPT, MARGIN = 960, 0.04
"""Longer side at which frames are kept, pixels, and margin around all people, as a share of the frame's height."""
YELLOW, WHITE, BLACK = (255, 230, 0), (255, 255, 255), (0, 0, 0)
Record = dict[str, list[Any]]


def within(rgb_HW3: np.ndarray, side: int) -> np.ndarray:
    """The image with a longer side of `side` pixels."""
    height, width = rgb_HW3.shape[:2]
    scale = side / max(height, width)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(rgb_HW3, (round(width * scale), round(height * scale)), interpolation=how)


def window_of_all(records: Sequence[Record], height: int, width: int, tall: float) -> tuple[slice, slice]:
    """Rows and columns that hold the tall boxes, given in frames of height 1, with a margin; all without boxes."""
    box_N4 = np.array([box for record in records for boxes in record["boxes"] for box in boxes]).reshape(-1, 4) * height
    if not len(box_N4):
        return slice(0, height), slice(0, width)
    height_N = box_N4[:, 3] - box_N4[:, 1]
    box_N4 = box_N4[height_N >= tall * height_N.max()]
    x0, y0 = np.maximum(box_N4[:, :2].min(axis=0) - MARGIN * height, 0).astype(int)
    x1, y1 = np.minimum(box_N4[:, 2:].max(axis=0) + MARGIN * height, (width, height)).astype(int)
    return slice(y0, y1), slice(x0, x1)


def written_on(rgb_HW3: np.ndarray, text: str, colour: tuple[int, int, int], x: int) -> None:
    """Write a short text at the bottom of a cell, readable on any ground."""
    place = (x, rgb_HW3.shape[0] - 5)
    for ink, thickness in ((BLACK, 3), (colour, 1)):
        cv2.putText(rgb_HW3, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, thickness, cv2.LINE_AA)


def predicted(
    clip: Path, settings: Mapping[str, Any], frames: int
) -> tuple[list[np.ndarray], list[np.ndarray], Record]:
    """Original and drawn frames, and the people of each frame; boxes are in units of the frame's height."""
    plain, drawn = [], []
    record: Record = {"identities": [], "boxes": []}
    fixed = {"render.style": "parts", "decode.end_frame": frames}
    for frame in run("video", clip, settings={**fixed, **settings}):
        plain.append(within(frame.rgb_HW3, KEPT))
        assert frame.overlay_HW3 is not None, "the video configuration renders"
        drawn.append(within(frame.overlay_HW3, KEPT))
        record["identities"].append(frame.people.id_N.tolist())
        record["boxes"].append(np.round(frame.people.box_N4 / frame.rgb_HW3.shape[0], 4).tolist())
    return plain, drawn, record


def cells(
    plain: Sequence[np.ndarray], others: Mapping[str, tuple[list[np.ndarray], Record]], tall: float
) -> list[np.ndarray]:
    """One cell a frame: the original, then each setting's drawing."""
    window = window_of_all([record for _, record in others.values()], *plain[0].shape[:2], tall)
    found = []
    for t, whole in enumerate(plain):
        original = within(whole[window], CELL)
        written_on(original, str(t), YELLOW, 4)
        row = [original]
        for drawn, record in others.values():
            one = within(drawn[t][window], CELL)
            written_on(one, " ".join(map(str, record["identities"][t])), WHITE, 4)
            row.append(one)
        found.append(cv2.copyMakeBorder(np.hstack(row), 0, 3, 0, 3, cv2.BORDER_CONSTANT, value=WHITE))
    return found


def sheets(cell_T: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The cells in rows on sheets of limited size."""
    height, width = cell_T[0].shape[:2]
    columns, rows = max(WIDE // width, 1), max(HIGH // height, 1)
    made = []
    for start in range(0, len(cell_T), columns * rows):
        chosen = list(cell_T[start : start + columns * rows])
        chosen += [np.zeros_like(chosen[0])] * (-len(chosen) % columns)
        made.append(np.vstack([np.hstack(chosen[k : k + columns]) for k in range(0, len(chosen), columns)]))
    return made


def main() -> None:
    """Write the sheets and the people of every clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--before", default="light", metavar="W")
    parser.add_argument("--after", metavar="W")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the after column")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--tall", type=float, default=0.0, help="share of the tallest box that a box in the window has")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    settings: dict[str, dict[str, Any]] = {"before": {"network.weights": options.before}}
    if options.after or options.set:
        changes = dict(one.split("=", 1) for one in options.set)
        settings["after"] = {"network.weights": options.after or options.before, **changes}
    for clip in options.clips:
        made = {name: predicted(clip, one, options.frames) for name, one in settings.items()}
        plain = made["before"][0]
        one_each = cells(plain, {name: one[1:] for name, one in made.items()}, options.tall)
        for number, sheet in enumerate(sheets(one_each)):
            cv2.imwrite(str(options.out / f"{clip.stem}_{number:03d}.png"), sheet[..., ::-1])
        records = {name: one[2] for name, one in made.items()}
        (options.out / f"{clip.stem}.json").write_text(json.dumps(records))
        print(f"{clip.name}: {len(plain)} frames", flush=True)


if __name__ == "__main__":
    main()
