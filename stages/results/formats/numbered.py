"""Saved results that name frames by number and know no times: folders of IUV pictures, lists of results in JSON."""

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
from stages.payloads import F32, I32, U8, Bool, Surface
from stages.results.formats.frame_file import FARTHEST
from stages.results.formats.npz import INDEX
from stages.results.formats.read_back import people_of_iuv, read_inds, surface_of_result
from stages.video.decoding.silenced_stderr import silenced_stderr

LARGEST_TRACK = 2**31 - 1
NUMBER = re.compile(r"(\d+)\.png$")
"""The number of a frame at the end of its picture's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Everyone of one frame; N people. Attributes as in `People`, and one surface a person."""

    box_N4: F32
    score_N: F32
    id_N: I32
    bridged_N: Bool
    surfaces: tuple[Surface, ...]

    @classmethod
    def named(cls, people: list[tuple[int, Surface]]) -> Crowd:
        """People of whom identity and surface are known."""
        return cls(
            box_N4=np.array([_corners(surface) for _, surface in people], np.float32).reshape(-1, 4),
            score_N=np.ones(len(people), np.float32),
            id_N=np.array([who for who, _ in people], np.int32),
            bridged_N=np.zeros(len(people), bool),
            surfaces=tuple(one for _, one in people),
        )


class Numbered(Protocol):
    """People by the number of their frame in its source."""

    def count(self) -> int | None:
        """Frames that are shown, where that is known."""

    def crowd(self, number: int, stem: str, still: bool) -> Crowd | None:
        """Everyone of a frame; None for frames that are not shown.

        Args:
            number: of the frame in its source, from 0.
            stem: the source's name without folder and suffix, by which lists know photos.
            still: whether the source is a single image.
        """


class IuvFolder:
    """The folder that `--export iuv=FOLDER` wrote, and others whose PNGs end in the frame's number."""

    def __init__(self, folder: Path, inds: Path | None) -> None:
        """Raises StageError where no picture bears a number.

        Args:
            inds: a folder of pictures of the same names that say who is who; None = everyone counts as one person.
        """
        found = ((NUMBER.search(path.name), path) for path in sorted(folder.glob("*.png")))
        self._files = {int(match[1]): path for match, path in found if match}
        self._inds = inds
        if not self._files:
            remedy = "name a folder that --export surfaces=FOLDER or iuv=FOLDER wrote"
            raise StageError("holds no pictures that end in a frame's number", str(folder), remedy)

    def count(self) -> int | None:
        """Pictures of the folder."""
        return len(self._files)

    def crowd(self, number: int, stem: str, still: bool) -> Crowd | None:
        """Everyone of a picture. Raises StageError for one that is none of IUV."""
        path = self._files.get(number)
        if path is None:
            return None
        with silenced_stderr():
            bgr_HW3 = read_pixels(path)
        if bgr_HW3 is None:
            raise StageError("is no picture", str(path), "export it again")
        inds_HW = None if self._inds is None else read_inds(self._inds / path.name)
        return Crowd.named(people_of_iuv(np.asarray(bgr_HW3[..., ::-1], np.uint8), inds_HW, str(path)))


class ResultList:
    """A list of people in JSON as DensePose's tools and `result_json` and `coco` write it."""

    def __init__(self, path: Path) -> None:
        """Raises StageError for a file that is none."""
        self._path = path
        self._of_frame: dict[int | str, list[dict[str, Any]]] = {}
        try:
            for entry in read_json(path):
                self._of_frame.setdefault(entry["image_id"], []).append(entry)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StageError("is no list of DensePose's results", str(path), _REMEDY) from error

    def count(self) -> int | None:
        """Unknown: a list does not name the frames in which nobody is."""
        return None

    def crowd(self, number: int, stem: str, still: bool) -> Crowd | None:
        """Everyone who is listed for a frame, best score first; nobody where none is listed.

        Raises StageError for an entry that is damaged, and for a photo that the list does not know.
        """
        key = (int(stem) if stem.isdecimal() else stem) if still else number
        if still and key not in self._of_frame:
            raise StageError(f"lists nobody for the photo {key!r}", str(self._path), "name the photo it was made from")
        listed = self._of_frame.get(key, [])
        try:
            for entry in listed:
                _check_entry(entry)
            listed = sorted(listed, key=lambda entry: -entry.get("score", 1.0))
            surfaces = tuple(surface_of_result(entry["bbox"], _stored(entry)) for entry in listed)
            box = [[x, y, x + w, y + h] for x, y, w, h in (entry["bbox"] for entry in listed)]
        except (KeyError, TypeError, ValueError, binascii.Error, cv2.error) as error:
            raise StageError(f"has a damaged entry for image_id {key!r}", str(self._path), _REMEDY) from error
        return Crowd(
            box_N4=np.array(box, np.float32).reshape(-1, 4),
            score_N=np.array([entry.get("score", 1.0) for entry in listed], np.float32),
            id_N=np.array([entry.get("track_id", -1) for entry in listed], np.int32),
            bridged_N=np.array([entry.get("bridged", False) for entry in listed], bool),
            surfaces=surfaces,
        )


def _corners(surface: Surface) -> tuple[int, int, int, int]:
    height, width = surface.labels_hw.shape
    return surface.x0, surface.y0, surface.x0 + width, surface.y0 + height


def _check_entry(entry: dict[str, Any]) -> None:
    """Raises ValueError for values that no result has."""
    box, numbers = entry["bbox"], (int, float)
    if not isinstance(box, list) or len(box) != 4 or any(type(side) not in numbers for side in box):
        raise ValueError("its box is no four numbers")
    if not all(abs(side) <= FARTHEST for side in box):
        raise ValueError("its box lies far outside of every frame")
    score, track = entry.get("score", 1.0), entry.get("track_id", -1)
    if type(score) not in numbers or not abs(score) < FARTHEST:
        raise ValueError("its score is no number")
    if type(track) is not int or abs(track) > LARGEST_TRACK or type(entry.get("bridged", False)) is not bool:
        raise ValueError("its track_id is no whole number, or bridged neither true nor false")


_REMEDY = "name a file that --export result_json=FILE or coco=FILE wrote, or the DensePose challenge's"


def numbered_results(name: str, inds: Path | None) -> Numbered | None:
    """What is saved under a name, if it names frames by number; None for other inputs. Raises StageError."""
    path = Path(name)
    if path.suffix.lower() == ".json":
        return ResultList(path)
    pictures = path.is_dir() and not (path / INDEX).is_file() and next(path.glob("*.png"), None) is not None
    return IuvFolder(path, inds) if pictures else None


def _stored(entry: dict[str, Any]) -> U8:
    """Chart, U, V of an entry, (h, w, 3), channels in the order in which the PNG holds them."""
    with silenced_stderr():
        bgr_hw3 = decode_pixels(base64.b64decode(entry["uv_data"]), "uv_data")
    if bgr_hw3 is None:
        raise ValueError("uv_data is no PNG")
    return np.ascontiguousarray(bgr_hw3[..., ::-1])
