"""The film of a comparison: both performers side by side with skeletons, and the angles that differ between them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from models.body.open_body import COCO_KEYPOINTS
from models.files.atomic_file import atomic_write
from models.files.jpeg_image import jpeg_of
from models.motion.repetition_measures import main_columns
from stages.payloads import F32, I64, TICKS_PER_S, U8
from stages.results.comparison.difference import Difference
from stages.results.comparison.poses import Performance
from stages.video.encoding.containers import MP4

HEIGHT, PANEL, QUALITY = 480, 300, 85
"""Pixels of the film's height and of the column of angles; quality of the stored frames, 0..100."""
EQUAL_DEG, FAR_DEG = 10.0, 25.0
"""Joints that differ by less are green, by more red; between them yellow."""
EQUAL_COLOUR, OTHER_COLOUR, FAR_COLOUR = (40, 170, 80), (240, 180, 0), (225, 45, 45)
GREY, INK = (150, 150, 150), (30, 30, 30)
BONES = tuple(
    (COCO_KEYPOINTS.index(one), COCO_KEYPOINTS.index(other))
    for side in ("left", "right")
    for one, other in (
        (f"{side}_shoulder", f"{side}_elbow"), (f"{side}_elbow", f"{side}_wrist"), (f"{side}_shoulder", f"{side}_hip"),
        (f"{side}_hip", f"{side}_knee"), (f"{side}_knee", f"{side}_ankle"), (f"{side}_shoulder", "nose"),
    )
)  # fmt: skip


class StoredFrames:
    """The frames of both inputs, small and as JPEG, in a temporary file."""

    def __init__(self) -> None:
        """No frames."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._place: dict[tuple[int, int], tuple[int, int, float]] = {}

    def add(self, number: int, index: int, rgb_HW3: U8) -> None:
        """Store the frame `index` of an input (0 or 1)."""
        scale = min(1.0, HEIGHT / rgb_HW3.shape[0])
        size = (max(2, round(rgb_HW3.shape[1] * scale)), max(2, round(rgb_HW3.shape[0] * scale)))
        jpeg = jpeg_of(np.asarray(cv2.resize(rgb_HW3, size, interpolation=cv2.INTER_AREA), np.uint8), QUALITY)
        self._place[number, index] = self._file.seek(0, 2), len(jpeg), scale
        self._file.write(jpeg)

    def frame(self, number: int, index: int) -> tuple[U8, float]:
        """A stored frame, and its size relative to the original."""
        start, length, scale = self._place[number, index]
        self._file.seek(start)
        image = np.asarray(cv2.imdecode(np.frombuffer(self._file.read(length), np.uint8), cv2.IMREAD_COLOR), np.uint8)
        return np.ascontiguousarray(image[:, :, ::-1]), scale

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def pair_picture(frames: StoredFrames, a: Performance, b: Performance, difference: Difference, row: int) -> U8:
    """Both performers in the same phase, and their angles: (HEIGHT, W, 3) RGB."""
    i, j = difference.row_T2[row].tolist()
    change_A = np.where(difference.seen_TA[row], difference.angle_TA[row], np.nan)
    colours = joint_colours(dict(zip(difference.angle_names, change_A.tolist(), strict=True)))
    sides = []
    for number, performance, at in ((0, a, i), (1, b, j)):
        image, scale = frames.frame(number, int(performance.index_T[at]))
        if performance.joint_TK2 is not None:
            draw_joints(image, performance.joint_TK2[at] * scale, colours)
        sides.append(_fitted(image))
    panel = _panel(a, b, difference, row)
    return np.concatenate([sides[0], panel, sides[1]], axis=1)


def joint_colours(change: dict[str, float]) -> list[tuple[int, int, int]]:
    """The colour of each of COCO's keypoints by the largest difference of its main angles, degrees."""
    colours = []
    for name in COCO_KEYPOINTS:
        known = [abs(value) for angle, value in change.items() if _belongs(angle, name) and np.isfinite(value)]
        colours.append(difference_colour(max(known)) if known else GREY)
    return colours


def _belongs(angle: str, keypoint: str) -> bool:
    return angle.startswith(keypoint) and ("flexion" in angle or "abduction" in angle or "image_plane" in angle)


def difference_colour(degrees: float) -> tuple[int, int, int]:
    """Green, yellow or red."""
    return EQUAL_COLOUR if degrees < EQUAL_DEG else OTHER_COLOUR if degrees < FAR_DEG else FAR_COLOUR


def draw_joints(image_HW3: U8, joint_K2: F32, colours: list[tuple[int, int, int]]) -> None:
    """Draw the visible bones in white and the joints in their colours."""
    known_K = np.asarray(np.isfinite(joint_K2).all(axis=1)).tolist()
    place = [
        tuple(np.round(xy).astype(int).tolist()) if known else (0, 0)
        for xy, known in zip(joint_K2, known_K, strict=True)
    ]
    for one, other in BONES:
        if known_K[one] and known_K[other]:
            cv2.line(image_HW3, place[one], place[other], (255, 255, 255), 3, cv2.LINE_AA)
            cv2.line(image_HW3, place[one], place[other], (70, 70, 70), 1, cv2.LINE_AA)
    for k, colour in enumerate(colours):
        if known_K[k] and k >= COCO_KEYPOINTS.index("left_shoulder"):
            cv2.circle(image_HW3, place[k], 7, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(image_HW3, place[k], 6, colour, -1, cv2.LINE_AA)


def _fitted(image_HW3: U8) -> U8:
    """An image of the film's height and an even width."""
    width = max(2, round(image_HW3.shape[1] * HEIGHT / image_HW3.shape[0] / 2) * 2)
    return np.asarray(cv2.resize(image_HW3, (width, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _panel(a: Performance, b: Performance, difference: Difference, row: int) -> U8:
    """The main angles of both and their difference, degrees."""
    panel = np.full((HEIGHT, PANEL, 3), 255, np.uint8)
    i, j = difference.row_T2[row].tolist()
    for text, x in ((f"A {a.second_T[i]:.1f} s", 112), (f"B {b.second_T[j]:.1f} s", 178), ("B - A", 245)):
        _write(panel, text, x, 24)
    columns = main_columns(difference.angle_names)
    for line, k in enumerate(columns):
        y, change = 52 + line * (HEIGHT - 60) // max(len(columns), 14), float(difference.angle_TA[row, k])
        sure = bool(difference.seen_TA[row, k]) and np.isfinite(change)
        name = difference.angle_names[k].replace("_angle_image_plane", "").replace("_", " ")
        _write(
            panel,
            name.replace("left", "L").replace("right", "R").replace("flexion", "flex").replace("abduction", "abd"),
            6,
            y,
        )
        _write(panel, _number(a.angle_TA[i, k]), 130, y)
        _write(panel, _number(a.angle_TA[i, k] + change), 190, y)
        _write(panel, _number(change, sign=True), 245, y, difference_colour(abs(change)) if sure else GREY)
    return panel


def _number(value: float, *, sign: bool = False) -> str:
    if not np.isfinite(value):
        return "?"
    return f"{round(value):+d}" if sign and round(value) else f"{round(value)}"


def _write(image: U8, text: str, x: int, y: int, colour: tuple[int, int, int] = INK) -> None:
    cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


def pair_pictures(frames: StoredFrames, a: Performance, b: Performance, difference: Difference) -> Iterator[U8]:
    """`pair_picture` of every compared frame."""
    for row in range(len(difference.row_T2)):
        yield pair_picture(frames, a, b, difference, row)


def write_pair_film(path: Path, pictures: Iterator[U8], second_T: F32 | I64, *, provenance: str = "") -> None:
    """Write pictures of one size as an MP4, H.264 4:2:0, shown at the given ascending seconds.

    Args:
        provenance: what the file states about its making; "" = nothing.
    """
    with (
        atomic_write(path) as draft,
        av.open(str(draft.absolute()), "w", format="mp4", options={"movflags": "faststart"}) as container,
    ):
        if provenance:
            container.metadata[MP4.provenance_key] = provenance
        stream = container.add_stream("libx264", rate=25, options={"crf": "23", "preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        for number, (picture, second) in enumerate(zip(pictures, second_T.tolist(), strict=True)):
            if not number:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round((second - float(second_T[0])) * TICKS_PER_S), Fraction(1, TICKS_PER_S)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
