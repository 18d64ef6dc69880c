"""Averages the weights of light networks whose trainings began from the same weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from models.cache import user_path
from models.errors import ModelError
from models.light.architecture.detector import PersonDetector
from models.light.architecture.sizes import ComponentName, LightSizes
from models.light.architecture.surface_net import SurfaceNet
from models.light.architecture.weight_files import (
    State,
    detector_sizes,
    load_component,
    read_weights,
    surface_sizes,
    without_prefix,
    write_weights,
)
from models.light.architecture.weight_paths import BUILT_IN
from pipeline.stage import Job, Stage, StageError
from stages.payloads import Written
from stages.training.checkpoint import average_of


class AverageLight(Stage):
    """A source: writes the mean of weights and checkpoints that the configuration names, in half precision.

    Networks that are trained separately from the same weights have different errors; the mean of their weights has
    smaller errors than each of them (Wortsman et al., Model soups, ICML 2022).
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What is averaged.

        Attributes:
            of: light weights; they supply a component for which no files are named.
            detector, surface: files whose component is averaged, all of the same sizes: light weights, or `state.pt`
                files of trainings.
            weights: the file to write.
        """

        of: str = str(BUILT_IN)
        detector: tuple[str, ...] = ()
        surface: tuple[str, ...] = ()
        weights: str = "runs/average_light/light.safetensors"

    def __call__(self, job: Job) -> Iterator[Written]:
        """Write the file whole or not at all. Raises: ModelError or StageError that names an unusable file."""
        config = self.config
        if not config.detector and not config.surface:
            remedy = "name files, e.g. --set average_light.surface=[A.safetensors,B.safetensors]"
            raise StageError("no files to average", "average_light", remedy)
        detector = mean_component("detector", config.detector or (config.of,))
        surface = mean_component("surface", config.surface or (config.of,))
        sizes = LightSizes(detector=detector_sizes(detector), surface=surface_sizes(surface))
        path = user_path(config.weights)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_weights(path, detector, surface, sizes)
        yield Written(path=str(path), frames=0)


def mean_component(component: ComponentName, files: Sequence[str]) -> dict[str, torch.Tensor]:
    """The mean of a component's states in files, in half precision; all have the sizes of the first.

    Raises: ModelError for a file of another kind or of other sizes; StageError where there is none.
    """
    states: list[dict[str, torch.Tensor]] = []
    net: nn.Module | None = None
    for file in files:
        path = user_path(file)
        state = average_of(path) if path.suffix == ".pt" else without_prefix(f"{component}.", read_weights(path))
        net = net or component_of_state(component, state, path)
        load_component(net, state, "", path)
        states.append({name: value.clone() for name, value in net.state_dict().items()})
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0).half() if value.is_floating_point() else value
        for name, value in states[0].items()
    }


def component_of_state(component: ComponentName, state: State, path: Path) -> nn.Module:
    """A component of the sizes of a state. Raises: ModelError if it is no state of this component."""
    try:
        return PersonDetector(detector_sizes(state)) if component == "detector" else SurfaceNet(surface_sizes(state))
    except (KeyError, ValueError) as error:
        raise ModelError(f"no {component} of a light network ({error})", str(path), "use its own weights") from error
