"""Whether two scenes are equal in every byte of image and ground truth."""

from __future__ import annotations

import numpy as np

from stages.synthetic.export_truth import ground_truth_arrays
from stages.world.scene import Scene


def same_scenes(one: Scene, other: Scene) -> bool:
    arrays = ground_truth_arrays(other)
    return np.array_equal(one.rgb_HW3, other.rgb_HW3) and all(
        np.array_equal(array, arrays[name]) for name, array in ground_truth_arrays(one).items()
    )
