"""Direct DensePose with its losses."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.architecture.densepose_head import upsample_maps
from models.architecture.direct import DirectNet, DirectOutputs
from models.architecture.dynamic_masks import person_masks
from models.learning.learner import Learner, whole_image_terms
from models.learning.training_batch import TrainingBatch
from models.losses.direct import coarse_masks, location_terms, outline_cost, smooth_term
from models.losses.light_detector import Assignment, assign_places
from models.losses.terms import Term, normalise_terms

MOST_DRAWN = 32
"""Masks of an image that are compared, unless `Sampling.dense` says another number."""


class DirectLearner(Learner[DirectNet]):
    """The losses of the whole image's maps, of people at locations, of their masks, and of smoothness."""

    def forward(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """This worker's share of each loss, see `normalise_terms`."""
        found = self.network.outputs(batch.x_BHW3.permute(0, 3, 1, 2))
        weights = self.config.direct
        mask_Nhw = coarse_masks(batch.mask_NHW, found.map_cell)
        target, row_BM = batch_people(found, batch)
        terms = whole_image_terms(self.network.densepose_predictor, found.maps, batch, self.config, found.map_cell)
        terms |= location_terms(found.logit_BP, found.box_BP4, target, weights)
        terms["outline"] = self._outline_term(found, target, row_BM, mask_Nhw, batch)
        drawn_N = batch.masked_N
        terms["smooth"] = smooth_term(
            found.maps["u"], found.maps["v"], mask_Nhw[drawn_N], batch.image_N[drawn_N], weights.smooth
        )
        return normalise_terms(terms)

    def _outline_term(
        self, found: DirectOutputs, target: Assignment, row_BM: Tensor, mask_Nhw: Tensor, batch: TrainingBatch
    ) -> Term:
        """The masks that a random choice of each image's locations draws."""
        most = self.config.sampling.dense or MOST_DRAWN
        # Images without a mask add nothing, but their filters get a gradient of zero: all workers must have one.
        total, count = 0 * found.filter_BPF.sum() + 0 * found.features_BChw.sum(), 0
        for image, seed in enumerate(batch.seed_B3.tolist()):
            places = (target.score[image] > 0).nonzero().squeeze(1)
            owner = row_BM[image][target.owner[image, places]]
            known = batch.masked_N[owner]
            places, owner = places[known], owner[known]
            chosen = torch.from_numpy(np.random.default_rng(seed).permutation(len(places))[:most]).to(places.device)
            if not len(chosen):
                continue
            places, owner = places[chosen], owner[chosen]
            logit_Khw = person_masks(
                found.features_BChw[image], found.filter_BPF[image, places], found.centre_P2[places],
                found.stride_P[places], cell=found.mask_cell,
            )  # fmt: skip
            total = total + outline_cost(upsample_maps(logit_Khw[:, None])[:, 0], mask_Nhw[owner]).sum()
            count += len(places)
        return Term(total, float(count), self.config.direct.outline)


def batch_people(found: DirectOutputs, batch: TrainingBatch) -> tuple[Assignment, Tensor]:
    """The people of the locations, and the rows of each image's people in the batch, (B, M) int64, padded by 0."""
    images = len(batch.size_B2)
    counts = torch.bincount(batch.image_N, minlength=images).tolist()
    most = max(1, *counts)
    truth_BM4 = found.box_BP4.new_zeros(images, most, 4)
    real_BM = torch.zeros(images, most, dtype=torch.bool, device=truth_BM4.device)
    row_BM = torch.zeros(images, most, dtype=torch.long, device=truth_BM4.device)
    for image, count in enumerate(counts):
        mine = (batch.image_N == image).nonzero().squeeze(1)
        truth_BM4[image, :count], real_BM[image, :count], row_BM[image, :count] = batch.box_N4[mine], True, mine
    return assign_places(found.logit_BP.detach(), found.box_BP4.detach(), found.centre_P2, truth_BM4, real_BM), row_BM
