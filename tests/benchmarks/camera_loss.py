"""What a camera's faults cost: `val` and `far` in given boxes, with one fault after the other left out of the pictures.

    python -m tests.benchmarks.camera_loss --scenes 100 [--weights FILE] [--seed 0]

The scenes are the same, and so are the random numbers of all other faults (but of `far`'s after its photons, which take
as many as the picture asks). Bars before people (`lattice`, in `far` alone) are no camera's fault, but told apart, too.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.light.files import BUILT_IN
from models.light.light_network import Frames, LightNetwork
from models.metrics.instances import point_errors
from models.metrics.pointwise import area_under_curve
from models.network import NetworkConfig
from models.surface.geometry import SurfaceGeometry, open_body_geometry
from stages.evaluation.protocols import found_instance
from stages.evaluation.synthetic_truth import Worlds, world_set
from stages.world import far, far_lens, lens, scene

Patch = tuple[Any, str, Any]
SOFT = 0.6
"""Standard deviation of the blur that stays where a camera has none: the renderer's edges are stairs."""


def clean(rng: np.random.Generator, picture_HW3: np.ndarray) -> np.ndarray:
    """The picture without any fault; the camera's random numbers are drawn as ever."""
    soft = cv2.GaussianBlur(picture_HW3, (3, 3), SOFT)
    return np.asarray(np.clip(soft, 0, 1) * 255, np.uint8)


def after(original: Callable[..., Any], other: Callable[..., Any]) -> Callable[..., Any]:
    """`other` in the place of `original`, which is called all the same, on a copy, so that later numbers stay."""

    def call(rng: np.random.Generator, picture_HW3: np.ndarray) -> Any:
        original(rng, picture_HW3.copy())
        return other(rng, picture_HW3)

    return call


def compressed_by_jpeg(quality: int) -> Callable[..., Any]:
    """The clean picture in JPEG of that quality, as OpenCV writes it."""

    def call(rng: np.random.Generator, picture_HW3: np.ndarray) -> Any:
        data = cv2.imencode(".jpg", clean(rng, picture_HW3), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    return call


def as_it_is(_rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Nothing is done."""
    return picture


class NoCodec:
    """OpenCV for the module of `far`'s lens, but that WebP loses nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(cv2, name)

    @staticmethod
    def imencode(_kind: str, rgb_HW3: np.ndarray, _options: Sequence[int]) -> Any:
        """PNG."""
        return cv2.imencode(".png", rgb_HW3)


WAYS: dict[str, dict[str, tuple[Patch, ...]]] = {
    "val": {
        "as it is": (),
        "no camera": ((scene, "photograph", after(lens.photograph, clean)),),
        "no JPEG": ((lens, "_compressed", after(lens._compressed, as_it_is)),),
        **{
            f"no camera, but JPEG {q}": ((scene, "photograph", after(lens.photograph, compressed_by_jpeg(q))),)
            for q in (95, 75, 50, 30)
        },
    },
    "far": {
        "as it is": (),
        "no camera": ((far, "far_photograph", after(far_lens.far_photograph, clean)),),
        "no WebP": ((far_lens, "cv2", NoCodec()),),
        "no lattice": ((far, "_lattice", lambda *_: None),),
    },
}


@contextmanager
def patched(patches: Sequence[Patch]) -> Iterator[None]:
    """Names of modules that mean something else meanwhile."""
    before = [(module, name, getattr(module, name)) for module, name, _ in patches]
    for module, name, value in patches:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def scored(net: LightNetwork, geometry: SurfaceGeometry, world: str, part: Worlds) -> str:
    """AUC10 and AUC30 of the people of scenes, in their own boxes."""
    errors = []
    for picture in world_set(world, part).pictures:
        people = [one for one in picture.instances if one.points is not None and len(one.points)]
        boxes = [np.concatenate([one.box_4[:2], one.box_4[:2] + one.box_4[2:]]).astype(np.float32) for one in people]
        frames = Frames(rgb_THW3=picture.rgb_HW3[None], seen_T=({},))
        for one, surface, box_4 in zip(people, net.surfaces(frames, [boxes])[0], boxes, strict=True):
            errors.append(point_errors(geometry, one, found_instance(surface, box_4, 1.0)))
    error_M = np.concatenate(errors)
    return f"{len(errors)} | {area_under_curve(error_M, 0.1):.3f} | {area_under_curve(error_M, 0.3):.3f}"


def main() -> None:
    """Print a row for each world and fault."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--weights", type=Path, default=BUILT_IN, help="of the light network")
    asked.add_argument("--scenes", type=int, default=100, help="of each world")
    asked.add_argument("--seed", type=int, default=0, help="of the worlds")
    given = asked.parse_args()
    net = LightNetwork(NetworkConfig(weights="light", precision="fp32"), 1, given.weights)
    geometry = open_body_geometry()
    print("| world | pictures | people | AUC10 | AUC30 |\n|---|---|---|---|---|")
    for world, ways in WAYS.items():
        for name, patches in ways.items():
            with patched(patches):
                found = scored(net, geometry, world, Worlds(seed=given.seed, scenes=given.scenes, frames=0))
            print(f"| `{world}` | {name} | {found} |", flush=True)


if __name__ == "__main__":
    main()
