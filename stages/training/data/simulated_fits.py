"""Simulated body fits: the labels that a fitter of body models would make for an image (paper §4.2, "UP").

The project has no fitter, so the true bodies of synthetic scenes are disturbed by a stated model of its errors: every
bone rotated, the shape changed, the body moved before the camera. Clothes are left out, as body models have none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from models.arrays import F32
from models.body.open_body import forward_kinematics, load_body, skin
from models.files.atomic_file import atomic_write
from models.surface.raster import Camera
from pipeline.stage import StageError
from stages.synthetic.synthesize import ALL_IMAGE_WORLDS, Synthesize
from stages.world.bodies.people import Mesh, Person
from stages.world.bodies.poses import bone_rotations
from stages.world.camera.rendering import rasterize_people, surface_maps
from stages.world.image_scenes import people_and_camera
from stages.world.image_worlds import ImageWorld

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class FitErrors:
    """Standard deviations of a fit's errors. Assumed, of the size that fits to single images are reported to have.

    Attributes:
        bone: degrees, of every bone against its parent, about a random axis.
        facing: degrees, of the whole body.
        shape: of the shape's scores, whose own deviation is about 1.
        shift: of the place across the camera's view, as a share of the distance.
        depth: of the distance, as a share of it.
    """

    bone: float = 6.0
    facing: float = 6.0
    shape: float = 0.5
    shift: float = 0.008
    depth: float = 0.03


def simulated_fit(person: Person, mesh: Mesh, camera: Camera, errors: FitErrors, rng: Rng) -> Mesh:
    """The body that a fitter would find for a person: without clothes, disturbed, near the person's position."""
    body = load_body()
    score_C = person.score_C + rng.normal(0, errors.shape, len(person.score_C)).astype(np.float32)
    vertex_V3, head_B3 = body.rest(score_C)
    turn_B33 = bone_rotations(body, mesh.pose, mesh.yaw)
    degrees_B = np.full(len(turn_B33), errors.bone)
    degrees_B[body.bone("root")] = errors.facing
    turn_B33 = np.einsum("bij,bjk->bik", random_turns(degrees_B, rng), turn_B33).astype(np.float32)
    turned, placed = forward_kinematics(body, head_B3, turn_B33, np.zeros(3, np.float32))
    posed_V3 = skin(body, vertex_V3, head_B3, turned, placed)
    joint_K3 = body.keypoint_KV @ posed_V3
    way_3 = (mesh.keypoint_K3[:17] - joint_K3[:17]).mean(axis=0) + camera_error(mesh, camera, errors, rng)
    return Mesh(
        vertex_V3=(posed_V3 + way_3).astype(np.float32), normal_V3=np.zeros_like(posed_V3),
        keypoint_K3=(joint_K3 + way_3).astype(np.float32), pose=mesh.pose, yaw=mesh.yaw,
        root_3=way_3.astype(np.float32), score_C=score_C,
    )


def random_turns(degrees_B: npt.NDArray[np.floating], rng: Rng) -> npt.NDArray[np.float64]:
    """(B, 3, 3) rotations about random axes, by normally distributed angles of these deviations."""
    axis_B3 = rng.normal(size=(len(degrees_B), 3))
    axis_B3 /= np.linalg.norm(axis_B3, axis=1, keepdims=True)
    angle_B = np.radians(degrees_B * rng.normal(size=len(degrees_B)))
    return np.asarray(Rotation.from_rotvec(axis_B3 * angle_B[:, None]).as_matrix())


def camera_error(mesh: Mesh, camera: Camera, errors: FitErrors, rng: Rng) -> npt.NDArray[np.float64]:
    """The error of a body's position, metres in the world: larger along the camera's axis than across it."""
    distance = float(camera.to_camera(mesh.vertex_V3.mean(axis=0, keepdims=True))[0, 2])
    across = rng.normal(0, errors.shift, 2) * distance
    seen = np.array([*across, rng.normal(0, errors.depth) * distance])
    return np.asarray(camera.rotation_33.T @ seen, np.float64)


def simulated_fit_surface(
    world: ImageWorld, seed: int, index: int, errors: FitErrors
) -> tuple[npt.NDArray[np.uint8], F32]:
    """Chart labels (H, W) and UV (2, H, W) of a scene's people as fitted; the same scene gives the same errors."""
    _, people, meshes, camera = people_and_camera(world, seed, index)
    if camera is None:
        return np.zeros((world.height, world.width), np.uint8), np.zeros((2, world.height, world.width), np.float32)
    rng = np.random.default_rng([seed, index, *b"fitted"])
    fits = [simulated_fit(person, mesh, camera, errors, rng) for person, mesh in zip(people, meshes, strict=True)]
    truth = surface_maps(rasterize_people(fits, camera), fits, camera)
    return truth.label_HW, truth.uv_2HW


def write_simulated_fits(folder: Path, draw: Synthesize.Config) -> None:
    """Write `fitted/NNNNNN.npz` for every scene of a synthetic set; existing ones are kept.

    Raises: StageError for a world whose scenes are not made of posed bodies.
    """
    if draw.world not in ALL_IMAGE_WORLDS:
        raise StageError(f"there are no fits for the world {draw.world!r}", str(folder), "use the world train")
    world = replace(ALL_IMAGE_WORLDS[draw.world], height=draw.height, width=draw.width)
    target = folder / "fitted"
    target.mkdir(exist_ok=True)
    for number in range(draw.count):
        path = target / f"{number:06d}.npz"
        if path.is_file():
            continue
        label_HW, uv_2HW = simulated_fit_surface(world, draw.seed, draw.first + number, FitErrors())
        byte_2HW = np.round(np.clip(uv_2HW, 0, 1) * 255).astype(np.uint8)
        with atomic_write(path) as draft, draft.open("wb") as file:
            np.savez_compressed(file, label_HW=label_HW, uv_2HW=byte_2HW)
