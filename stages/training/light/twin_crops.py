"""Pairs of training crops that show the same skin, and where: two views of a photo, or two frames of a film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from models.arrays import F32, F64
from models.losses.light_agreement import UNMATCHED, matched_cells
from stages.training.data.film_pool import FilmPair, moved_by_flow
from stages.training.data.photo_pool import PoolPerson, PoolPhoto
from stages.training.light.crop_geometry import CropTransform
from stages.training.light.crops import Crop, photo_crop
from stages.training.light.mixes import CropMix


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinCrops:
    """Two crops; for each cell of one the place x, y (0..1) in the other that shows the same skin (2, G, G, 2)."""

    crop_2: tuple[Crop, Crop]
    match_2GG2: F32


def photo_twins(
    photo: PoolPhoto, person: PoolPerson, side: int, random: np.random.Generator, mix: CropMix
) -> TwinCrops:
    """Two views of a person of a photo, of different regions, rotations, flips and degradations."""
    one, other = (photo_crop(photo, person, side, random, mix) for _ in range(2))
    match_2GG2 = np.stack([matched(one.view, other.view, side // 2), matched(other.view, one.view, side // 2)])
    return TwinCrops(crop_2=(one, other), match_2GG2=match_2GG2)


def film_twins(pair: FilmPair, side: int, random: np.random.Generator, mix: CropMix) -> TwinCrops:
    """A person in two frames of a film."""
    one, other = (
        photo_crop(photo, person, side, random, mix)
        for photo, person in zip(pair.photo_2, pair.person_2, strict=True)
    )
    there, back = pair.flow_2FF2
    match_2GG2 = np.stack(
        [matched(one.view, other.view, side // 2, there), matched(other.view, one.view, side // 2, back)]
    )
    return TwinCrops(crop_2=(one, other), match_2GG2=match_2GG2)


def matched(here: CropTransform, there: CropTransform, cells: int, flow_FF2: F32 | None = None) -> F32:
    """For each cell of a crop the place (G,G,2) in another, 0..1; UNMATCHED where there is none.

    Args:
        here, there: what the crops show of their images.
        cells: of the grid along a side.
        flow_FF2: see `FilmPair`; None where both show the same image.
    """
    centre_G = (np.arange(cells) + 0.5) / cells
    at_GG2: F64 = np.stack(np.meshgrid(centre_G, centre_G), -1)
    source_GG2 = here.to_source(at_GG2)
    if flow_FF2 is not None:
        source_GG2 = moved_by_flow(source_GG2, flow_FF2)
    found_GG2 = there.to_crop(source_GG2)
    inside_GG1 = ((found_GG2 >= 0) & (found_GG2 <= 1)).all(-1, keepdims=True)
    return np.where(inside_GG1, found_GG2, UNMATCHED).astype(np.float32)


def stack_twins(first_K: Sequence[int], twins_K: Sequence[TwinCrops], cells: int) -> tuple[torch.Tensor, ...]:
    """Indices of the crops in the batch, their matches, the matched cells, and whether one view is mirrored.

    See `models.losses.light_agreement.agreement_losses`.

    Args:
        first_K: index of the first crop of each pair; the other follows it.
    """
    found = [pair.match_2GG2 for pair in twins_K]
    match_TGG2 = torch.from_numpy(np.concatenate(found)) if found else torch.zeros(0, cells, cells, 2)
    flips = [one.view.flip != other.view.flip for one, other in (pair.crop_2 for pair in twins_K)]
    return (
        torch.tensor([index for first in first_K for index in (first, first + 1)], dtype=torch.long),
        match_TGG2,
        matched_cells(match_TGG2),
        torch.tensor(flips, dtype=torch.bool).repeat_interleave(2),
    )
