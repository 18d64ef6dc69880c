"""Layer names of Caffe2 checkpoints (Detectron 1, ImageNet R-50/R-101), translated to detectron2's."""

from __future__ import annotations

import re

import torch
from torch import Tensor

RUNNING_VARIANCE = 1 - 1e-5
"""These files have scale and shift only. With this variance and mean 0 the norm is exactly scale and shift."""

UNUSED = ("fc1000_w", "fc1000_b", "conv1_b")

HEADS = {
    "conv_rpn_fpn2": "proposal_generator.rpn_head.conv",
    "rpn_cls_logits_fpn2": "proposal_generator.rpn_head.objectness_logits",
    "rpn_bbox_pred_fpn2": "proposal_generator.rpn_head.anchor_deltas",
    "fc6": "roi_heads.box_head.fc1",
    "fc7": "roi_heads.box_head.fc2",
    "cls_score": "roi_heads.box_predictor.cls_score",
    "bbox_pred": "roi_heads.box_predictor.bbox_pred",
    "AnnIndex_lowres": "roi_heads.densepose_predictor.ann_index_lowres",
    "Index_UV_lowres": "roi_heads.densepose_predictor.index_uv_lowres",
    "U_lowres": "roi_heads.densepose_predictor.u_lowres",
    "V_lowres": "roi_heads.densepose_predictor.v_lowres",
}
ENDINGS = {
    "_bn_rm": ".norm.running_mean",
    "_bn_riv": ".norm.running_var",
    "_bn_s": ".norm.weight",
    "_bn_b": ".norm.bias",
    "_w": ".weight",
    "_b": ".bias",
}
BRANCHES = {"branch1": "shortcut", "branch2a": "conv1", "branch2b": "conv2", "branch2c": "conv3"}


def is_caffe2(weights: dict[str, Tensor]) -> bool:
    """Whether the names are Caffe2's."""
    return "conv1_w" in weights


def rename_caffe2(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the weights, complete the norms, and move the background class behind the person."""
    renamed = {}
    for name, value in weights.items():
        if name not in UNUSED:
            renamed[new_name(name)] = value
    for name in [name for name in renamed if name.endswith(".norm.weight")]:
        scale = renamed[name]
        stem = name.removesuffix("weight")
        renamed.setdefault(stem + "running_mean", torch.zeros_like(scale))
        renamed.setdefault(stem + "running_var", torch.full_like(scale, RUNNING_VARIANCE))
    for ending in ("weight", "bias"):
        for layer, move in (("cls_score", _background_last), ("bbox_pred", _without_background)):
            name = f"roi_heads.box_predictor.{layer}.{ending}"
            if name in renamed:
                renamed[name] = move(renamed[name])
    return renamed


def new_name(name: str) -> str:
    """Translate one name. An unknown name is unchanged and will be reported as unexpected."""
    found = next((old for old in ENDINGS if name.endswith(old)), None)
    if found is None:
        return name
    layer, ending = name.removesuffix(found), ENDINGS[found]
    if layer in ("conv1", "res_conv1"):
        return "backbone.bottom_up.stem.conv1" + ending
    if layer in HEADS:
        return HEADS[layer] + ending
    if match := re.fullmatch(r"(res\d)_(\d+)_(branch\w+)", layer):
        return f"backbone.bottom_up.{match[1]}.{match[2]}.{BRANCHES.get(match[3], match[3])}{ending}"
    if match := re.fullmatch(r"fpn_(inner_)?res(\d)_\d+_sum(_lateral)?", layer):
        return f"backbone.fpn_{'lateral' if match[1] else 'output'}{match[2]}{ending}"
    if layer.startswith("body_conv_fcn"):
        return f"roi_heads.densepose_head.{layer}{ending}"
    return name


def _background_last(rows: Tensor) -> Tensor:
    return torch.cat([rows[1:], rows[:1]])


def _without_background(rows: Tensor) -> Tensor:
    return rows[4:]
