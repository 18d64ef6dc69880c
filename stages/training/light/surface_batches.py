"""Batches of the surface network's training; each depends on its step number only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import nn

from models.arrays import U8
from models.light.architecture.preprocessing import CROP
from models.light.architecture.surface_net import SurfaceNet
from models.losses.light_agreement import agreement_losses
from models.losses.light_distillation import SurfaceTeacher, surface_distillation
from models.losses.light_joints import joint_losses
from models.losses.light_surface import (
    ALL_CELLS,
    BodyPlaces,
    SurfaceLossConfig,
    body_places,
    surface_losses,
    thing_loss,
)
from stages.training.data.backgrounds import background_person, random_background
from stages.training.data.film_pool import FilmPool
from stages.training.data.labelled_photos import IGNORE
from stages.training.data.photo_pool import PhotoPool, PoolPerson, PoolPhoto
from stages.training.data.scene_pool import ScenePool, open_pools
from stages.training.fit import Batch
from stages.training.light.crops import Crop, photo_crop, scene_crop, truncated_photo, truncated_scene
from stages.training.light.mixes import CropMix
from stages.training.light.occluders import (
    occlude_by_object,
    placed_person,
    placed_real_person,
    put_behind,
    put_in_front,
)
from stages.training.light.twin_crops import TwinCrops, film_twins, photo_twins, stack_twins
from stages.training.payloads import PhotoShards, SceneShards

LEGS, LEG_FACTOR = frozenset(range(5, 15)), 2.0
"""Charts of legs and feet, and the factor of the sampling weight of real crops that show them."""
ARMS, ARM_FACTOR = frozenset({3, 4, *range(15, 23)}), 1.5
"""Charts of arms and hands, and the factor of the sampling weight of real crops that show them."""
REAL_OCCLUDERS = 0.5
"""Share of real people among occluders, where photos have people with exact silhouettes."""
EXACT_FACTOR = 4.0
"""Factor of the sampling weight of real crops with an exact silhouette: those with annotated masks."""
MIN_LIMB_SHARE = 0.15
"""A crop shows legs, or arms, if they are at least this share of the person's labelled cells."""


def sampling_weight(label_LL: np.ndarray, mask_LL: np.ndarray) -> float:
    """Sampling weight of a real crop; 1 for a crop with teachers' labels that shows neither legs nor arms."""
    counts = np.bincount(label_LL.reshape(-1), minlength=256)[:25]
    body = max(int(counts[1:].sum()), 1)
    legs, arms = (counts[list(charts)].sum() / body > MIN_LIMB_SHARE for charts in (LEGS, ARMS))
    exact = EXACT_FACTOR if not (mask_LL == IGNORE).any() else 1.0
    return float(exact * (LEG_FACTOR if legs else 1.0) * (ARM_FACTOR if arms else 1.0))


class SurfaceBatches:
    """Makes batches of real crops with the teacher's charts, and of synthetic crops with exact charts, U and V.

    Without scenes all crops are real; without labelled people in the photos all are synthetic.
    """

    def __init__(
        self,
        photos: PhotoPool,
        scenes: ScenePool | None,
        *,
        indices: range,
        seed: int,
        sides: Sequence[int] = (CROP,),
        mix: CropMix,
        film: FilmPool | None = None,
    ) -> None:
        """Prepare the sampling of real people.

        Args:
            film: pairs of frames; None for none.
            indices: of the crops of a batch that this process makes; a crop depends on its step and index only.
            sides: possible sides of crops in pixels; each step has a random one.
        """
        self.photos = photos
        self.scenes = scenes
        self.indices = indices
        self.seed = seed
        self.sides = tuple(sides)
        self.mix = mix
        self.film = film
        weight = np.array([sampling_weight(person.label_LL, person.mask_LL) for person in photos.people])
        self.odds = np.cumsum(weight / max(weight.sum(), 1e-9))

    def __call__(self, step: int) -> Batch:
        """The crops of a step, as tensors: see `stack_crops`."""
        crops: list[Crop] = []
        twins: dict[int, TwinCrops] = {}
        side = self.sides[np.random.default_rng([self.seed, step]).integers(len(self.sides))]
        for index in self.indices:
            if len(crops) > index - self.indices.start:
                continue  # the second of two twins
            random = np.random.default_rng([self.seed, step, index])
            found = self._twins(side, random) if index % 2 == 0 and index + 1 in self.indices else None
            if found is not None:
                twins[len(crops)] = found
                crops += found.crop_2
            else:
                crops.append(
                    self._background(side, random) or self._thing(side, random) or self._person(index, side, random)
                )
        return stack_crops(crops, twins)

    def _twins(self, side: int, random: np.random.Generator) -> TwinCrops | None:
        """Two crops of the same skin, from a pair of frames or from a photo; None where the mix chooses other crops."""
        if not self.mix.twins + self.mix.film:
            return None
        drawn = random.random()
        if self.film is not None and len(self.film) and drawn < self.mix.film:
            return film_twins(self.film[int(random.integers(len(self.film)))], side, random, self.mix)
        if not self.mix.film <= drawn < self.mix.film + self.mix.twins or not len(self.odds):
            return None
        return photo_twins(*self._real_person(random), side, random, self.mix)

    def _person(self, index: int, side: int, random: np.random.Generator) -> Crop:
        real = self.scenes is None or (self.mix.is_real(index) and len(self.odds) > 0)
        crop = self._photo(side, random) if real else self._scene(side, random)
        crop = self._in_front_of_person(self._occluded_by_person(crop, random), random)
        return self._occluded_by_object(crop, random)

    def _background(self, side: int, random: np.random.Generator) -> Crop | None:
        if not self.mix.background or not self.photos.people or random.random() >= self.mix.background:
            return None
        found = background_person(self.photos, random)
        if found is None:
            return None
        crop = photo_crop(self.photos.photos[found.photo], found, side, random, self.mix)
        return replace(crop, person=False)

    def _thing(self, side: int, random: np.random.Generator) -> Crop | None:
        if not self.mix.things or not self.photos.false or random.random() >= self.mix.things:
            return None
        false = self.photos.false[random.integers(len(self.photos.false))]
        return replace(photo_crop(self.photos.photos[false.photo], false, side, random, self.mix), person=False)

    def _occluded_by_person(self, crop: Crop, random: np.random.Generator) -> Crop:
        if self.scenes is None or random.random() >= self.mix.occluded_by_person:
            return crop
        return put_in_front(crop, *self._other_person(len(crop.rgb_CC3), random), random)

    def _in_front_of_person(self, crop: Crop, random: np.random.Generator) -> Crop:
        if self.scenes is None or not self.mix.in_front_of_person or random.random() >= self.mix.in_front_of_person:
            return crop
        return put_behind(crop, *self._other_person(len(crop.rgb_CC3), random), random)

    def _other_person(self, side: int, random: np.random.Generator) -> tuple[U8, U8]:
        """Another person's mask (0..255) and pixels at a random place of a crop, real or synthetic."""
        assert self.scenes is not None
        if self.photos.exact and random.random() < REAL_OCCLUDERS:
            one = self.photos.people[self.photos.exact[random.integers(len(self.photos.exact))]]
            return placed_real_person(self.photos.photos[one.photo], one, side, random)
        index, person = self.scenes.people[random.integers(len(self.scenes.people))]
        return placed_person(self.scenes.scenes[index], person, side, random)

    def _occluded_by_object(self, crop: Crop, random: np.random.Generator) -> Crop:
        if not self.mix.occluded_by_object or random.random() >= self.mix.occluded_by_object:
            return crop
        return occlude_by_object(crop, self.photos, random)

    def _photo(self, side: int, random: np.random.Generator) -> Crop:
        return photo_crop(*self._real_person(random), side, random, self.mix)

    def _real_person(self, random: np.random.Generator) -> tuple[PoolPhoto, PoolPerson]:
        """A random person of a photo, truncated with the probability of the mix."""
        person = self.photos.people[min(int(np.searchsorted(self.odds, random.random())), len(self.odds) - 1)]
        photo = self.photos.photos[person.photo]
        if random.random() < self.mix.truncated:
            photo, person = truncated_photo(photo, person, random)
        return photo, person

    def _scene(self, side: int, random: np.random.Generator) -> Crop:
        assert self.scenes is not None
        index, person = self.scenes.people[random.integers(len(self.scenes.people))]
        behind = random_background(self.photos, random) if random.random() < self.mix.composited else None
        scene = self.scenes.scenes[index]
        if random.random() < self.mix.truncated:
            scene = truncated_scene(scene, person, random)
        return scene_crop(scene, person, behind, side, random, self.mix)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceBatchFactory:
    """Opens `SurfaceBatches` in a process."""

    photos: PhotoShards
    scenes: SceneShards
    indices: range
    seed: int
    sides: tuple[int, ...]
    mix: CropMix
    film: tuple[str, ...] = ()

    def __call__(self) -> SurfaceBatches:
        """Open the pools. Raises: StageError for shards that cannot be opened."""
        photos, scenes = open_pools(self.photos, self.scenes)
        return SurfaceBatches(
            photos, scenes, indices=self.indices, seed=self.seed, sides=self.sides, mix=self.mix,
            film=FilmPool([Path(path) for path in self.film]),
        )


def stack_crops(crops: Sequence[Crop], twins: Mapping[int, TwinCrops] = MappingProxyType({})) -> Batch:
    """Crops as tensors; `twins` are pairs by the index of their first crop.

    Returns: input of the network with all planes (N,6,C,C) uint8, which is a quarter of the traffic of float32 between
    processes; labels and silhouettes (N,G,G) int64; weights (N,G,G); U and V (N,2,G,G); joints (N,J,3); whether boxes
    hold people (N); the twins (`stack_twins`); places on bodies, and those with known U and V.
    """
    seen = np.stack([np.dstack([crop.rgb_CC3, crop.others_CC2, crop.own_CC]) for crop in crops])
    label = torch.from_numpy(np.stack([crop.label_GG for crop in crops])).long()
    uv = torch.from_numpy(np.stack([crop.uv_2GG for crop in crops]))
    return (
        torch.from_numpy(seen).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last),
        label,
        torch.from_numpy(np.stack([crop.mask_GG for crop in crops])).long(),
        torch.from_numpy(np.stack([crop.weight_GG for crop in crops])),
        uv,
        torch.from_numpy(np.stack([crop.joint_J3 for crop in crops])),
        torch.tensor([crop.person for crop in crops]),
        *stack_twins(list(twins), list(twins.values()), len(crops[0].label_GG)),
        *body_places(label, uv),
    )


def surface_loss(
    net: nn.Module,
    batch: Batch,
    *,
    weighting: SurfaceLossConfig = ALL_CELLS,
    teacher: SurfaceTeacher | None = None,
) -> Mapping[str, torch.Tensor]:
    """The surface network's loss terms on a batch of `SurfaceBatches`, and those of distillation."""
    assert isinstance(net, SurfaceNet)
    crop, label, mask, weight, uv, joint, person, *twins, body, exact = batch
    crop = crop.float()
    (x_NCHW, whole_NC), places = net.all_features(crop), BodyPlaces(body, exact)
    losses: dict[str, torch.Tensor] = {}
    if not net.trunk_frozen:
        losses |= surface_losses(net, x_NCHW, label, mask, weight, uv, places, weighting)._asdict()
    if net.joints is not None:
        losses |= joint_losses(net.joints.logits(x_NCHW), joint, crop.shape[-1])._asdict()
    if net.thing is not None and not net.trunk_frozen:
        losses |= {"thing": thing_loss(net.thing(whole_NC)[:, 0], person)}
    if len(twins[0]) and not net.trunk_frozen:
        losses |= agreement_losses(net, x_NCHW, *twins, metric_uv=weighting.metric_uv)._asdict()
    if teacher is not None and not net.trunk_frozen:
        losses |= surface_distillation(net, x_NCHW, teacher(crop), metric_uv=weighting.metric_uv)._asdict()
    return losses
