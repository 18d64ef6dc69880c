"""Configurations: a YAML file and changes to it become a validated run, before anything starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.configuration.bounded_yaml import DEEPEST, MOST_CHARACTERS, read_yaml
from pipeline.configuration.conversion import ConfigError, convert, suggest, to_dataclass
from pipeline.configuration.former_names import FORMER_CONFIGURATIONS, former_name, refuse_former_names
from pipeline.configuration.graph import Graph, build_graph, stage_class
from pipeline.configuration.settings import LaneConfig, RunSettings
from pipeline.stage import Stage

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
COMMAND_LINE = "--set"
VARIANTS, ABOUT = "variants", "about"
"""Keys of a file with several configurations: what each sets beside the rest of the file, and a line about it."""


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
    """A configuration as written, with the place (file or option) where each key was written last."""

    name: str
    values: dict[str, Any]
    origins: dict[tuple[str, ...], str]
    inherited: frozenset[str]

    def origin(self, path: tuple[str, ...]) -> str:
        """`FILE: a.b` for a key path; the nearest written parent decides the file."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.origins:
                break
        return f"{self.origins[path[:length]]}: {'.'.join(path)}" if path else self.origins[()]

    def change(self, path: tuple[str, ...], value: Any, place: str) -> None:
        """Write a value at a key path; `place` is the file or option in messages."""
        nested: Any = value
        for key in reversed(path[1:]):
            nested = {key: nested}
        _merge(self.values, {path[0]: nested}, self.origins, place, ())


def configuration_files(configs: Path = CONFIGS) -> dict[str, Path]:
    """Every configuration in `configs/` and in the folders in it, by its name; the file of variants has several."""
    files: dict[str, Path] = {}
    for file in (*sorted(configs.glob("*/*.yaml")), *sorted(configs.glob("*.yaml"))):
        files |= dict.fromkeys(variant_settings(file) or (file.stem,), file)
    return files


def variant_settings(file: Path) -> dict[str, dict[str, Any]]:
    """The settings of each configuration in a file that has several (`variants`), by name; else none."""
    text = file.read_text(encoding="utf-8", errors="replace")
    variants = read_yaml(text).get(VARIANTS, {}) if f"\n{VARIANTS}:" in text else {}
    return {name: dict(settings) for name, settings in variants.items()}


def find_config(name: str, configs: Path = CONFIGS) -> Path:
    """The file of a configuration: a path, or a name in `configs/` or a folder in it.

    Raises ConfigError that suggests the nearest name.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise ConfigError("this configuration does not exist", name, "give a name in configs/ or a path")
    own = configs / f"{name}.yaml"
    if path.name == name and own.is_file() and not variant_settings(own):
        return own  # without a look at all files
    known = configuration_files(configs)
    if name in known:
        return known[name]
    if name in FORMER_CONFIGURATIONS:
        raise ConfigError(former_name("configuration", name, FORMER_CONFIGURATIONS), f"-c {name}")
    remedy = suggest(name, known, otherwise="-c without a name lists them; a file is given as NAME.yaml")
    raise ConfigError(f"there is no configuration '{name}'", f"-c {name}", remedy)


def read_config(name: str, changes: Sequence[str] = (), configs: Path = CONFIGS) -> RawConfig:
    """Read a configuration and those it extends, and apply the `key.path=value` changes.

    Raises ConfigError: absent file, no YAML, circular `extends`, a change without `=`.
    """
    raw = _read_file(name, find_config(name, configs), configs, ())
    for change in changes:
        _apply_change(raw, change)
    return raw


def validate(raw: RawConfig, table: Mapping[str, str]) -> RunConfig:
    """Check a whole configuration: its keys, the stages' settings, the wiring.

    Args:
        raw: as read.
        table: every known stage, `name -> module:Class`; modules of placed stages are imported.

    Raises ConfigError or GraphError, naming file and key.
    """
    refuse_former_names(raw.values, raw.origin)
    known = {spec.name for spec in dataclasses.fields(RunSettings)}
    settings = to_dataclass(RunSettings, {k: v for k, v in raw.values.items() if k in known}, (), raw.origin)
    for lane, config in settings.lanes.items():
        for stage in config.stages:
            if stage not in table:
                where = raw.origin(("lanes", lane, "stages"))
                raise ConfigError(f"there is no stage '{stage}'", where, suggest(stage, table))
    settings, classes = _with_optional_stages(settings, raw, known, table)
    lanes = [(name, lane.stages) for name, lane in settings.lanes.items()]
    graph = build_graph(lanes, classes, raw.origins[()])
    _check_sections(raw, known, classes, table)
    stages = _stage_configs(classes, known, raw)
    settings = dataclasses.replace(
        settings, lanes={name: _without_idle_gpu(lane, classes, stages) for name, lane in settings.lanes.items()}
    )
    demo = None if settings.demo is None else Path(raw.origins["demo",]).parent / settings.demo
    return RunConfig(name=raw.name, demo=demo, settings=settings, graph=graph, stages=stages)


def _with_optional_stages(
    settings: RunSettings, raw: RawConfig, known: Iterable[str], table: Mapping[str, str]
) -> tuple[RunSettings, dict[str, type[Stage]]]:
    """The settings with the stages that placed ones need before them, and the class of every stage."""
    placed = [stage for lane in settings.lanes.values() for stage in lane.stages]
    classes = {name: stage_class(name, table) for name in dict.fromkeys(placed)}
    lanes = dict(settings.lanes)
    added: list[str] = []
    for name, config in _stage_configs(classes, known, raw).items():
        for needed in classes[name].needs(config):
            if needed not in classes:
                users = [name, *(other for other in added if needed in classes[other].optional_stages)]
                classes[needed] = stage_class(needed, table)
                added.append(needed)
                lanes = {key: _placed_before(users, needed, lane) for key, lane in lanes.items()}
    return dataclasses.replace(settings, lanes=lanes), classes


def _placed_before(users: Collection[str], needed: str, lane: LaneConfig) -> LaneConfig:
    """The lane with a stage placed right before the first of its users, if it holds one."""
    at = next((at for at, stage in enumerate(lane.stages) if stage in users), None)
    if at is None:
        return lane
    return dataclasses.replace(lane, stages=(*lane.stages[:at], needed, *lane.stages[at:]))


def _stage_configs(classes: Mapping[str, type[Stage]], known: Iterable[str], raw: RawConfig) -> dict[str, Any]:
    """The settings of every stage, by its name."""
    shared = {key: value for key, value in raw.values.items() if key not in known and key not in classes}
    return {name: _stage_config(name, _config_class(cls), shared, raw) for name, cls in classes.items()}


def _config_class(cls: type[Stage]) -> type:
    config: type = getattr(cls, "Config")  # noqa: B009
    return config


def _without_idle_gpu(lane: LaneConfig, classes: Mapping[str, type[Stage]], stages: Mapping[str, Any]) -> LaneConfig:
    """The lane without an automatic GPU where its stages could use one but none does with its settings."""
    able = [name for name in lane.stages if classes[name].accelerated]
    used = not able or any(classes[name].uses_gpu(stages[name]) for name in able)
    return lane if used or lane.gpus != "auto" else dataclasses.replace(lane, gpus=0.0)


def load_config(name: str, changes: Sequence[str], table: Mapping[str, str], configs: Path = CONFIGS) -> RunConfig:
    """`read_config` and `validate` in one."""
    return validate(read_config(name, changes, configs), table)


def _stage_config(name: str, config: type, shared: Mapping[str, Any], raw: RawConfig) -> Any:
    """A stage's own `Config`: its section, and the shared sections for which it has a field."""
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
    raw: RawConfig, known: Iterable[str], classes: Mapping[str, type[Stage]], table: Mapping[str, str]
) -> None:
    """Check that every top-level key is a setting or a section of a placed stage; inherited ones may be unused."""
    shared = {spec.name for cls in classes.values() for spec in dataclasses.fields(_config_class(cls))}
    optional = {name for cls in classes.values() for name in cls.optional_stages}
    for key in raw.values:
        if key in known or key in classes or key in shared or (key in raw.inherited and key not in optional):
            continue
        where = raw.origin((key,))
        if key in optional:
            if where.startswith(COMMAND_LINE):
                what = f"nothing that this run writes needs the stage '{key}'"
                raise ConfigError(what, where, "name an export or a style that does, or leave it out")
            continue
        if key in table:
            remedy = "place it in a lane, or leave it out"
            if where.startswith(COMMAND_LINE):
                run = key in configuration_files()
                remedy = f"use -c {key}, which runs it, or leave it out" if run else suggest(key, classes)
            raise ConfigError(f"stage '{key}' is in no lane of '{raw.name}'", where, remedy)
        short = f"{key:.60}"
        raise ConfigError(f"unknown key '{short}'", raw.origin((short,)), suggest(short, {*known, *classes, *shared}))


def _read_file(name: str, path: Path, configs: Path, seen: tuple[Path, ...]) -> RawConfig:
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
    variant = _chosen_variant(name, path, values.pop(VARIANTS, None))
    name = path.stem if variant is None else name
    raw = RawConfig(name, {}, {(): str(path)}, frozenset())
    if base_name is not None:
        beside = path.parent / f"{base_name}.yaml"
        base_name = convert(str, base_name, ("extends",), raw.origin)
        base_path = beside if beside.is_file() else find_config(base_name, configs)
        base = _read_file(base_name, base_path, configs, (*seen, path.resolve()))
        origins = {**base.origins, (): str(path)}
        raw = RawConfig(name, base.values, origins, frozenset(base.values) - set(values))
    if _places_stages(values.get("lanes")):  # a new graph replaces the inherited one
        raw.values.pop("lanes", None)
    for written in (values, variant or {}):
        _merge(raw.values, written, raw.origins, str(path), ())
    return raw


def _chosen_variant(name: str, path: Path, variants: Any) -> dict[str, Any] | None:
    """The settings of the variant of that name beside its description; None for a file without variants."""
    if variants is None:
        return None
    wrong = not isinstance(variants, dict) or not all(isinstance(one, dict) for one in variants.values())
    if wrong or name not in variants:
        known = "" if wrong else f": {', '.join(variants)}"
        raise ConfigError("this file has several configurations", f"{path}: {VARIANTS}", f"name one of them{known}")
    return {key: value for key, value in variants[name].items() if key != ABOUT}


def _places_stages(lanes: Any) -> bool:
    """Whether a file's `lanes` place stages; otherwise they change lanes of the configuration that it extends."""
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
