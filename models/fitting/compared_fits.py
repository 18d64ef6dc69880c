"""Methods that compute a body from the predicted surface of a person. Evaluations compare them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from models.body.body_pose import posed_vertices
from models.body.camera import PinholeCamera, default_camera
from models.body.fitted_body import FittedBody
from models.body.open_body import load_body
from models.body.reduced_pose import whole_pose
from models.fitting.initial_poses import pose_at_origin
from models.fitting.joint_fit import fit_joints
from models.fitting.least_squares import library_prior
from models.fitting.lifted_start import lifted_start
from models.fitting.surface_fit import SurfaceFitSettings, fit_surface
from models.lift.lift_weights import built_in_lift
from models.structures import SurfaceMap
from models.surface.body_image import body_image
from models.surface.keypoints import person_keypoints

BodyMethod = Callable[[SurfaceMap, PinholeCamera], FittedBody | None]
"""Takes a surface and the camera; returns the body in the camera's frame, or None where too few points are visible."""


def searched_body(surface: SurfaceMap, camera: PinholeCamera) -> FittedBody | None:
    """A fit to the surface that starts at poses from PnP instead of the lift."""
    return fit_surface(surface, camera, SurfaceFitSettings(lifted=False))


def lifted_body(surface: SurfaceMap, camera: PinholeCamera) -> FittedBody | None:
    """The body of the mesh that the lift predicts, without a fit to the surface. Its confidences are 0: unknown."""
    start = lifted_start(surface, camera, library_prior(), built_in_lift())
    if start is None:
        return None
    body = load_body()
    return FittedBody(
        pose=whole_pose(start), camera=camera, confidence_J=np.zeros(len(body.keypoint_KV), np.float32),
        seen_B=np.zeros(len(body.bones), np.float32), residual=float("nan"), is_person=float("nan"),
    )  # fmt: skip


def body_of_joints(surface: SurfaceMap, camera: PinholeCamera) -> FittedBody | None:
    """A fit to the person's predicted joints alone, as SMPLify does (Bogo et al., ECCV 2016)."""
    return fit_joints(person_keypoints(surface), camera)


METHODS: Mapping[str, BodyMethod] = MappingProxyType(
    {"dense": fit_surface, "searched": searched_body, "lift": lifted_body, "joints": body_of_joints}
)
"""`dense`: the fit that the stage `fit` uses, which starts at the lift; `searched`: the fit without the lift; `lift`:
the lift without a fit; `joints`: the fit to joints alone."""


def prepare_methods() -> None:
    """Compute one body with each method. This loads all files, so that later measurements of time exclude loading."""
    camera, resting = default_camera(320, 240), pose_at_origin(library_prior().mean_X)
    rotation_R33 = resting.rotation_R33.copy()
    rotation_R33[0] = np.diag([1.0, -1.0, -1.0])
    ahead = replace(resting, rotation_R33=rotation_R33, root_3=np.array([0.0, 0.0, 3.0]))
    image = body_image(posed_vertices(whole_pose(ahead)), camera, 240, 320)
    assert image is not None
    labels_hw, uv_2hw = image.surface()
    for method in METHODS.values():
        method(SurfaceMap(x0=image.x0, y0=image.y0, labels_hw=labels_hw, uv_2hw=uv_2hw), camera)
