"""Cuts the small reference numbers of this folder out of the full fixtures.

Run as `python -m tests.golden.make_reference_golden FIXTURES`, where FIXTURES holds R50_s1x__astronaut.npz,
R50_DL__astronaut.npz and R50_CSE__astronaut.npz: numbers printed by detectron2's DensePose (commit 02b5c4e, CPU, torch
2.15.0 and, for CSE, 2.14.1) for scikit-image's astronaut under the weights of `weights_recipe.py`. The picture itself
is NASA's, in the public domain, and comes with scikit-image.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

MAPS = ("coarse_segm", "fine_segm", "u", "v")
EMBEDDED = ("coarse_segm", "embedding")
LEVELS = ("input", "res2", "res3", "res4", "res5", "p2", "p3", "p4", "p5", "p6", "dp_decoder", "dp_pooled", "dp_head")
WHOLE = ("meta_json", "proposals", "proposal_logits", "det_boxes_netscale", "det_scores", "final_boxes", "final_scores")
GIVEN = ("given_boxes_netscale", "given_boxes_orig", "given_uv_float_sub_0", "given_uv_float_sub_1", "given_mask_area")


def slices(full: dict[str, npt.NDArray], names: tuple[str, ...]) -> dict[str, npt.NDArray]:
    """The stored slices and where they lie."""
    return {f"{name}_{part}": full[f"{name}_{part}"] for name in names for part in ("slice", "ic", "ih", "iw")}


def surfaces(full: dict[str, npt.NDArray]) -> dict[str, npt.NDArray]:
    """Predicted maps, every 16th cell, and the labels of the given boxes, every 5th pixel."""
    found = {f"dp_{name}_sub16": full[f"dp_{name}_sub4_f32"][:, :, ::4, ::4] for name in MAPS}
    return found | {f"given_label_sub5_{i}": full[f"given_iuv_uint8_{i}"][0, ::5, ::5] for i in (0, 1)}


def main(fixtures: Path) -> None:
    """Write the three golden files beside this script."""
    here = Path(__file__).parent
    plain = dict(np.load(fixtures / "R50_s1x__astronaut.npz"))
    small = slices(plain, LEVELS) | {name: plain[name] for name in (*WHOLE, *GIVEN)} | surfaces(plain)
    small |= {f"final_iuv_uint8_{i}": plain[f"final_iuv_uint8_{i}"] for i in (0, 1)}
    small |= {"cls_logits_shift0": plain["cls_logits_shift0"][:300], "bbox_deltas": plain["bbox_deltas"][:300]}
    np.savez_compressed(here / "rcnn_r50_s1x.npz", **small)
    deep = dict(np.load(fixtures / "R50_DL__astronaut.npz"))
    small = slices(deep, ("dp_head",)) | {name: deep[name] for name in (*GIVEN, "meta_json")} | surfaces(deep)
    np.savez_compressed(here / "rcnn_r50_dl.npz", **small)
    embedded = dict(np.load(fixtures / "R50_CSE__astronaut.npz"))
    names = ("given_boxes_netscale", "given_boxes_orig", "vertex_emb_sub97_f32")
    small = {name: embedded[name] for name in names}
    small |= {f"dp_{name}_sub16": embedded[f"dp_{name}_sub4_f32"][:, :, ::4, ::4] for name in EMBEDDED}
    for i in (0, 1):
        for name in ("vertex", "margin"):
            small[f"given_{name}_sub6_{i}"] = embedded[f"given_{name}_sub3_{i}"][::2, ::2]
    np.savez_compressed(here / "rcnn_r50_cse.npz", **small)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
