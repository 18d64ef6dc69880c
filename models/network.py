"""Which network a run uses: the `network:` section of every configuration, and what stages ask of a network."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, get_type_hints

import numpy as np
import numpy.typing as npt

from models.errors import ModelError
from models.places import USUAL_CACHE
from models.structures import Detections, SurfaceMap

Reading = Literal["quick", "careful", "thorough"]
"""How often somebody is asked for: once, twice if need be; two to six times; eight times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """The `network:` section.

    Attributes:
        kind: "light" (this project's own small network), "zoo" (the published DensePose-RCNN), or "trained" (what a
            training of this project wrote; the file says which network it is).
        weights: "light" (built in), a file (.pkl, .pth, .safetensors), or "zoo:NAME" (downloaded once).
        backbone, head, legacy, confidence, segm_confidence: which published variant; only for kind "zoo" (facts §1).
        precision: "auto" takes bf16 where the processor multiplies it in hardware; for the light network int8 where the
            processor has it and its eight-bit graphs stand beside the weights.
        engine: what runs the convolutions; "auto" takes the fastest that gives equal results here.
        device: "auto" takes a GPU when there is one.
        score_threshold, nms_threshold, max_people: detections kept; None = the network's own.
        min_size, max_size: pixels of the shorter and longer side the network sees; None = the network's own.
        reading: how often everyone is asked for; only the light network can this and the next three. "quick": once, and
            who leans by 20 degrees or is read unsurely a second time. "careful": everyone found is looked at again in
            the box that fits, with two answers, or four to six for who leans or is unsure. "thorough": who is found
            carefully has eight answers, by other tilts and widths, too. "auto" is thorough with single pictures and
            quick with films, whose frames tell of each other.
        mirror: ask for people in the mirror image, too, and look for them there, too, in frames over 384 pixels. This
            and the next two are done as the reading has it unless told not to ("auto").
        closer: look again at everyone found, in the box that fits what the first look showed; true has it quickly, too.
        turn: read people turned upright, too, by how much they lean by what was read first: the mirror image is that of
            the turned crop. Without the mirror only who lies is turned.
        batch: frames computed at once. The light network computes them side by side, each by its share of the threads;
            "auto" is one a thread, and 1 gives a frame that comes alone all of them, as `-c live` does. Of the others
            "auto" is 1 on a CPU: results then do not depend on how frames are grouped.
        cache: folder of downloaded weights.
        trust: accept a downloaded file whose hash does not fit its name.
    """

    kind: Literal["light", "zoo", "trained"] = "light"
    weights: str = "light"
    backbone: Literal["r50", "r101"] = "r50"
    head: Literal["v1convx", "deeplab"] = "v1convx"
    legacy: bool = False
    confidence: Literal["none", "wc1", "wc2"] = "none"
    segm_confidence: bool = False
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto"
    engine: Literal["auto", "torch", "openvino"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    score_threshold: float | None = None
    nms_threshold: float | None = None
    max_people: int | None = None
    min_size: int | None = None
    max_size: int | None = None
    reading: Literal["auto", Reading] = "auto"
    mirror: bool | Literal["auto"] = "auto"
    closer: bool | Literal["auto"] = "auto"
    turn: bool | Literal["auto"] = "auto"
    batch: int | Literal["auto"] = "auto"
    cache: str = USUAL_CACHE
    trust: bool = False

    def __post_init__(self) -> None:
        """Raises: ModelError for a choice that does not exist or a number out of range."""
        hints = get_type_hints(type(self))
        for spec in dataclasses.fields(self):
            value = getattr(self, spec.name)
            choices = get_args(hints[spec.name])
            if choices and all(isinstance(choice, str) for choice in choices) and value not in choices:
                remedy = f"use one of {', '.join(choices)}"
                raise ModelError(f"{value!r} is not a choice", f"network.{spec.name}", remedy)
        for name in ("score_threshold", "nms_threshold"):
            _require(name, getattr(self, name), 0, 1)
        for name in ("max_people", "min_size", "max_size", "batch"):
            value = getattr(self, name)
            _require(name, None if value == "auto" else value, 1, None)
        asked = [name for name in ("mirror", "closer", "turn") if getattr(self, name) is True]
        if self.kind != "light" and (asked or self.reading != "auto"):
            key = asked[0] if asked else "reading"
            raise ModelError("only the light network can do this", f"network.{key}", "leave it out")
        if self.reading == "thorough" and (self.mirror is False or self.turn is False):
            what = "a thorough reading asks for people in the mirror and turned"
            raise ModelError(what, "network.reading", "leave network.mirror and network.turn out")

    def uses_gpu(self) -> bool:
        """Whether the network would run on a GPU if there were one; the light one runs on the processor."""
        return self.kind != "light" and self.device != "cpu"


def _require(name: str, value: float | None, least: float, most: float | None) -> None:
    if value is not None and (value < least or (most is not None and value > most)):
        span = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ModelError(f"{value} is out of range", f"network.{name}", f"give a number {span}")


class Network(Protocol):
    """What stages ask of a network, whatever its kind.

    Attributes:
        name: of the weights, for the report.
        sha256: of the weights' file.
    """

    name: str
    sha256: str

    def detect(self, rgb_THW3: npt.NDArray[np.uint8], *, still: bool = False) -> tuple[list[Detections], Any]:
        """Find people: one `Detections` per frame, and features that only `surfaces` understands.

        `still` tells that these are single pictures, which nothing else tells about and nobody waits for.
        """
        ...

    def surfaces(self, features: Any, boxes: list[npt.NDArray[np.float32]]) -> list[list[SurfaceMap]]:
        """Map people to the body surface.

        Args:
            features: what `detect` gave for these frames.
            boxes: per frame (N, 4) x0, y0, x1, y1 in pixels of the frame; any boxes may be given, from elsewhere too.

        Returns:
            Per frame one `SurfaceMap` per box, in the same order.
        """
        ...
