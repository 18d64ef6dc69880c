"""The cost of a fit and its derivatives: robust kernel, priors, prediction over time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from posed_people import CAMERA, RenderedPerson, person

from models.body.body_pose import BodyPose
from models.body.fitted_body import FittedBody
from models.body.low_poly import load_low_poly
from models.body.pose_prior import TURNED
from models.body.reduced_pose import ReducedPose, reduced_pose, whole_pose
from models.body.rotation_vectors import rotation_exponential, rotation_logarithm
from models.fitting.correspondences import correspondences
from models.fitting.least_squares import FitProblem, FitWeights, PoseGaussian, library_prior
from models.fitting.mesh_fit import pose_of_mesh
from models.fitting.track_fit import TrackedBody, expected_pose, prior_near

WIDTH = 2.0
STEP = 1e-5


@pytest.fixture(scope="module")
def standing() -> RenderedPerson:
    return person(3, 0.3)


def true_pose(shown: RenderedPerson) -> ReducedPose:
    return reduced_pose(BodyPose(rotation_B33=shown.rotation_B33, root_3=shown.root_3, shape_C=shown.shape_C))


@pytest.mark.parametrize("widths", [0.3, 3.0])
def test_the_gradient_is_that_of_the_cost_below_and_above_the_kernel_width(
    standing: RenderedPerson, widths: float
) -> None:
    """Every second point has an error of some widths of the robust kernel."""
    pose, seen = true_pose(standing), correspondences(standing, 60)
    pixel_N2 = seen.pixel_N2.copy()
    pixel_N2[::2, 0] += widths * WIDTH * FitWeights().spread * seen.size
    problem = FitProblem(replace(seen, pixel_N2=pixel_N2), CAMERA, library_prior(), FitWeights())
    cost, hessian_XX, gradient_X = problem.normal_equations(pose, WIDTH)
    assert cost == pytest.approx(problem.cost(pose, WIDTH))
    found = []
    for step_X in STEP * np.eye(len(gradient_X)):
        found.append((problem.cost(pose.moved(step_X), WIDTH) - problem.cost(pose.moved(-step_X), WIDTH)) / (2 * STEP))
    assert gradient_X == pytest.approx(np.array(found), rel=1e-3, abs=1e-3 * np.abs(gradient_X).max())
    assert np.linalg.eigvalsh(hessian_XX).min() > 0


def test_errors_far_above_the_kernel_width_change_nothing(standing: RenderedPerson) -> None:
    """The gradient of outliers falls with the cube of their error."""
    pose, seen = true_pose(standing), correspondences(standing, 60)

    def pull(widths: float) -> float:
        pixel_N2 = seen.pixel_N2 + np.array([widths * WIDTH * FitWeights().spread * seen.size, 0])
        problem = FitProblem(replace(seen, pixel_N2=pixel_N2), CAMERA, library_prior(), FitWeights(joint=0.0))
        return float(np.linalg.norm(problem.rigid_equations(pose, WIDTH)[2]))

    assert pull(40.0) / pull(20.0) == pytest.approx(1 / 8, rel=0.1)


def test_the_prior_near_a_pose_is_the_product_of_both_distributions() -> None:
    prior, vector_X, spread = library_prior(), library_prior().mean_X + 0.5, 0.2
    product = prior_near(prior, vector_X, spread)

    def log_density(one: PoseGaussian, at_X: np.ndarray) -> float:
        return -0.5 * float((at_X - one.mean_X) @ one.precision_XX @ (at_X - one.mean_X))

    near = PoseGaussian(mean_X=vector_X, precision_XX=np.eye(len(vector_X)) / spread**2)
    samples = np.random.default_rng(0).normal(0, 0.3, (5, len(vector_X))) + vector_X
    offsets = [log_density(product, at_X) - log_density(prior, at_X) - log_density(near, at_X) for at_X in samples]
    assert np.ptp(offsets) < 1e-6 * np.ptp([log_density(prior, at_X) for at_X in samples])


def followed(poses: tuple[ReducedPose, ReducedPose], seconds: tuple[float, float]) -> TrackedBody:
    """What is known after two fits at two times."""
    previous, last = (
        FittedBody(
            pose=whole_pose(pose), camera=CAMERA, confidence_J=np.ones(23, np.float32), seen_B=np.ones(1, np.float32),
            residual=0.0, is_person=1.0,
        )
        for pose in poses
    )
    return TrackedBody(
        body=last, previous=previous, second=seconds[1], previous_second=seconds[0], frames=2,
        observed=0.03, observed_whole=0.03, shape_weight=2.0,
        mean_residual=0.01,
    )


@pytest.mark.parametrize(("frame", "steps"), [(2.0, 1.0), (3.0, 2.0), (1.25, 0.25)])
def test_the_prediction_follows_a_velocity_that_falls_with_time(
    standing: RenderedPerson, frame: float, steps: float
) -> None:
    """Fits at frames 0 and 1 of 30 per second; the elbow rotates and the person moves steadily."""
    first = true_pose(standing)
    change = 0.3 * np.array([0.0, 1.0, 0.0])
    rotation_R33 = first.rotation_R33.copy()
    rotation_R33[5] = rotation_exponential(change[None])[0] @ rotation_R33[5]
    last = replace(first, rotation_R33=rotation_R33, root_3=first.root_3 + np.array([0.1, 0.0, 0.2]))
    found = expected_pose(followed((first, last), (0.0, 1 / 30)), frame / 30, 0.7)
    share = 0.7**steps * steps
    assert found.root_3 - last.root_3 == pytest.approx(share * np.array([0.1, 0.0, 0.2]), abs=1e-4)
    turned = rotation_logarithm((found.rotation_R33[5] @ last.rotation_R33[5].T)[None])[0]
    assert turned == pytest.approx(share * change, abs=1e-3)


def test_the_prior_decides_what_the_mesh_does_not_show(standing: RenderedPerson) -> None:
    """The vertices that are used leave the hands out: a wrist follows the prior, a knee the mesh."""
    mesh_L3, prior = standing.vertex_V3[load_low_poly().vertex_L].astype(np.float64), library_prior()
    wrist, knee = (3 * TURNED.index(f"{bone}.L") for bone in ("wrist", "lowerleg01"))

    def change(index: int) -> float:
        """The change of one number of the pose, as a share of that of the prior's mean."""
        moved_X = prior.mean_X.copy()
        moved_X[index] += 0.4
        poses = [pose_of_mesh(mesh_L3, replace(prior, mean_X=mean_X)) for mean_X in (prior.mean_X, moved_X)]
        before, after = (rotation_logarithm(pose.rotation_R33[1:]).ravel()[index] for pose in poses)
        return float(after - before) / 0.4

    assert 0.75 < change(wrist) < 1
    assert abs(change(knee)) < 0.2
