"""DensePose-RCNN as a `Network`: from frames to people and their surfaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.architecture.box_head import choose_people
from models.architecture.proposals import Proposals
from models.architecture.rcnn import DensePoseRCNN, empty_rcnn
from models.arrays import F32, U8
from models.boxes import clip_boxes, non_empty
from models.cache import user_path
from models.checkpoints.checkpoint import load_checkpoint, load_into
from models.checkpoints.zoo import zoo_weights
from models.engines.device import choose_device, choose_engine, choose_precision, device_name
from models.engines.gpu_memory import BatchSize
from models.engines.prepared_rcnn import PreparedRCNN
from models.errors import ModelError
from models.files.atomic_file import file_sha256
from models.inference.assembly import assemble_surface
from models.inference.embedding_assembly import assemble_embedding
from models.inference.preprocess import network_input, network_size
from models.network import NetworkConfig
from models.structures import Detections, SurfaceMap
from models.surface.vertex_charts import VertexCharts, read_vertex_charts
from models.variant import MESHES

PEOPLE_AT_ONCE = 16
"""Number of people in one call of the DensePose head: a balance of speed and memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Input sizes and thresholds. The defaults are those of the reference."""

    min_size: int = 800
    max_size: int = 1333
    min_score: float = 0.05
    nms_threshold: float = 0.5
    max_people: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFeatures:
    """Features of one batch of frames, for `surfaces`.

    Attributes:
        levels: p2..p5, (frames, H, W, 256).
        network_hw, frame_hw: unpadded size of the network's input, and size of the frame.
        found: for each frame the detected boxes in frame pixels (N, 4) and in network pixels (N, 4). With these a
            detected box is pooled at exactly its own position.
    """

    levels: list[Tensor]
    network_hw: tuple[int, int]
    frame_hw: tuple[int, int]
    found: list[tuple[F32, F32]]


class ZooNetwork:
    """DensePose-RCNN prepared for inference. Frames are computed in batches."""

    def __init__(
        self, prepared: PreparedRCNN, limits: Limits, *, name: str, sha256: str, batch: int,
        charts: VertexCharts | None = None,
    ) -> None:  # fmt: skip
        """Args:
        prepared, limits, name and sha256 of the weights; batch: frames per batch.
        charts: of the vertices, for networks that predict embeddings.
        """
        self.name = name
        self.sha256 = sha256
        self.device = device_name(prepared.device)
        self._prepared = prepared
        self._limits = limits
        self._frames = BatchSize(batch, "frame")
        self._people = BatchSize(PEOPLE_AT_ONCE, "person")
        self._assemble: Callable[[dict[str, Tensor], F32], SurfaceMap] = assemble_surface
        if prepared.vertex_VE is not None:
            self._assemble = partial(assemble_embedding, vertex_VE=prepared.vertex_VE, charts=charts)

    @torch.inference_mode()
    def detect(
        self, rgb_THW3: U8, *, still: bool = False, pixel_aspect: float = 1.0
    ) -> tuple[list[Detections], list[BatchFeatures]]:
        """One `Detections` per frame, and the features of every batch of frames."""
        people: list[Detections] = []
        groups: list[BatchFeatures] = []
        for found, features in self._frames.over(rgb_THW3, partial(self._detect_group, pixel_aspect)):
            people += found
            groups.append(features)
        return people, groups

    def _detect_group(self, pixel_aspect: float, rgb_THW3: U8) -> tuple[list[Detections], BatchFeatures]:
        frame_hw = rgb_THW3.shape[1], rgb_THW3.shape[2]
        shown_hw = frame_hw[0], frame_hw[1] * pixel_aspect
        size_hw = network_size(*shown_hw, self._limits.min_size, self._limits.max_size)
        levels, proposals = self._prepared.propose(network_input(rgb_THW3, size_hw), size_hw)
        people, found = [], []
        for box_N4, score_N in self._choose(levels, proposals, size_hw):
            original = to_frame(box_N4, size_hw, frame_hw)
            keep = non_empty(original)
            found.append((original[keep].cpu().numpy(), box_N4[keep].cpu().numpy()))
            people.append(Detections(box_N4=found[-1][0], score_N=score_N[keep].cpu().numpy()))
        return people, BatchFeatures(levels=levels, network_hw=size_hw, frame_hw=frame_hw, found=found)

    def _choose(
        self, levels: list[Tensor], proposals: list[Proposals], size_hw: tuple[int, int]
    ) -> list[tuple[Tensor, Tensor]]:
        """For each frame, box_N4 in network pixels and score_N."""
        boxes = [one.box_N4 for one in proposals]
        counts = [len(one) for one in boxes]
        logit, delta = self._prepared.classify_boxes(levels, boxes)
        limits = self._limits
        return [
            choose_people(*outputs, size_hw, limits.min_score, limits.nms_threshold, limits.max_people)
            for outputs in zip(logit.split(counts), delta.split(counts), boxes, strict=True)
        ]

    @torch.inference_mode()
    def surfaces(self, features: list[BatchFeatures], boxes: list[F32]) -> list[list[SurfaceMap]]:
        """For each frame, one surface per box (frame pixels), in order."""
        surfaces: list[list[SurfaceMap]] = []
        for group in features:
            start = len(surfaces)
            surfaces += self._group_surfaces(group, boxes[start : start + len(group.found)])
        return surfaces

    def _group_surfaces(self, group: BatchFeatures, boxes: list[F32]) -> list[list[SurfaceMap]]:
        if not any(len(one) for one in boxes):
            return [[] for _ in boxes]
        device = self._prepared.device
        network_boxes = [torch.from_numpy(to_network(box, group, index)).to(device) for index, box in enumerate(boxes)]

        def pool(frames: range) -> list[Tensor]:
            part = slice(frames.start, frames.stop)
            if not any(len(one) for one in network_boxes[part]):
                return []
            return [self._prepared.pool_people([level[part] for level in group.levels], network_boxes[part])]

        pooled = torch.cat(list(chain(*self._frames.over(range(len(boxes)), pool))))
        people: list[SurfaceMap] = []
        original = np.concatenate(boxes)
        for maps in self._people.over(pooled, self._prepared.predict_surfaces):
            for index in range(len(maps["coarse_segm"])):
                one = {name: value[index] for name, value in maps.items()}
                people.append(self._assemble(one, original[len(people)]))
        edges = np.cumsum([0, *(len(one) for one in boxes)])
        return [people[edges[i] : edges[i + 1]] for i in range(len(boxes))]


def to_frame(box_N4: Tensor, network_hw: tuple[int, int], frame_hw: tuple[int, int]) -> Tensor:
    """Convert boxes from network pixels to frame pixels and clip them to the frame."""
    across, down = frame_hw[1] / network_hw[1], frame_hw[0] / network_hw[0]
    return clip_boxes(box_N4 * box_N4.new_tensor([across, down, across, down]), *frame_hw)


def to_network(box_N4: F32, group: BatchFeatures, index: int) -> F32:
    """Convert boxes from frame pixels to network pixels. A detected box becomes its exact network box again."""
    across = group.network_hw[1] / group.frame_hw[1]
    down = group.network_hw[0] / group.frame_hw[0]
    scaled = (box_N4.astype(np.float64) * [across, down, across, down]).astype(np.float32)
    original, network = group.found[index]
    for row, box in enumerate(box_N4):
        same = np.flatnonzero((original == box).all(axis=1))
        if len(same):
            scaled[row] = network[same[0]]
    return scaled


def open_zoo(config: NetworkConfig, threads: int) -> ZooNetwork:
    """Load published weights, or a file of the same architecture.

    Raises:
        ModelError: the weights are missing, damaged or of another network.
    """
    device = choose_device("cpu" if config.engine == "openvino" else config.device)
    engine = choose_engine(config.engine, device)
    # With OpenVINO, torch does small work only; more torch threads would spin on the cores that OpenVINO uses.
    torch.set_num_threads(1 if engine == "openvino" else threads)
    charts = read_vertex_charts(user_path(config.body), MESHES[config.variant.mesh]) if config.body else None
    network, path = load_zoo(config)
    precision = choose_precision(config.precision, device)
    return ZooNetwork(
        PreparedRCNN(network, engine=engine, device=device, precision=precision, threads=threads),
        limits_of(config),
        name=config.weights.removeprefix("zoo:") if config.weights.startswith("zoo:") else path.name,
        sha256=file_sha256(path),
        batch=config.batch if isinstance(config.batch, int) else (1 if device.type == "cpu" else 4),
        charts=charts,
    )


def load_zoo(config: NetworkConfig) -> tuple[DensePoseRCNN, Path]:
    """The network of a configuration with its weights, and the weights' file. Raises: ModelError as `open_zoo`."""
    if config.weights == "light":
        raise ModelError("a zoo network has no built-in weights", "network.weights", "give --weights FILE or zoo:NAME")
    path = checkpoint_path(config)
    network = empty_rcnn(config.variant)
    load_into(load_checkpoint(path), network, str(path))
    return network, path


def checkpoint_path(config: NetworkConfig) -> Path:
    """The file that `network.weights` names, downloaded if necessary."""
    if config.weights.startswith("zoo:"):
        name = config.weights.removeprefix("zoo:")
        return zoo_weights(name, config.cache, trust=config.trust)
    return user_path(config.weights)


def limits_of(config: NetworkConfig) -> Limits:
    """The configured limits, with the reference's as defaults."""
    names = ("min_size", "max_size", "min_score", "max_people")
    return Limits(**{name: getattr(config, name) for name in names if getattr(config, name) is not None})
