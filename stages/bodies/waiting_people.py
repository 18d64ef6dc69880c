"""People of frames whose bodies are not known yet, and their conversion to bytes for the state of a stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Bool, Index
from stages.payloads import FrameChunk, People, Surfaces
from stages.people.point_flow import SmallFrame
from stages.people.surface_arrays import NamedArrays, SavedArrays, surface_from_arrays, surface_to_arrays


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingPeople:
    """What painting needs of a chunk of frames, beside the bodies.

    Attributes:
        second_T: time of each frame.
        image_T: each frame as a small image; empty where all surfaces state their motion.
        still: whether the chunk is a single image.
        frame_N, id_N: frame and identity of each person.
        surfaces: of the people, in the same order.
        thing_N: where something else is before each of them, on the grids of the surfaces; None: nowhere.
    """

    second_T: tuple[float, ...]
    image_T: tuple[SmallFrame, ...]
    still: bool
    frame_N: Index
    id_N: Index
    surfaces: Surfaces
    thing_N: tuple[Bool | None, ...]

    @classmethod
    def of(
        cls, frames: FrameChunk, people: People, surfaces: Surfaces, thing_N: tuple[Bool | None, ...]
    ) -> WaitingPeople:
        """The people of a chunk."""
        known = zip(people.id_N.tolist(), surfaces.people, strict=True)
        followed = not frames.video.still and any(one >= 0 and surface.motion is None for one, surface in known)
        return cls(
            second_T=tuple(frames.second(t) for t in range(len(frames))),
            image_T=tuple(map(SmallFrame.of, frames.rgb_THW3)) if followed else (),
            still=frames.video.still,
            frame_N=people.frame_N.astype(np.intp),
            id_N=people.id_N.astype(np.intp),
            surfaces=surfaces,
            thing_N=thing_N,
        )


def waiting_to_arrays(waiting: Sequence[WaitingPeople]) -> NamedArrays:
    """Chunks of videos as arrays whose names begin with `waiting`."""
    arrays: NamedArrays = {"waiting": np.array(len(waiting))}
    for at, one in enumerate(waiting):
        key = f"waiting {at}"
        arrays |= {
            f"{key} seconds": np.array(one.second_T),
            f"{key} people": np.stack([one.frame_N, one.id_N]),
        }
        if one.image_T:
            arrays |= {
                f"{key} images": np.stack([image.grey_hw for image in one.image_T]),
                f"{key} step": np.array(one.image_T[0].step),
            }
        for n, surface in enumerate(one.surfaces.people):
            arrays |= surface_to_arrays(f"{key} {n}", surface)
            thing_hw = one.thing_N[n]
            if thing_hw is not None:
                arrays[f"{key} {n} thing"] = thing_hw
    return arrays


def waiting_from_arrays(arrays: SavedArrays) -> list[WaitingPeople]:
    """The inverse of `waiting_to_arrays`."""
    found = []
    for at in range(int(arrays["waiting"])):
        key = f"waiting {at}"
        frame_N, id_N = arrays[f"{key} people"]
        images = arrays.get(f"{key} images", ())
        surfaces = tuple(surface_from_arrays(f"{key} {n}", arrays) for n in range(len(id_N)))
        things = tuple(arrays.get(f"{key} {n} thing") for n in range(len(id_N)))
        found.append(
            WaitingPeople(
                second_T=tuple(arrays[f"{key} seconds"].tolist()),
                image_T=tuple(SmallFrame(grey_hw=grey_hw, step=int(arrays[f"{key} step"])) for grey_hw in images),
                still=False, frame_N=frame_N, id_N=id_N, surfaces=Surfaces(people=surfaces),
                thing_N=things,
            )
        )  # fmt: skip
    return found
