"""The kinds of export, as `--export KIND=PATH` names them, with the function that writes each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stages.results.formats.writer import ExportTarget, ExportWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of export.

    Attributes:
        what: a description in one line.
        factory: `module:function` from an `ExportTarget` to the `ExportWriter` of one input; imported on first use.
        raw: True if it is written from the network's own result, before tracking and smoothing.
        fitted: True if it is always written from fitted bodies, so that people are fitted for it.
    """

    what: str
    factory: str
    raw: bool = False
    fitted: bool = False

    def begin(self, target: ExportTarget) -> ExportWriter:
        """The writer of one input. Raises StageError for a path that cannot be written."""
        module, _, function = self.factory.partition(":")
        imported = import_module(f"{__package__}.{module}")
        make: Callable[[ExportTarget], ExportWriter] = getattr(imported, function)
        return make(target)


KINDS: dict[str, Kind] = {
    "instances": Kind(
        what="npz per frame: the network's boxes, scores, charts and UV", factory="npz:begin_instances", raw=True
    ),
    "embeddings": Kind(
        what="npz per frame: embeddings and vertices of a zoo_cse network", factory="npz:begin_embeddings", raw=True
    ),
    "surfaces": Kind(what="the same after tracking and smoothing, with identities", factory="npz:SurfaceFolder"),
    "iuv": Kind(what="PNG per frame, BGR = chart, U, V, as DensePose writes it", factory="iuv:begin_iuv"),
    "iuv_video": Kind(what="the same as one lossless video (.mkv, .mp4, .mov)", factory="iuv:begin_iuv_video"),
    "inds": Kind(what="grey PNG per frame: the person of each pixel", factory="iuv:begin_inds"),
    "masks": Kind(
        what="grey PNGs or a video: the person of each pixel, of people or of a part", factory="masks:begin_masks"
    ),
    "confidence": Kind(what="grey PNG per frame: the confidence of each pixel", factory="iuv:begin_confidence"),
    "dp_segm": Kind(what="parula over the grey frame, for try-on", factory="part_colours:begin_dp_segm"),
    "magicanimate": Kind(what="viridis on (68, 1, 84), for MagicAnimate", factory="part_colours:begin_magicanimate"),
    "vid2densepose": Kind(
        what="viridis on (68, 1, 84), as vid2densepose draws it", factory="part_colours:begin_vid2densepose"
    ),
    "leffa": Kind(what="parula, 70 % over black, for Leffa's VITON-HD", factory="part_colours:begin_leffa"),
    "scail": Kind(what="a colour for each identity on black, for SCAIL-2", factory="identity_masks:begin_scail"),
    "scail_replace": Kind(
        what="the same on white, for SCAIL-2 that replaces people", factory="identity_masks:begin_scail_replace"
    ),
    "parula": Kind(what="parula on black, for CivitAI's workflows", factory="part_colours:begin_parula"),
    "animatediff": Kind(
        what="the same, for DensePose ControlNets in AnimateDiff workflows", factory="part_colours:begin_parula"
    ),
    "result_json": Kind(what="DensePose's result JSON, a PNG in each entry", factory="results_json:begin_densepose"),
    "coco": Kind(what="COCO's results: boxes, masks, keypoints, charts", factory="results_json:begin_coco"),
    "csv": Kind(what="a row per person: box, identity, keypoints, the body's joint angles", factory="tables:begin_csv"),
    "mot": Kind(what="tracks in the MOT challenge's format", factory="tables:begin_mot"),
    "appearance": Kind(
        what="a row per person: mean colours of eight regions of the body", factory="tables:begin_appearance"
    ),
    "events": Kind(
        what="a row for each time that a person raises the arms, sits, lies or has fallen", factory="events:EventTable",
        fitted=True,
    ),
    "bodies": Kind(
        what="npz per frame: fitted bodies, joints in metres, rotations", factory="bodies:BodyFolder", fitted=True
    ),
    "depth": Kind(
        what="16-bit PNG per frame: millimetres to the fitted bodies",
        factory="depth:DepthFolder",
        fitted=True,
    ),
    "mesh": Kind(what="OBJ per person and frame: the fitted body with UV", factory="mesh:MeshFolder", fitted=True),
    "prores": Kind(what="ProRes 4444 with alpha: people alone, as drawn", factory="alpha_video:begin_prores"),
    "webm": Kind(what="WebM with alpha: the same for browsers", factory="alpha_video:begin_webm"),
}
"""Kinds of images (iuv, dp_segm, magicanimate, scail …) are a folder of PNGs, or one lossless video by their suffix."""
