"""Unwrapping: from people in images to an atlas, with the colour of each texel over one image or a whole video."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from models.arrays import F32, U8, Bool, Float, Int
from models.surface.texels import CHARTS

SLOTS = 9
"""Number of best observations kept per texel. Their weighted median is robust against a few wrong ones."""
AGREE = 28
"""An observation counts for a texel's colour if each channel differs from the median by at most this."""
FINEST = 4
"""Maximum number of samples per pixel along each side, where texels are smaller than pixels."""
JUMP, USUAL_STEPS = 0.08, 2.5
"""Neighbouring pixels of one chart are on different islands if U or V differ by more than JUMP and by more than
USUAL_STEPS times the person's median difference."""
RIM_SHARE = 1 / 50
"""Width of the rim as a share of the person's height. Pixels in it also show background, blur and errors."""
BARE = 0.5
"""Outer share of the rim (or of half the limb, if it is thinner) that is ignored, because networks' outlines are too
wide. Inpainting is better than the background's colour."""
_FIRST, _LATER = slice(None, -1), slice(1, None)
LEAST_WORTH = 0.1
"""Texels whose best observation has less than this share of the median weight count as invisible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TexelObservation:
    """Colours of M texels in one image.

    Attributes:
        texel_M: (chart − 1) · side² + row · side + column, ascending.
        rgb_M3: uint8.
        weight_M: quality of the observation, comparable between images of one video.
    """

    texel_M: Int
    rgb_M3: U8
    weight_M: F32


def observe_texels(
    rgb_hw3: U8, labels_hw: U8, uv_2hw: Float, confidence_hw: Float | None, side: int
) -> TexelObservation:
    """The texels that one person shows in one image.

    Weights are higher for skin that faces the camera (many pixels per texel), sharp images, pixels far from the
    outline and high confidence. The outermost pixels are ignored. Colours and positions are interpolated between
    pixels of one chart.

    Args:
        rgb_hw3: the image under the person's grid.
        labels_hw: charts 1..24, 0 for background.
        uv_2hw: U and V.
        confidence_hw: 0..1, or None.
        side: texels per side of a tile.
    """
    uv_hw2 = np.clip(np.moveaxis(uv_2hw, 0, -1), 0, 1, dtype=np.float32)
    worth_hw = _worth(rgb_hw3, labels_hw, confidence_hw)
    row_Q, column_Q = np.nonzero(_whole_quads(labels_hw, uv_hw2) & (worth_hw > 0))
    if not len(row_Q):
        return TexelObservation(
            texel_M=np.zeros(0, np.int64), rgb_M3=np.zeros((0, 3), np.uint8), weight_M=np.zeros(0, np.float32)
        )
    corners = [(row_Q + down, column_Q + right) for down in (0, 1) for right in (0, 1)]
    uv_Q42 = np.stack([uv_hw2[at] for at in corners], axis=1) * np.float32(side - 1)
    along_Q2, down_Q2 = uv_Q42[:, 1] - uv_Q42[:, 0], uv_Q42[:, 2] - uv_Q42[:, 0]
    texels_Q = np.abs(along_Q2[:, 0] * down_Q2[:, 1] - along_Q2[:, 1] * down_Q2[:, 0])
    step = np.median(np.maximum(np.abs(along_Q2).max(axis=1), np.abs(down_Q2).max(axis=1)))
    places = int(np.clip(np.ceil(step), 1, FINEST))
    mix_S4 = _between(places)
    rgb_Q43 = np.stack([rgb_hw3[at] for at in corners], axis=1).astype(np.float32)
    weight_Q = worth_hw[row_Q, column_Q] / (1 + texels_Q)
    place_QS2 = np.rint(np.einsum("sk,qkx->qsx", mix_S4, uv_Q42)).astype(np.int64)
    chart_Q = labels_hw[row_Q, column_Q].astype(np.int64) - 1
    texel_QS = (chart_Q[:, None] * side + (side - 1 - place_QS2[..., 1])) * side + place_QS2[..., 0]
    rgb_QS3 = np.einsum("sk,qkx->qsx", mix_S4, rgb_Q43)
    return _gathered(texel_QS.reshape(-1), rgb_QS3.reshape(-1, 3), np.repeat(weight_Q, places * places))


def _whole_quads(labels_hw: U8, uv_hw2: F32) -> Bool:
    """Pixels that form, with their right and lower neighbours, a piece of one chart without a jump in UV."""
    whole = np.zeros(labels_hw.shape, np.bool_)
    own, own_uv = labels_hw[:-1, :-1], uv_hw2[:-1, :-1]
    fits, step = own > 0, np.zeros(own.shape, np.float32)
    for rows, columns in ((_FIRST, _LATER), (_LATER, _FIRST), (_LATER, _LATER)):
        fits = fits & (labels_hw[rows, columns] == own)
        step = np.maximum(step, np.abs(uv_hw2[rows, columns] - own_uv).max(axis=2))
    if fits.any():
        whole[:-1, :-1] = fits & (step < max(JUMP, USUAL_STEPS * float(np.median(step[fits]))))
    return whole


def _worth(rgb_hw3: U8, labels_hw: U8, confidence_hw: Float | None) -> F32:
    """Weight of each pixel: 0 at the outline, lower for low confidence, lower for the whole person if blurred."""
    inside_hw = (labels_hw > 0).astype(np.uint8)
    depth_hw = cv2.distanceTransform(cv2.copyMakeBorder(inside_hw, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3)
    depth_hw = depth_hw[1:-1, 1:-1]
    rim = max(2.0, labels_hw.shape[0] * RIM_SHARE)
    around = np.ones((2 * round(rim) + 1,) * 2, np.uint8)
    reach_hw = np.clip(cv2.dilate(depth_hw, around), 1, rim)
    worth_hw = np.clip((depth_hw / reach_hw - BARE) / (1 - BARE), 0, 1)
    if confidence_hw is not None:
        worth_hw = worth_hw * np.clip(confidence_hw.astype(np.float32), 0.05, 1)
    luma_hw = np.asarray(cv2.cvtColor(rgb_hw3, cv2.COLOR_RGB2GRAY))
    detail_hw = np.abs(cv2.Laplacian(luma_hw, cv2.CV_32F))
    core_hw = worth_hw > 0.5
    sharpness = float(detail_hw[core_hw].mean()) if core_hw.any() else 0.0
    return np.asarray(worth_hw * (1 + sharpness), np.float32)


def _between(places: int) -> F32:
    """Bilinear weights (places², 4) of a quad's corners at places² points on a regular grid."""
    at_S = np.arange(places, dtype=np.float32) / places
    down, right = (axis.ravel() for axis in np.meshgrid(at_S, at_S, indexing="ij"))
    return np.stack([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right], axis=1)


def _gathered(texel_P: Int, rgb_P3: F32, weight_P: F32) -> TexelObservation:
    """The weighted mean of all samples of each texel."""
    # Counting over all texels is faster than sorting the samples.
    count_T = np.bincount(texel_P)
    texel_M = np.flatnonzero(count_T)
    weight_M = np.bincount(texel_P, weight_P)[texel_M]
    sums_M3 = np.stack([np.bincount(texel_P, weight_P * rgb_P3[:, c])[texel_M] for c in range(3)], axis=1)
    rgb_M3 = np.rint(sums_M3 / np.maximum(weight_M, 1e-9)[:, None]).astype(np.uint8)
    return TexelObservation(texel_M=texel_M, rgb_M3=rgb_M3, weight_M=(weight_M / count_T[texel_M]).astype(np.float32))


@dataclass(slots=True, kw_only=True)
class TexelMemory:
    """The best observations of every texel of one person's atlas.

    Attributes:
        side: texels per side of a tile.
        rgb_PK3, weight_PK: P = 24·side² texels, K slots; weight 0: free slot.
        total: sum of the weights of all observations.
    """

    side: int
    rgb_PK3: U8 = field(init=False)
    weight_PK: F32 = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        """Allocate empty slots."""
        texels = CHARTS * self.side**2
        self.rgb_PK3 = np.zeros((texels, SLOTS, 3), np.uint8)
        self.weight_PK = np.zeros((texels, SLOTS), np.float32)

    def add(self, seen: TexelObservation) -> None:
        """Replace the worst kept observation of each texel, if the new one is better."""
        slot_M = self.weight_PK[seen.texel_M].argmin(axis=1)
        better_M = seen.weight_M > self.weight_PK[seen.texel_M, slot_M]
        texel, slot = seen.texel_M[better_M], slot_M[better_M]
        self.rgb_PK3[texel, slot] = seen.rgb_M3[better_M]
        self.weight_PK[texel, slot] = seen.weight_M[better_M]
        self.total += float(seen.weight_M.sum())

    def reduced(self, side: int) -> TexelMemory:
        """The memory with fewer texels, every n-th of each row and column. `side` divides the side of this one."""
        other, step = TexelMemory(side=side), self.side // side
        grid = (CHARTS, self.side, self.side, SLOTS)
        other.rgb_PK3[:] = self.rgb_PK3.reshape(*grid, 3)[:, ::step, ::step].reshape(other.rgb_PK3.shape)
        other.weight_PK[:] = self.weight_PK.reshape(grid)[:, ::step, ::step].reshape(other.weight_PK.shape)
        other.total = self.total
        return other

    def tiles(self) -> U8:
        """Tiles (24, side, side, 4) of robust mean colours; alpha is 0 without a good observation."""
        rgba_P4 = np.zeros((len(self.weight_PK), 4), np.uint8)
        best_P = self.weight_PK.max(axis=1)
        if not best_P.any():
            return rgba_P4.reshape(CHARTS, self.side, self.side, 4)
        seen_M = np.flatnonzero(best_P > LEAST_WORTH * np.median(best_P[best_P > 0]))
        rgba_P4[seen_M, :3] = robust_colours(self.rgb_PK3[seen_M], self.weight_PK[seen_M])
        rgba_P4[seen_M, 3] = 255
        return rgba_P4.reshape(CHARTS, self.side, self.side, 4)


def robust_colours(rgb_MK3: U8, weight_MK: F32) -> U8:
    """Mean colour (M, 3) of the observations near the one with the weighted median of brightness."""
    luma_MK = rgb_MK3.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    order_MK = luma_MK.argsort(axis=1)
    below_MK = np.take_along_axis(weight_MK, order_MK, axis=1).cumsum(axis=1)
    middle_M = (below_MK >= below_MK[:, -1:] / 2).argmax(axis=1)
    row_M = np.arange(len(rgb_MK3))
    median_M3 = rgb_MK3[row_M, order_MK[row_M, middle_M]].astype(np.int16)
    near_MK = (np.abs(rgb_MK3.astype(np.int16) - median_M3[:, None]) <= AGREE).all(axis=2)
    share_MK = weight_MK * near_MK
    mean_M3 = np.einsum("mk,mkc->mc", share_MK, rgb_MK3.astype(np.float32)) / share_MK.sum(axis=1)[:, None]
    return np.rint(mean_M3).astype(np.uint8)
