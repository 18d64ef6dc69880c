"""Dense pose: maps every pixel of every person to the body surface, the second half of DensePose-RCNN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from models.inference.open_network import open_network
from models.network import NetworkConfig
from pipeline.stage import Stage, StageError
from stages.payloads import Features, FrameChunk, People, PersonSurface, Surfaces


class DensePose(Stage):
    """People and the detector's features in, one surface per person out (Güler et al. 2018, §3)."""

    accelerated = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        network: the shared section of the run's configuration.
        charts: whether later stages need charts, U and V; false: only the embeddings of a `zoo_cse` network are
            exported (`-c embeddings`), which needs no `network.body`.
        """

        network: NetworkConfig = field(default_factory=NetworkConfig)
        charts: bool = True

    @classmethod
    def uses_gpu(cls, config: Config) -> bool:
        """Whether the network uses a GPU."""
        return config.network.uses_gpu()

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises StageError for a network that predicts embeddings whose charts are not known."""
        if config.charts and config.network.variant.mesh and not config.network.body:
            what = "this network predicts embeddings; their charts stand in DensePose's own files"
            remedy = "name the folder of SMPL_subdiv.mat and SMPL_SUBDIV_TRANSFORM.mat, or take -c embeddings"
            raise StageError(what, "network.body", remedy)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Use the network that `detect` opened in this lane."""
        super().__init__(config, threads=threads)
        self.network = open_network(config.network, threads)

    def __call__(self, frames: FrameChunk, people: People, features: Features) -> Iterator[Surfaces]:
        """Surfaces in the order of `people`."""
        boxes = [people.box_N4[people.frame_N == index] for index in range(len(frames))]
        maps = self.network.surfaces(features.content, boxes)
        yield Surfaces(people=tuple(PersonSurface.predicted(one) for frame in maps for one in frame))

    def blank(self, frames: FrameChunk, people: People | None, features: Features | None) -> Surfaces:
        """An empty surface for each person, because later stages expect one per person."""
        corners = [] if people is None else people.box_N4[:, :2].astype(int).tolist()
        return Surfaces(people=tuple(_empty_surface(x0, y0) for x0, y0 in corners))


def _empty_surface(x0: int, y0: int) -> PersonSurface:
    """A surface of one background pixel."""
    zero_hw = np.zeros((1, 1), np.float32)
    return PersonSurface(
        x0=x0,
        y0=y0,
        labels_hw=np.zeros((1, 1), np.uint8),
        uv_2hw=np.zeros((2, 1, 1), np.float32),
        confidence_hw=zero_hw,
    )
