"""What camera effects cost: scores on `val` and `far` in given boxes, with one effect at a time left out of the images.

    python -m tests.benchmarks.quality.camera_loss --scenes 100 [--weights FILE] [--seed 0]

Scenes and random numbers of all other effects stay the same. One exception: `far`'s photon noise draws as many numbers
as the image needs, so the effects after it change. Bars before people (`lattice`, in `far` alone) are no camera effect,
but have a row, too.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.light.architecture.weight_paths import BUILT_IN
from models.light.inference.light_network import FrameFeatures, LightNetwork
from models.metrics.instances import point_errors
from models.metrics.pointwise import area_under_curve
from models.network import NetworkConfig
from models.surface.geometry import SurfaceGeometry, open_body_geometry
from stages.evaluation.protocols import found_instance
from stages.evaluation.synthetic_truth import Worlds, world_set
from stages.world import far_world, image_scenes
from stages.world.camera import camera_effects

Patch = tuple[Any, str, Any]
SOFT = 0.6
"""Standard deviation of the blur that remains without camera blur: the renderer's edges are aliased."""


def clean(picture_HW3: np.ndarray) -> np.ndarray:
    """The image without camera effects."""
    soft = cv2.GaussianBlur(picture_HW3, (3, 3), SOFT)
    return np.asarray(np.clip(soft, 0, 1) * 255, np.uint8)


def compressed_by_jpeg(picture_HW3: np.ndarray, quality: int) -> np.ndarray:
    """The clean image after JPEG of that quality (OpenCV)."""
    data = cv2.imencode(".jpg", clean(picture_HW3), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def instead(original: Callable[..., Any], other: Callable[[np.ndarray], np.ndarray]) -> Callable[..., Any]:
    """`other` in the place of `original`, which still runs, on a copy, so that later random numbers stay."""

    def call(rng: np.random.Generator, picture_HW3: np.ndarray) -> Any:
        original(rng, picture_HW3.copy())
        return other(picture_HW3)

    return call


def nothing_lost(rgb_HW3: np.ndarray, _kind: str, _quality: int) -> np.ndarray:
    """Stands in for a codec and changes nothing."""
    return rgb_HW3


EFFECTS: dict[str, dict[str, tuple[Patch, ...]]] = {
    "val": {
        "as it is": (),
        "no camera": ((image_scenes, "photograph", instead(camera_effects.photograph, clean)),),
        "no JPEG": ((camera_effects, "through_codec", nothing_lost),),
        **{
            f"no camera, but JPEG {quality}": (
                (
                    image_scenes,
                    "photograph",
                    instead(camera_effects.photograph, partial(compressed_by_jpeg, quality=quality)),
                ),
            )
            for quality in (95, 75, 50, 30)
        },
    },
    "far": {
        "as it is": (),
        "no camera": ((far_world, "far_photograph", instead(camera_effects.far_photograph, clean)),),
        "no WebP": ((camera_effects, "through_codec", nothing_lost),),
        "no lattice": ((far_world, "_lattice", lambda *_: None),),
    },
}


@contextmanager
def patched(patches: Sequence[Patch]) -> Iterator[None]:
    """Replaces attributes of modules for a while."""
    before = [(module, name, getattr(module, name)) for module, name, _ in patches]
    for module, name, value in patches:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def scored(net: LightNetwork, geometry: SurfaceGeometry, world: str, part: Worlds) -> str:
    """AUC10 and AUC30 of the people of scenes, in true boxes."""
    errors = []
    for image in world_set(world, part).images:
        frames, box_M4 = FrameFeatures(rgb_THW3=image.rgb_HW3[None], surface_T=({},), tta="adaptive"), image.boxes
        rows = zip(image.people, net.surfaces(frames, [box_M4])[0], box_M4, strict=True)
        for person, surface, box_4 in rows:
            if person.instance.points:
                errors.append(point_errors(geometry, person.instance, found_instance(surface, box_4, 1.0)))
    error_M = np.concatenate(errors)
    return f"{len(errors)} | {area_under_curve(error_M, 0.1):.3f} | {area_under_curve(error_M, 0.3):.3f}"


def main() -> None:
    """Print a row for each world and camera effect."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=BUILT_IN, help="of the light network")
    parser.add_argument("--scenes", type=int, default=100, help="of each world")
    parser.add_argument("--seed", type=int, default=0, help="of the worlds")
    options = parser.parse_args()
    net = LightNetwork(NetworkConfig(weights="light", precision="fp32", tta="adaptive"), 1, options.weights)
    geometry = open_body_geometry()
    print("| world | images | people | AUC10 | AUC30 |\n|---|---|---|---|---|")
    for world, effects in EFFECTS.items():
        for name, patches in effects.items():
            with patched(patches):
                found = scored(net, geometry, world, Worlds(seed=options.seed, scenes=options.scenes, frames=0))
            print(f"| `{world}` | {name} | {found} |", flush=True)


if __name__ == "__main__":
    main()
