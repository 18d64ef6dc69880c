"""Writes `yolox_nano.npz`: what the published YOLOX-nano predicts for a picture of coloured squares.

    python -m tests.golden.make_yolox_golden yolox_nano.onnx

The file is Megvii's (https://github.com/Megvii-BaseDetection/YOLOX, Apache-2.0), run by ONNX Runtime. Kept are, for
every fifth location, the six numbers that concern people: the box, and the probabilities of an object and a person.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime

from models.arrays import F32, U8

GOLDEN = Path(__file__).with_name("yolox_nano.npz")
SIDE = 416
EVERY = 5


def coloured_squares() -> U8:
    """A picture (SIDE, SIDE, 3) of squares of three sizes in random colours."""
    rng = np.random.default_rng(0)
    layers = [
        np.kron(rng.integers(0, 256, (cells, cells, 3)), np.ones((SIDE // cells,) * 2 + (1,))) for cells in (52, 13, 4)
    ]
    return np.mean(layers, axis=0).astype(np.uint8)


def published_rows(path: Path, rgb_SS3: U8) -> F32:
    """Box and probabilities of object and person at each location, (P, 6), of a picture of the network's size."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    blob = np.ascontiguousarray(rgb_SS3[:, :, ::-1].transpose(2, 0, 1)[None], np.float32)
    return np.asarray(session.run(None, {"images": blob})[0][0, :, :6], np.float32)


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, row_P6=published_rows(Path(sys.argv[1]), coloured_squares())[::EVERY])
