"""Detection: finds the people of every frame, the first half of DensePose-RCNN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.inference.network_check import check_network
from models.inference.open_network import fetch_weights, open_network, stated_weights
from models.network import NetworkConfig
from pipeline.stage import Stage
from stages.payloads import Features, FrameChunk, People


class Detect(Stage):
    """Frames in, people out. The network's features stay in the lane for `densepose`."""

    accelerated = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`network` is the shared section of the run's configuration."""

        network: NetworkConfig = field(default_factory=NetworkConfig)

    @classmethod
    def uses_gpu(cls, config: Config) -> bool:
        """Whether the network uses a GPU."""
        return config.network.uses_gpu()

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises ModelError for weights and a device that the network cannot use."""
        check_network(config.network)

    @classmethod
    def fetch(cls, config: Config) -> None:
        """Download published weights if they are configured. Raises ModelError."""
        fetch_weights(config.network)

    @classmethod
    def is_heavy(cls, config: Config) -> bool:
        """True for networks other than the light one, and for test-time augmentation beyond the usual."""
        return config.network.kind != "light" or config.network.tta != "auto"

    @classmethod
    def network_of(cls, config: Config) -> Mapping[str, str]:
        """Name and sha256 of the weights; the name alone where the file is on another machine."""
        return stated_weights(config.network)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open the network. Raises ModelError for weights that are missing or do not fit."""
        super().__init__(config, threads=threads)
        self.network = open_network(config.network, threads)

    def __call__(self, frames: FrameChunk) -> Iterator[tuple[People, Features]]:
        """People of all frames of the chunk, in original pixels, best score first within a frame."""
        video = frames.video
        aspect = float(video.sample_aspect)
        detections, features = self.network.detect(frames.rgb_THW3, still=video.still, pixel_aspect=aspect)
        counts = [len(found.score_N) for found in detections]
        people = People(
            frame_N=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            box_N4=np.concatenate([found.box_N4 for found in detections]).astype(np.float32, copy=False),
            score_N=np.concatenate([found.score_N for found in detections]).astype(np.float32, copy=False),
            id_N=np.full(sum(counts), -1, np.int32),
        )
        yield people, Features(content=features)

    def blank(self, *payloads: Any) -> Any:
        """No people."""
        no_people = People(
            frame_N=np.zeros(0, np.int32),
            box_N4=np.zeros((0, 4), np.float32),
            score_N=np.zeros(0, np.float32),
            id_N=np.zeros(0, np.int32),
        )
        return no_people, Features(content=None)

    def summary(self) -> Mapping[str, Any]:
        """`weights`: name and sha256 of the network's file; `device`: where it computed."""
        weights = {"name": self.network.name, "sha256": self.network.sha256}
        return {"weights": weights, "device": self.network.device}
