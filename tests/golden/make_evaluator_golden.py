"""Packs the numbers of the reference evaluator into one small file.

Run as `python -m tests.golden.make_evaluator_golden FIXTURES`, where FIXTURES holds eval_full.json,
eval_full_det_iuv.npz and eval_gps_lowlevel.json: made-up people and detections, and what detectron2's DensePose
evaluator (commit 02b5c4e) printed for them on the synthetic body of `tests/models/metrics/ruled_body.py`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np


def main(fixtures: Path) -> None:
    """Write the golden file beside this script."""
    packed = {
        name: np.frombuffer(json.dumps(json.loads((fixtures / f"{name}.json").read_text())).encode(), np.uint8)
        for name in ("eval_full", "eval_gps_lowlevel")
    }
    maps = np.load(fixtures / "eval_full_det_iuv.npz")
    np.savez_compressed(Path(__file__).parent / "evaluator.npz", **packed, **{name: maps[name] for name in maps.files})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
