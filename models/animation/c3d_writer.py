"""Writes markers as C3D, the binary format of motion capture: millimetres, y up.

Source of the format: The C3D File Format User Guide, Motion Lab Systems.
"""

from __future__ import annotations

import io
import warnings

import numpy as np

from models.animation.skin_markers import MarkerMotion
from models.errors import ModelError

_MILLIMETRES = 1000.0
MOST_FRAMES = 65535
"""Frames of a C3D file, whose header counts them in 16 bits."""


def c3d_bytes(markers: MarkerMotion, rate: float) -> bytes:
    """The bytes of a C3D file. Frames in which the person is hidden have residual −1 (no measurement).

    Args:
        markers: the markers.
        rate: frames per second.

    The package `c3d` is needed (the extra `mocap`).

    Raises: ModelError for a motion that is too long for the format.
    """
    from c3d import Writer

    if len(markers.point_TM3) > MOST_FRAMES:
        what = f"{len(markers.point_TM3)} frames are too many for C3D, which holds {MOST_FRAMES}"
        raise ModelError(what, "", "write .trc, or a lower animate.fps")
    writer = Writer(point_rate=rate, point_units="mm  ")
    writer.set_point_labels(list(markers.names))
    writer.set_screen_axis("+X", "+Y")
    none_A = np.zeros((0, 0), np.float32)
    for point_M3, shown in zip(markers.point_TM3 * _MILLIMETRES, markers.shown_T.tolist(), strict=True):
        row_M5 = np.zeros((len(point_M3), 5), np.float32)
        row_M5[:, :3] = point_M3 if shown else 0
        row_M5[:, 3] = 0 if shown else -1
        writer.add_frames([(row_M5, none_A)])
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the analogue data that a video has not
        writer.write(stream)
    return stream.getvalue()
