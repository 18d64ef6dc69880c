"""An animation clip of a glTF document, to which keys are added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.animation.gltf_document_writer import GltfDocument
from models.arrays import F32, F64, Bool, Float, Int

INSTANT = 1e-6
"""Seconds: tolerance of comparisons of times."""
VISIBILITY, POINTED_KEYS = "KHR_node_visibility", "KHR_animation_pointer"
"""Extensions that hide a body in programs that know them. In others a hidden body has the scale 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSpan:
    """The part of a video that a clip contains.

    Attributes:
        name: the clip's name.
        start, end: times of its first and its last frame, seconds.
    """

    name: str
    start: float
    end: float

    def contains(self, second_T: F64) -> Bool:
        """Which times are in the span."""
        return (second_T > self.start - INSTANT) & (second_T < self.end + INSTANT)


class GltfClip:
    """A clip in the making. Its time 0 is the start of its span; its `extras` name this second of the video."""

    def __init__(self, document: GltfDocument, span: ClipSpan) -> None:
        self.document, self.span = document, span
        self._samplers: list[dict[str, Any]] = []
        self._channels: list[dict[str, Any]] = []
        document.add("animations", {
            "name": span.name, "channels": self._channels, "samplers": self._samplers,
            "extras": {"video_seconds": round(span.start, 6)},
        })  # fmt: skip

    def times(self, second_T: F64) -> int:
        """Store times of the video, and return the index of their accessor."""
        return self.document.numbers(np.maximum(second_T - self.span.start, 0), bounds=True)

    def add(self, node: int, path: str, time: int, values: F64 | F32, steps: str = "LINEAR") -> None:
        """Add keys of a node's translation, rotation or scale.

        Args:
            node: the node.
            path: the property.
            time: index of the accessor of the times.
            values: one row for each time.
            steps: the interpolation, `LINEAR` or `STEP`.
        """
        self._channel({"node": node, "path": path}, time, values, steps)

    def add_visibility(self, node: int, time: int, visible_K: Bool) -> None:
        """Add keys of a node's visibility, for programs that know the extensions."""
        self.document.uses |= {VISIBILITY, POINTED_KEYS}
        self.document.tables["nodes"][node]["extensions"] = {VISIBILITY: {"visible": True}}
        pointer = {"pointer": f"/nodes/{node}/extensions/{VISIBILITY}/visible"}
        target = {"path": "pointer", "extensions": {POINTED_KEYS: pointer}}
        self._channel(target, time, visible_K.astype(np.uint8), "STEP")

    def _channel(self, target: dict[str, Any], time: int, values: Float | Int, steps: str) -> None:
        self._samplers.append({"input": time, "output": self.document.numbers(values), "interpolation": steps})
        self._channels.append({"sampler": len(self._samplers) - 1, "target": target})
