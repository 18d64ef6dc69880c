"""Writes markers as TRC, the text format of Motion Analysis that OpenSim reads: millimetres, y up.

Source of the format: OpenSim documentation, Marker (.trc) Files.
"""

from __future__ import annotations

import numpy as np

from models.animation.skin_markers import MarkerMotion

_MILLIMETRES = 1000.0


def trc_text(markers: MarkerMotion, name: str, rate: float) -> str:
    """The text of a TRC file. Frames in which the person is hidden have empty fields.

    Args:
        markers: the markers.
        name: the file's name, for its header.
        rate: frames per second.
    """
    count, frames = len(markers.names), len(markers.point_TM3)
    keys = ("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate", "OrigDataStartFrame",
            "OrigNumFrames")  # fmt: skip
    values = (f"{rate:.6g}", f"{rate:.6g}", str(frames), str(count), "mm", f"{rate:.6g}", "1", str(frames))
    columns = [f"{axis}{number}" for number in range(1, count + 1) for axis in "XYZ"]
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{name}", "\t".join(keys), "\t".join(values),
        "Frame#\tTime\t" + "\t".join(f"{marker}\t\t" for marker in markers.names), "\t\t" + "\t".join(columns), "",
    ]
    start = float(markers.second_T[0])
    point_TC = (markers.point_TM3.astype(np.float64) * _MILLIMETRES).reshape(frames, -1)
    for t in range(frames):
        fields = [f"{value:.3f}" for value in point_TC[t]] if markers.shown_T[t] else [""] * (3 * count)
        lines.append("\t".join([str(t + 1), f"{markers.second_T[t] - start:.6f}", *fields]))
    return "\n".join(lines) + "\n"
