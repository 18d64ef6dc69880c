"""The command line: what can be said, and how it becomes changes of a configuration."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pipeline.config import RawConfig
from pipeline.conversion import ConfigError, nearest
from pipeline.former_names import FORMER_VALUES
from pipeline.graph import stage_class
from pipeline.inputs import UsageError, check_on_this_machine

EXAMPLES = """\
examples:
  run_pipeline.py                               the demo clip, every person in the painted texture
  run_pipeline.py dance.mp4                     writes dance.densepose.mp4 beside you
  run_pipeline.py dance.mp4 -o out.mkv --style parts
  run_pipeline.py dance.mp4 --atlas suit.png --atlas 2=other.png
  run_pipeline.py photos/ more/*.jpg -o results/
  run_pipeline.py dance.mp4 --resume            go on after a crash, a power cut, a full disk
  run_pipeline.py films/ -o out/ -c batch       many inputs, all cores or a cluster; again does what is missing
  run_pipeline.py dance.mp4 -c zoo_r50_s1x --weights zoo:densepose_rcnn_R_50_FPN_s1x
  run_pipeline.py photo.jpg --export instances=raw/     the network's own numbers as npz
  run_pipeline.py dance.mp4 --export iuv=iuv/ --export csv=dance.csv --export magicanimate=condition.mp4
  run_pipeline.py saved/ -c render --style parts        what --export surfaces=saved/ wrote, drawn again
  run_pipeline.py teacher.mp4 me.mp4 -c compare -o lesson.csv
  run_pipeline.py 0 -c live                     the first webcam, on a page at http://127.0.0.1:8765/
  run_pipeline.py rtsp://camera/stream -c live -o day.mp4     recorded; -o rtmp://server/app/key sends it on
  run_pipeline.py dance.mp4 --set encode.crf=18 --set decode.end=10 --report report.json
  run_pipeline.py doctor                        what this machine can do, and what is missing

styles: texture (default), parts, uv, u, v, grid, contours, confidence, skeleton, boxes, none;
        STYLE+STYLE puts two or more side by side, e.g. none+texture
exports: instances, surfaces, iuv, iuv_video, inds, confidence, dp_segm, magicanimate, parula, result_json, coco, csv,
  mot, looks, prores, webm (docs/formats.md says what each is and who reads it)
a configuration is configs/NAME.yaml or a path; every key in it can be changed with --set key.path=value
Ctrl-C keeps the finished part as NAME.partial.mp4; after a crash, a power cut or a full disk --resume goes on
exit: 0 done · 1 failed, one sentence says why · 2 wrong usage or configuration · 130 stopped by Ctrl-C
      143 by SIGTERM · 129 by a hang-up
"""

EXPORT = "--export"
_RENDERING = ("render", "preview")
"""Stages that the `render:` section is for."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the whole usage."""
        raise UsageError(message, "command line", "see --help")


def read_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line. Raises UsageError; `--help` prints and exits with 0."""
    parser = _Parser(
        prog="run_pipeline.py",
        description="Finds every person in videos and images, maps each pixel to the body's surface, and renders it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    places = "video files, images, folders, globs, URLs; with -c live a camera's number; none: the demo clip"
    add("inputs", nargs="*", metavar="INPUT", help=places)
    add("-c", "--config", default="video", metavar="NAME", help="configuration: a name in configs/ or a path")
    add("-o", "--output", metavar="OUTPUT", help="a file (its suffix picks the container), a folder, or a live stream")
    add("--style", metavar="STYLE", help="how people are drawn (render.style)")
    add(
        "--atlas",
        action="append",
        default=[],
        metavar="[ID=]FILE",
        help="what people wear, or the one of an identity: 24 tiles, a picture or a video (render.atlas, atlas_of)",
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
    add("--report", metavar="FILE", help="write what happened as JSON")
    add("--profile", metavar="FILE", help="write what each stage did when, for ui.perfetto.dev (observe.profile)")
    add("--log", metavar="FILE", help="write what happens as lines of JSON (observe.log)")
    add("--metrics", metavar="PORT", type=int, help="serve figures for Prometheus on this machine (observe.metrics)")
    add("--serial", action="store_true", help="run in this one process, without Ray; gives the same bytes")
    add("--overwrite", action="store_true", help="replace results that exist; never an input")
    add("--resume", action="store_true", help="go on after the parts that a run of the same command left behind")
    add("--trust", action="store_true", help="accept downloaded weights whose hash does not fit (network.trust)")
    add("--debug", action="store_true", help="show tracebacks")
    return parser.parse_args(argv)


def apply_shortcuts(raw: RawConfig, arguments: argparse.Namespace, table: Mapping[str, str]) -> None:
    """Write `--style`, `--atlas`, `--weights`, `--trust` and `--export` into a configuration as what they stand for.

    Raises UsageError or ConfigError where the configuration has no place for them.
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
            raise ConfigError(what, f"--export {export}", nearest(kind, kinds))
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
