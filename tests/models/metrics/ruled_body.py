"""Bodies that are defined by rules: distances are known without a mesh."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.metrics.instances import AnnotatedPoints, FoundInstance, ImageInstances, TrueInstance
from models.metrics.masks import pasted

Array = npt.NDArray[Any]
VERTICES = 27554


class RuledBody:
    """The body of the reference evaluator's fixtures: 28,000 random chart vertices (seed 7) on one line."""

    mesh_name = "smpl_27554"

    def __init__(self) -> None:
        chart, u, v, vertex = ruled_vertices()
        self.charts = {c: (u[chart == c], v[chart == c], vertex[chart == c]) for c in range(1, 25)}

    def nearest(self, part_M: Array, u_M: Array, v_M: Array) -> Array:
        found_M = np.full(len(part_M), -1)
        for i, (part, u, v) in enumerate(zip(part_M, u_M, v_M, strict=True)):
            if part > 0:
                chart_u, chart_v, vertex = self.charts[int(part)]
                found_M[i] = vertex[np.argmin((chart_u - u) ** 2 + (chart_v - v) ** 2)]
        return found_M

    def distance(self, a_M: Array, b_M: Array) -> Array:
        return np.where((a_M < 0) | (b_M < 0), np.inf, 3.0 * np.abs(a_M / VERTICES - b_M / VERTICES))

    vertex_distance = distance


def ruled_vertices() -> tuple[Array, Array, Array, Array]:
    """Chart, u, v and canonical vertex (from 0) of the 28,000."""
    random = np.random.default_rng(7)
    chart = random.integers(1, 25, 28000)
    u, v = random.uniform(0, 1, 28000), random.uniform(0, 1, 28000)
    rank = np.argsort(np.argsort(chart + 0.5 * (u + v), kind="stable"))
    return chart, u, v, rank * (VERTICES - 1) // 27999


class RuledTable:
    """The 380 million distances of that body in the order of `Pdist_matrix.pkl`, computed on demand."""

    def __len__(self) -> int:
        return VERTICES * (VERTICES - 1) // 2

    def __getitem__(self, place_M: Array) -> Array:
        high_M = np.floor((1 + np.sqrt(1 + 8 * place_M.astype(np.float64))) / 2).astype(np.int64)
        low_M = place_M - high_M * (high_M - 1) // 2
        assert ((low_M >= 0) & (low_M < high_M)).all()
        return 3.0 * (high_M - low_M) / VERTICES


class LineBody:
    """Every chart is a line of 256 vertices along U, 1 cm apart; charts are 10 m apart."""

    mesh_name = ""

    def nearest(self, part_M: Array, u_M: Array, v_M: Array) -> Array:
        return np.where(part_M > 0, part_M * 1000 + np.rint(u_M * 255).astype(int), -1)

    def distance(self, a_M: Array, b_M: Array) -> Array:
        return np.where((a_M < 0) | (b_M < 0), np.inf, np.abs(a_M - b_M) / 100).astype(np.float32)

    vertex_distance = distance


def person(seed: int, x: int, y: int, width: int, height: int) -> tuple[TrueInstance, FoundInstance]:
    """A person with 60 points in a picture of 400 x 400, and a detection that is right in every pixel.

    U stays below 200/255, so that a test may add up to 55 vertices to every answer.
    """
    random = np.random.default_rng(seed)
    iuv_3hw = random.integers(0, 200, (3, height, width)).astype(np.uint8)
    iuv_3hw[0] = random.integers(1, 25, (height, width))
    at_x, at_y = random.integers(0, width, 60), random.integers(0, height, 60)
    chart, u, v = iuv_3hw[:, at_y, at_x]
    points = AnnotatedPoints(
        x_M=(at_x + 0.5) * 255 / width, y_M=(at_y + 0.5) * 255 / height,
        chart_M=chart.astype(np.int64), u_M=u / 255, v_M=v / 255,
    )
    box_4 = np.array([x, y, width, height], np.float64)
    mask = pasted(np.ones((height, width), bool), x, y, 400, 400)
    true = TrueInstance(box_4=box_4, area=float(width * height), points=points, mask=mask)
    return true, FoundInstance(box_4=box_4, score=0.9 - seed / 100, iuv_3hw=iuv_3hw)


def moved(found: FoundInstance, centimetres: int) -> FoundInstance:
    """The same detection with every prediction shifted along U on a `LineBody`."""
    iuv_3hw = found.iuv_3hw.copy()
    iuv_3hw[1] += np.uint8(centimetres)
    return FoundInstance(box_4=found.box_4, score=found.score, iuv_3hw=iuv_3hw)


def image(pairs: list[tuple[TrueInstance, FoundInstance]]) -> ImageInstances:
    """An image of 400 x 400 with these people."""
    true, found = [true for true, _ in pairs], [found for _, found in pairs]
    return ImageInstances(height=400, width=400, true=true, found=found)
