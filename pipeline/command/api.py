"""The Python interface: `run` yields frames of inputs, `load` a network for single images; without Ray."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

from pipeline.command.launch import run_inputs
from pipeline.command.preflight import check_settings, fetch_assets, refuse_failing_inputs
from pipeline.command.program_inputs import Channels, images_for_network, split_inputs
from pipeline.command.provenance import with_provenance
from pipeline.command.zoo_weights import configuration_for_weights
from pipeline.configuration.config import CONFIGS, RawConfig, RunConfig, read_config, validate
from pipeline.configuration.graph import Lane, Node, read_node, refuse_foreign_packages, stage_class
from pipeline.configuration.plan import make_plan, read_machine
from pipeline.frames_in_memory import FramesInMemory
from pipeline.interrupts import Interrupt
from pipeline.jobs.inputs import Inputs, UsageError, without_output
from pipeline.lane.worker import LaneWorker
from pipeline.observe.metrics import Metrics
from pipeline.packet import gauges_of
from pipeline.redaction import register_secrets, secrets_registered
from pipeline.scheduling.serial import run_serial
from pipeline.stage import Job, PlainError

FRAMES_STAGE = "frames"
"""The stage that yields frames to the caller, in place of the sinks."""
MEMORY_STAGE = "memory_source"
"""The stage that reads the caller's frames, in place of the source."""
IN_MEMORY = "frames in memory"
"""The name of such an input in messages."""
WEIGHTS = ("network", "weights")
"""The key of the weights in a configuration."""


def run(
    config: str | PathLike[str] = "video",
    inputs: Any = None,
    *,
    settings: Mapping[str, Any] | None = None,
    rate: float = 25.0,
    channels: Channels = "rgb",
    device: str | None = None,
    table: Mapping[str, str] | None = None,
) -> Iterator[Any]:
    """Run a configuration over inputs and yield the frames.

    Args:
        config: a name in `configs/`, or a path.
        inputs: video files, images, folders, globs: one or several, run one after the other; None: the demo. Or what
            the program has in memory: an image, (H, W, 3) uint8 or float from 0 to 1, of NumPy, Pillow or PyTorch; or
            the frames of a film: a stack of them, a list, or a generator, which is read as frames are needed.
        settings: changes by key path: `{"render.style": "parts", "decode.end": 2.0}`.
        rate: frames per second of a film in memory.
        channels: the order of the channels of arrays in memory; `bgr` is OpenCV's.
        device: `auto`, `cpu` or `cuda`; short for the setting `network.device`.
        table: the known stages; those of this program by default.

    Yields:
        `stages.results.frames.Frame`: the original, its people and surfaces, and the rendered frame. No file is
            written, but for exports that `settings` names.

    Raises:
        PlainError: for an unusable configuration or input at once; for a file that failed, after the others have run.

    The first frame of the demo clip:

    >>> from densepose_video import run
    >>> frames = run("video", settings={"decode.max_size": 160, "decode.end": 0.1})
    >>> frame = next(frames)
    >>> frame.index, frame.rgb_HW3.shape, frame.overlay_HW3.shape, len(frame.people) == len(frame.surfaces)
    (0, (90, 160, 3), (90, 160, 3), True)
    >>> frames.close()

    A film in memory:

    >>> import numpy as np
    >>> [frame.seconds for frame in run("video", np.zeros((3, 90, 160, 3), np.uint8), rate=10)]
    [0.0, 0.1, 0.2]
    """
    names, in_memory = split_inputs(inputs, rate, channels)
    with secrets_registered(names, dict(settings or {})):
        changes = {**(settings or {}), **_device_setting(device)}
        yield from _frames(config, names, in_memory, changes, _stage_table() if table is None else table)


def _frames(
    config: str | PathLike[str],
    names: Sequence[str],
    in_memory: FramesInMemory | None,
    settings: Mapping[str, Any],
    stages: Mapping[str, str],
) -> Iterator[Any]:
    raw = read_config(os.fspath(config))
    for key, value in settings.items():
        raw.change(tuple(key.split(".")), _plain(value), "settings")
    _take_frames(raw, stages)
    if in_memory is not None:
        _read_memory(raw, stages, settings)
    run_config = validate(raw, stages)
    check_settings(run_config)
    if in_memory is None:
        found = without_output(run_inputs(run_config, names, None, overwrite=True))
    else:
        job = Job(index=0, input=IN_MEMORY, output=None, stem="memory", overwrite=True, in_memory=in_memory)
        found = Inputs(jobs=(job,), refused={})
    found = refuse_failing_inputs(run_config, found)
    metrics = Metrics(run_config.graph, found.jobs)
    for index, failure in found.refused.items():
        metrics.failed(index, failure)
    plan = make_plan(run_config.graph, run_config.settings, read_machine())
    fetch_assets(run_config)
    jobs = with_provenance(run_config, found.ready)
    for _, receipt in run_serial(run_config, plan, jobs, metrics, Interrupt()):
        if not gauges_of(receipt):  # a camera states its measures between frames
            yield receipt
    for stream in metrics.streams.values():
        if stream.failure:
            raise stream.failure.error()


def load(
    weights: str | PathLike[str] = "light",
    config: str | PathLike[str] = "video",
    *,
    device: str | None = None,
    table: Mapping[str, str] | None = None,
) -> Callable[..., Any]:
    """Load a network for single images.

    Args:
        weights: `light`, a file, or `zoo:NAME`.
        config: the configuration of the network, such as `zoo_r50_s1x` for published weights.
        device: `auto`, `cpu` or `cuda`; short for the setting `network.device`.
        table: the known stages; those of this program by default.

    Returns:
        A function from an image to its `People` and `Surfaces`, in pixels of that image: an array (H, W, 3) as `run`
        takes it, an image of Pillow, a tensor, or the path of an image file. From several images, as a list, a stack
        or a generator, it makes a list of such pairs. Its argument `channels` is that of `run`.

    Raises:
        PlainError: for an unusable configuration, weights or image.

    An image without people, and two of them:

    >>> import numpy as np
    >>> from densepose_video import load
    >>> network = load("light")
    >>> people, surfaces = network(np.zeros((120, 160, 3), np.uint8))
    >>> len(people), len(surfaces), len(network([np.zeros((120, 160, 3), np.uint8)] * 2))
    (0, 0, 2)
    """
    register_secrets(weights)
    stages = _stage_table() if table is None else table
    raw = read_config(*configuration_for_weights(os.fspath(config), weights, ()))
    raw.change(WEIGHTS, _plain(weights), "weights")
    for key, value in _device_setting(device).items():
        raw.change(tuple(key.split(".")), value, "device")
    _take_frames(raw, stages)
    _read_memory(raw, stages, {})
    run_config = validate(raw, stages)
    check_settings(run_config)
    lane = _single_image_lane(run_config)
    fetch_assets(run_config)
    plan = make_plan(run_config.graph, run_config.settings, read_machine())
    worker = LaneWorker(lane, run_config.stages, max(lane_plan.threads for lane_plan in plan.lanes))
    step, _ = worker.prepare()
    if step.failure:
        raise step.failure.error()
    numbers = itertools.count()

    def apply(images: Any, *, channels: Channels = "rgb") -> Any:
        """People and surfaces of an image, or a list of both for several. Raises PlainError for what is no image."""
        given, single = images_for_network(images, channels)
        job = Job(index=next(numbers), input="", output=None, stem="image", in_memory=given)
        found = [(frame.people, frame.surfaces) for frame in _of_stream(worker, job)]
        return found[0] if single else found

    return apply


def _of_stream(worker: LaneWorker, job: Job) -> Iterator[Any]:
    """What the sink of a lane that begins with a source yields. Raises PlainError."""
    ended = False
    while not ended:
        step, _ = worker.pull(job, 0)
        if step.failure:
            raise step.failure.error()
        ended = step.ended
        yield from step.receipts


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
            shared = {spec.name for spec in dataclasses.fields(stage_class(dropped, table).Config)} & set(table)
            for section in (dropped, *shared):
                raw.values.pop(section, None)
        if kept:
            lanes[name] = {**lane, "stages": kept}
        else:
            del lanes[name]
    if lanes:
        last = lanes[list(lanes)[-1]]
        last["stages"] = [*last["stages"], FRAMES_STAGE]


def _read_memory(raw: RawConfig, table: Mapping[str, str], settings: Mapping[str, Any]) -> None:
    """Replace the source by the stage that reads the caller's frames. Raises UsageError for settings of the source."""
    lanes: dict[str, Any] = raw.values.get("lanes") or {}
    for name, lane in lanes.items():
        for source in [stage for stage in lane["stages"] if stage in table and _role(stage, table) == "source"]:
            for key in settings:
                if key.split(".")[0] == source:
                    raise UsageError(f"frames in memory do not pass `{source}`", key, "leave this setting out")
            raw.values.pop(source, None)
            stages = [MEMORY_STAGE if stage == source else stage for stage in lane["stages"]]
            lanes[name] = {**lane, "stages": stages}


def _device_setting(device: str | None) -> dict[str, str]:
    return {} if device is None else {"network.device": str(device)}


def _role(stage: str, table: Mapping[str, str]) -> str:
    return read_node(stage, stage_class(stage, table)).role


def _single_image_lane(config: RunConfig) -> Lane:
    """A lane of the source, the maps before the first ordered one, which are all that a single image needs, and the
    stage that yields frames."""
    nodes = config.graph.nodes
    maps = [node for node in nodes if node.role == "map"]
    needed: list[Node] = list(itertools.takewhile(lambda node: not node.sequential, maps))
    if not needed:
        raise PlainError(f"configuration '{config.name}' has no stage for single images", str(CONFIGS), "name another")
    return Lane(
        name="image", nodes=(nodes[0], *needed, nodes[-1]), ordered=True, imports=(), exports=(), onward=(), last=True
    )
