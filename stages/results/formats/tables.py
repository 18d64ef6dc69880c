"""Tables of people: CSV for spreadsheets and statistics, tracks in the MOT challenge's format, and appearance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.body.open_body import COCO_KEYPOINTS
from models.motion.clinical_angles import JOINT_ANGLES, seen_angles
from models.surface.keypoints import shown_keypoints
from stages.people.appearance import appearance_of
from stages.results.formats.frame_result import FrameResult
from stages.results.formats.image_plane_angles import IMAGE_PLANE_ANGLES, image_plane_angles
from stages.results.formats.text_export import TextExport
from stages.results.formats.writer import CsvAngles, ExportTarget, ExportWriter

ANGLE_COLUMNS: dict[CsvAngles, tuple[str, ...]] = {
    "body": JOINT_ANGLES,
    "image_plane": IMAGE_PLANE_ANGLES,
    "none": (),
}


def csv_columns(angles: CsvAngles) -> tuple[str, ...]:
    """The columns of the table.

    `person` counts from 0 within the frame, by falling score; `id` is empty without identity; angles are in degrees;
    `bridged` is 1 for people that the network missed in this frame and `bridge` propagated.
    """
    return (
        *("frame", "seconds", "person", "id", "score", "x0", "y0", "x1", "y1"),
        *(f"{name}_{part}" for name in COCO_KEYPOINTS for part in ("x", "y", "seen")),
        *ANGLE_COLUMNS[angles],
        "bridged",
    )


REGION_NAMES = ("torso", "hands", "feet", "thighs", "shins", "upper_arms", "lower_arms", "head")
"""The regions of `stages.people.appearance`, in its order."""
APPEARANCE_COLUMNS = (
    *("frame", "seconds", "person", "id"),
    *(f"{region}_{part}" for region in REGION_NAMES for part in ("red", "green", "blue", "share")),
)


def begin_csv(target: ExportTarget) -> ExportWriter:
    """One table with a header line."""
    angles = target.csv.angles
    header = ",".join(csv_columns(angles)) + "\n"
    return TextExport(target, ".csv", lambda result: csv_lines(result, angles), header=header)


def begin_mot(target: ExportTarget) -> ExportWriter:
    """One table without a header line."""
    return TextExport(target, ".txt", mot_lines)


def csv_lines(result: FrameResult, angles: CsvAngles) -> Iterator[str]:
    """One line per person; cells of keypoints and angles that are not known are empty."""
    aspect = float(result.video.sample_aspect)
    body_NA = seen_angles(result.bodies or (None,) * len(result.surfaces)) if angles == "body" else None
    for i, surface in enumerate(result.surfaces):
        identity = "" if result.id_N[i] < 0 else f"{result.id_N[i]}"
        keypoint_173 = shown_keypoints(surface)
        cells = [f"{result.index}", f"{result.seconds:.6f}", f"{i}", identity, f"{result.score_N[i]:.4f}"]
        cells += [f"{value:.2f}" for value in result.box_N4[i]]
        for x, y, seen in keypoint_173:
            cells += [f"{x:.2f}", f"{y:.2f}", f"{seen:.2f}"] if seen else ["", "", "0"]
        if angles != "none":
            angle_A = image_plane_angles(keypoint_173, aspect) if body_NA is None else body_NA[i]
            cells += ["" if np.isnan(angle) else f"{angle:.1f}" for angle in angle_A]
        cells.append(f"{int(result.is_bridged(i))}")
        yield ",".join(cells) + "\n"


def mot_lines(result: FrameResult) -> Iterator[str]:
    """frame, id, left, top, width, height, score, −1, −1, −1 of each person with an identity.

    Frames and pixels count from 1 (MOT16, Milan et al. 2016, §4): the source's frame 0 is frame 1; a box at the image's
    corner has left = top = 1.
    """
    for i, (x0, y0, x1, y1) in enumerate(result.box_N4.tolist()):
        if result.id_N[i] >= 0:
            box = f"{x0 + 1:.2f},{y0 + 1:.2f},{x1 - x0:.2f},{y1 - y0:.2f}"
            yield f"{result.index + 1},{result.id_N[i]},{box},{result.score_N[i]:.4f},-1,-1,-1\n"


def begin_appearance(target: ExportTarget) -> ExportWriter:
    """One table with a header line."""
    return TextExport(target, ".csv", appearance_lines, header=",".join(APPEARANCE_COLUMNS) + "\n")


def appearance_lines(result: FrameResult) -> Iterator[str]:
    """One line per person: of each region the mean colour, 0..255, and share of pixels; no colour if not visible."""
    for i, surface in enumerate(result.surfaces):
        identity = "" if result.id_N[i] < 0 else f"{result.id_N[i]}"
        cells = [f"{result.index}", f"{result.seconds:.6f}", f"{i}", identity]
        for red, green, blue, share in appearance_of(result.rgb_HW3, surface).tolist():
            colours = [f"{255 * value:.1f}" for value in (red, green, blue)] if share else ["", "", ""]
            cells += [*colours, f"{share:.3f}"]
        yield ",".join(cells) + "\n"
