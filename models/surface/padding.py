"""Padding: how far clothes and hair stand out from the open body. It moves the skin and leaves the joints."""

from __future__ import annotations

import numpy as np

from models.arrays import F32
from models.body.open_body import load_body
from models.body.reduced_pose import driven_weights
from models.surface.mesh_normals import vertex_normals


def padded_skin(rest_V3: F32, padding_D4: F32) -> F32:
    """The vertices (V, 3) of a body in its rest pose with padding, metres.

    Args:
        rest_V3: the vertices without padding.
        padding_D4: for each driven bone the thickness along the skin's normals, and a shift in the bone's axes. All are
            shares of the body's height.
    """
    padding_V4 = float(np.ptp(rest_V3[:, 1])) * (driven_weights() @ padding_D4)
    normal_V3 = vertex_normals(rest_V3, load_body().face_F3)
    return (rest_V3 + padding_V4[:, :1] * normal_V3 + padding_V4[:, 1:]).astype(np.float32)
