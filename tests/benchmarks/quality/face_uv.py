"""U and V of real faces by the face teacher and by the light network, beside the original network's.

    python -m tests.benchmarks.quality.face_uv --faces FOLDER --iuv FOLDER [--head PIXELS]

The folder of IUV has photos `NAME.jpg` or `.png` with the original network's `NAME_IUV.png` (BGR = chart, U, V). Each
face that the training would take is measured where all three name the same chart: medians of dU and dV, of 255.
`--head` shrinks each photo until a head is no longer than so many pixels, and the answers are enlarged again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.arrays import F32, F64, U8
from models.light.teachers.face_surface import face_surface
from models.light.teachers.face_teacher import FaceTeacher
from pipeline.command.api import load
from stages.annotations.image_folders import read_rgb
from stages.payloads import PersonSurface
from stages.training.data.face_labels import head_square, is_sure

HEAD = (23, 24)
LEAST = 100
"""Pixels from which a face is measured."""


def photos(folder: Path) -> Iterator[tuple[str, U8, U8]]:
    """Names, photos and IUV (chart, U, V)."""
    for path in sorted(folder.rglob("*_IUV.png")):
        source = next(one for end in (".jpg", ".png") if (one := path.with_name(path.name[:-8] + end)).is_file())
        yield source.stem, read_rgb(source), np.asarray(cv2.imread(str(path)), np.uint8)


def on_photo(surface: PersonSurface, height: int, width: int) -> tuple[U8, F32]:
    """A person's charts and UV in the pixels of the whole photo."""
    labels, uv = np.zeros((height, width), np.uint8), np.zeros((2, height, width), np.float32)
    high, wide = surface.labels_hw.shape
    x0, y0 = surface.x0, surface.y0
    rows, columns = slice(max(y0, 0), min(y0 + high, height)), slice(max(x0, 0), min(x0 + wide, width))
    inner = slice(rows.start - y0, rows.stop - y0), slice(columns.start - x0, columns.stop - x0)
    labels[rows, columns] = surface.labels_hw[inner]
    uv[:, rows, columns] = surface.uv_2hw[:, inner[0], inner[1]]
    return labels, uv


def shrunk(image: U8, factor: float) -> U8:
    """The image, smaller by a factor."""
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each face, and the means over faces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="the face teacher's folder")
    parser.add_argument("--iuv", type=Path, required=True, help="photos with the original network's IUV")
    parser.add_argument("--head", type=float, default=np.inf, help="most pixels of a head")
    chosen = parser.parse_args(arguments)
    teacher, network, rows = FaceTeacher(chosen.faces), load("light"), []
    print("| photo | head, px | teacher dU | dV | network dU | dV |\n|---|---|---|---|---|---|")
    for name, rgb, iuv in photos(chosen.iuv):
        height, width = rgb.shape[:2]
        frame_4 = np.array([0.0, 0, max(height, width), max(height, width)])
        for surface in network(rgb)[1].people:
            labels, _ = on_photo(surface, height, width)
            square = np.zeros((max(height, width),) * 2, np.uint8)
            square[:height, :width] = labels
            head_4 = head_square(square, frame_4)
            if head_4 is None:
                continue
            long = float(head_4[2] - head_4[0]) / 2
            factor = min(1.0, chosen.head / long)
            small = shrunk(rgb, factor)
            face = teacher(small, head_4 * factor)
            if face is None or not is_sure(face):
                continue
            chart, uv = face_surface(face.point_K3 / factor, frame_4, len(square))
            said, said_uv = labels_of(network, small, labels, factor)
            same = (chart[:height, :width] == iuv[..., 0]) & (said == iuv[..., 0]) & np.isin(iuv[..., 0], HEAD)
            if same.sum() < LEAST:
                continue
            true_2 = np.moveaxis(iuv[..., 1:], 2, 0)[:, same].astype(np.float64)
            by_teacher = np.median(np.abs(255 * uv[:, :height, :width][:, same] - true_2), 1)
            by_network = np.median(np.abs(255 * said_uv[:, same] - true_2), 1)
            rows.append(np.concatenate([by_teacher, by_network]))
            cells = [name[:24], f"{long * factor:.0f}", *(f"{gap:.1f}" for gap in rows[-1])]
            print("| " + " | ".join(cells) + " |", flush=True)
    print(f"| mean of {len(rows)} | | " + " | ".join(f"{gap:.1f}" for gap in np.mean(rows, 0)) + " |")
    return 0


def labels_of(network: Callable[[U8], tuple[Any, ...]], small: U8, labels: U8, factor: float) -> tuple[U8, F64]:
    """The network's charts and UV on a shrunk photo, enlarged: those of the person who covers the labels most."""
    height, width = labels.shape
    people = [on_photo(one, *small.shape[:2]) for one in network(small)[1].people]
    large = [cv2.resize(one, (width, height), interpolation=cv2.INTER_NEAREST) for one, _ in people]
    best = int(np.argmax([((one > 0) & (labels > 0)).sum() for one in large]))
    uv = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_NEAREST) for plane in people[best][1]]
    return np.asarray(large[best], np.uint8), np.asarray(uv, np.float64).clip(0, 1)


if __name__ == "__main__":
    sys.exit(main())
