"""The prior of poses: how probable a pose is before a picture is seen.

It is a Gaussian with full covariance over the rotation vectors of all rotations but the root's: a camera may see a
person from any side. It is computed from the poses of real people in `real_poses.npz` and their mirror images. So it
contains no pose of a synthetic world, and none of the motions in `tools.bake_poses.HELD_OUT_MOTIONS`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F64
from models.body.pose_library import STORED_BONES, PoseLibrary, load_poses
from models.body.reduced_pose import NECK, ROTATIONS, SPINE

TURNED = ROTATIONS[1:]
"""The rotations that have a prior; X = 3 · 18 numbers."""
SLACK = 0.06
"""Standard deviation in radians that is added to every angle: some sources rotate joints about one axis only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosePrior:
    """A Gaussian over the rotation vectors of `TURNED`, in radians.

    Attributes:
        mean_X: the mean pose.
        whitening_XX: W, for which W·(x − mean) has unit variance.
    """

    mean_X: F64
    whitening_XX: F64


@cache
def load_pose_prior() -> PosePrior:
    """The prior of this repository's poses, computed once. Raises ModelError where the library cannot be read."""
    return prior_of(load_poses())


def prior_of(library: PoseLibrary) -> PosePrior:
    """The prior of a library. All n poses of a person together weigh √n, so that no person dominates."""
    vector_NR3 = library_vectors(library)
    weight_N = np.concatenate([person_weights(library)] * 2)
    sample_NX = np.concatenate([vector_NR3, _mirrored(vector_NR3)]).reshape(len(weight_N), -1)
    covariance_XX = np.cov(sample_NX.T, aweights=weight_N) + SLACK**2 * np.eye(sample_NX.shape[1])
    return PosePrior(
        mean_X=np.average(sample_NX, axis=0, weights=weight_N),
        whitening_XX=np.linalg.cholesky(np.linalg.inv(covariance_XX)).T,
    )


def library_vectors(library: PoseLibrary) -> F64:
    """Rotation vectors (N, 18, 3) of `TURNED` of all poses of a library."""
    columns = []
    for name in TURNED:
        bones = [STORED_BONES.index(bone) for bone in {"spine": SPINE, "neck": NECK}.get(name, (name,))]
        turn_N = Rotation.from_rotvec(library.vector_NK3[:, bones[0]].astype(np.float64))
        for bone in bones[1:]:
            turn_N = turn_N * Rotation.from_rotvec(library.vector_NK3[:, bone].astype(np.float64))
        columns.append(turn_N.as_rotvec())
    return np.stack(columns, axis=1)


def person_weights(library: PoseLibrary) -> F64:
    """The weight of each pose (N,): 1 / √n for a person of n poses.

    Sources other than CMU name no persons, so there each motion counts as a person.
    """
    people = [name.split("_")[0] if name.startswith("cmu/") else name for name in library.motions]
    of_N = [people[motion] for motion in library.motion_N]
    count = Counter(of_N)
    return np.array([count[person] ** -0.5 for person in of_N])


def _mirrored(vector_NR3: F64) -> F64:
    """Mirror images: sides are exchanged, rotations about the up and front axes are reversed."""
    twins = [TURNED.index(name[:-1] + {"L": "R", "R": "L"}[name[-1]] if "." in name else name) for name in TURNED]
    return vector_NR3[:, twins] * np.array([1.0, -1, -1])
