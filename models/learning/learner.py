"""Network and losses as one module: from a batch to loss terms. torch DDP can wrap such a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Generic, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from models.architecture.backbone import STRIDES
from models.architecture.box_head import BINS as BOX_BINS
from models.architecture.box_head import DELTA_WEIGHTS
from models.architecture.dense_heads import KEYPOINTS, MASK
from models.architecture.densepose_head import UPSAMPLING, DensePosePredictor, upsample_maps
from models.architecture.direct import DirectNet
from models.architecture.fcn import FullConvNet
from models.architecture.proposals import ANCHOR_SIZES, anchors_at, choose_proposals
from models.architecture.rcnn import DensePoseRCNN
from models.architecture.roi_pooling import image_index, pool_levels, roi_align
from models.cache import DEFAULT_CACHE
from models.learning.label_assignment import (
    ANCHOR_SHARE,
    REGION_SHARE,
    Sampling,
    assign_anchors,
    assign_regions,
    sample_examples,
)
from models.learning.training_batch import TrainingBatch
from models.losses.detection import box_deltas, box_terms, proposal_terms
from models.losses.direct import DirectWeights
from models.losses.embeddings import EmbeddingWeights, VertexPoints, vertex_term
from models.losses.keypoints import keypoint_term
from models.losses.points import (
    PointWeights,
    RegionPoints,
    chart_and_confident_uv_terms,
    chart_and_mean_uv_terms,
    chart_and_uv_terms,
)
from models.losses.segmentation import IGNORED, coarse_targets, coarse_term, mask_targets, mask_term
from models.losses.terms import Term, normalise_terms
from models.surface.chart_lookup import open_body_lookup
from models.surface.charted_mesh import open_body_mesh
from models.surface.geodesics import GeodesicTable, cached_geodesics
from models.surface.vertex_charts import vertices_at

PointTerms = Callable[..., dict[str, Term]]
POINT_TERMS: dict[str, PointTerms] = {
    "sum": chart_and_uv_terms,
    "mean": chart_and_mean_uv_terms,
    "confident": chart_and_confident_uv_terms,
}
"""Losses at points by the configured name."""

DECODER_STRIDE = 4
NEAR = 0.7
"""Dense heads train on regions whose IoU is above this."""
UNIT = (1.0, 1.0, 1.0, 1.0)


POINTS_AT_ONCE = 1024
"""Annotated points of a batch whose embeddings are compared with all vertices, a random choice: bounds the memory."""
MASK_WEIGHT = 1.0
"""Weight of the loss of the mask head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """Losses and their weights.

    Attributes:
        uv: "sum" (the reference), "mean" (as in UV R-CNN) or "confident" (for networks with uncertainty of U and V).
        weights: weights of the losses of charts, U and V, and coarse segmentation.
        embedding: of networks with `variant.mesh`: the loss at points, in place of that of charts, U and V.
        direct: of Direct DensePose: the losses of its instance branch and of smoothness.
        keypoints: weight of this head's loss.
        first_stage: weight of the losses of a cascade's first stage.
        sampling: number of anchors and regions.
    """

    uv: Literal["sum", "mean", "confident"] = "sum"
    weights: PointWeights = field(default_factory=PointWeights)
    embedding: EmbeddingWeights = field(default_factory=lambda: EmbeddingWeights(scale=0.05, spread_m=0))
    direct: DirectWeights = field(default_factory=DirectWeights)
    keypoints: float = 1.0
    first_stage: float = 1.0
    sampling: Sampling = field(default_factory=Sampling)


Net = TypeVar("Net", DensePoseRCNN, FullConvNet, DirectNet)


class Learner(nn.Module, Generic[Net]):
    """A network with its losses."""

    def __init__(self, network: Net, config: LossConfig) -> None:
        super().__init__()
        self.network: Net = network
        self.config = config


class FcnLearner(Learner[FullConvNet]):
    """The fully convolutional network with losses at points and of the coarse segmentation of the whole image."""

    def forward(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """This worker's share of each loss, see `normalise_terms`."""
        low_resolution = self.network.low_resolution(batch.x_BHW3.permute(0, 3, 1, 2))
        return normalise_terms(whole_image_terms(self.network.densepose_predictor, low_resolution, batch, self.config))


def whole_image_terms(
    predictor: DensePosePredictor,
    low_resolution: Mapping[str, Tensor],
    batch: TrainingBatch,
    config: LossConfig,
    map_cell: int = UPSAMPLING,
) -> dict[str, Term]:
    """Losses at points and of the coarse segmentation, for maps of whole images; `map_cell`: pixels per cell."""
    maps, upsampling = readable(predictor, low_resolution, map_cell)
    points, box_B4 = batch.whole_images()
    terms = POINT_TERMS[config.uv](maps, points, box_B4, config.weights, upsampling)
    return {**terms, "coarse": coarse_term(maps["coarse_segm"], person_target(batch), config.weights.coarse)}


def readable(
    predictor: DensePosePredictor, low_resolution: Mapping[str, Tensor], upsampling: int = UPSAMPLING
) -> tuple[Mapping[str, Tensor], int]:
    """Maps for the losses, and the factor by which the losses at points still have to upsample them.

    Charts, U and V are read at points only, so these maps are not upsampled as a whole. The coarse segmentation is.
    Networks with segmentation confidence need all maps upsampled, because the confidence is applied afterwards.

    Args: upsampling: factor from the given maps to those that the losses compare.
    """
    maps = low_resolution
    if predictor.weighs_segmentations:
        maps = {**maps, **predictor.upsampled({name: maps[name] for name in predictor.names})}
        upsampling //= UPSAMPLING
    return {**maps, "coarse_segm": upsample_maps(maps["coarse_segm"], upsampling)}, upsampling


def person_target(batch: TrainingBatch) -> Tensor:
    """Target (B, H, W) int64: 1 on people, IGNORED in the boxes of people without masks, else 0."""
    person_BHW, ignored_BHW = torch.zeros(2, *batch.x_BHW3.shape[:3], dtype=torch.bool, device=batch.x_BHW3.device)
    for person, image in enumerate(batch.image_N.tolist()):
        shown = person_BHW if batch.masked_N[person] else ignored_BHW
        shown[image] |= batch.mask_NHW[person] > 0
    return person_BHW.long().masked_fill(ignored_BHW & ~person_BHW, IGNORED)


class RcnnLearner(Learner[DensePoseRCNN]):
    """DensePose-RCNN with all its losses: proposals, boxes, and the dense heads of every stage."""

    def forward(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """This worker's share of each loss, see `normalise_terms`."""
        levels = self.network.backbone(batch.x_BHW3.permute(0, 3, 1, 2))
        outputs = self.network.proposal_generator(levels)
        randoms = [np.random.default_rng(seed) for seed in batch.seed_B3.tolist()]
        terms = self._proposal_terms(levels, outputs, batch, randoms)
        regions = self._regions(levels, outputs, batch, randoms)
        flat = [level.permute(0, 2, 3, 1).contiguous() for level in levels]
        terms |= self._box_terms(flat[:4], regions, batch)
        terms |= self._dense_terms(levels, regions, batch, randoms)
        return normalise_terms(terms)

    def _proposal_terms(
        self,
        levels: list[Tensor],
        outputs: list[tuple[Tensor, Tensor]],
        batch: TrainingBatch,
        randoms: list[np.random.Generator],
    ) -> dict[str, Term]:
        anchor_A4 = all_anchors(levels)
        logit_BA = torch.cat([logit for logit, _ in outputs], dim=1)
        delta_BA4 = torch.cat([delta for _, delta in outputs], dim=1)
        sampling = self.config.sampling
        logits, deltas, wanted, targets = [], [], [], []
        for image, random in enumerate(randoms):
            box_N4 = batch.box_N4[batch.image_N == image]
            of_A = assign_anchors(anchor_A4, box_N4)
            shown = sample_examples(of_A, sampling.anchors, ANCHOR_SHARE, random)
            person = of_A[shown] >= 0
            logits.append(logit_BA[image, shown])
            deltas.append(delta_BA4[image, shown])
            wanted.append(person)
            targets.append(box_deltas(anchor_A4[shown][person], box_N4[of_A[shown][person]], UNIT))
        return proposal_terms(
            torch.cat(logits), torch.cat(deltas), torch.cat(wanted), torch.cat(targets), sampling.anchors * len(randoms)
        )

    @torch.no_grad()
    def _regions(
        self,
        levels: list[Tensor],
        outputs: list[tuple[Tensor, Tensor]],
        batch: TrainingBatch,
        randoms: list[np.random.Generator],
    ) -> list[Regions]:
        """Sampled regions of each image. The candidates include the annotated boxes."""
        sampling = self.config.sampling
        widths = [level.shape[3] for level in levels]
        found = []
        for image, random in enumerate(randoms):
            logits, deltas = [one[image] for one, _ in outputs], [one[image] for _, one in outputs]
            size_hw = (int(batch.size_B2[image, 0]), int(batch.size_B2[image, 1]))
            kept = sampling.proposals
            proposals = choose_proposals(logits, deltas, widths, size_hw, per_level=kept, per_image=kept)
            mine = (batch.image_N == image).nonzero().squeeze(1)
            region_R4 = torch.cat([proposals.box_N4, batch.box_N4[mine]])
            of_R, iou_R = assign_regions(region_R4, batch.box_N4[mine])
            shown = sample_examples(of_R, sampling.regions, REGION_SHARE, random)
            of_R = of_R[shown]
            person_R = torch.where(of_R >= 0, mine[of_R.clamp(min=0)] if len(mine) else of_R, of_R)
            found.append(Regions(box_R4=region_R4[shown], person_R=person_R, iou_R=iou_R[shown]))
        return found

    def _box_terms(self, levels: list[Tensor], regions: list[Regions], batch: TrainingBatch) -> dict[str, Term]:
        boxes = [one.box_R4 for one in regions]
        box_K4, person_K = torch.cat(boxes), torch.cat([one.person_R for one in regions])
        heads = self.network.roi_heads
        pooled = pool_levels(levels, image_index(boxes), box_K4, BOX_BINS)
        logit_K2, delta_K4 = heads.box_predictor(heads.box_head(pooled))
        person = person_K >= 0
        target_P4 = box_deltas(box_K4[person], batch.box_N4[person_K[person]], DELTA_WEIGHTS)
        return box_terms(logit_K2, delta_K4, person, target_P4)

    def _dense_terms(
        self, levels: list[Tensor], regions: list[Regions], batch: TrainingBatch, randoms: list[np.random.Generator]
    ) -> dict[str, Term]:
        """Losses of surface, mask and keypoints, for regions with high IoU."""
        near = [one.near(self.config.sampling.dense, random) for one, random in zip(regions, randoms, strict=True)]
        boxes = [one.box_R4 for one in near]
        box_K4, person_K = torch.cat(boxes), torch.cat([one.person_R for one in near])
        heads, bins = self.network.roi_heads, self.network.sizes.bins
        assert heads.decoder is not None, "the legacy variant is not trained here"
        decoded = heads.decoder(levels[:4]).permute(0, 2, 3, 1).contiguous()
        pooled = roi_align(decoded, image_index(boxes), box_K4, 1 / DECODER_STRIDE, bins)
        stages = heads.stages(pooled.permute(0, 3, 1, 2))
        terms: dict[str, Term] = {}
        for index, maps in enumerate(stages):
            last = index == len(stages) - 1
            factor = 1.0 if last else self.config.first_stage
            for name, term in self._stage_terms(maps, person_K, box_K4, batch).items():
                terms[name if last else f"{name}_first"] = term._replace(weight=term.weight * factor)
        return terms

    def _stage_terms(
        self, maps: Mapping[str, Tensor], person_K: Tensor, box_K4: Tensor, batch: TrainingBatch
    ) -> dict[str, Term]:
        config = self.config
        maps, upsampling = readable(self.network.roi_heads.densepose_predictor, maps)
        points = batch.points_of(person_K)
        if self.network.roi_heads.embedder is None:
            terms = POINT_TERMS[config.uv](maps, points, box_K4, config.weights, upsampling)
        else:
            random = np.random.default_rng([*batch.seed_B3[0].tolist(), len(points.chart_M)])
            terms = {"vertex": self._vertex_term(maps["embedding"], points, box_K4, upsampling, random)}
        known = batch.annotated_N[person_K]
        owner = person_K[known]
        target = coarse_targets(
            batch.coarse_NLL[owner], batch.box_N4[owner], box_K4[known], maps["coarse_segm"].shape[-1]
        )
        terms["coarse"] = coarse_term(maps["coarse_segm"][known], target, config.weights.coarse)
        if MASK in maps:
            drawn = batch.masked_N[person_K]
            wanted = mask_targets(batch.mask_NHW, person_K[drawn], box_K4[drawn], maps[MASK].shape[-1])
            terms[MASK] = mask_term(maps[MASK][drawn], wanted, MASK_WEIGHT)
        if KEYPOINTS in maps:
            terms[KEYPOINTS] = keypoint_term(maps[KEYPOINTS], batch.keypoint_N173[person_K], box_K4, config.keypoints)
        return terms

    def _vertex_term(
        self, embedding_KEhw: Tensor, points: RegionPoints, box_K4: Tensor, upsampling: int, random: np.random.Generator
    ) -> Term:
        """The loss of embeddings, at some of the points: each is compared with all vertices of the mesh."""
        embedder, weights = self.network.roi_heads.embedder, self.config.embedding
        assert embedder is not None
        chosen = random.permutation(len(points.chart_M))[:POINTS_AT_ONCE]
        some = points_on_vertices(points.only(torch.from_numpy(chosen).to(points.chart_M.device)))
        distances = body_distances if weights.spread_m else None
        return vertex_term(embedding_KEhw, some, box_K4, embedder(), weights, distances, upsampling)


def points_on_vertices(points: RegionPoints) -> VertexPoints:
    """The same points, with vertices of the open body for their charts, U and V."""
    part_M, uv_M2 = points.chart_M.cpu().numpy(), points.uv_M2.cpu().numpy()
    vertex_M = torch.from_numpy(vertices_at(open_body_mesh(), open_body_lookup(), part_M, uv_M2))
    return VertexPoints(region_M=points.region_M, xy_M2=points.xy_M2, vertex_M=vertex_M.to(points.chart_M.device))


def body_distances(vertex_M: Tensor) -> Tensor:
    """Metres (M, V) on the open body from M vertices to all."""
    return torch.from_numpy(_body_geodesics().rows(vertex_M.cpu().numpy())).to(vertex_M.device)


@cache
def _body_geodesics() -> GeodesicTable:
    """Distances on the open body, opened once; computed where the cache does not have them."""
    mesh = open_body_mesh()
    return cached_geodesics(mesh.vertex_V3, mesh.face_F3, mesh.twin_V, DEFAULT_CACHE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """Sampled regions of one image.

    Attributes:
        box_R4: network pixels.
        person_R: row of the batch's people; below 0: background.
        iou_R: IoU with that person's box.
    """

    box_R4: Tensor
    person_R: Tensor
    iou_R: Tensor

    def near(self, most: int | None, random: np.random.Generator) -> Regions:
        """Regions of people with IoU above `NEAR`; a random choice of `most` if that is given."""
        keep = ((self.iou_R > NEAR) & (self.person_R >= 0)).nonzero().squeeze(1)
        if most is not None and len(keep) > most:
            chosen = np.sort(random.permutation(len(keep))[:most])
            keep = keep[torch.from_numpy(chosen).to(keep.device)]
        return Regions(box_R4=self.box_R4[keep], person_R=self.person_R[keep], iou_R=self.iou_R[keep])


def all_anchors(levels: list[Tensor]) -> Tensor:
    """Anchors (A, 4) of all cells of p2..p6, in the order of the proposal head's outputs."""
    found = []
    for level, stride, size in zip(levels, STRIDES, ANCHOR_SIZES, strict=True):
        count = 3 * level.shape[2] * level.shape[3]
        found.append(anchors_at(torch.arange(count, device=level.device), level.shape[3], stride, size))
    return torch.cat(found)
