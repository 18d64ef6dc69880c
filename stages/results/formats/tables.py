"""Tables of people: CSV for spreadsheets and statistics, and tracks as the MOT challenge reads them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.surface.body import COCO_KEYPOINTS
from models.surface.keypoints import surface_keypoints
from stages.results.formats.angles import ANGLE_NAMES, joint_angles
from stages.results.formats.moment import Moment
from stages.results.formats.one_text import OneText
from stages.results.formats.writer import Target, Writer

COLUMNS = (
    *("frame", "seconds", "person", "id", "score", "x0", "y0", "x1", "y1"),
    *(f"{name}_{part}" for name in COCO_KEYPOINTS for part in ("x", "y", "seen")),
    *(f"{name}_angle" for name in ANGLE_NAMES),
    "bridged",
)
"""`person` counts from 0 within the frame, best score first; `id` is empty for people without one; angles: degrees;
`bridged` is 1 for people whom the network missed in this frame, and who stand where flow carried them."""


def begin_csv(target: Target) -> Writer:
    """One table with a head."""
    return OneText(target, ".csv", csv_lines, head=",".join(COLUMNS) + "\n")


def begin_mot(target: Target) -> Writer:
    """One table without."""
    return OneText(target, ".txt", mot_lines)


def csv_lines(moment: Moment) -> Iterator[str]:
    """One line a person; a keypoint or an angle that is not seen leaves its cells empty."""
    for i, surface in enumerate(moment.surfaces):
        identity = "" if moment.id_N[i] < 0 else f"{moment.id_N[i]}"
        keypoint_173 = surface_keypoints(surface)
        cells = [f"{moment.index}", f"{moment.seconds:.6f}", f"{i}", identity, f"{moment.score_N[i]:.4f}"]
        cells += [f"{value:.2f}" for value in moment.box_N4[i]]
        for x, y, seen in keypoint_173:
            cells += [f"{x:.2f}", f"{y:.2f}", f"{seen:.2f}"] if seen else ["", "", "0"]
        cells += ["" if np.isnan(angle) else f"{angle:.1f}" for angle in joint_angles(keypoint_173)]
        cells.append(f"{int(moment.is_bridged(i))}")
        yield ",".join(cells) + "\n"


def mot_lines(moment: Moment) -> Iterator[str]:
    """frame, id, left, top, width, height, score, −1, −1, −1 of everyone with an identity.

    Frames and pixels count from 1 (MOT16, Milan et al. 2016, §4): the source's frame 0 is frame 1, a box that begins at
    the picture's corner has left = top = 1.
    """
    for i, (x0, y0, x1, y1) in enumerate(moment.box_N4.tolist()):
        if moment.id_N[i] >= 0:
            box = f"{x0 + 1:.2f},{y0 + 1:.2f},{x1 - x0:.2f},{y1 - y0:.2f}"
            yield f"{moment.index + 1},{moment.id_N[i]},{box},{moment.score_N[i]:.4f},-1,-1,-1\n"
