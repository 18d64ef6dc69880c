"""Saved results that identify frames by number, without time stamps: folders of IUV images, result lists in JSON."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from models.files.image_size import decode_pixels, read_pixels
from models.files.json_file import read_json
from pipeline.stage import StageError
from stages.payloads import F32, I32, U8, Bool, PersonSurface
from stages.results.formats.iuv_reading import people_of_iuv, read_inds, surface_of_result
from stages.results.formats.npz import MOST_OFFSET, STREAM_FILE
from stages.video.decoding.silenced_stderr import silenced_stderr

LARGEST_TRACK = 2**31 - 1
NUMBER = re.compile(r"(\d+)\.png$")
"""The number of a frame at the end of its image's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePeople:
    """The N people of one frame. Attributes as in `People`, and one surface per person."""

    box_N4: F32
    score_N: F32
    id_N: I32
    bridged_N: Bool
    surfaces: tuple[PersonSurface, ...]

    @classmethod
    def of_identities(cls, people: list[tuple[int, PersonSurface]]) -> FramePeople:
        """From the identity and surface of each person."""
        return cls(
            box_N4=np.array([_corners(surface) for _, surface in people], np.float32).reshape(-1, 4),
            score_N=np.ones(len(people), np.float32),
            id_N=np.array([identity for identity, _ in people], np.int32),
            bridged_N=np.zeros(len(people), bool),
            surfaces=tuple(surface for _, surface in people),
        )


class NumberedResults(Protocol):
    """People by the number of their frame in its source."""

    def count(self) -> int | None:
        """Number of frames, if known."""

    def people_of_frame(self, number: int, stem: str, still: bool) -> FramePeople | None:
        """The people of a frame; None if the results do not contain the frame.

        Args:
            number: of the frame in its source, from 0.
            stem: the source's name without folder and suffix; lists identify photos by it.
            still: whether the source is a single image.
        """


class IuvFolder:
    """A folder from `--export iuv=FOLDER`, or another one whose PNGs' names end in the frame's number."""

    def __init__(self, folder: Path, inds: Path | None) -> None:
        """Raises StageError if no image's name ends in a number.

        Args:
            inds: a folder of person images with the same names; None = all people count as one person.
        """
        found = ((NUMBER.search(path.name), path) for path in sorted(folder.glob("*.png")))
        self._files = {int(match[1]): path for match, path in found if match}
        self._inds = inds
        if not self._files:
            remedy = "name a folder that --export surfaces=FOLDER or iuv=FOLDER wrote"
            raise StageError("holds no images whose names end in a frame's number", str(folder), remedy)

    def count(self) -> int | None:
        """Number of images in the folder."""
        return len(self._files)

    def people_of_frame(self, number: int, stem: str, still: bool) -> FramePeople | None:
        """The people of an image. Raises StageError if it is no IUV image."""
        path = self._files.get(number)
        if path is None:
            return None
        with silenced_stderr():
            bgr_HW3 = read_pixels(path)
        if bgr_HW3 is None:
            raise StageError("is no image", str(path), "export it again")
        inds_HW = None if self._inds is None else read_inds(self._inds / path.name)
        return FramePeople.of_identities(people_of_iuv(np.asarray(bgr_HW3[..., ::-1], np.uint8), inds_HW, str(path)))


class ResultList:
    """A list of people in JSON as DensePose's tools, `result_json` and `coco` write it."""

    def __init__(self, path: Path) -> None:
        """Raises StageError for any other file."""
        self._path = path
        self._by_image: dict[int | str, list[dict[str, Any]]] = {}
        try:
            for entry in read_json(path):
                self._by_image.setdefault(entry["image_id"], []).append(entry)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StageError("is no list of DensePose's results", str(path), _REMEDY) from error

    def count(self) -> int | None:
        """Unknown, because a list does not contain frames without people."""
        return None

    def people_of_frame(self, number: int, stem: str, still: bool) -> FramePeople | None:
        """The people listed for a frame, by falling score; no people if none is listed.

        Raises StageError for a damaged entry, and for a photo that is not in the list.
        """
        key = (int(stem) if stem.isdecimal() else stem) if still else number
        if still and key not in self._by_image:
            raise StageError(f"has no entry for the photo {key!r}", str(self._path), "name the photo it was made from")
        entries = self._by_image.get(key, [])
        try:
            for entry in entries:
                _validate_entry(entry)
            entries = sorted(entries, key=lambda entry: -entry.get("score", 1.0))
            surfaces = tuple(surface_of_result(entry["bbox"], _decoded_iuv(entry)) for entry in entries)
            box = [[x, y, x + w, y + h] for x, y, w, h in (entry["bbox"] for entry in entries)]
        except (KeyError, TypeError, ValueError, binascii.Error, cv2.error) as error:
            raise StageError(f"has a damaged entry for image_id {key!r}", str(self._path), _REMEDY) from error
        return FramePeople(
            box_N4=np.array(box, np.float32).reshape(-1, 4),
            score_N=np.array([entry.get("score", 1.0) for entry in entries], np.float32),
            id_N=np.array([entry.get("track_id", -1) for entry in entries], np.int32),
            bridged_N=np.array([entry.get("bridged", False) for entry in entries], bool),
            surfaces=surfaces,
        )


def _corners(surface: PersonSurface) -> tuple[int, int, int, int]:
    height, width = surface.labels_hw.shape
    return surface.x0, surface.y0, surface.x0 + width, surface.y0 + height


def _validate_entry(entry: dict[str, Any]) -> None:
    """Raises ValueError for values that are invalid in a result."""
    box, numbers = entry["bbox"], (int, float)
    if not isinstance(box, list) or len(box) != 4 or any(type(side) not in numbers for side in box):
        raise ValueError("its box is not four numbers")
    if not all(abs(side) <= MOST_OFFSET for side in box):
        raise ValueError("its box lies far outside of every frame")
    score, track = entry.get("score", 1.0), entry.get("track_id", -1)
    if type(score) not in numbers or not abs(score) < MOST_OFFSET:
        raise ValueError("its score is not a number")
    if type(track) is not int or abs(track) > LARGEST_TRACK or type(entry.get("bridged", False)) is not bool:
        raise ValueError("its track_id is not an integer, or bridged is neither true nor false")


_REMEDY = "name a file that --export result_json=FILE or coco=FILE wrote, or the DensePose challenge's"


def numbered_results(name: str, inds: Path | None) -> NumberedResults | None:
    """The results of a path, if they identify frames by number; None for other inputs. Raises StageError."""
    path = Path(name)
    if path.suffix.lower() == ".json":
        return ResultList(path)
    images = path.is_dir() and not (path / STREAM_FILE).is_file() and next(path.glob("*.png"), None) is not None
    return IuvFolder(path, inds) if images else None


def _decoded_iuv(entry: dict[str, Any]) -> U8:
    """Chart, U, V of an entry, (h, w, 3), in the PNG's channel order."""
    with silenced_stderr():
        bgr_hw3 = decode_pixels(base64.b64decode(entry["uv_data"]), "uv_data")
    if bgr_hw3 is None:
        raise ValueError("uv_data is no PNG")
    return np.ascontiguousarray(bgr_hw3[..., ::-1])
