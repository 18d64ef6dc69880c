"""The options of the command line, and how they become changes of a configuration."""

from __future__ import annotations

import argparse
import difflib
import itertools
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pipeline.command.help import DESCRIPTION, EXAMPLES, FIRST_STEPS
from pipeline.configuration.config import RawConfig, configuration_files
from pipeline.configuration.conversion import ConfigError, suggest
from pipeline.configuration.former_names import FORMER_VALUES
from pipeline.configuration.graph import stage_class
from pipeline.jobs.inputs import UsageError, check_on_this_machine
from pipeline.version import PROGRAM, VERSION

EXPORT = "--export"
_LIKE_AN_OPTION = re.compile(r"--?[^\W\d]")
_RENDERING = ("render", "preview")
"""Stages that the `render:` section is for."""


NAMES_ONLY = "--"
"""After this word every word is an input, also one that begins with a hyphen."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the whole usage."""
        raise UsageError(message, "command line", "see --help")


    def refuse_unknown(self, words: Sequence[str]) -> None:
        """Raise UsageError for the first word that looks like an option and is none, with the nearest option.

        Of `-output` argparse would make `-o utput`.
        """
        known = self._option_string_actions
        for word in itertools.takewhile(lambda word: word != "--", words):
            name = word.partition("=")[0]
            if name in known or not _LIKE_AN_OPTION.match(name):
                continue
            near = difflib.get_close_matches(f"--{name.lstrip('-').lower()}", known, n=1, cutoff=0.7)
            if name[:2] in known and name[1] != "-" and not near:  # -oFILE
                continue
            remedy = f"did you mean '{near[0]}'?" if near else "see --help-all"
            raise UsageError(f"there is no option '{name:.60}'", "command line", remedy)


class _Show(argparse.Action):
    """Prints its text and ends the program."""

    def __init__(self, option_strings: Sequence[str], dest: str, const: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, const=const, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(self.const, end="")
        parser.exit()


def read_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; `config` is None where `-c` has no name.

    Raises UsageError. `--help`, `--help-all` and `--version` print and exit with 0.
    """
    parser = _Parser(
        prog=PROGRAM,
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    add = parser.add_argument
    add("-h", "--help", action=_Show, const=FIRST_STEPS, help="show the first steps; with a STAGE, its settings")
    add("--help-all", action="help", help="show this: every option, style and export")
    add("--version", action="version", version=VERSION, help="show the version")
    places = "video files, images, folders, globs, URLs; with -c live a camera's number; none: the demo clip"
    add("inputs", nargs="*", metavar="INPUT", help=places)
    about = "configuration: a name or a path; without one, list the names"
    add("-c", "--config", nargs="?", default="video", metavar="NAME", help=about)
    add("-o", "--output", metavar="OUTPUT", help="a file (its suffix picks the container), a folder, or a live stream")
    add("--style", metavar="STYLE", help="how people are drawn (render.style)")
    add(
        "--atlas",
        action="append",
        default=[],
        metavar="[ID=]FILE",
        help="texture of all people, or of one identity: an image or video of 24 tiles (render.atlas, atlas_of)",
    )
    add("--weights", metavar="W", help="the network's weights: light, a file, or zoo:NAME (network.weights)")
    add(
        "--export",
        action="append",
        default=[],
        metavar="KIND=PATH",
        help="also write results of this kind, e.g. iuv=FOLDER or csv=FILE; may be repeated; the kinds are below",
    )
    add("--set", action="append", default=[], dest="changes", metavar="KEY.PATH=VALUE", help="change a setting")
    add("--report", metavar="FILE", help="write a report as JSON")
    add("--profile", metavar="FILE", help="write what each stage did when, for ui.perfetto.dev (observe.profile)")
    add("--log", metavar="FILE", help="write each event as a line of JSON (observe.log)")
    add("--metrics", metavar="PORT", type=int, help="serve metrics for Prometheus on this machine (observe.metrics)")
    add("--serial", action="store_true", help="run in one process, without Ray; the results are the same bytes")
    add("--overwrite", action="store_true", help="replace results that exist; never an input")
    add("--resume", action="store_true", help="continue after the parts that an earlier run of the same command left")
    add("--trust", action="store_true", help="accept downloaded weights whose hash does not fit (network.trust)")
    add("--debug", action="store_true", help="show tracebacks")
    end = argv.index(NAMES_ONLY) if NAMES_ONLY in argv else len(argv)
    parser.refuse_unknown(argv[:end])
    arguments = parser.parse_intermixed_args(argv[:end])
    arguments.inputs = [*arguments.inputs, *argv[end + 1 :]]
    return arguments


def apply_shortcuts(raw: RawConfig, arguments: argparse.Namespace, table: Mapping[str, str]) -> None:
    """Write `--style`, `--atlas`, `--weights`, `--trust` and `--export` into a configuration as the keys they set.

    Raises UsageError or ConfigError if the configuration has no place for them.
    """
    placed = _placed(raw)
    kinds = _export_kinds(placed, table) if arguments.export else {}
    renders = any(name in placed for name in _RENDERING)
    paths: dict[str, str] = {}
    if arguments.style is not None:
        if not renders:
            raise UsageError("this configuration renders nothing", f"--style {arguments.style}", "leave it out")
        raw.change(("render", "style"), arguments.style, "--style")
    for atlas in arguments.atlas:
        if not renders:
            raise UsageError("this configuration renders nothing", f"--atlas {atlas}", "leave it out")
        identity, equals, path = atlas.partition("=")
        if equals and identity.isdigit():
            raw.change(("render", "atlas_of", identity), path, "--atlas")
        else:
            raw.change(("render", "atlas"), atlas, "--atlas")
    if arguments.weights is not None:
        raw.change(("network", "weights"), arguments.weights, "--weights")
    for key in ("profile", "log", "metrics"):
        if getattr(arguments, key) is not None:
            raw.change(("observe", key), getattr(arguments, key), f"--{key}")
    for key in ("report", "profile", "log"):
        check_on_this_machine(getattr(arguments, key) or "", f"--{key}")
    if arguments.trust:
        raw.change(("network", "trust"), True, "--trust")
    for export in arguments.export:
        kind, equals, path = export.partition("=")
        if not equals or not path:
            raise UsageError("an export is written KIND=PATH", f"--export {export}", "e.g. --export instances=raw/")
        if (EXPORT, kind) in FORMER_VALUES:
            raise UsageError(f"'{kind}' is now called '{FORMER_VALUES[EXPORT, kind]}'", f"--export {export}")
        if kind not in kinds:
            what = f"configuration '{raw.name}' has no export of kind '{kind}'"
            others = [name for name in configuration_files() if name in table and name not in placed]
            elsewhere = _export_kinds(others, table).get(kind)
            advice = f"-c {elsewhere[0]} has it" if elsewhere else suggest(kind, kinds)
            raise ConfigError(what, f"--export {export}", advice)
        same = next((other for other, used in paths.items() if os.path.abspath(used) == os.path.abspath(path)), None)
        if same or kind in paths:
            what = f"'{same}' is written there already" if same else f"'{kind}' is named twice"
            raise UsageError(what, f"--export {export}", "give each export a path of its own")
        paths[kind] = path
        raw.change(kinds[kind], path, "--export")


def _export_kinds(placed: Sequence[str], table: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The key that takes the path of each kind of export the placed stages write."""
    classes = {name: stage_class(name, table) for name in placed if name in table}
    return {kind: (name, *key.split(".")) for name, cls in classes.items() for kind, key in cls.exports.items()}


def _placed(raw: RawConfig) -> list[str]:
    """Names of the stages in the lanes, as far as they can be read before validation."""
    lanes: Any = raw.values.get("lanes")
    if not isinstance(lanes, dict):
        return []
    members = [lane.get("stages") for lane in lanes.values() if isinstance(lane, dict)]
    return [name for stages in members if isinstance(stages, list) for name in stages if isinstance(name, str)]
