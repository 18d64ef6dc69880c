"""How well animated bodies fill the outlines of their people in real clips, without and with padding.

    python -m tests.benchmarks.quality.outlines CLIP:FIRST:LAST …

Each clip is read from second FIRST to second LAST as `-c animate` reads it. Every fourth frame is a sample; the padding
of a person is fitted to every second sample, and the others are scored: IoU of the body with the person's silhouette as
the network sees it. The last columns say where the rest of the difference
is: pixels of the silhouette alone and of the body alone, in percent of both together, by part of the body.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from densepose_video import run
from models.arrays import F32, U8
from models.body.fitted_body import FittedBody
from models.body.open_body import forward_kinematics, load_body, skin
from models.metrics.silhouettes import overlap
from models.surface.body_image import body_image
from models.surface.padding import padded_skin
from stages.bodies.outline_memory import OutlineMemory
from stages.payloads import PersonSurface

EVERY = 4
PARTS = {
    "trunk": (1, 2), "hands": (3, 4), "feet": (5, 6), "legs": tuple(range(7, 15)), "arms": tuple(range(15, 23)),
    "head": (23, 24),
}  # fmt: skip
"""Charts of parts."""
SETTINGS = {"frames.fitted": True, "smooth.kind": "none", "fit.look_ahead": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A person in a frame of a size."""

    identity: int
    body: FittedBody
    surface: PersonSurface
    size_2: tuple[int, int]

    def silhouette(self) -> U8:
        """The labels of the network in the frame (H, W)."""
        label_HW = np.zeros(self.size_2, np.uint8)
        if windows := self.surface.windows(*self.size_2):
            label_HW[windows[0]] = self.surface.labels_hw[windows[1]]
        return label_HW

    def shown(self, padding_D4: F32 | None) -> U8:
        """The labels of the body in the frame (H, W)."""
        mesh, pose, label_HW = load_body(), self.body.pose, np.zeros(self.size_2, np.uint8)
        rest_V3, head_B3 = mesh.rest(pose.shape_C)
        worn_V3 = rest_V3 if padding_D4 is None else padded_skin(rest_V3, padding_D4)
        vertex_V3 = skin(mesh, worn_V3, head_B3, *forward_kinematics(mesh, head_B3, pose.rotation_B33, pose.root_3))
        image = body_image(vertex_V3, self.body.camera, *self.size_2)
        if image is not None:
            label_HW[image.y0 : image.y0 + image.height, image.x0 : image.x0 + image.width] = image.surface()[0]
        return label_HW


def samples(path: str, first: float, last: float) -> list[Sample]:
    """The people of every fourth frame."""
    found = []
    for frame in run("video", path, settings=SETTINGS | {"decode.start": first, "decode.end": last}):
        bodies = frame.bodies
        for identity, body, n in zip(bodies.id_N, bodies.body_N, bodies.person_N, strict=True):
            if frame.index % EVERY == 0 and identity >= 0:
                surface, size_2 = frame.surfaces.people[n], frame.rgb_HW3.shape[:2]
                found.append(Sample(identity=int(identity), body=body, surface=surface, size_2=size_2))
    return found


def row(name: str, people: Sequence[Sample]) -> str:
    """A line of the table."""
    memory, counted_N2, iou_N2, areas_N2 = OutlineMemory(), [], [], []
    of_person = {one.identity: [other for other in people if other.identity == one.identity] for one in people}
    for seen in of_person.values():
        for one in seen[::2]:
            memory.add(one.identity, one.surface, one.body, *one.size_2)
    padding_of_person = memory.paddings()
    for identity, padding_D4 in padding_of_person.items():
        for one in of_person[identity][1::2]:
            true_HW, bare_HW, worn_HW = one.silhouette(), one.shown(None), one.shown(padding_D4)
            iou_N2.append([overlap(one_HW > 0, true_HW > 0) for one_HW in (bare_HW, worn_HW)])
            areas_N2.append([(bare_HW > 0).sum() / (true_HW > 0).sum(), (worn_HW > 0).sum() / (true_HW > 0).sum()])
            both = ((worn_HW > 0) | (true_HW > 0)).sum()
            counted_N2.append([
                [100 * (np.isin(a_HW, charts) & (b_HW == 0)).sum() / both
                 for a_HW, b_HW in ((true_HW, worn_HW), (worn_HW, true_HW))]
                for charts in PARTS.values()
            ])  # fmt: skip
    iou_2, area_2, lost_P2 = (np.mean(values, axis=0) for values in (iou_N2, areas_N2, counted_N2))
    lost = " | ".join(f"{alone:.1f}, {body:.1f}" for alone, body in lost_P2)
    worse = sum(after < before - 0.005 for before, after in iou_N2)
    return (
        f"| {name} | {len(iou_N2)} | {iou_2[0]:.3f} → {iou_2[1]:.3f} | {worse} | {area_2[0]:.2f} → {area_2[1]:.2f} "
        f"| {lost} |"
    )


def main() -> None:
    """Print the table."""
    print(f"| clip | scored | IoU | frames that became worse | area | {' | '.join(PARTS)} |")
    print("|---" * (5 + len(PARTS)) + "|")
    for argument in sys.argv[1:]:
        path, first, last = argument.rsplit(":", 2)
        print(row(path.rsplit("/", 1)[-1], samples(path, float(first), float(last))), flush=True)


if __name__ == "__main__":
    main()
