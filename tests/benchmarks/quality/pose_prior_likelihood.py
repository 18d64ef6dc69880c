"""How likely the pose prior finds people whom it has not seen.

    python -m tests.benchmarks.quality.pose_prior_likelihood

The people and motions of the library fall into five parts at random; each part is scored by the prior of the others.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import multivariate_normal

from models.arrays import F64, Bool
from models.body.pose_library import PoseLibrary, load_poses
from models.body.pose_prior import library_vectors, prior_of

PARTS = 5


def part_of(library: PoseLibrary, chosen_P: Bool) -> PoseLibrary:
    """Some poses of a library."""
    return replace(library, vector_PK3=library.vector_PK3[chosen_P], motion_P=library.motion_P[chosen_P])


def main() -> None:
    """Print log-likelihoods in nats a pose: of the prior, and of its angles taken as independent."""
    library = load_poses()
    people = [name.split("_")[0] if name.startswith("cmu/") else name for name in library.motions]
    names = sorted(set(people))
    part_of_person = dict(zip(np.random.default_rng(0).permutation(names), np.arange(len(names)) % PARTS, strict=True))
    part_P = np.array([part_of_person[people[motion]] for motion in library.motion_P])
    found: dict[str, list[F64]] = {"full covariance": [], "independent angles": []}
    for part in range(PARTS):
        prior = prior_of(part_of(library, part_P != part))
        vector_PX = library_vectors(part_of(library, part_P == part)).reshape(-1, len(prior.mean_X))
        covariance_XX = np.linalg.inv(prior.whitening_XX.T @ prior.whitening_XX)
        for name, of_XX in zip(found, (covariance_XX, np.diag(np.diag(covariance_XX))), strict=True):
            found[name].append(multivariate_normal(prior.mean_X, of_XX).logpdf(vector_PX))
    for name, parts in found.items():
        value_P = np.concatenate(parts)
        low, median = np.quantile(value_P, [0.05, 0.5])
        print(f"{name}: mean {value_P.mean():.1f}, median {median:.1f}, 5 % {low:.1f}")


if __name__ == "__main__":
    main()
