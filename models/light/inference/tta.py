"""Test-time augmentation: the passes of the surface network over one person, and when further passes are made.

Pass 1 sees the crop of the box, pass 2 the flipped roll-aligned crop, passes 3 and 4 the flipped crop and the
roll-aligned crop, passes 5 and 6 crops with a further rotation, passes 7 and 8 crops with scale jitter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar, cast

import cv2
import numpy as np

from models.arrays import F32, F64, U8
from models.light.architecture.other_people import box_corners, box_plane
from models.light.architecture.output_maps import split_joints
from models.light.architecture.preprocessing import CropFormat, crop_person, crop_region
from models.light.inference.batched_network import BatchedComponent, Component, Passes, Result, run_passes
from models.light.inference.box_fitting import expanded_box
from models.light.inference.calibration import Calibration
from models.light.inference.crop_view import CropView, resample_maps, rotated_crop
from models.light.inference.ensemble import combine, prediction_confidence, unflip
from models.light.inference.joints import JOINT_STRIDE, REACH, combine_joints, decode_joints
from models.light.inference.neighbours import Neighbours
from models.light.inference.roll_alignment import roll_aligned_view, roll_of
from models.light.inference.surface_assembly import Silhouette, resample_silhouette, resample_surface
from models.network import TtaLevel
from models.structures import SurfaceMap

LARGE_ROLL = 20.0
"""Degrees of roll from which a person gets further passes."""
LYING = 45.0
"""Degrees of roll from which a person gets a roll-aligned pass where flipped passes are off."""
MIN_CONFIDENCE_FAST, MIN_CONFIDENCE = 0.65, 0.7
"""Confidence below which a person gets further passes: with "adaptive_fast" after one pass, else after two."""
ROTATION_LARGE_ROLL, ROTATION = 25.0, 12.0
"""Further rotation of passes 5 and 6 in degrees: for people with a large roll, and for others."""
SCALE_UP, SCALE_DOWN = 1.2, 0.85
"""Scales of the region that passes 7 and 8 see."""

Shape = TypeVar("Shape", SurfaceMap, Silhouette)


class PersonPass(NamedTuple):
    """What one pass over a person predicts.

    Attributes:
        maps_LGG: see `chart_candidates`.
        joint_J3: see `decode_joints`; None where the network has no joints.
    """

    maps_LGG: F32
    joint_J3: F64 | None

    @classmethod
    def read(cls, output_LGG: F32, view: CropView, *, flip: bool = False) -> PersonPass:
        """What the network outputs for a view, flipped or not, on the grid of the view that is not flipped."""
        maps_LGG, joint_2JSS = split_joints(output_LGG)
        joint_J3 = None if joint_2JSS is None else decode_joints(joint_2JSS[0], view, flip=flip)
        return cls(unflip(maps_LGG) if flip else maps_LGG, joint_J3)

    def resampled(self, source: CropView, target: CropView) -> PersonPass:
        """The same prediction with the maps of a view on the grid of another."""
        return self._replace(maps_LGG=resample_maps(self.maps_LGG, source, target))


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPrediction(Generic[Shape]):
    """The prediction of one person.

    Attributes:
        surface: the surface in the expanded box; after the first pass alone only the silhouette.
        maps_LGG: combined maps: person logit, chart 1..24, U, V, probability of the chart; of a single pass with all
            its chart candidates (see `chart_candidates`).
        region_4: x0, y0, x1, y1 of the part of the frame that the maps cover.
        box_4: the box of the crop.
        passes: every pass, on the same grid.
    """

    surface: Shape
    maps_LGG: F32
    region_4: F32
    box_4: F32
    passes: tuple[PersonPass, ...]


class Beside(NamedTuple):
    """Further planes of a crop: the person's box and other people, if the format of crops has these planes."""

    box_4: F32
    neighbours: Neighbours | None
    crops: CropFormat

    def joined(self, crop_CC3: U8, view: CropView) -> U8:
        """The crop of a view with its planes: (side, side, C)."""
        parts = [crop_CC3]
        if self.crops.others and self.neighbours is not None:
            parts.append(self.neighbours.planes(view, self.crops.side))
        if self.crops.own:
            corner_X2 = box_corners(np.asarray(self.box_4[None], np.float64)).reshape(-1, 2)
            at_142 = view.to_square(corner_X2.T).T.reshape(1, 4, 2)
            parts.append(box_plane(at_142, np.ones(1), self.crops.side))
        return crop_CC3 if len(parts) == 1 else cast(U8, cv2.merge(parts))


class CroppedPerson(NamedTuple):
    """A box of a frame with its crop, the region of the frame that the crop covers, and the view of this region."""

    rgb_HW3: U8
    box_4: F32
    crop_CCD: U8
    region_4: F32
    view: CropView
    beside: Beside

    @classmethod
    def of_box(cls, rgb_HW3: U8, box_4: F32, neighbours: Neighbours | None, crops: CropFormat) -> CroppedPerson:
        """Crop a box of a frame, with the planes of the format."""
        beside = Beside(box_4, neighbours, crops)
        crop_CC3, region_4 = crop_person(rgb_HW3, crop_region(box_4), crops.side)
        view = CropView.of_region(region_4)
        return cls(rgb_HW3, box_4, beside.joined(crop_CC3, view), region_4, view, beside)

    @property
    def expanded_box_4(self) -> F32:
        """The box expanded as far as the surface may extend."""
        return expanded_box(self.box_4, *self.rgb_HW3.shape[1::-1])

    def run_pass(self, view: CropView | None = None, *, flip: bool = False) -> Passes[PersonPass]:
        """One pass over the crop, or over another view of the frame, flipped or not; on the crop's grid."""
        crop_CCD = self.crop_CCD if view is None else self._crop_of(view)
        output_LGG = yield (crop_CCD[:, ::-1] if flip else crop_CCD)
        found = PersonPass.read(output_LGG, view or self.view, flip=flip)
        return found if view is None else found.resampled(view, self.view)

    def _crop_of(self, view: CropView) -> U8:
        return self.beside.joined(rotated_crop(self.rgb_HW3, view, self.beside.crops.side), view)


class PassEnsemble:
    """The passes over one person so far. The first calls of `add` reuse the passes of an earlier call."""

    def __init__(self, person: CroppedPerson, known: Sequence[PersonPass]) -> None:
        """`known`: the passes of an earlier call, in order; at least the first pass."""
        self.passes = [known[0]]
        self._known = list(known[1:])
        self._person = person

    def add(self, view: CropView | None = None, *, flip: bool = False) -> Passes[None]:
        """Add a pass over the crop, or over another view."""
        known = self._known.pop(0) if self._known else None
        self.passes.append((yield from self._person.run_pass(view, flip=flip)) if known is None else known)

    def combined(self) -> F32:
        """All passes combined (5, G, G)."""
        return combine([one.maps_LGG for one in self.passes])

    def joints(self) -> F32 | None:
        """The joints of all passes combined; None where the network has none."""
        found = [one.joint_J3 for one in self.passes if one.joint_J3 is not None]
        size_2 = self._person.region_4[2:] - self._person.region_4[:2]
        cell = float(size_2.mean()) * JOINT_STRIDE / self._person.beside.crops.side
        return combine_joints(found, REACH * cell) if found else None


class AugmentedPredictor:
    """Predicts people with test-time augmentation; the passes of different people run in batches.

    Args:
        component, crops: the surface network, and what it sees of a person.
        flip: make flipped passes. Without them "adaptive_fast" and "adaptive" make one pass, and "full" cannot be used.
        roll_align: make passes over roll-aligned crops, rotated by the roll of the first pass; without `flip` only for
            lying people. "full" needs both.
        calibration: of the confidence.

    Attributes:
        crops: what the surface network sees of a person.
    """

    def __init__(
        self, component: Component, crops: CropFormat, *, flip: bool, roll_align: bool, calibration: Calibration
    ) -> None:
        self.crops = crops
        self.surface_network = BatchedComponent(component, crops.side, crops.side)
        self._flip = flip
        self._roll_align = roll_align
        self._calibration = calibration

    def run(self, people: Iterable[Passes[Result]]) -> list[Result]:
        """Results of `first_pass`, `predict` or `extend_to_full` for several people, in order."""
        return run_passes(self.surface_network, people)

    def first_pass(
        self, rgb_HW3: U8, box_4: F32, neighbours: Neighbours | None = None
    ) -> Passes[PersonPrediction[Silhouette]]:
        """One pass over the crop of a box: the silhouette and the confidence."""
        person = CroppedPerson.of_box(rgb_HW3, box_4, neighbours, self.crops)
        first = yield from person.run_pass()
        shape = resample_silhouette(first.maps_LGG, person.region_4, person.expanded_box_4, self._calibration)
        return PersonPrediction(
            surface=shape, maps_LGG=first.maps_LGG, region_4=person.region_4, box_4=box_4, passes=(first,)
        )

    def predict(
        self,
        rgb_HW3: U8,
        box_4: F32,
        first: PersonPrediction[Silhouette] | None = None,
        neighbours: Neighbours | None = None,
        *,
        tta: TtaLevel = "adaptive",
    ) -> Passes[PersonPrediction[SurfaceMap]]:
        """All passes over the person in a box.

        Args:
            rgb_HW3: the frame.
            box_4: of the person.
            first: an earlier first pass over the person, in about the same box. Resampled to the new crop, it replaces
                the first pass, unless flipped passes are off.
            neighbours: the other people of the frame, where the network sees them.
            tta: level of test-time augmentation.
        """
        person = CroppedPerson.of_box(rgb_HW3, box_4, neighbours, self.crops)
        if first is None or not self._flip:
            known = yield from person.run_pass()
        else:
            known = first.passes[0].resampled(CropView.of_region(first.region_4), person.view)
        return (yield from self._finish(person, (known,), tta))

    def extend_to_full(
        self, rgb_HW3: U8, prediction: PersonPrediction[SurfaceMap], neighbours: Neighbours | None = None
    ) -> Passes[PersonPrediction[SurfaceMap]]:
        """The prediction with all passes of "full"; the passes that it already has are not repeated."""
        person = CroppedPerson.of_box(rgb_HW3, prediction.box_4, neighbours, self.crops)
        return self._finish(person, prediction.passes, "full")

    def _finish(
        self, person: CroppedPerson, known: Sequence[PersonPass], tta: TtaLevel
    ) -> Passes[PersonPrediction[SurfaceMap]]:
        """The prediction from all passes, of which the first ones are known."""
        ensemble = PassEnsemble(person, known)
        maps_LGG = yield from self._first_passes(ensemble, person.view, tta)
        surface = resample_surface(maps_LGG, person.region_4, person.expanded_box_4, self._calibration)
        return PersonPrediction(
            surface=replace(surface, keypoint_K3=ensemble.joints()),
            maps_LGG=maps_LGG,
            region_4=person.region_4,
            box_4=person.box_4,
            passes=tuple(ensemble.passes),
        )

    def _first_passes(self, ensemble: PassEnsemble, crop_view: CropView, tta: TtaLevel) -> Passes[F32]:
        """Pass 2 and, where the level needs them, further passes; the combined maps."""
        first_LGG = ensemble.passes[0].maps_LGG
        roll = roll_of(first_LGG, crop_view) if self._roll_align else 0.0
        confident = abs(roll) < LARGE_ROLL and prediction_confidence(first_LGG) >= MIN_CONFIDENCE_FAST
        if tta == "adaptive_fast" and self._flip and confident:
            return first_LGG
        aligns = self._roll_align and (self._flip or abs(roll) >= LYING)
        aligned = roll_aligned_view(first_LGG, crop_view, roll) if aligns else None
        if aligned is None and not self._flip:
            return first_LGG
        yield from ensemble.add(aligned, flip=self._flip)
        combined_5GG = ensemble.combined()
        if aligned is None or not self._flip or tta == "adaptive_fast":
            return combined_5GG
        roll = roll_of(combined_5GG, crop_view)
        if tta == "adaptive" and abs(roll) < LARGE_ROLL and prediction_confidence(combined_5GG) >= MIN_CONFIDENCE:
            return combined_5GG
        aligned = roll_aligned_view(combined_5GG, crop_view, roll) or aligned
        return (yield from _further_passes(ensemble, crop_view, aligned, tta))


def _further_passes(ensemble: PassEnsemble, crop_view: CropView, aligned: CropView, tta: TtaLevel) -> Passes[F32]:
    """Passes 3 and 4, and where the level needs them 5 to 8; the combined maps.

    Args:
        ensemble: with two passes.
        crop_view: of the crop.
        aligned: the roll-aligned view by the first two passes.
        tta: "adaptive" or "full".
    """
    yield from ensemble.add(flip=True)
    yield from ensemble.add(aligned)
    combined_5GG = ensemble.combined()
    roll = roll_of(combined_5GG, crop_view)
    large_roll = abs(roll) >= LARGE_ROLL
    rotation = ROTATION_LARGE_ROLL if large_roll else ROTATION
    further: list[tuple[float, float, bool]] = []
    if tta == "full" or (large_roll and prediction_confidence(combined_5GG) < MIN_CONFIDENCE):
        further += [(rotation, 1.0, False), (-rotation, 1.0, True)]
    if tta == "full":
        further += [(0.0, SCALE_UP, True), (0.0, SCALE_DOWN, False)]
    for extra_rotation, scale, flip in further:
        view = roll_aligned_view(combined_5GG, crop_view, roll - extra_rotation, scale) or aligned
        yield from ensemble.add(view, flip=flip)
    return ensemble.combined() if further else combined_5GG
