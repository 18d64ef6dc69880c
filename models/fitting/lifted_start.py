"""The pose at which a fit starts: the lift predicts a mesh of the surface, and the body is fitted to the mesh."""

from __future__ import annotations

from models.body.camera import PinholeCamera
from models.body.reduced_pose import ReducedPose
from models.fitting.least_squares import PoseGaussian
from models.fitting.mesh_fit import pose_of_mesh
from models.lift.lift_weights import LiftWeights
from models.lift.lifted_mesh import lifted_mesh
from models.lift.seen_vertices import SurfaceWithConfidence


def lifted_start(
    surface: SurfaceWithConfidence, camera: PinholeCamera, prior: PoseGaussian, lift: LiftWeights
) -> ReducedPose | None:
    """The pose in the camera's frame; None where too few vertices are visible. Arguments as of `lifted_mesh`."""
    mesh_L3 = lifted_mesh(surface, camera, lift)
    return None if mesh_L3 is None else pose_of_mesh(mesh_L3, prior)
