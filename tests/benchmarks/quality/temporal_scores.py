"""Measures of the temporal benchmark for one video: flicker along the flow, accuracy, and lag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.metrics.densepose_evaluator import evaluate_densepose
from models.metrics.gps import KAPPA_PAPER_25
from models.metrics.instances import AnnotatedPoints, FoundInstance, ImageInstances, TrueInstance
from models.metrics.person_matching import image_errors, match_people
from models.metrics.pointwise import area_under_curve
from models.metrics.temporal import SurfaceFrame, flicker
from models.surface.geometry import Geometry
from stages.payloads import People, PersonSurface, Surfaces
from stages.people.estimated_flow import EstimatedFlow
from tests.benchmarks.quality.recorded_videos import RecordedVideo, Truth

Bool = npt.NDArray[np.bool_]
F32 = npt.NDArray[np.float32]

POINTS = 60
"""Points of each true person and frame, for AUC and GPS."""
FAST = 4.0
"""Minimum motion, in pixels a frame, of a fast point."""
THIN = (3, 4, 19, 20, 21, 22)
"""Charts of hands and lower arms: smoothing harms them first."""
MAX_PIXELS = 1000
"""Pixels of a person and a pair of frames that are followed along the flow."""


@dataclass(slots=True)
class Tally:
    """Sums over people and frames; every list gets one entry a person and frame.

    Attributes:
        moved, changed, lost: sums along the flow: geodesic metres, changed charts, pixels gone.
        followed: pixels followed.
        lag_error, motion: sums for the lag: error along the true motion of a frame, and that motion squared.
        thin, thin_right: true pixels of hands and lower arms, and how many have the right chart.
        fast, fast_right: of these, pixels that move at least by `FAST`.
        images: for AUC and GPS.
    """

    moved: list[float] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    followed: list[float] = field(default_factory=list)
    lag_error: list[float] = field(default_factory=list)
    motion: list[float] = field(default_factory=list)
    thin: list[float] = field(default_factory=list)
    thin_right: list[float] = field(default_factory=list)
    fast: list[float] = field(default_factory=list)
    fast_right: list[float] = field(default_factory=list)
    images: list[ImageInstances] = field(default_factory=list)


def on_frame(surface: PersonSurface, height: int, width: int) -> SurfaceFrame:
    """One person's surface on the whole frame."""
    label_HW, uv_2HW = np.zeros((height, width), np.uint8), np.zeros((2, height, width), np.float32)
    h, w = surface.labels_hw.shape
    x0, y0, x1, y1 = max(surface.x0, 0), max(surface.y0, 0), min(surface.x0 + w, width), min(surface.y0 + h, height)
    if x1 > x0 and y1 > y0:
        part = (slice(y0 - surface.y0, y1 - surface.y0), slice(x0 - surface.x0, x1 - surface.x0))
        label_HW[y0:y1, x0:x1] = surface.labels_hw[part]
        uv_2HW[:, y0:y1, x0:x1] = surface.uv_2hw[(slice(None), *part)]
    return SurfaceFrame(label_HW=label_HW, uv_2HW=uv_2HW)


def thinned(seen_HW: Bool) -> Bool:
    """At most about MAX_PIXELS of the pixels, on a lattice."""
    step = int(np.ceil(np.sqrt(max(int(seen_HW.sum()) / MAX_PIXELS, 1.0))))
    kept = np.zeros_like(seen_HW)
    kept[::step, ::step] = seen_HW[::step, ::step]
    return kept


def follow(tally: Tally, geometry: Geometry, before: SurfaceFrame, after: SurfaceFrame, flow: F32, seen: Bool) -> None:
    """Add the flicker of one person between two frames; a distance without a path counts as a metre."""
    one = flicker(geometry, before, after, flow, thinned(seen))
    tally.moved.append(float(np.minimum(one.moved_M, 1.0).sum()))
    tally.changed.append(float(one.changed_M.sum()))
    tally.lost.append(float(one.lost))
    tally.followed.append(float(len(one.moved_M)))


def true_image(made: Truth, people: People, surfaces: Surfaces) -> ImageInstances:
    """A synthetic frame in the evaluator's format: points uniform over each person's visible surface."""
    true = []
    for number, box_4 in enumerate(made.box_N4.astype(np.float64), start=1):
        y, x = np.nonzero(made.instance_HW == number)
        at = np.linspace(0, len(y) - 1, min(POINTS, len(y))).astype(np.int64)
        y, x = y[at], x[at]
        wide, high = box_4[2:] - box_4[:2]
        u_M, v_M = made.uv_2HW[:, y, x].astype(np.float64)
        points = AnnotatedPoints(
            x_M=(x + 0.5 - box_4[0]) * 255 / wide,
            y_M=(y + 0.5 - box_4[1]) * 255 / high,
            chart_M=made.label_HW[y, x].astype(np.int64),
            u_M=u_M,
            v_M=v_M,
        )
        true.append(TrueInstance(box_4=np.array([*box_4[:2], wide, high]), area=float(wide * high), points=points))
    found = []
    for surface, score in zip(surfaces.people, people.score_N.tolist(), strict=True):
        h, w = surface.labels_hw.shape
        iuv = np.concatenate([surface.labels_hw[None], np.rint(np.clip(surface.uv_2hw, 0, 1) * 255).astype(np.uint8)])
        found.append(FoundInstance(box_4=np.array([surface.x0, surface.y0, w, h], float), score=score, iuv_3hw=iuv))
    height, width = made.label_HW.shape
    return ImageInstances(height=height, width=width, true=true, found=found)


def add_synthetic(
    tally: Tally, geometry: Geometry, video: RecordedVideo, people: Sequence[People], made: Sequence[Surfaces]
) -> None:
    """Score a video with ground truth."""
    last: dict[int, SurfaceFrame] = {}
    for t, scene in enumerate(video.truth):
        image = true_image(scene, people[t], made[t])
        tally.images.append(image)
        here: dict[int, SurfaceFrame] = {}
        for g, d in enumerate(match_people(image)):
            if d < 0:
                continue
            track = int(scene.track_N[g])
            here[track] = on_frame(made[t].people[d], *scene.label_HW.shape)
            thin_HW = (scene.instance_HW == g + 1) & np.isin(scene.label_HW, THIN)
            fast_HW, right_HW = np.hypot(*scene.previous_2HW) >= FAST, here[track].label_HW == scene.label_HW
            tally.thin.append(float(thin_HW.sum()))
            tally.thin_right.append(float((thin_HW & right_HW).sum()))
            tally.fast.append(float((thin_HW & fast_HW).sum()))
            tally.fast_right.append(float((thin_HW & fast_HW & right_HW).sum()))
            if track in last:
                was = video.truth[t - 1]
                mine = was.instance_HW == 1 + was.track_N.tolist().index(track)
                seen = mine & was.next_seen_HW
                follow(tally, geometry, last[track], here[track], was.next_2HW.transpose(1, 2, 0), seen)
                trail(tally, scene, video.truth[t - 1], scene.instance_HW == g + 1, here[track])
        last = here


def trail(tally: Tally, now: Truth, was: Truth, mine_HW: Bool, found: SurfaceFrame) -> None:
    """Add one person's lag: the error of UV towards the same pixel's UV one frame ago, where the body is fast."""
    fast = np.hypot(*now.previous_2HW) >= FAST
    one = mine_HW & fast & (found.label_HW == now.label_HW) & (was.label_HW == now.label_HW) & (now.label_HW > 0)
    truth = now.uv_2HW[:, one].astype(np.float64)
    motion = was.uv_2HW[:, one].astype(np.float64) - truth
    tally.lag_error.append(float((motion * (found.uv_2HW[:, one] - truth)).sum()))
    tally.motion.append(float((motion**2).sum()))


def add_real(
    tally: Tally, geometry: Geometry, video: RecordedVideo, people: Sequence[People], made: Sequence[Surfaces]
) -> None:
    """Score a real video along estimated flow; the tracker identifies people."""
    search = EstimatedFlow()
    last: dict[int, SurfaceFrame] = {}
    height, width = video.frames[0].rgb_THW3.shape[1:3]
    for t in range(len(video.frames)):
        ids = people[t].id_N.tolist()
        here = {i: on_frame(one, height, width) for i, one in zip(ids, made[t].people, strict=True) if i >= 0}
        if not t:
            last = here
            continue
        flow, seen = search.between(video.frames[t - 1].rgb_THW3[0], video.frames[t].rgb_THW3[0])
        for identity in here.keys() & last.keys():
            follow(tally, geometry, last[identity], here[identity], flow, seen & (last[identity].label_HW > 0))
        last = here


def numbers(tally: Tally, geometry: Geometry) -> Mapping[str, float]:
    """Flicker (cm), changed and lost (shares); with truth also lag (frames), AUC10, AUC30, GPS AP (paper's kappa), and
    the share of hands' and lower arms' pixels, all and fast ones, with the right chart."""
    followed = max(sum(tally.followed), 1.0)
    result = {
        "flicker_cm": 100 * sum(tally.moved) / followed,
        "changed": sum(tally.changed) / followed,
        "lost": sum(tally.lost) / (followed + sum(tally.lost)),
    }
    if tally.images:
        errors = [image_errors(geometry, one, match_people(one))[0] for one in tally.images]
        result["lag"] = sum(tally.lag_error) / max(sum(tally.motion), 1e-9)
        result["thin"] = sum(tally.thin_right) / max(sum(tally.thin), 1.0)
        result["fast_thin"] = sum(tally.fast_right) / max(sum(tally.fast), 1.0)
        result["AUC10"] = area_under_curve(np.concatenate(errors), 0.10)
        result["AUC30"] = area_under_curve(np.concatenate(errors), 0.30)
        result["GPS_AP"] = evaluate_densepose(tally.images, geometry, KAPPA_PAPER_25)["GPS"]["AP"]
    return result
