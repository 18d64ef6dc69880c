"""Prints `UP_OF_BONES` of `models/motion/ground.py`: the direction in each bone's axes whose sum points up.

    python -m tests.benchmarks.quality.upright_weights

Least squares over the poses of the library whose root is upright, and as often the body at rest, which stands. All
bones get random turns, as errors of a fit.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F64
from models.body.open_body import bones_over_time, load_body
from models.body.pose_library import all_bones, load_poses
from models.motion.ground import UP_OF_BONES

UPRIGHT = np.cos(np.radians(60))
TURN = 0.15
"""Radians an axis: standard deviation of the turns."""

REST_SHARE = 0.5
RIDGE = 1e-4


def columns(turned_TB33: F64) -> F64:
    """What each number of the table moves (T, 3, columns): left, up and front, where a middle bone has no left."""
    body, found = load_body(), []
    for name in UP_OF_BONES:
        if name in body.bones:
            found += [turned_TB33[:, body.bone(name), :, axis] for axis in (1, 2)]
        else:
            left, right = (turned_TB33[:, body.bone(f"{name}.{side}")] for side in "LR")
            found += [left[:, :, axis] + (right if axis else -right)[:, :, axis] for axis in range(3)]
    return np.stack(found, axis=2)


def main() -> None:
    """Print the table."""
    rng, body = np.random.default_rng(0), load_body()
    turn_TB33 = np.stack([all_bones(vector_K3) for vector_K3 in load_poses().vector_NK3]).astype(np.float64)
    turned_TB33, _ = bones_over_time(turn_TB33, body.bone_mean_B3, np.zeros((len(turn_TB33), 3)))
    turned_TB33 = turned_TB33[turned_TB33[:, 0, 1, 1] > UPRIGHT]
    rest_TB33 = np.tile(np.eye(3), (round(REST_SHARE * len(turned_TB33)), len(body.bones), 1, 1))
    turned_TB33 = np.concatenate([turned_TB33, rest_TB33])
    noise = Rotation.from_rotvec(rng.normal(0, TURN, (turned_TB33[..., 0, 0].size, 3))).as_matrix()
    column_TC = columns(noise.reshape(turned_TB33.shape) @ turned_TB33)
    matrix = column_TC.reshape(-1, column_TC.shape[2])
    up = np.tile([0.0, 1.0, 0.0], len(column_TC))
    solved = np.linalg.solve(matrix.T @ matrix + RIDGE * len(matrix) * np.eye(matrix.shape[1]), matrix.T @ up)
    for name in UP_OF_BONES:
        count = 2 if name in body.bones else 3
        part, solved = solved[:count], solved[count:]
        print(f'    "{name}": ({", ".join(f"{one:.2f}" for one in [0.0] * (3 - count) + part.tolist())}),')


if __name__ == "__main__":
    main()
