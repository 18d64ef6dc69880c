"""How the light network reads a person: the crop of a box, asked once, or in the mirror and upright, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from models.arrays import F32, U8
from models.light.architecture.pixels import CROP, crop_person
from models.light.architecture.region import crop_region
from models.light.inference.answers import agreed, sureness, unmirrored
from models.light.inference.asking import Asking, Told, answered
from models.light.inference.assembly import Silhouette, assemble, silhouette
from models.light.inference.confidence import Calibration
from models.light.inference.reach import reached
from models.light.inference.together import Networks, Together
from models.light.inference.upright import lean, upright_view
from models.light.inference.view import View, moved_maps, turned_crop
from models.network import TtaLevel
from models.structures import SurfaceMap

LEANING, UNSURE = 20.0, 0.7
"""Degrees by which somebody leans, or how sure two answers are together below which, two more are asked for: in given
boxes of three fifths of `far`'s people and a third of `val`'s. AUC10 of 100 scenes each is .4678 and .5474; with who
leans alone .4660 and .5461, below .8 .4691 and .5486, with everybody .4696 and .5501."""
UNSURE_ONCE = 0.65
"""How sure one answer has to be that nothing more is asked of somebody read quickly."""
TILT = 25.0
"""By how many degrees from upright two more are asked for of who leans, where four together leave unsure: of who does
not they help `far` (+.0015) and harm `val` (−.0037)."""
TILTED = 12.0
"""The same of who does not lean, where a picture is read thoroughly: less, for most that were learnt from stand so."""
WIDER, NARROWER = 1.2, 0.85
"""How many times as wide and as high a part of the frame the last two of eight answers see."""
LYING = 45.0
"""Degrees from which somebody is read turned, too, where nobody is read in the mirror."""


Seen = TypeVar("Seen", SurfaceMap, Silhouette)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(Generic[Seen]):
    """What was read of a person.

    Attributes:
        surface: of the person in the box looked at, and around it as far as it may reach; of a glance the silhouette.
        maps_LGG: person logit, chart 1..24, U, V, probability of the chart; of one answer more charts (see `choices`).
        region_4: x0, y0, x1, y1 of the part of the frame that these cover.
        box_4: the box looked at.
        answers: what these maps are made of, each on the same grid.
    """

    surface: Seen
    maps_LGG: F32
    region_4: F32
    box_4: F32
    answers: tuple[F32, ...]


class Subject(NamedTuple):
    """A box in a frame, cut out: the crop as the network sees it, the part of the frame that it covers, its view."""

    rgb_HW3: U8
    box_4: F32
    crop_CC3: U8
    region_4: F32
    view: View

    @classmethod
    def cut(cls, rgb_HW3: U8, box_4: F32) -> Subject:
        """The crop of a box of a frame."""
        crop_CC3, region_4 = crop_person(rgb_HW3, crop_region(box_4))
        return cls(rgb_HW3, box_4, crop_CC3, region_4, View.straight(region_4))

    @property
    def reach_4(self) -> F32:
        """The box as far as the person may reach beyond it."""
        return reached(self.box_4, *self.rgb_HW3.shape[1::-1])

    def asked(self, turned: View | None, *, mirrored: bool) -> Asking[F32]:
        """What is said of the crop, or of another view of the frame, or of its mirror image, on the crop's grid."""
        crop_CC3 = self.crop_CC3 if turned is None else turned_crop(self.rgb_HW3, turned)
        maps_LGG = unmirrored((yield crop_CC3[:, ::-1])) if mirrored else (yield crop_CC3)
        return maps_LGG if turned is None else moved_maps(maps_LGG, turned, self.view)


class Reader:
    """Reads people off frames: each alone, but the network is asked about all of them together.

    Args:
        flip: ask for crops' mirror images, too: read quickly of who leans or is read unsurely; carefully of everyone,
            and for two to four more of who leans or is read unsurely.
        roll_align: ask for them turned upright by what was read first, too; without `flip`, of who lies alone.
            Full test-time augmentation needs both.
        calibration: of the confidence.
    """

    def __init__(self, networks: Networks, *, flip: bool, roll_align: bool, calibration: Calibration) -> None:
        self.seen = Together(networks, "surface", CROP, CROP)
        self._flip = flip
        self._roll_align = roll_align
        self._calibration = calibration

    def read(self, askings: Iterable[Asking[Told]]) -> list[Told]:
        """What each of these, made by `glance`, `look` or `thoroughly`, ends with."""
        return answered(self.seen, askings)

    def glance(self, rgb_HW3: U8, box_4: F32) -> Asking[Look[Silhouette]]:
        """Read the crop of a box as it is, once, for where the person ends and how sure the network is of it."""
        seen = Subject.cut(rgb_HW3, box_4)
        maps_LGG = yield seen.crop_CC3
        shape = silhouette(maps_LGG, seen.region_4, seen.reach_4, self._calibration)
        return Look(surface=shape, maps_LGG=maps_LGG, region_4=seen.region_4, box_4=box_4, answers=(maps_LGG,))

    def look(
        self, rgb_HW3: U8, box_4: F32, before: Look[Silhouette] | None = None, *, tta: TtaLevel = "adaptive"
    ) -> Asking[Look[SurfaceMap]]:
        """Read the crop of a box by all that is asked.

        Args:
            rgb_HW3: the frame.
            box_4: of the person.
            before: an earlier look at the person in about this box; it then is the first of the answers, so that no
                more is asked than of a box looked at for the first time.
            tta: how often to ask.
        """
        seen = Subject.cut(rgb_HW3, box_4)
        if before is None or not self._flip:
            first_LGG = yield seen.crop_CC3
        else:
            first_LGG = moved_maps(before.maps_LGG, View.straight(before.region_4), seen.view)
        return (yield from self._told(seen, (first_LGG,), tta))

    def thoroughly(self, rgb_HW3: U8, look: Look[SurfaceMap]) -> Asking[Look[SurfaceMap]]:
        """The same look with as many answers as a photo is asked for; those that it has are not asked again."""
        return self._told(Subject.cut(rgb_HW3, look.box_4), look.answers, "full")

    def _told(self, seen: Subject, known: Sequence[F32], tta: TtaLevel) -> Asking[Look[SurfaceMap]]:
        """What all answers say together, of which the first ones are known."""
        answers, maps_LGG = yield from self._answers(seen, known, tta)
        surface = assemble(maps_LGG, seen.region_4, seen.reach_4, self._calibration)
        return Look(
            surface=surface, maps_LGG=maps_LGG, region_4=seen.region_4, box_4=seen.box_4, answers=tuple(answers)
        )

    def _answers(self, seen: Subject, known: Sequence[F32], tta: TtaLevel) -> Asking[tuple[list[F32], F32]]:
        """All that is asked about somebody, and what it says together.

        What is known already is taken in the order in which it was asked.
        """
        answers, left = [known[0]], list(known[1:])

        def ask(turned: View | None = None, *, mirrored: bool = False) -> Asking[None]:
            answers.append(left.pop(0) if left else (yield from seen.asked(turned, mirrored=mirrored)))

        thorough = tta == "full"
        leaning = lean(known[0], seen.view) if self._roll_align else 0.0
        if tta == "adaptive_fast" and self._flip and abs(leaning) < LEANING and sureness(known[0]) >= UNSURE_ONCE:
            return answers, known[0]
        turns = self._roll_align and (self._flip or abs(leaning) >= LYING)
        upright = upright_view(known[0], seen.view, leaning) if turns else None
        if upright is None and not self._flip:
            return answers, known[0]
        yield from ask(upright, mirrored=self._flip)
        told_5GG = agreed(answers)
        if upright is None or not self._flip or tta == "adaptive_fast":
            return answers, told_5GG
        leaning = lean(told_5GG, seen.view)
        if not thorough and abs(leaning) < LEANING and sureness(told_5GG) >= UNSURE:
            return answers, told_5GG
        upright = upright_view(told_5GG, seen.view, leaning) or upright  # both know better by how much
        yield from ask(mirrored=True)
        yield from ask(upright)
        told_5GG = agreed(answers)
        leaning = lean(told_5GG, seen.view)
        leans = abs(leaning) >= LEANING
        tilt = TILT if leans else TILTED
        more: list[tuple[float, float, bool]] = []
        if thorough or (leans and sureness(told_5GG) < UNSURE):
            more += [(tilt, 1.0, False), (-tilt, 1.0, True)]
        if thorough:
            more += [(0.0, WIDER, True), (0.0, NARROWER, False)]
        for off, scale, mirrored in more:
            view = upright_view(told_5GG, seen.view, leaning - off, scale) or upright
            yield from ask(view, mirrored=mirrored)
        return answers, agreed(answers) if more else told_5GG
