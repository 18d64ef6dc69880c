"""How probable poses are: a normal distribution over the rotation vectors of a fit, from captured motions."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F32, F64
from models.body.pose_library import STORED_BONES, load_poses, mirrored_vectors
from models.body.reduced_pose import NECK, ROTATIONS, SPINE
from models.fitting.least_squares import Normal

SLACK = 0.06
"""Standard deviation that is added to every rotation vector, radians an axis."""


@cache
def library_prior() -> Normal:
    """The mean and the covariance of the library's poses and their mirror images; headings do not count."""
    vector_PK3 = load_poses().vector_PK3
    both_PK3 = np.concatenate([vector_PK3, np.stack([mirrored_vectors(one_K3) for one_K3 in vector_PK3])])
    vector_PX = reduced_vectors(both_PK3).reshape(len(both_PK3), -1)
    covariance_XX = np.cov(vector_PX.T) + SLACK**2 * np.eye(vector_PX.shape[1])
    return Normal(mean_X=vector_PX.mean(axis=0), precision_XX=np.asarray(np.linalg.inv(covariance_XX), np.float64))


def reduced_vectors(vector_PK3: F32) -> F64:
    """Rotation vectors of `ROTATIONS` without the root (P, 18, 3) from those of the library's bones."""
    row = {name: k for k, name in enumerate(STORED_BONES)}
    columns = []
    for rotation in ROTATIONS[1:]:
        whole = Rotation.identity(len(vector_PK3))
        for name in {"spine": SPINE, "neck": NECK}.get(rotation, (rotation,)):
            whole = whole * Rotation.from_rotvec(vector_PK3[:, row[name]].astype(np.float64))
        columns.append(whole.as_rotvec())
    return np.stack(columns, axis=1)
