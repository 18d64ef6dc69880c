"""How often people are drawn in the right depth order: `python -m tests.benchmarks.quality.depth_order`.

Two to four people stand, walk, sit and dance on a floor. Each is rendered alone, so that nothing is hidden. Then the
order of drawing is compared with the true depth at every pixel that two people cover: in all scenes, and in scenes
where the image's lower edge truncates two or more people.
"""

from __future__ import annotations

import numpy as np

from models.surface.raster import Camera
from stages.people.depth_order import painters_order
from stages.synthetic.ground_truth import ground_truth_surface
from stages.world.bodies.body_shapes import human_shape
from stages.world.bodies.people import Mesh, Person, moved_on_floor, pose_person
from stages.world.bodies.random_poses import RANDOM_POSES
from stages.world.bodies.rotations import LEFT, axis_rotation
from stages.world.camera.rendering import rasterize_people, surface_maps
from stages.world.clothes.garments import random_outfit

SCENES = 150
HEIGHT, WIDTH = 240, 320
NAMES, CHANCES = ("stand", "walk", "sit", "crouch", "dance"), (0.35, 0.25, 0.15, 0.1, 0.15)


def random_view(rng: np.random.Generator) -> Camera:
    """A camera at a person's height or above, looking down a little."""
    facing_33 = (np.diag([1, -1, -1]) @ axis_rotation(LEFT, float(rng.uniform(0.0, 0.4)))).astype(np.float32)
    eye_3 = np.array([0, rng.uniform(1.2, 2.6), rng.uniform(2.5, 5.0)], np.float32)
    return Camera(
        rotation_33=facing_33, shift_3=-facing_33 @ eye_3, focal=1.2 * HEIGHT, center_2=(WIDTH / 2, HEIGHT / 2),
        height=HEIGHT, width=WIDTH,
    )  # fmt: skip


def random_cast(rng: np.random.Generator) -> list[Mesh]:
    """People on the floor, near enough to each other to overlap."""
    meshes = []
    for _ in range(int(rng.integers(2, 5))):
        person = Person(score_C=human_shape(rng, 0.0, 1.0, 0.15), outfit=random_outfit(rng))
        mesh = pose_person(
            person, RANDOM_POSES[str(rng.choice(NAMES, p=CHANCES))](rng), float(rng.uniform(0, 2 * np.pi))
        )
        meshes.append(moved_on_floor(mesh, float(rng.uniform(-0.7, 0.7)), float(rng.uniform(-2.5, 1.0))))
    return meshes


def right_pixels(rng: np.random.Generator) -> tuple[bool, list[int]]:
    """Of one scene: whether people are truncated; pixels of several people, right by the box's edge, by the product."""
    view, cast = random_view(rng), random_cast(rng)
    alone = [surface_maps(rasterize_people([mesh], view), [mesh], view) for mesh in cast]
    alone = [one for one in alone if (one.label_HW > 0).sum() > 200]
    if len(alone) < 2:
        return False, [0, 0, 0]
    surfaces = [ground_truth_surface(one, 1) for one in alone]
    boxes = [(s.x0, s.y0, s.x0 + s.labels_hw.shape[1], s.y0 + s.labels_hw.shape[0]) for s in surfaces]
    box_N4, score_N = np.array(boxes, np.float32), np.ones(len(boxes), np.float32)
    depth_NHW = np.stack([np.where(one.label_HW > 0, one.depth_HW, np.inf) for one in alone])
    contested_HW = np.isfinite(depth_NHW).sum(axis=0) > 1
    nearest_HW = depth_NHW.argmin(axis=0)
    counts = [int(contested_HW.sum())]
    for order in (np.argsort(box_N4[:, 3], kind="stable"), painters_order(box_N4, score_N, surfaces, HEIGHT)):
        shown_HW = np.full((HEIGHT, WIDTH), -1)
        for person in order:
            shown_HW[np.isfinite(depth_NHW[person])] = person
        counts.append(int((shown_HW == nearest_HW)[contested_HW].sum()))
    return bool((box_N4[:, 3] >= HEIGHT - 1).sum() >= 2), counts


def main() -> None:
    """Print the shares."""
    scenes = [right_pixels(np.random.default_rng([9, number])) for number in range(SCENES)]
    for name, chosen in (("all", scenes), ("cut off", [scene for scene in scenes if scene[0]])):
        claimed, by_edge, by_product = np.sum([counts for _, counts in chosen], axis=0)
        print(f"{name}: {claimed} pixels; box's edge {by_edge / claimed:.3f}, product {by_product / claimed:.3f}")


if __name__ == "__main__":
    main()
