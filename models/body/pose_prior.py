"""Priors of pose and shape: how probable a body is before a picture is seen.

Poses have a Gaussian with full covariance over the rotation vectors of all rotations but the root's, as a camera may
look from anywhere. It comes from the poses of real people in `real_poses.npz` alone and from their mirror images. So it
holds no pose of a synthetic world, and none of the motions that `bake_poses.KEPT_APART` names.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F64
from models.body.open_body import load_body
from models.body.pose_library import STORED_BONES, PoseLibrary, load_poses
from models.body.reduced_pose import NECK, ROTATIONS, SPINE, TURNS, ReducedPose
from models.body.rotation_vectors import inverse_left_jacobian, rotation_logarithm

TURNED = ROTATIONS[1:]
"""The rotations that have a prior; X = 3 · 18 numbers."""
SLACK = 0.06
"""Standard deviation, radians, that is added to every angle: sources turn some joints about one axis only."""
LIMIT_SHARE = 0.001
"""Share of the library's poses below the least and above the greatest angle of a joint."""
LIMIT_MARGIN = np.radians(5)
"""Radians by which a joint may exceed the library's range."""
LIMIT_SPREAD = np.radians(5)
"""Radians beyond a limit that count as one standard deviation."""
FREE_SPREAD = 3.0
"""Standard deviation of the shape along the directions of size and age; elsewhere it is 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosePrior:
    """A Gaussian and limits of the rotation vectors of `TURNED`, in radians.

    Attributes:
        mean_X: the mean pose.
        whitening_XX: W, for which W·(x − mean) has unit variance.
        low_X, high_X: least and greatest angles.
    """

    mean_X: F64
    whitening_XX: F64
    low_X: F64
    high_X: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """Numbers of which a fit minimises the squares.

    Attributes:
        value_X: the numbers, in standard deviations.
        jacobian_XP: their change with the turns of all rotations (57 columns), in the order of `ReducedPose.moved`.
    """

    value_X: F64
    jacobian_XP: F64


@cache
def load_pose_prior() -> PosePrior:
    """The prior of this repository's poses, computed once. Raises ModelError where the library cannot be read."""
    return prior_of(load_poses())


def prior_of(library: PoseLibrary) -> PosePrior:
    """The prior of a library. A person of n poses weighs √n, so that nobody outweighs all others."""
    vector_PR3 = library_vectors(library)
    weight_P = np.concatenate([person_weights(library)] * 2)
    sample_PX = np.concatenate([vector_PR3, _mirrored(vector_PR3)]).reshape(len(weight_P), -1)
    covariance_XX = np.cov(sample_PX.T, aweights=weight_P) + SLACK**2 * np.eye(sample_PX.shape[1])
    low_X, high_X = np.quantile(sample_PX, [LIMIT_SHARE, 1 - LIMIT_SHARE], axis=0)
    return PosePrior(
        mean_X=np.average(sample_PX, axis=0, weights=weight_P),
        whitening_XX=np.linalg.cholesky(np.linalg.inv(covariance_XX)).T,
        low_X=low_X - LIMIT_MARGIN, high_X=high_X + LIMIT_MARGIN,
    )


def library_vectors(library: PoseLibrary) -> F64:
    """Rotation vectors (P, 18, 3) of `TURNED` of all poses of a library."""
    columns = []
    for name in TURNED:
        bones = [STORED_BONES.index(bone) for bone in {"spine": SPINE, "neck": NECK}.get(name, (name,))]
        turn_P = Rotation.from_rotvec(library.vector_PK3[:, bones[0]].astype(np.float64))
        for bone in bones[1:]:
            turn_P = turn_P * Rotation.from_rotvec(library.vector_PK3[:, bone].astype(np.float64))
        columns.append(turn_P.as_rotvec())
    return np.stack(columns, axis=1)


def person_weights(library: PoseLibrary) -> F64:
    """Weight of each pose: 1 / √n for one of n poses of a person; other sources than CMU name motions, no persons."""
    people = [name.split("_")[0] if name.startswith("cmu/") else name for name in library.motions]
    of_P = [people[motion] for motion in library.motion_P]
    count = Counter(of_P)
    return np.array([count[person] ** -0.5 for person in of_P])


def pose_residuals(prior: PosePrior, pose: ReducedPose) -> Residuals:
    """Deviations from the mean pose in standard deviations; their squares sum to the squared Mahalanobis distance."""
    vector_R3 = rotation_logarithm(pose.rotation_R33[1:])
    whitening_XR3 = prior.whitening_XX.reshape(len(prior.mean_X), -1, 3)
    change_XR3 = np.einsum("xri,rij->xrj", whitening_XR3, inverse_left_jacobian(vector_R3))
    return Residuals(
        value_X=prior.whitening_XX @ (vector_R3.ravel() - prior.mean_X),
        jacobian_XP=_beside_root(change_XR3.reshape(len(prior.mean_X), -1)),
    )


def limit_residuals(prior: PosePrior, pose: ReducedPose) -> Residuals:
    """How far each angle is beyond its limit, in units of `LIMIT_SPREAD`; 0 within the limits."""
    vector_R3 = rotation_logarithm(pose.rotation_R33[1:])
    angle_X = vector_R3.ravel()
    beyond_X = angle_X - np.clip(angle_X, prior.low_X, prior.high_X)
    rotations = len(vector_R3)
    change_R3R3 = np.zeros((rotations, 3, rotations, 3))
    change_R3R3[np.arange(rotations), :, np.arange(rotations)] = inverse_left_jacobian(vector_R3)
    change_XX = np.where(beyond_X[:, None] != 0, change_R3R3.reshape(len(angle_X), -1), 0)
    return Residuals(value_X=beyond_X / LIMIT_SPREAD, jacobian_XP=_beside_root(change_XX / LIMIT_SPREAD))


@cache
def shape_whitening() -> F64:
    """W (C, C) of shapes: W·scores has unit variance, but size and age are nearly free (`FREE_SPREAD`)."""
    body = load_body()
    score_SC = body.score_SC.astype(np.float64)
    up_SV = body.mean_V3[:, 1] + score_SC @ body.component_CV3[..., 1]
    age_S = body.phenotype_SP[:, body.phenotypes.index("age")]
    sizes_2S = np.stack([np.ptp(up_SV, axis=1), age_S]).astype(np.float64)
    along_C2 = np.linalg.qr(score_SC.T @ (sizes_2S - sizes_2S.mean(axis=1, keepdims=True)).T)[0]
    return np.eye(score_SC.shape[1]) - (1 - 1 / FREE_SPREAD) * along_C2 @ along_C2.T


def _mirrored(vector_PR3: F64) -> F64:
    """Mirror images: sides exchanged, turns about up and front reversed."""
    twins = [TURNED.index(name[:-1] + {"L": "R", "R": "L"}[name[-1]] if "." in name else name) for name in TURNED]
    return vector_PR3[:, twins] * np.array([1.0, -1, -1])


def _beside_root(change_XY: F64) -> F64:
    """Derivatives with columns for the root, on which nothing depends."""
    return np.concatenate([np.zeros((len(change_XY), TURNS - change_XY.shape[1])), change_XY], axis=1)
