"""Depth of fitted bodies against the worlds' truth: `python -m tests.benchmarks.quality.body_depth --world val`.

Printed for exact and for predicted surfaces, with the true focal length or an assumed field of view, and with the true
height of each person or none: the median over people of the median relative error of depth over a person's pixels, the
same after the best scale of each person (the relief alone), and of how many pairs of people in one picture the nearer
one is told: by the bodies, and by the product's order of drawing. The seeds are used by no training and no score.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from models.body.body_pose import posed_vertices
from models.body.camera import PinholeCamera, default_camera
from models.box_overlap import intersections
from models.fitting.surface_fit import fit_surface
from models.surface.body_image import body_image
from models.surface.raster import Camera
from stages.bodies.body_height import at_height, standing_height
from stages.payloads import FrameChunk, PersonSurface
from stages.people.densepose import DensePose
from stages.people.depth_order import nearness
from stages.people.detect import Detect
from stages.synthetic.ground_truth import ground_truth_surfaces
from stages.world.bodies.people import Mesh, Person
from stages.world.image_scenes import image_scene, people_and_camera
from stages.world.image_worlds import IMAGE_WORLDS
from stages.world.scene import Scene

SEED = 4177
LEAST_HEIGHT = 100
LEAST_OVERLAP = 0.5
LEAST_APART_M = 0.3
"""Pairs of people whose true depths differ by less are not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonDepth:
    """A person's true depth, the fitted one, the product's nearness, and errors of depth over pixels."""

    truth: float
    fitted: float
    nearness: float
    error: float
    relief_error: float


def person_depth(
    scene: Scene, number: int, surface: PersonSurface, camera: PinholeCamera, height_m: float | None
) -> PersonDepth | None:
    """The depths of a person of a scene, of a stated height if it is known; None where no body is in the picture."""
    height, width = scene.instance_HW.shape
    body = fit_surface(surface, camera)
    if body is not None and height_m is not None:
        body = at_height(body, height_m)
    image = None if body is None else body_image(posed_vertices(body.pose), camera, height, width)
    if body is None or image is None:
        return None
    depth_HW = np.zeros((height, width), np.float32)
    depth_HW[image.y0 : image.y0 + image.height, image.x0 : image.x0 + image.width] = image.depth_hw()
    both_HW = (scene.instance_HW == number) & (depth_HW > 0)
    if both_HW.sum() < 50:
        return None
    true_P, found_P = scene.depth_HW[both_HW], depth_HW[both_HW]
    scaled_P = found_P * np.median(true_P / found_P)
    lower_edge = float(surface.y0 + np.flatnonzero(surface.labels_hw.any(axis=1))[-1] + 1)
    return PersonDepth(
        truth=float(np.median(true_P)),
        fitted=float(np.median(found_P)),
        nearness=nearness(surface, lower_edge, height),
        error=float(np.median(np.abs(found_P - true_P) / true_P)),
        relief_error=float(np.median(np.abs(scaled_P - true_P) / true_P)),
    )


def predicted_surfaces(scene: Scene, detect: Detect, densepose: DensePose) -> list[PersonSurface | None]:
    """The network's surface of each true person; None for those that it does not find."""
    frames = FrameChunk.of_image(scene.rgb_HW3)
    ((people, features),) = detect(frames)
    (surfaces,) = densepose(frames, people, features)
    found: list[PersonSurface | None] = []
    for box_4 in scene.box_N4:
        if not len(people):
            found.append(None)
            continue
        common_N = intersections(box_4[None], people.box_N4)[0]
        area_N = np.prod(people.box_N4[:, 2:] - people.box_N4[:, :2], axis=1)
        overlap_N = common_N / (area_N + np.prod(box_4[2:] - box_4[:2]) - common_N)
        best = int(overlap_N.argmax())
        found.append(surfaces.people[best] if overlap_N[best] >= LEAST_OVERLAP else None)
    return found


def true_heights(people: list[Person], meshes: list[Mesh], view: Camera) -> list[float]:
    """Heights of the people of a scene in rest pose, in the order of its annotations: from far to near."""
    away = [float(view.to_camera(mesh.vertex_V3.mean(axis=0, keepdims=True))[0, 2]) for mesh in meshes]
    return [standing_height(people[k].score_C) for k in sorted(range(len(away)), key=lambda k: -away[k])]


def pairs_right(scenes: list[list[PersonDepth]]) -> tuple[int, float, float]:
    """Number of pairs, and the shares with the right order by the bodies and by the product's order of drawing."""
    right = []
    for people in scenes:
        for k, one in enumerate(people):
            for other in people[k + 1 :]:
                if abs(one.truth - other.truth) >= LEAST_APART_M:
                    nearer = one.truth < other.truth
                    right.append(((one.fitted < other.fitted) == nearer, (one.nearness > other.nearness) == nearer))
    shares = np.mean(right, axis=0) if right else (np.nan, np.nan)
    return len(right), float(shares[0]), float(shares[1])


def main() -> None:
    """Print a line for each kind of surface and of camera."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", default="val")
    parser.add_argument("--scenes", type=int, default=60)
    arguments = parser.parse_args()
    world = IMAGE_WORLDS[arguments.world]
    detect, densepose = Detect(Detect.Config()), DensePose(DensePose.Config())
    found: dict[tuple[str, str], list[list[PersonDepth]]] = {}
    for index in range(arguments.scenes):
        _, people, meshes, view = people_and_camera(world, SEED, index)
        scene = image_scene(world, SEED, index)
        if view is None or len(scene.box_N4) < len(people):
            continue
        height, width = scene.instance_HW.shape
        kinds = {
            "exact": list(ground_truth_surfaces(scene).people),
            "predicted": predicted_surfaces(scene, detect, densepose),
        }
        cameras = {
            "known": PinholeCamera(focal_px=view.focal, center_2=np.array(view.center_2, np.float32)),
            "assumed": default_camera(width, height),
        }
        heights = true_heights(people, meshes, view)
        tall = [n for n, box in enumerate(scene.box_N4) if box[3] - box[1] >= LEAST_HEIGHT]
        for kind, surfaces in kinds.items():
            shown = [(n, surface) for n in tall if (surface := surfaces[n]) is not None]
            for name, camera in cameras.items():
                for stated in (False, True):
                    tried = [
                        person_depth(scene, n + 1, one, camera, heights[n] if stated else None) for n, one in shown
                    ]
                    label = f"{name}, height {'stated' if stated else 'unknown'}"
                    found.setdefault((kind, label), []).append([one for one in tried if one is not None])
    for (kind, name), scenes in found.items():
        depths = [one for some in scenes for one in some]
        error, relief = (np.median([getattr(one, key) for one in depths]) for key in ("error", "relief_error"))
        pairs, by_body, by_drawing = pairs_right(scenes)
        print(
            f"{kind} surfaces, focal length {name}: {len(depths)} people, depth {error:.1%} off, relief {relief:.2%};"
            f" {pairs} pairs, right order {by_body:.1%} by bodies, {by_drawing:.1%} by drawing"
        )


if __name__ == "__main__":
    main()
