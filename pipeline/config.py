"""One complete run as data: a YAML file, the settings that change it, all validated before anything starts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from pipeline.conversion import ConfigError, convert, nearest, to_dataclass
from pipeline.graph import Graph, build_graph, stage_class
from pipeline.observe import ObserveConfig
from pipeline.plain_yaml import DEEPEST, MOST_CHARACTERS, read_yaml
from pipeline.stage import Stage

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
COMMAND_LINE = "--set"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneConfig:
    """A lane: the stages that share one process, and what it asks of the machine.

    Attributes:
        stages: their names, in order.
        replicas: processes that do the same work side by side; `auto` fits the machine, always 1 where order matters.
        threads: compute threads of the lane; `auto` takes the run's, `all` every core, for a lane that does nearly
            all of the work.
        cpus: processor cores that one replica reserves; `auto` shares what is there.
        gpus: GPUs that one replica reserves; `auto` gives one to lanes that can use it, where there is one.
        memory_gb: memory that one replica reserves; null reserves none.
    """

    stages: tuple[str, ...]
    replicas: int | Literal["auto"] = "auto"
    threads: int | Literal["auto", "all"] = "auto"
    cpus: float | Literal["auto"] = "auto"
    gpus: float | Literal["auto"] = "auto"
    memory_gb: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for no stages or a number out of range."""
        if not self.stages:
            raise ValueError("a lane needs at least one stage")
        _at_least(1, replicas=self.replicas, threads=self.threads)
        _at_least(0, cpus=self.cpus, gpus=self.gpus, memory_gb=self.memory_gb)


@dataclass(frozen=True, slots=True, kw_only=True)
class RayConfig:
    """How Ray runs.

    Attributes:
        address: a cluster to join, `HOST:PORT`; null starts Ray on this machine alone.
        object_store_gb: memory for payloads in flight; `auto` takes a quarter of what is free, 4 GB at most.
        start_timeout_s: how long a lane may take to come up.
        dashboard: whether Ray's own page is served on this machine; its address is printed.
    """

    address: str | None = None
    object_store_gb: float | Literal["auto"] = "auto"
    start_timeout_s: float = 300.0
    dashboard: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        _at_least(0.1, object_store_gb=self.object_store_gb, start_timeout_s=self.start_timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConfig:
    """How a batch is divided among workers, each of which takes the next piece when it is free.

    Attributes:
        workers: processes; `auto` takes as many as the cores of the machine or cluster allow for a lane's threads.
        shard_frames: videos longer than this are cut, so that several workers share one; a multiple of 120 is best.
        most_shards: shards of one video; 1 never cuts. A shard reads its video from the beginning, so many cost more.
    """

    workers: int | Literal["auto"] = "auto"
    shard_frames: int = 3000
    most_shards: int = 8

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        _at_least(1, workers=self.workers, shard_frames=self.shard_frames, most_shards=self.most_shards)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """The keys of a configuration that belong to the run as a whole.

    Attributes:
        lanes: the graph, in order.
        credits: packets in flight per stream.
        largest_picture: millions of pixels that one picture or frame may have; null: what a third of the machine's
            memory holds. Larger ones are refused by their header.
        threads: compute threads of a lane; `auto` depends on the machine's cores alone, never on replicas.
        on_error: what happens to a packet that a stage cannot process: `stop` ends its input with an error,
            `pass` lets it through unprocessed where the stages know how, and counts it.
        inputs: `media` for runs over files, `saved` for those over exports, `pair` for those over two at once,
            `live` for a camera or a stream, `none` for runs that make their own material.
        result: what an input's name is given for an ending where no output is named; null is `.densepose.mp4`, or
            `.densepose.png` for images.
        demo: the clip that is used when no input is named, relative to the file that names it.
        workers: processes that train together, each on its part of every batch (`pipeline.actors.training`).
        ray: see `RayConfig`.
        observe: what of the run is watched, and where; see `ObserveConfig`.
        batch: makes the run a batch over many inputs; see `BatchConfig`.
    """

    lanes: dict[str, LaneConfig]
    credits: int = 4
    largest_picture: float | None = None
    threads: int | Literal["auto"] = "auto"
    on_error: Literal["stop", "pass"] = "stop"
    inputs: Literal["media", "saved", "pair", "live", "none"] = "media"
    result: str | None = None
    demo: str | None = None
    workers: int = 1
    ray: RayConfig = field(default_factory=RayConfig)
    observe: ObserveConfig = field(default_factory=ObserveConfig)
    batch: BatchConfig | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range or a run without lanes."""
        _at_least(1, credits=self.credits, threads=self.threads, workers=self.workers)
        _at_least(1, largest_picture=self.largest_picture)
        if self.largest_picture is not None and not math.isfinite(self.largest_picture):
            raise ValueError("largest_picture must be a number of millions")
        if not self.lanes:
            raise ValueError("a run needs at least one lane")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """A validated run.

    Attributes:
        name: of the configuration, without folder and suffix.
        demo: the clip that is used when no input is named.
        settings: the keys of the run as a whole.
        graph: the wired lanes.
        stages: each stage's own `Config`, by stage name.
    """

    name: str
    demo: Path | None
    settings: RunSettings
    graph: Graph
    stages: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RawConfig:
    """A configuration as written, with the place where each key was written last."""

    name: str
    values: dict[str, Any]
    origins: dict[tuple[str, ...], str]
    inherited: frozenset[str]

    def origin(self, path: tuple[str, ...]) -> str:
        """`FILE: a.b` for a key path; the nearest written parent tells the file."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.origins:
                break
        return f"{self.origins[path[:length]]}: {'.'.join(path)}" if path else self.origins[()]

    def change(self, path: tuple[str, ...], value: Any, place: str) -> None:
        """Write a value at a key path; `place` says who did, for messages."""
        nested: Any = value
        for key in reversed(path[1:]):
            nested = {key: nested}
        _merge(self.values, {path[0]: nested}, self.origins, place, ())


def find_config(name: str, configs: Path = CONFIGS) -> Path:
    """The file of a configuration: a path, or a name in `configs/`. Raises ConfigError naming the nearest."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise ConfigError("this configuration does not exist", name, "give a name in configs/ or a path")
    if (configs / f"{name}.yaml").is_file():
        return configs / f"{name}.yaml"
    known = [file.stem for file in configs.glob("*.yaml")]
    raise ConfigError(f"there is no configuration '{name}'", f"-c {name}", nearest(name, known))


def read_config(name: str, changes: Sequence[str] = (), configs: Path = CONFIGS) -> RawConfig:
    """Read a configuration, what it extends, and the `key.path=value` changes on top of it.

    Raises ConfigError: file absent, not YAML, `extends` in a circle, a change without `=`.
    """
    path = find_config(name, configs)
    raw = _read_file(path, configs, ())
    for change in changes:
        _apply_change(raw, change)
    return raw


def validate(raw: RawConfig, table: Mapping[str, str]) -> RunConfig:
    """Check a whole configuration: its keys, the stages' settings, the wiring.

    Args:
        raw: as read.
        table: every stage known, `name -> module:Class`; modules of stages that are placed are imported.

    Raises ConfigError or GraphError, naming file and key.
    """
    known = {spec.name for spec in dataclasses.fields(RunSettings)}
    settings = to_dataclass(RunSettings, {k: v for k, v in raw.values.items() if k in known}, (), raw.origin)
    for lane, config in settings.lanes.items():
        for stage in config.stages:
            if stage not in table:
                where = raw.origin(("lanes", lane, "stages"))
                raise ConfigError(f"there is no stage '{stage}'", where, nearest(stage, table))
    placed = [stage for lane in settings.lanes.values() for stage in lane.stages]
    classes = {name: stage_class(name, table) for name in dict.fromkeys(placed)}
    lanes = [(name, lane.stages) for name, lane in settings.lanes.items()]
    graph = build_graph(lanes, classes, raw.origins[()])
    configs = {name: getattr(cls, "Config") for name, cls in classes.items()}  # noqa: B009
    _check_sections(raw, known, configs, table)
    shared = {key: value for key, value in raw.values.items() if key not in known and key not in classes}
    stages = {name: _stage_config(name, config, shared, raw) for name, config in configs.items()}
    settings = dataclasses.replace(
        settings, lanes={name: _without_idle_gpu(lane, classes, stages) for name, lane in settings.lanes.items()}
    )
    demo = None if settings.demo is None else Path(raw.origins["demo",]).parent / settings.demo
    return RunConfig(name=raw.name, demo=demo, settings=settings, graph=graph, stages=stages)


def _without_idle_gpu(lane: LaneConfig, classes: Mapping[str, type[Stage]], stages: Mapping[str, Any]) -> LaneConfig:
    """The lane, with no GPU in the place of `auto` where its stages could use one and none does with its settings."""
    able = [name for name in lane.stages if classes[name].accelerated]
    used = not able or any(classes[name].uses_gpu(stages[name]) for name in able)
    return lane if used or lane.gpus != "auto" else dataclasses.replace(lane, gpus=0.0)


def load_config(name: str, changes: Sequence[str], table: Mapping[str, str], configs: Path = CONFIGS) -> RunConfig:
    """`read_config` and `validate` in one."""
    return validate(read_config(name, changes, configs), table)


def _stage_config(name: str, config: type, shared: Mapping[str, Any], raw: RawConfig) -> Any:
    """A stage's own `Config`: its section, and the shared sections that it has a field for."""
    written = raw.values.get(name)
    own = {} if written is None else written
    fields = {spec.name for spec in dataclasses.fields(config)}
    origins = {key: (key,) for key in shared if key in fields and key not in own}

    def origin(path: tuple[str, ...]) -> str:
        return raw.origin(path[1:] if path[1:2] and path[1] in origins else path)

    if not isinstance(own, Mapping):
        return to_dataclass(config, own, (name,), origin)
    return to_dataclass(config, {**{key: shared[key] for key in origins}, **own}, (name,), origin)


def _check_sections(
    raw: RawConfig, known: Iterable[str], configs: Mapping[str, type], table: Mapping[str, str]
) -> None:
    """Every top-level key is a setting, the section of a placed stage, or shared by one; inherited ones may idle."""
    shared = {spec.name for config in configs.values() for spec in dataclasses.fields(config)}
    for key in raw.values:
        if key in known or key in configs or key in shared or (key in raw.inherited):
            continue
        if key in table:
            raise ConfigError(f"stage '{key}' is in no lane", raw.origin((key,)), "place it in a lane, or leave it out")
        told = f"{key:.60}"
        raise ConfigError(f"unknown key '{told}'", raw.origin((told,)), nearest(told, {*known, *configs, *shared}))


def _read_file(path: Path, configs: Path, seen: tuple[Path, ...]) -> RawConfig:
    if path.resolve() in seen:
        raise ConfigError("configurations extend each other in a circle", str(path), "remove one `extends`")
    try:
        with path.open(encoding="utf-8") as file:
            values = read_yaml(file.read(MOST_CHARACTERS + 1))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"this is no readable YAML ({reason})", f"{path}{line}", "correct it") from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError("a configuration is a mapping of names to settings", str(path), "see configs/video.yaml")
    base_name = values.pop("extends", None)
    raw = RawConfig(path.stem, {}, {(): str(path)}, frozenset())
    if base_name is not None:
        beside = path.parent / f"{base_name}.yaml"
        name = convert(str, base_name, ("extends",), raw.origin)
        base_path = beside if beside.is_file() else find_config(name, configs)
        base = _read_file(base_path, configs, (*seen, path.resolve()))
        origins = {**base.origins, (): str(path)}
        raw = RawConfig(path.stem, base.values, origins, frozenset(base.values) - set(values))
    if _places_stages(values.get("lanes")):  # another graph, not a mixture of two
        raw.values.pop("lanes", None)
    _merge(raw.values, values, raw.origins, str(path), ())
    return raw


def _places_stages(lanes: Any) -> bool:
    """Whether a file's `lanes` say where stages go; otherwise they change lanes of the configuration it extends."""
    members = lanes.values() if isinstance(lanes, dict) else ()
    return any(isinstance(lane, dict) and "stages" in lane for lane in members)


def _merge(
    into: dict[str, Any],
    values: Mapping[str, Any],
    origins: dict[tuple[str, ...], str],
    place: str,
    path: tuple[str, ...],
) -> None:
    for key, value in values.items():
        here = (*path, str(key))
        origins[here] = place
        if isinstance(value, dict):
            inner = into.get(key)
            into[key] = inner if isinstance(inner, dict) else {}
            _merge(into[key], value, origins, place, here)
        else:
            into[key] = value


def _apply_change(raw: RawConfig, change: str) -> None:
    path_text, equals, text = change.partition("=")
    path = path_text.strip().split(".")
    if not equals or not all(path) or len(path) > DEEPEST:
        where = f"{COMMAND_LINE} {change:.80}"
        raise ConfigError("a change is written key.path=value", where, "e.g. --set encode.crf=20")
    try:
        value = read_yaml(text)
    except yaml.YAMLError as error:
        # The value is not repeated: it may be a passphrase.
        reason = getattr(error, "problem", None) or "not text"
        raise ConfigError(f"the value is no YAML ({reason})", f"{COMMAND_LINE} {path_text:.80}", "quote it") from error
    raw.change(tuple(path), value, COMMAND_LINE)


def _at_least(least: float, **values: Any) -> None:
    for name, value in values.items():
        if isinstance(value, (int, float)) and value < least:
            raise ValueError(f"{name} is {value}, must be at least {least}")
