"""The Python interface: `run` yields frames of inputs, `load` a network for single images; without Ray."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

from pipeline.command.launch import run_inputs
from pipeline.command.preflight import check_settings, fetch_assets, refuse_failing_inputs
from pipeline.command.zoo_weights import configuration_for_weights
from pipeline.configuration.config import CONFIGS, RawConfig, RunConfig, read_config, validate
from pipeline.configuration.graph import Lane, Node, read_node, refuse_foreign_packages, stage_class
from pipeline.configuration.plan import make_plan, read_machine
from pipeline.interrupts import Interrupt
from pipeline.jobs.inputs import without_output
from pipeline.lane.worker import LaneWorker
from pipeline.observe.metrics import Metrics
from pipeline.packet import Packet
from pipeline.redaction import register_secrets, secrets_registered
from pipeline.scheduling.serial import run_serial
from pipeline.stage import Job, PlainError

FRAMES_STAGE = "frames"
"""The stage that yields frames to the caller, in place of the sinks."""
WEIGHTS = ("network", "weights")
"""The key of the weights in a configuration."""


def run(
    config: str | PathLike[str] = "video",
    inputs: str | PathLike[str] | Sequence[str | PathLike[str]] = (),
    *,
    settings: Mapping[str, Any] | None = None,
    table: Mapping[str, str] | None = None,
) -> Iterator[Any]:
    """Run a configuration over inputs and yield the frames.

    Args:
        config: a name in `configs/`, or a path.
        inputs: video files, images, folders, globs: one or several, run one after the other; none: the demo.
        settings: changes by key path: `{"render.style": "parts", "decode.end": 2.0}`.
        table: the known stages; those of this program by default.

    Yields:
        `stages.results.frames.Frame`: the original, its people and surfaces, and the rendered frame. No file is
            written.

    Raises:
        PlainError: for an unusable configuration at once; for an input that failed, after the others have run.

    The first frame of the demo clip:

    >>> from densepose_video import run
    >>> frames = run("video", settings={"decode.max_size": 160, "decode.end": 0.1})
    >>> frame = next(frames)
    >>> frame.index, frame.rgb_HW3.shape, frame.overlay_HW3.shape, len(frame.people) == len(frame.surfaces)
    (0, (90, 160, 3), (90, 160, 3), True)
    >>> frames.close()
    """
    with secrets_registered(inputs, dict(settings or {})):
        yield from _frames(config, inputs, settings, _stage_table() if table is None else table)


def _frames(
    config: str | PathLike[str],
    inputs: str | PathLike[str] | Sequence[str | PathLike[str]],
    settings: Mapping[str, Any] | None,
    stages: Mapping[str, str],
) -> Iterator[Any]:
    raw = read_config(os.fspath(config))
    for key, value in (settings or {}).items():
        raw.change(tuple(key.split(".")), _plain(value), "settings")
    _take_frames(raw, stages)
    run_config = validate(raw, stages)
    check_settings(run_config)
    names = [os.fspath(name) for name in ([inputs] if isinstance(inputs, str | PathLike) else inputs)]
    found = refuse_failing_inputs(run_config, without_output(run_inputs(run_config, names, None, overwrite=True)))
    metrics = Metrics(run_config.graph, found.jobs)
    for index, failure in found.refused.items():
        metrics.failed(index, failure)
    plan = make_plan(run_config.graph, run_config.settings, read_machine())
    fetch_assets(run_config)
    for _, receipt in run_serial(run_config, plan, found.ready, metrics, Interrupt()):
        yield receipt
    for stream in metrics.streams.values():
        if stream.failure:
            raise stream.failure.error()


def load(
    weights: str | PathLike[str] = "light",
    config: str | PathLike[str] = "video",
    *,
    table: Mapping[str, str] | None = None,
) -> Callable[[Any], tuple[Any, ...]]:
    """Load a network for single images.

    Args:
        weights: `light`, a file, or `zoo:NAME`.
        config: the configuration of the network, such as `zoo_r50_s1x` for published weights.
        table: the known stages; those of this program by default.

    Returns:
        A function from an (H, W, 3) uint8 RGB array to `People` and `Surfaces` in pixels of that image: the payloads of
        the unordered stages.

    Raises:
        PlainError: for an unusable configuration or weights.

    An image without people:

    >>> import numpy as np
    >>> from densepose_video import load
    >>> people, surfaces = load("light")(np.zeros((120, 160, 3), np.uint8))
    >>> len(people), len(surfaces)
    (0, 0)
    """
    register_secrets(weights)
    stages = _stage_table() if table is None else table
    raw = read_config(*configuration_for_weights(os.fspath(config), weights, ()))
    raw.change(WEIGHTS, _plain(weights), "weights")
    run_config = validate(raw, stages)
    check_settings(run_config)
    lane = _single_image_lane(run_config)
    fetch_assets(run_config)
    plan = make_plan(run_config.graph, run_config.settings, read_machine())
    worker = LaneWorker(lane, run_config.stages, max(lane_plan.threads for lane_plan in plan.lanes))
    step, _ = worker.prepare()
    if step.failure:
        raise step.failure.error()
    chunk_type: Any = lane.nodes[0].takes[0].type

    def apply(rgb_HW3: Any) -> tuple[Any, ...]:
        """People and surfaces of one image. Raises PlainError for an array that is not an image."""
        packet = Packet(stream=0, epoch=0, seq=0, first=0, frames=1)
        job = Job(index=0, input="image", output=None, stem="image")
        result, payloads = worker.accept(job, packet, {chunk_type: chunk_type.of_image(rgb_HW3)})
        if result.failure:
            raise result.failure.error()
        return tuple(payloads[kind] for kind in lane.exports)

    return apply


def _stage_table() -> Mapping[str, str]:
    try:
        from stages import STAGES
    except ImportError as error:
        refuse_foreign_packages(error)
        raise
    return STAGES


def _plain(value: Any) -> Any:
    """A setting as plain YAML values: paths as text, also in lists and mappings."""
    if isinstance(value, PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _take_frames(raw: RawConfig, table: Mapping[str, str]) -> None:
    """Replace the sinks by the stage that yields frames to the caller."""
    lanes: dict[str, Any] = raw.values.get("lanes") or {}
    for name, lane in list(lanes.items()):
        kept = [stage for stage in lane["stages"] if stage not in table or _role(stage, table) != "sink"]
        for dropped in set(lane["stages"]) - set(kept):
            raw.values.pop(dropped, None)
        if kept:
            lanes[name] = {**lane, "stages": kept}
        else:
            del lanes[name]
    if lanes:
        last = lanes[list(lanes)[-1]]
        last["stages"] = [*last["stages"], FRAMES_STAGE]


def _role(stage: str, table: Mapping[str, str]) -> str:
    return read_node(stage, stage_class(stage, table)).role


def _single_image_lane(config: RunConfig) -> Lane:
    """The maps before the first ordered one, as a lane of their own: those that a single image needs."""
    maps = [node for node in config.graph.nodes if node.role == "map"]
    nodes: list[Node] = list(itertools.takewhile(lambda node: not node.sequential, maps))
    if not nodes:
        raise PlainError(f"configuration '{config.name}' has no stage for single images", str(CONFIGS), "name another")
    made = dict.fromkeys(kind for node in nodes for kind in node.makes)
    exports = tuple(kind for kind in made if not getattr(kind, "stays_in_lane", False))
    return Lane(
        name="image", nodes=tuple(nodes), ordered=False, imports=(), exports=exports, onward=exports, last=False
    )
