"""The light DensePose-RCNN as the stages see it: people in a frame, then the surface of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8
from models.engines.engine import Engine, cpu_engine, cpu_precision, has_int8
from models.errors import ModelError
from models.files.atomic_file import file_sha256
from models.light.architecture.files import quantized_path, require_weights, weights_path
from models.light.export.quantized import ReadyLight, fits
from models.light.inference.confidence import read_calibration
from models.light.inference.finder import Finder
from models.light.inference.reach import fitted, trimmed
from models.light.inference.reader import Look, Reader, Seen
from models.light.inference.together import Networks
from models.network import NetworkConfig, TtaLevel
from models.structures import Detections, SurfaceMap

T = TypeVar("T")

SCORE, OVERLAP, MOST = 0.075, 0.7, 100
LOOKED_AT, FADING = 0.7, 0.3
"""How slowly scores fade with what surer people cover of a box (see `faded`): to be looked at carefully, and after.
Against boxes that end from an overlap of .475: AP50 of 500 scenes of `val` .880 → .894, of photos of Human v2 .540 →
.549, of COCO .590 → .600 (down to scores of .01), for a tenth more looks; as many are found at the same precision."""
SURENESS = 0.5
"""Power of the surface's sureness in a person's score. 0.5 takes GPS AP on 200 scenes of `val` from .416 to .451 (1 to
.456) and costs the boxes of photos nothing, as 1 does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """What `surfaces` needs of `detect`: the frames, the surfaces that it has seen, by frame and by box, and how."""

    rgb_THW3: U8
    seen_T: tuple[Mapping[bytes, SurfaceMap], ...]
    tta: TtaLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks(Generic[Seen]):
    """Who stands in a frame, looked at.

    Attributes:
        box_N4: as what was seen has them.
        detected_N: the detector's scores.
        score_N: these times the root of how sure the surface is, faded; the highest first.
        seen_N: what was seen of each.
    """

    box_N4: F32
    detected_N: F32
    score_N: F32
    seen_N: tuple[Look[Seen], ...]

    def __len__(self) -> int:
        return len(self.score_N)


class LightNetwork:
    """Detector and surface network, compiled.

    Every frame and every person gets the same bits as alone, so that results never depend on how they are grouped: the
    networks are asked about several at once only where that holds (see `Networks`). Groups of frames are computed side
    by side, each by its share of the threads: two threads on one frame waste a third of their time.
    """

    def __init__(self, config: NetworkConfig, threads: int, path: Path) -> None:
        """Load the weights of `path`; raises ModelError when they are missing or do not fit."""
        require_weights(path)
        self.name = path.stem
        self.sha256 = file_sha256(path)
        self.engine = cpu_engine(config.engine)
        self.precision = light_precision(config.precision, self.engine, path, self.sha256)
        self._at_once = threads if config.batch == "auto" else min(config.batch, threads)
        networks = open_networks(path, self.sha256, self.engine, self.precision, threads // self._at_once)
        self._together = networks.together
        self._score = SCORE if config.score_threshold is None else config.score_threshold
        self._overlap = OVERLAP if config.nms_threshold is None else config.nms_threshold
        self._most = config.max_people or MOST
        self._refine_boxes = config.refine_boxes
        self._tta = config.tta
        self._workers = ThreadPoolExecutor(self._at_once, thread_name_prefix="light")
        self.finder = Finder(
            networks, least=self._score, long_side=config.max_size, flip=config.flip is not False
        )
        self.reader = Reader(
            networks,
            flip=config.flip is not False,
            roll_align=config.roll_align is not False,
            calibration=read_calibration(path, self.sha256),
        )
        if config.batch == 1:  # somebody waits for every frame: nothing is left to be made ready meanwhile
            self.reader.seen.prepare()

    def detect(self, rgb_THW3: U8, *, still: bool = False) -> tuple[list[Detections], Frames]:
        """Find people in each frame; see `models.network.Network`.

        Each is looked at at once: the surface shows where the person ends, so the box is fitted to it, and how sure the
        network is of it counts in the score, as in Mask Scoring R-CNN (Huang et al., CVPR 2019). Of people whose boxes
        then are nearly one, one stays, and scores fade as `faded` says. Who stays is looked at again in the box that
        fits, and all this done again, as in Cascade R-CNN (Cai and Vasconcelos, CVPR 2018), unless they are read
        quickly; the first look then is at the crop alone, and counts as one of two. `surfaces` gives what was seen
        last.

        Who is read thoroughly is found as carefully as who is not, in the same box with the same score; then asked for
        more often, and shown as that has it.
        """
        tta = self._tta if self._tta != "auto" else "full" if still else "adaptive_fast"
        found, seen = [], []
        for looks in self._looks_of_each(rgb_THW3, tta):
            found.append(Detections(box_N4=looks.box_N4, score_N=looks.score_N))
            here = zip(looks.box_N4, looks.seen_N, strict=True)
            seen.append({box_4.tobytes(): trimmed(look.surface, box_4) for box_4, look in here})
        return found, Frames(rgb_THW3=rgb_THW3, seen_T=tuple(seen), tta=tta)

    def _looks_of_each(self, rgb_THW3: U8, tta: TtaLevel) -> list[Looks[SurfaceMap]]:
        """Who stands in every frame: some frames together, several such groups at once."""
        looks = partial(self._looks, tta=tta)
        many = max(min(self._together, -(-len(rgb_THW3) // self._at_once)), 1)
        groups = [rgb_THW3[first : first + many] for first in range(0, len(rgb_THW3), many)]
        alone = self._at_once == 1 or len(groups) == 1
        return list(chain.from_iterable(map(looks, groups) if alone else self._workers.map(looks, groups)))

    def _looks(self, rgb_THW3: U8, *, tta: TtaLevel) -> list[Looks[SurfaceMap]]:
        """Who stands in each of some frames, looked at as often as is asked for."""
        if tta != "full":
            return self._who_stands(rgb_THW3, tta)
        standing = self._who_stands(rgb_THW3, "adaptive")
        more = self.reader.read(
            self.reader.thoroughly(rgb_HW3, look)
            for rgb_HW3, looks in zip(rgb_THW3, standing, strict=True)
            for look in looks.seen_N
        )
        seen = _shared(more, standing)
        return [replace(looks, seen_N=tuple(mine)) for looks, mine in zip(standing, seen, strict=True)]

    def _who_stands(self, rgb_THW3: U8, tta: Literal["adaptive_fast", "adaptive"]) -> list[Looks[SurfaceMap]]:
        """Find people in frames, look at all of them, and again at who stands."""
        found = self._detect(rgb_THW3, FADING if tta == "adaptive_fast" else LOOKED_AT)
        refine = tta != "adaptive_fast" if self._refine_boxes == "auto" else self._refine_boxes
        boxed = [(rgb_HW3, box_4) for rgb_HW3, one in zip(rgb_THW3, found, strict=True) for box_4 in one.box_N4]
        if not refine:
            return self._stand(found, self.reader.read(self.reader.look(*one, tta=tta) for one in boxed))
        first = self._stand(found, self.reader.read(self.reader.glance(*one) for one in boxed))
        again = self.reader.read(
            self.reader.look(rgb_HW3, box_4, before, tta=tta)
            for rgb_HW3, looks in zip(rgb_THW3, first, strict=True)
            for box_4, before in zip(looks.box_N4, looks.seen_N, strict=True)
        )
        return self._stand([Detections(box_N4=one.box_N4, score_N=one.detected_N) for one in first], again)

    def _stand(self, found: list[Detections], seen: list[Look[Seen]]) -> list[Looks[Seen]]:
        """Of each frame's detections those that stand, by what is seen of all of them."""
        return [self._stand_here(*here) for here in zip(found, _shared(seen, found), strict=True)]

    def _stand_here(self, found: Detections, seen: list[Look[Seen]]) -> Looks[Seen]:
        """Of a frame's detections those that stand once their boxes and scores fit what is seen of each."""
        boxes = [fitted(box_4, look.surface) for box_4, look in zip(found.box_N4, seen, strict=True)]
        box_N4 = np.array(boxes, np.float32).reshape(-1, 4)
        sure_N = np.array([look.surface.mean_confidence for look in seen], np.float32)
        chosen, score_N = self._standing(box_N4, found.score_N * sure_N**SURENESS, FADING)
        return Looks(
            box_N4=box_N4[chosen],
            detected_N=found.score_N[chosen],
            score_N=score_N,
            seen_N=tuple(seen[i] for i in chosen),
        )

    def _detect(self, rgb_THW3: U8, sigma: float) -> list[Detections]:
        """Who is to be looked at: of each frame's boxes those that stand beside surer ones."""
        found = []
        for candidates in self.finder.find(rgb_THW3):
            chosen = self._standing(candidates.box_N4, candidates.score_N, sigma)[0][: self._most]
            found.append(Detections(box_N4=candidates.box_N4[chosen], score_N=candidates.score_N[chosen]))
        return found

    def _standing(self, box_N4: F32, score_N: F32, sigma: float) -> tuple[npt.NDArray[np.int64], F32]:
        """Of boxes that are nearly one the surest, as far as their faded scores suffice: indices and these scores."""
        kept = suppress(box_N4, score_N, self._overlap)
        still, faded_K = faded(box_N4[kept], score_N[kept], sigma, self._score)
        return kept[still], faded_K

    def surfaces(self, features: Any, boxes: list[F32]) -> list[list[SurfaceMap]]:
        """Map people to the body surface; see `models.network.Network`."""
        made = []
        for rgb_HW3, seen, box_N4 in zip(features.rgb_THW3, features.seen_T, boxes, strict=True):
            new = [box_4 for box_4 in box_N4 if box_4.tobytes() not in seen]
            looks = self.reader.read(self.reader.look(rgb_HW3, box_4, tta=features.tta) for box_4 in new)
            now = {box_4.tobytes(): trimmed(look.surface, box_4) for box_4, look in zip(new, looks, strict=True)}
            known = {**seen, **now}
            made.append([known[box_4.tobytes()] for box_4 in box_N4])
        return made


def _shared(all_N: Sequence[T], among: Sequence[Sized]) -> list[list[T]]:
    """A row of things given to frames, to each as many as it has people."""
    rest = iter(all_N)
    return [list(islice(rest, len(one))) for one in among]


def open_networks(
    path: Path, sha256: str, engine: Engine, precision: Literal["fp32", "bf16", "int8"], threads: int
) -> Networks:
    """The networks of a file of weights. Raises: ModelError when something of them is damaged or does not fit."""
    if precision == "int8":
        return ReadyLight(path, sha256, threads=threads)
    from models.light.inference.converted import ConvertedLight  # brings torch, whose import is most of a start

    return ConvertedLight(path, engine=engine, precision=precision, threads=threads)


def light_precision(
    wish: Literal["auto", "fp32", "bf16", "int8"], engine: Engine, weights: Path, sha256: str
) -> Literal["fp32", "bf16", "int8"]:
    """The precision of a wish; "auto" is int8 where the processor has it and eight-bit graphs of these weights stand.

    Raises:
        ModelError: int8 is asked for and the engine is not OpenVINO.
    """
    if wish == "int8":
        if engine != "openvino":
            raise ModelError("eight-bit graphs run in OpenVINO alone", "network.precision", "use engine: openvino")
        return "int8"
    if wish == "auto" and engine == "openvino" and has_int8() and fits(quantized_path(weights), sha256):
        return "int8"
    return cpu_precision(wish)


def suppress(box_N4: F32, score_N: F32, overlap: float) -> npt.NDArray[np.int64]:
    """Indices that survive non-maximum suppression, best first."""
    kept = cv2.dnn.NMSBoxes(_rectangles(box_N4).tolist(), score_N.tolist(), 0.0, overlap)
    return np.asarray(kept, np.int64).reshape(-1)


def faded(box_N4: F32, score_N: F32, sigma: float, least: float) -> tuple[npt.NDArray[np.int64], F32]:
    """Soft-NMS (Bodla et al., ICCV 2017): a score is multiplied by exp(-IoU² / sigma) for every surer box.

    Of two people whose boxes overlap both stay, the less sure one behind those who stand alone.

    Returns: indices of those that stay above `least`, best first, and their scores.
    """
    whole_N4 = np.round(16 * _rectangles(box_N4)).astype(int)  # OpenCV takes whole numbers here
    score_K, kept = cv2.dnn.softNMSBoxes(whole_N4.tolist(), score_N.tolist(), least, 1.0, sigma=sigma)
    return np.asarray(kept, np.int64).reshape(-1), np.asarray(score_K, np.float32).reshape(-1)


def _rectangles(box_N4: F32) -> F32:
    """Corner, width and height."""
    return np.concatenate([box_N4[:, :2], box_N4[:, 2:] - box_N4[:, :2]], 1)


def open_light(config: NetworkConfig, threads: int) -> LightNetwork:
    """The light network with the built-in weights (`weights: light`) or those of a .safetensors file.

    Raises:
        ModelError: the weights are missing or of another network.
    """
    return LightNetwork(config, threads, weights_path(config.weights))
