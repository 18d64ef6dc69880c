"""Every kind of export, as `--export KIND=PATH` names it: one row and one file a format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stages.results.formats.writer import Target, Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of export.

    Attributes:
        what: one line for people.
        maker: `module:function` from a `Target` to the `Writer` of one input; imported when it is asked for.
        raw: True where it is made of the network's own result, before tracking and smoothing.
    """

    what: str
    maker: str
    raw: bool = False

    def begin(self, target: Target) -> Writer:
        """The writer of one input. Raises StageError for a path that cannot be."""
        module, _, function = self.maker.partition(":")
        make: Callable[[Target], Writer] = getattr(import_module(f"stages.results.formats.{module}"), function)
        return make(target)


KINDS: dict[str, Kind] = {
    "instances": Kind(
        what="npz a frame: boxes, scores, charts and UV as the network gave them", maker="npz:begin_instances", raw=True
    ),
    "surfaces": Kind(what="the same after tracking and smoothing, with identities", maker="npz:SurfaceFolder"),
    "iuv": Kind(what="PNG a frame, BGR = chart, U, V, as DensePose writes it", maker="iuv:begin_iuv"),
    "iuv_video": Kind(what="the same as one lossless film (.mkv, .mp4, .mov)", maker="iuv:begin_iuv_video"),
    "inds": Kind(what="grey PNG a frame: which person each pixel is", maker="iuv:begin_inds"),
    "confidence": Kind(what="grey PNG a frame: how sure the network is of each pixel", maker="iuv:begin_confidence"),
    "dp_segm": Kind(what="parula over the grey picture, for try-on", maker="part_colours:begin_dp_segm"),
    "magicanimate": Kind(what="viridis on (68, 1, 84), for MagicAnimate", maker="part_colours:begin_magicanimate"),
    "parula": Kind(what="parula on black, for CivitAI's workflows", maker="part_colours:begin_parula"),
    "result_json": Kind(what="DensePose's result JSON, a PNG in each entry", maker="results_json:begin_densepose"),
    "coco": Kind(what="COCO's results: boxes, masks, keypoints, charts", maker="results_json:begin_coco"),
    "csv": Kind(what="a row a person: box, identity, keypoints, joint angles", maker="tables:begin_csv"),
    "mot": Kind(what="tracks as the MOT challenge reads them", maker="tables:begin_mot"),
    "looks": Kind(what="a row a person: mean colours of eight regions of the body", maker="looks:begin_looks"),
    "prores": Kind(what="ProRes 4444 with alpha: people alone, as drawn", maker="layer:begin_prores"),
    "webm": Kind(what="WebM with alpha: the same for browsers", maker="layer:begin_webm"),
}
"""A picture's kind (iuv, dp_segm, magicanimate, parula) is a folder of PNGs, or one lossless film by its suffix."""
