"""Temporal stability: flicker of surfaces, deviation of textures, and jitter of boxes between frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import I64, U8, Bool, Float, Int
from models.surface.geometry import Geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceFrame:
    """The surface of a frame: charts (H, W), 0 for background; U and V (2, H, W), 0..1."""

    label_HW: Int
    uv_2HW: Float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flicker:
    """Changes of a person's pixels from one frame to the next along the flow.

    Attributes:
        moved_M: geodesic metres between the two predictions, for pixels that are a person in both frames.
        changed_M: whether the chart changed, for the same pixels.
        lost: number of pixels of a person whose target in the next frame is background.
    """

    moved_M: Float
    changed_M: Bool
    lost: int


def flicker(
    geometry: Geometry, before: SurfaceFrame, after: SurfaceFrame, flow_HW2: Float, visible_HW: Bool
) -> Flicker:
    """Follow every pixel of a person along the flow to the nearest pixel of the next frame; compare the predictions.

    Args:
        geometry: of the body.
        before, after: surfaces of two frames of the same size.
        flow_HW2: pixels (x, y) from `before` to `after`.
        visible_HW: pixels of `before` that are visible in `after`, too (same person, not occluded).
    """
    y, x = np.nonzero((before.label_HW > 0) & visible_HW)
    to_x, to_y = (np.rint(at + flow_HW2[y, x, axis]).astype(np.int64) for axis, at in enumerate((x, y)))
    height, width = after.label_HW.shape
    inside = (to_x >= 0) & (to_x < width) & (to_y >= 0) & (to_y < height)
    y, x, to_y, to_x = y[inside], x[inside], to_y[inside], to_x[inside]
    kept = after.label_HW[to_y, to_x] > 0
    was = vertices(geometry, before, y[kept], x[kept])
    now = vertices(geometry, after, to_y[kept], to_x[kept])
    changed = before.label_HW[y[kept], x[kept]] != after.label_HW[to_y[kept], to_x[kept]]
    moved = np.asarray(geometry.distance(now, was), np.float64)
    return Flicker(moved_M=moved, changed_M=changed, lost=int((~kept).sum()))


def vertices(
    geometry: Geometry, frame: SurfaceFrame, y_M: I64, x_M: I64
) -> Int:
    """Surface points (numbers of `geometry`) under pixels of a frame: (M,)."""
    u_M, v_M = np.asarray(frame.uv_2HW, np.float64)[:, y_M, x_M]
    return geometry.nearest(frame.label_HW[y_M, x_M].astype(np.int64), u_M, v_M)


def unwrap(rgb_HW3: U8, frame: SurfaceFrame, side: int) -> tuple[Float, Bool]:
    """Transfer the colours of a frame to the charts.

    Args:
        rgb_HW3: the frame.
        frame: its surface.
        side: texels per side of a chart.

    Returns:
        Mean colour of the pixels in each texel (24, side, side, 3), row = V, column = U, 0 without pixels; and whether
        a texel has pixels (24, side, side).
    """
    y, x = np.nonzero(frame.label_HW)
    cell_2M = np.clip((np.asarray(frame.uv_2HW, np.float64)[:, y, x] * side).astype(np.int64), 0, side - 1)
    texel_M = ((frame.label_HW[y, x].astype(np.int64) - 1) * side + cell_2M[1]) * side + cell_2M[0]
    texels = 24 * side * side
    count = np.bincount(texel_M, minlength=texels)
    total = [np.bincount(texel_M, weights=rgb_HW3[y, x, channel], minlength=texels) for channel in range(3)]
    colour = np.stack(total, axis=-1) / np.maximum(count, 1)[:, None]
    return colour.reshape(24, side, side, 3), (count > 0).reshape(24, side, side)


def texel_deviation(colour_TKSS3: Float, seen_TKSS: Bool) -> Float:
    """Standard deviation over time of every texel, over the frames that show it; root mean square of the channels.

    Args:
        colour_TKSS3: unwrapped colours of T frames.
        seen_TKSS: texels that each frame shows.

    Returns:
        (K, S, S) in the unit of the colours; nan for texels that are visible in fewer than two frames.
    """
    weight = seen_TKSS[..., None].astype(np.float64)
    count = weight.sum(axis=0)
    mean = (colour_TKSS3 * weight).sum(axis=0) / np.maximum(count, 1)
    variance = (((colour_TKSS3 - mean) ** 2) * weight).sum(axis=0) / np.maximum(count, 1)
    return np.where(count[..., 0] >= 2, np.sqrt(variance.mean(axis=-1)), np.nan)


def box_jitter(box_T4: Float) -> float:
    """Jitter of a box: root mean square of the second differences of its sides, relative to its height.

    It is 0 for a box that rests, or moves and grows evenly. White noise of s pixels gives s * sqrt(6) / height.

    Args:
        box_T4: x0, y0, x1, y1 of one person in successive frames; nan in frames without a detection.

    Returns:
        nan without three successive boxes.

    >>> moving_T4 = np.arange(5.0)[:, None] + np.array([0.0, 0.0, 10.0, 20.0])
    >>> box_jitter(moving_T4)
    0.0
    """
    bend_T4 = np.diff(np.asarray(box_T4, np.float64), n=2, axis=0)
    height_T = (box_T4[:, 3] - box_T4[:, 1])[1:-1]
    whole_T = np.isfinite(bend_T4).all(axis=1)
    if not whole_T.any():
        return float("nan")
    return float(np.sqrt(((bend_T4[whole_T] / height_T[whole_T, None]) ** 2).mean()))
