"""The light DensePose-RCNN as the stages see it: people in a frame, then the surface of each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from models.errors import ModelError
from models.inference.engine import Body, Engine, choose_engine, choose_precision, compile_body, has_int8
from models.light.assembly import assemble
from models.light.confidence import read_calibration
from models.light.detector import MEAN, PersonDetector, decode_boxes, places
from models.light.quantized import QuantizedLight, compile_quantized, fits, quantized_path, read_quantized
from models.light.region import crop_region
from models.light.surface_net import CROP, PickedSurface, SurfaceNet
from models.network import NetworkConfig
from models.structures import Detections, SurfaceMap

F32 = npt.NDArray[Any]
U8 = npt.NDArray[Any]

BUILT_IN = Path(__file__).resolve().parent.parent / "weights" / "light.safetensors"
LONG_SIDE = 384
"""Pixels of the longer side of the picture that the detector sees; enlarging small frames finds small people."""
SCORE, OVERLAP, MOST = 0.18, 0.5, 100
GREY = (int(MEAN),) * 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """What `surfaces` needs of `detect`: the frames themselves."""

    rgb_THW3: U8


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a light network's file, float32, keys `detector.…` and `surface.…`.

    Raises:
        ModelError: the file is missing or not one of these.
    """
    if not path.is_file():
        remedy = "train them with `run_pipeline.py -c train_light`, or name another file with --weights"
        raise ModelError("the light network's weights are missing", str(path), remedy)
    try:
        tensors = load_file(path)
    except Exception as error:  # safetensors raises its own SafetensorError, OSError or ValueError for damaged files
        raise ModelError(
            f"not a safetensors file ({error})", str(path), "train or download the weights again"
        ) from error
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def file_sha256(path: Path) -> str:
    """The hash that names a file of weights."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_weights(path: Path, detector: dict[str, torch.Tensor], surface: dict[str, torch.Tensor]) -> None:
    """Write both networks' state into one file, whole or not at all."""
    tensors = {f"detector.{name}": value.contiguous() for name, value in detector.items()}
    tensors.update({f"surface.{name}": value.contiguous() for name, value in surface.items()})
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"kind": "light"})
    partial.replace(path)


def fill(net: nn.Module, tensors: dict[str, torch.Tensor], prefix: str, path: Path) -> None:
    """Load the tensors under a prefix. Raises: ModelError naming the keys that do not fit."""
    mine = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    wanted = net.state_dict()
    wrong = sorted(wanted.keys() ^ mine.keys())
    wrong += sorted(name for name in wanted.keys() & mine.keys() if wanted[name].shape != mine[name].shape)
    if wrong:
        keys = ", ".join(prefix + name for name in wrong[:5])
        raise ModelError(f"{len(wrong)} weights do not fit the light network: {keys}", str(path), "use its own weights")
    net.load_state_dict(mine)


def fit_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Height and width of the frame as the detector sees it, before padding to multiples of 32."""
    scale = long_side / max(height, width)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def resized(rgb_HW3: U8, width: int, height: int) -> U8:
    """Resize, averaging when the picture shrinks."""
    shrinks = width < rgb_HW3.shape[1]
    return cv2.resize(rgb_HW3, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def crop_person(rgb_HW3: U8, region_4: F32) -> tuple[U8, F32]:
    """The square crop of a region and the region of whole pixels that it covers; outside of the frame is grey."""
    x0, y0 = (int(np.floor(value)) for value in region_4[:2])
    x1, y1 = (max(int(np.ceil(high)), low + 1) for high, low in zip(region_4[2:], (x0, y0), strict=True))
    height, width = rgb_HW3.shape[:2]
    part = rgb_HW3[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    pads = (max(-y0, 0), max(y1 - max(height, y0), 0), max(-x0, 0), max(x1 - max(width, x0), 0))
    if 0 in part.shape:
        part = np.full((y1 - y0, x1 - x0, 3), int(MEAN), np.uint8)
    elif any(pads):
        part = cv2.copyMakeBorder(part, *pads, cv2.BORDER_CONSTANT, value=GREY)
    return resized(part, CROP, CROP), np.asarray([x0, y0, x1, y1], np.float32)


def as_blob(rgb_HW3: U8) -> F32:
    """Pixels (H,W,3) as the float32 (1,3,H,W) that bodies take."""
    return np.ascontiguousarray(rgb_HW3.transpose(2, 0, 1), np.float32)[None]


class LightNetwork:
    """Detector and surface network, compiled.

    Every frame and every person is computed alone, so that results never depend on how they are grouped.
    """

    def __init__(self, config: NetworkConfig, threads: int, path: Path, name: str) -> None:
        """Load the weights of `path`; raises ModelError when they are missing or do not fit."""
        tensors = read_weights(path)
        self.name = name
        self.sha256 = file_sha256(path)
        self._calibration = read_calibration(path, self.sha256)
        self.engine = choose_engine(config.engine)
        self.precision = light_precision(config.precision, self.engine, path, self.sha256)
        self._quantized: QuantizedLight | None = None
        if self.precision == "int8":  # made from these very weights, so that they need not be filled in
            self._quantized = read_quantized(quantized_path(path), self.sha256)
        else:
            self._detector, self._surface = PersonDetector(), SurfaceNet()
            fill(self._detector, tensors, "detector.", path)
            fill(self._surface, tensors, "surface.", path)
        self._threads = threads
        self._long_side = config.max_size or LONG_SIDE
        self._score = SCORE if config.score_threshold is None else config.score_threshold
        self._overlap = OVERLAP if config.nms_threshold is None else config.nms_threshold
        self._most = config.max_people or MOST
        self._bodies: dict[tuple[int, int], Body] = {}
        self.read_surface = self._compile("surface", CROP, CROP)

    def _compile(self, part: Literal["detector", "surface"], height: int, width: int) -> Body:
        shape = (1, 3, height, width)
        if self._quantized is not None:
            return compile_quantized(getattr(self._quantized, part), shape, self._threads)
        net = PickedSurface(self._surface) if part == "surface" else self._detector
        assert self.precision != "int8"
        return compile_body(net, shape, engine=self.engine, precision=self.precision, threads=self._threads)

    def detect(self, rgb_THW3: U8) -> tuple[list[Detections], Frames]:
        """Find people in each frame; see `models.network.Network`."""
        return [self._detect_one(rgb_HW3) for rgb_HW3 in rgb_THW3], Frames(rgb_THW3=rgb_THW3)

    def _detect_one(self, rgb_HW3: U8) -> Detections:
        height, width = rgb_HW3.shape[:2]
        h, w = fit_size(height, width, self._long_side)
        padded = (-(-h // 32) * 32, -(-w // 32) * 32)
        canvas = np.full((*padded, 3), int(MEAN), np.uint8)
        canvas[:h, :w] = resized(rgb_HW3, w, h)
        if padded not in self._bodies:
            self._bodies[padded] = self._compile("detector", *padded)
        row_P5 = self._bodies[padded](as_blob(canvas))[0]
        return self._choose(row_P5, padded, np.asarray([width / w, height / h] * 2, np.float32), (width, height))

    def _choose(self, row_P5: F32, padded: tuple[int, int], scale_4: F32, size: tuple[int, int]) -> Detections:
        """Decode, suppress, clip: the detections of one frame in its own pixels."""
        score_P = 1 / (1 + np.exp(-row_P5[:, 0]))
        keep = np.flatnonzero(score_P > self._score)
        keep = keep[np.argsort(-score_P[keep], kind="stable")][:1000]
        centre_P2, stride_P = places(*padded)
        box_K4 = (
            decode_boxes(torch.from_numpy(row_P5[None, keep, 1:]), centre_P2[keep], stride_P[keep])[0].numpy() * scale_4
        )
        box_K4 = np.clip(box_K4, 0, np.asarray([*size, *size], np.float32))
        keep_K = ((box_K4[:, 2:] - box_K4[:, :2]) >= 1).all(1)
        box_K4, score_K = box_K4[keep_K], score_P[keep][keep_K]
        chosen = suppress(box_K4, score_K, self._overlap)[: self._most]
        return Detections(box_N4=box_K4[chosen].astype(np.float32), score_N=score_K[chosen].astype(np.float32))

    def surfaces(self, features: Any, boxes: list[F32]) -> list[list[SurfaceMap]]:
        """Map people to the body surface; see `models.network.Network`."""
        return [
            [self._surface_of(rgb_HW3, box_4) for box_4 in box_N4]
            for rgb_HW3, box_N4 in zip(features.rgb_THW3, boxes, strict=True)
        ]

    def _surface_of(self, rgb_HW3: U8, box_4: F32) -> SurfaceMap:
        crop_CC3, region_4 = crop_person(rgb_HW3, crop_region(box_4))
        return assemble(self.read_surface(as_blob(crop_CC3))[0], region_4, box_4, self._calibration)


def light_precision(
    wish: Literal["auto", "fp32", "bf16", "int8"], engine: Engine, weights: Path, sha256: str
) -> Literal["fp32", "bf16", "int8"]:
    """The precision of a wish; "auto" is int8 where the processor has it and eight-bit graphs of these weights stand.

    Raises:
        ModelError: int8 is asked for and the engine is not OpenVINO.
    """
    if wish == "int8":
        if engine != "openvino":
            raise ModelError("eight-bit graphs run in OpenVINO alone", "network.precision", "use engine: openvino")
        return "int8"
    if wish == "auto" and engine == "openvino" and has_int8() and fits(quantized_path(weights), sha256):
        return "int8"
    return choose_precision(wish)


def suppress(box_N4: F32, score_N: F32, overlap: float) -> npt.NDArray[np.int64]:
    """Indices that survive non-maximum suppression, best first."""
    rect_N4 = np.concatenate([box_N4[:, :2], box_N4[:, 2:] - box_N4[:, :2]], 1)
    kept = cv2.dnn.NMSBoxes(rect_N4.tolist(), score_N.tolist(), 0.0, overlap)
    return np.asarray(kept, np.int64).reshape(-1)


def open_light(config: NetworkConfig, threads: int) -> LightNetwork:
    """The light network with the built-in weights (`weights: light`) or those of a .safetensors file.

    Raises:
        ModelError: the weights are missing or of another network.
    """
    if config.weights == "light":
        return LightNetwork(config, threads, BUILT_IN, "light")
    path = Path(config.weights).expanduser()
    return LightNetwork(config, threads, path, path.stem)
