"""The `network:` section of every configuration, and the interface that stages use of a network."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, get_type_hints

from models.arrays import F32, U8
from models.cache import DEFAULT_CACHE
from models.errors import ModelError
from models.structures import Detections, SurfaceMap
from models.variant import OPEN_BODY, PUBLISHED, Variant

TtaLevel = Literal["adaptive_fast", "adaptive", "full"]
"""Passes of test-time augmentation for each person: 1 or 2; 2, 4 or 6; 8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """The `network:` section.

    Attributes:
        kind: "light" (this project's own small network), "zoo" (the published DensePose-RCNN), or "trained" (what a
            training of this project wrote; the file says which network it is).
        weights: "light" (built in), a file (.pkl, .pth, .safetensors), or "zoo:NAME" (downloaded once).
        detector: which network finds people for the light network, and for trained ones of single people. "yolox":
            YOLOX-nano, whose weights are built in, and whose training images (COCO) have mixed licences. "open": the
            detector in the file of the light network's weights; all training data of the built-in one allow commercial
            use. "auto": "yolox" with the built-in weights, "open" with others.
        variant: which published network; only for kind "zoo". Trained weights name their own.
        precision: "auto" takes bf16 where the processor multiplies it in hardware; for the light network int8 where the
            processor has it and the file of 8-bit graphs lies beside the weights.
        engine: the library that runs the convolutions; "auto" takes the fastest with equal results on this processor.
        device: "auto" takes a GPU when there is one.
        min_score, max_people: which detections are kept; None: the network's own values.
        min_size, max_size: pixels of the shorter and longer side of the network's input; None: the network's own (YOLOX
            takes two sizes; a given longer side means one).
        tta: level of test-time augmentation. Only the light network supports this key and the next three.
            "adaptive_fast": one pass per person; a second pass if the person's roll is 20 degrees or more, or the
            confidence is low. "adaptive": boxes are refined; two passes per person, four or six for large roll or low
            confidence. "full": people are found as with "adaptive"; then eight passes per person, with further
            rotations and scales. "auto": "full" for single images; "adaptive_fast" for videos, where neighbouring
            frames add to each other.
        flip: some passes see the horizontally flipped crop; the detector sees the flipped frame, too, where the frame
            is larger than 384 pixels. "auto", for this key and the next two: as the `tta` level defines.
        refine_boxes: fit each box to the surface of a first pass and predict again in the fitted box. true: with
            "adaptive_fast", too.
        roll_align: some passes see a crop rotated so that the person is upright, by the roll of the first prediction.
            Without `flip` only lying people get such a pass.
        batch: frames computed at once. The light network computes them in parallel, each with its share of the
            threads: "auto" is one frame per thread; with 1, a single frame gets all threads, as `-c live` needs. For
            other networks "auto" is 1 on a CPU, so that results do not depend on how frames are grouped.
        body: folder with SMPL_subdiv.mat and SMPL_SUBDIV_TRANSFORM.mat of DensePose: charts for networks that predict
            embeddings (`variant.mesh`). Without them their results are embeddings and vertices alone.
        cache: folder of downloaded weights.
        trust: accept a downloaded file whose hash does not match its name.
    """

    kind: Literal["light", "zoo", "trained"] = "light"
    weights: str = "light"
    detector: Literal["auto", "yolox", "open"] = "auto"
    variant: Variant = PUBLISHED
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto"
    engine: Literal["auto", "torch", "openvino"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    min_score: float | None = None
    max_people: int | None = None
    min_size: int | None = None
    max_size: int | None = None
    tta: Literal["auto", TtaLevel] = "auto"
    flip: bool | Literal["auto"] = "auto"
    refine_boxes: bool | Literal["auto"] = "auto"
    roll_align: bool | Literal["auto"] = "auto"
    batch: int | Literal["auto"] = "auto"
    body: str = ""
    cache: str = DEFAULT_CACHE
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
        _require("min_score", self.min_score, 0, 1)
        for name in ("max_people", "min_size", "max_size", "batch"):
            value = getattr(self, name)
            _require(name, None if value == "auto" else value, 1, None)
        requested = [name for name in ("flip", "refine_boxes", "roll_align") if getattr(self, name) is True]
        requested += ["tta"] if self.tta != "auto" else []
        if self.kind == "zoo" and self.detector != "auto":
            requested.append("detector")
        if self.kind != "light" and requested:
            raise ModelError("only the light network supports this key", f"network.{requested[0]}", "leave it out")
        if self.kind != "light" and self.precision == "int8":
            raise ModelError("only the light network has int8 graphs", "network.precision", "use auto, fp32 or bf16")
        _require_published(self.variant)
        if self.body and not self.variant.mesh:
            raise ModelError("only networks that predict embeddings need it", "network.body", "leave it out")
        self._require_device()
        if self.tta == "full" and (self.flip is False or self.roll_align is False):
            what = "full test-time augmentation needs flipped and roll-aligned crops"
            raise ModelError(what, "network.tta", "leave network.flip and network.roll_align out")

    def _require_device(self) -> None:
        if self.device != "cuda":
            return
        if self.kind == "light":
            raise ModelError("the light network runs on the CPU alone", "network.device", "use auto or cpu")
        if self.engine == "openvino":
            raise ModelError("OpenVINO runs on the CPU here", "network.engine", "use auto or torch, or device: cpu")

    def uses_gpu(self) -> bool:
        """Whether the network would run on a GPU if there were one; the light network always runs on the CPU."""
        return self.kind != "light" and self.device != "cpu" and self.engine != "openvino"


def _require_published(variant: Variant) -> None:
    if variant.backbone not in ("r50", "r101"):
        raise ModelError(f"{variant.backbone!r} is not a choice", "network.variant.backbone", "use one of r50, r101")
    for name in ("mask", "keypoints", "cascade"):
        if getattr(variant, name):
            raise ModelError("no published network has this head", f"network.variant.{name}", "leave it out")
    if variant.mesh == OPEN_BODY:
        raise ModelError("no published network embeds this mesh", "network.variant.mesh", "use smpl_27554")


def _require(name: str, value: float | None, least: float, most: float | None) -> None:
    if value is not None and (value < least or (most is not None and value > most)):
        span = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ModelError(f"{value} is out of range", f"network.{name}", f"give a number {span}")


class Network(Protocol):
    """The interface that stages use, whatever the kind of network.

    Attributes:
        name: of the weights, for the report.
        sha256: of the weights' file.
        device: where it computes: "cpu", or "cuda" with the name of the GPU.
    """

    name: str
    sha256: str
    device: str

    def detect(self, rgb_THW3: U8, *, still: bool = False, pixel_aspect: float = 1.0) -> tuple[list[Detections], Any]:
        """Find people: one `Detections` per frame, and features that only `surfaces` can use.

        Args:
            rgb_THW3: the frames.
            still: these are single images, not frames of a video. They have no neighbouring frames, and speed matters
                less.
            pixel_aspect: width of a pixel over its height. Networks know people by their proportions as shown.
        """
        ...

    def surfaces(self, features: Any, boxes: list[F32]) -> list[list[SurfaceMap]]:
        """Map people to the body surface.

        Args:
            features: of these frames, from `detect`.
            boxes: per frame (N, 4) x0, y0, x1, y1 in pixels of the frame; they need not come from `detect`.

        Returns:
            Per frame one `SurfaceMap` per box, in the same order.
        """
        ...
