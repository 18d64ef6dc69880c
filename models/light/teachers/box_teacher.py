"""The teacher for boxes: YOLOX-nano (Ge et al., 2021; Apache-2.0) detects people in photos, to label them.

The user gives its ONNX file. Only training uses it.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.arrays import F32, U8
from models.engines.engine import compile_request, openvino_core
from models.light.architecture.detector_locations import detector_locations
from models.light.teachers.teacher_files import open_session, require_file


class BoxTeacher:
    """YOLOX-nano: boxes of people in an image of any size."""

    SIDE = 416

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Args: path of `yolox_nano.onnx`. Raises: ModelError when it is missing."""
        self._session = open_session(path, threads)
        cells = [self.SIDE // stride for stride in (8, 16, 32)]
        grids = [np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1).reshape(-1, 2) for n in cells]
        self._grid_P2 = np.concatenate(grids).astype(np.float32)
        self._stride_P = np.repeat(np.asarray([8, 16, 32], np.float32), [n * n for n in cells])

    def __call__(self, rgb_HW3: U8, *, min_score: float = 0.2, iou_threshold: float = 0.5) -> tuple[F32, F32]:
        """Boxes (N,4) x0, y0, x1, y1 in pixels of the image and their scores (N), best first, after NMS."""
        height, width = rgb_HW3.shape[:2]
        scale = self.SIDE / max(height, width)
        canvas = np.full((self.SIDE, self.SIDE, 3), 114, np.uint8)
        h, w = round(height * scale), round(width * scale)
        canvas[:h, :w] = cv2.resize(rgb_HW3, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        blob = canvas[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32)
        rows = self._session.run(None, {"images": blob})[0][0]
        score_P = rows[:, 4] * rows[:, 5]
        keep = score_P >= min_score
        centre_P2 = (rows[keep, :2] + self._grid_P2[keep]) * self._stride_P[keep, None]
        size_P2 = np.exp(rows[keep, 2:4]) * self._stride_P[keep, None]
        box_P4 = np.concatenate([centre_P2 - size_P2 / 2, size_P2], 1) / scale
        kept = cv2.dnn.NMSBoxes(box_P4.tolist(), score_P[keep].tolist(), min_score, iou_threshold)
        chosen = np.array(kept, np.int64).reshape(-1)
        box_N4 = box_P4[chosen]
        box_N4[:, 2:] += box_N4[:, :2]
        limit = np.asarray([width, height, width, height], np.float32)
        return np.clip(box_N4, 0, limit).astype(np.float32), score_P[keep][chosen].astype(np.float32)


class LocationTeacher:
    """YOLOX-nano on squares of one size: a score and a box at every location of the light network's detector."""

    def __init__(self, path: Path, *, side: int, threads: int = 1) -> None:
        """Args: path of `yolox_nano.onnx`; side of the squares. Raises: ModelError when it or OpenVINO is missing."""
        require_file(path)
        graph = openvino_core().read_model(path)
        graph.reshape([1, 3, side, side])
        self._request = compile_request(graph, threads=threads)
        centre_P2, stride_P = detector_locations(side, side)
        self._corner_P2 = centre_P2 - stride_P[:, None] / 2
        self._stride_P1 = stride_P[:, None]

    def __call__(self, rgb_SS3: U8) -> F32:
        """Score of a person and the box x0, y0, x1, y1 in pixels at each location, (P,5)."""
        blob = np.ascontiguousarray(rgb_SS3[:, :, ::-1].transpose(2, 0, 1)[None], np.float32)
        self._request.infer({0: blob})
        row_PC = self._request.get_output_tensor(0).data[0]
        centre_P2 = row_PC[:, :2] * self._stride_P1 + self._corner_P2
        half_P2 = np.exp(row_PC[:, 2:4]) * self._stride_P1 / 2
        score_P1 = row_PC[:, 4:5] * row_PC[:, 5:6]
        return np.concatenate([score_P1, centre_P2 - half_P2, centre_P2 + half_P2], 1).astype(np.float32)
