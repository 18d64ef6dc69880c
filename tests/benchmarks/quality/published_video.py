"""Temporal smoothing of another tool's video: `python -m tests.benchmarks.quality.published_video VIDEO`.

VIDEO is the side-by-side video of vid2densepose (1280×720: its input on the left, its result in parula colours on black
on the right). Colours are read back to charts, the largest piece is one person, and `track` and `smooth` process it.
The built-in network's predictions for the same input are the comparison. Printed: the share of pixels whose chart
changes from frame to frame along the input's estimated flow, and the share of lost pixels; with `--agreement` only how
the network's picture agrees with the published one: IoU of the silhouettes, spill and missed pixels as shares of the
published area, and the share of the pixels of both with the same chart, with each pixel read as its nearest colour
(blended colours at borders are then wrong charts) and as cleaned. Of several people that of the best IoU counts.
Colours hold neither UV nor confidence, so geodesic flicker cannot be measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from scipy import ndimage

from models.metrics.bootstrap import Estimate, ratio
from models.metrics.silhouettes import overlap
from models.metrics.temporal import flicker
from models.network import NetworkConfig
from models.surface.geometry import open_body_geometry
from stages.evaluation.video_scores import frame_surface
from stages.payloads import People, PersonSurface, Surfaces
from stages.people.estimated_flow import EstimatedFlow
from stages.results.formats.part_colours import PARULA_ON_BLACK
from tests.benchmarks.quality.recorded_videos import RecordedVideo, as_chunks, recorded
from tests.benchmarks.quality.temporal import VARIANTS, tracked

INPUT, COLOURED = slice(94, 499), slice(774, 1179)
"""Columns of the two images in the video."""
WATERMARK = (slice(625, None), slice(140, None))
"""Rows and columns of each under an editor's watermark: nothing counts there."""
MAX_COLOUR_ERROR = 24
"""Largest change of a colour by compression, summed over RGB."""
MIN_NEIGHBOURS = 15
"""How many of the 25 pixels around must be of one chart: blended colours of two charts look like a third one."""


def nearest_colours(rgb_HW3: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The chart (H, W) with the colour nearest to each pixel's, and how far that is, summed over RGB."""
    away_HW25 = np.abs(rgb_HW3.astype(np.int16)[:, :, None] - PARULA_ON_BLACK.astype(np.int16)).sum(axis=-1)
    return away_HW25.argmin(axis=-1).astype(np.uint8), away_HW25.min(axis=-1)


def charts_of(rgb_HW3: np.ndarray) -> np.ndarray:
    """Charts (H, W) by their colours; other colours, and isolated pixels, take the nearest chart."""
    label_HW, away_HW = nearest_colours(rgb_HW3)
    height, width = label_HW.shape
    wide_HW = np.pad(label_HW, 2, mode="edge")
    alike_HW = sum(
        (wide_HW[y : y + height, x : x + width] == label_HW).astype(np.uint8) for y in range(5) for x in range(5)
    )
    unclear_HW = (away_HW > MAX_COLOUR_ERROR) | (alike_HW < MIN_NEIGHBOURS)
    nearest = ndimage.distance_transform_edt(unclear_HW, return_distances=False, return_indices=True)
    return label_HW[tuple(nearest)]


def person_in(rgb_HW3: np.ndarray) -> tuple[People, Surfaces]:
    """The largest coloured piece, as a network's prediction."""
    label_HW = charts_of(rgb_HW3)
    label_HW[WATERMARK] = 0
    _, piece_HW, size_K5, _ = cv2.connectedComponentsWithStats((label_HW > 0).astype(np.uint8))
    x0, y0, width, height, _ = size_K5[1 + size_K5[1:, 4].argmax()].tolist()
    window = (slice(y0, y0 + height), slice(x0, x0 + width))
    labels_hw = label_HW[window] * (piece_HW[window] == 1 + size_K5[1:, 4].argmax())
    uv_2hw = np.broadcast_to((labels_hw > 0) * np.float32(0.5), (2, height, width)).copy()
    people = People(
        frame_N=np.zeros(1, np.int32),
        box_N4=np.array([[x0, y0, x0 + width, y0 + height]], np.float32),
        score_N=np.ones(1, np.float32),
        id_N=np.full(1, -1, np.int32),
    )
    return people, Surfaces(people=(PersonSurface(x0=x0, y0=y0, labels_hw=labels_hw, uv_2hw=uv_2hw),))


def changes(
    video: RecordedVideo, made: Sequence[Surfaces], flows: Sequence[tuple[np.ndarray, np.ndarray]]
) -> tuple[float, float]:
    """Share of pixels that change their chart along the flow, and share that become background."""
    geometry, height, width = open_body_geometry(), *video.frames[0].rgb_THW3.shape[1:3]
    clear_HW = np.ones((height, width), bool)
    clear_HW[WATERMARK] = False
    changed = kept = lost = 0
    whole = [frame_surface(one.people, height, width) for one in made]
    for (before, after), (flow_HW2, seen_HW) in zip(pairwise(whole), flows, strict=True):
        found = flicker(geometry, before, after, flow_HW2, seen_HW & clear_HW)
        changed, kept, lost = changed + int(found.changed_M.sum()), kept + len(found.changed_M), lost + found.lost
    return changed / kept, lost / (kept + lost)


def agreement(published: RecordedVideo, other: RecordedVideo, coloured: Sequence[np.ndarray]) -> dict[str, Estimate]:
    """How the people of `other` agree with the published ones, with intervals over frames; a missed one has IoU 0."""
    height, width = published.frames[0].rgb_THW3.shape[1:3]
    clear_HW = np.ones((height, width), bool)
    clear_HW[WATERMARK] = False
    rows = []
    for true, found, rgb_HW3 in zip(published.surfaces, other.surfaces, coloured, strict=True):
        true_HW = frame_surface(true.people, height, width).label_HW * clear_HW
        people = [frame_surface([one], height, width).label_HW * clear_HW for one in found.people]
        found_HW = max(people, key=lambda one: overlap(one > 0, true_HW > 0), default=np.zeros_like(true_HW))
        read_HW = nearest_colours(rgb_HW3)[0] * clear_HW
        outside_HW, missed_HW = (found_HW > 0) & (true_HW == 0), (true_HW > 0) & (found_HW == 0)
        rows.append(
            (
                overlap(found_HW > 0, true_HW > 0),
                *(float(one.sum() / (true_HW > 0).sum()) for one in (outside_HW, missed_HW)),
                *same_and_all(found_HW, read_HW),
                *same_and_all(found_HW, true_HW),
            )
        )
    iou_T, spill_T, missed_T, same_T, all_T, same_cleaned_T, all_cleaned_T = np.array(rows, float).T
    each_T = np.ones(len(rows))
    return {
        "silhouette_IoU": ratio(iou_T, each_T),
        "spill": ratio(spill_T, each_T),
        "missed": ratio(missed_T, each_T),
        "part_agreement": ratio(same_T, all_T),
        "cleaned": ratio(same_cleaned_T, all_cleaned_T),
    }


def same_and_all(one_HW: np.ndarray, other_HW: np.ndarray) -> tuple[int, int]:
    """Pixels with the same chart in both, and pixels with any chart in both."""
    both_HW = (one_HW > 0) & (other_HW > 0)
    return int((both_HW & (one_HW == other_HW)).sum()), int(both_HW.sum())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--agreement", action="store_true")
    parser.add_argument("--weights", default="light")
    options = parser.parse_args()
    with av.open(str(options.video)) as container:
        shown = islice(container.decode(video=0), options.first, options.first + options.count)
        both = [frame.to_ndarray(format="rgb24") for frame in shown]
    frames = as_chunks([np.ascontiguousarray(rgb_HW3[:, INPUT]) for rgb_HW3 in both])
    people, surfaces = zip(*(person_in(rgb_HW3[:, COLOURED]) for rgb_HW3 in both), strict=True)
    published = RecordedVideo(name="published", frames=frames, people=people, surfaces=surfaces)
    network = NetworkConfig(weights=options.weights)
    if options.agreement:
        coloured = [rgb_HW3[:, COLOURED] for rgb_HW3 in both]
        for name, one in agreement(published, recorded("built in", frames, network), coloured).items():
            print(f"{name:16s} {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]")
        return
    search = EstimatedFlow()
    flows = [search.between(one.rgb_THW3[0], other.rgb_THW3[0]) for one, other in pairwise(frames)]
    for video in (published, recorded("built in", frames, network)):
        identities = tracked(video)
        for name in ("none", "flow+confidence", "ahead 1", "ahead 2"):
            changed, lost = changes(video, VARIANTS[name](video.frames, identities, video.surfaces), flows)
            print(f"{video.name:12s} {name:10s} charts changed {changed:.4f}  lost {lost:.4f}", flush=True)


if __name__ == "__main__":
    main()
