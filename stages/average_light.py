"""The means of several light networks that began from the same weights, as one light network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from models.light.files import BUILT_IN
from models.light.weights import fill, load_networks, read_sizes, read_weights, write_weights
from pipeline.stage import Job, Stage, StageError
from stages.payloads import Written
from stages.training.checkpoint import average_of


class AverageLight(Stage):
    """A source: weights and checkpoints named in the configuration in, their mean out, in half precision.

    Networks trained from the same weights, each by itself, err each in its own way, and the mean of their weights errs
    less than any of them (Wortsman et al., Model soups, ICML 2022). What it gained: docs/benchmarks/ways.md.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What is averaged.

        Attributes:
            of: light weights: all networks have their sizes, and a half without files of its own is theirs.
            detector, surface: files with that half: light weights, or the `state.pt` of a training of it.
            weights: the file to write.
        """

        of: str = str(BUILT_IN)
        detector: tuple[str, ...] = ()
        surface: tuple[str, ...] = ()
        weights: str = "runs/average_light/light.safetensors"

    def __call__(self, job: Job) -> Iterator[Written]:
        """Write the file whole. Raises: ModelError or StageError naming a file that does not fit."""
        config = self.config
        if not config.detector and not config.surface:
            remedy = "name files, e.g. --set average_light.surface=[A.safetensors,B.safetensors]"
            raise StageError("no files to average", "average_light", remedy)
        of = Path(config.of).expanduser()
        detector, surface = load_networks(of)
        path = Path(config.weights).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_weights(
            path,
            mean_half(detector, "detector", config.detector),
            mean_half(surface, "surface", config.surface),
            read_sizes(of),
        )
        yield Written(path=str(path), frames=0)


def mean_half(net: nn.Module, half: str, files: Sequence[str]) -> dict[str, torch.Tensor]:
    """The mean of a half's states in files, in half precision; the network's own state where there are none.

    Args:
        net: of the sizes that all have; what it holds is lost.

    Raises: ModelError for a file of another kind or of other sizes; StageError where there is none.
    """
    states = [net.state_dict()] if not files else []
    for file in files:
        path = Path(file).expanduser()
        if path.suffix == ".pt":
            fill(net, average_of(path), "", path)
        else:
            fill(net, read_weights(path), f"{half}.", path)
        states.append({name: value.clone() for name, value in net.state_dict().items()})
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0).half() if value.is_floating_point() else value
        for name, value in states[0].items()
    }
