"""The pose in which the lift puts a body under a predicted surface."""

from __future__ import annotations

from models.body.camera import PinholeCamera
from models.body.reduced_pose import ReducedPose
from models.fitting.least_squares import Normal
from models.fitting.mesh_fit import pose_of_mesh
from models.lift.lift_weights import LiftWeights
from models.lift.lifted_mesh import lifted_mesh
from models.lift.seen_vertices import SureSurface


def lifted_start(
    surface: SureSurface, camera: PinholeCamera, prior: Normal, lift: LiftWeights
) -> ReducedPose | None:
    """The pose; None where too little of the person is seen."""
    mesh_L3 = lifted_mesh(surface, camera, lift)
    return None if mesh_L3 is None else pose_of_mesh(mesh_L3, prior)
