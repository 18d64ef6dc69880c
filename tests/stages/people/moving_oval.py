"""A patterned oval that moves over a patterned ground, and the jittery output of a network for it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from stages.payloads import FrameChunk, People, PersonSurface, VideoInfo

WIDTH, HEIGHT = 320, 240
BODY_WIDTH, BODY_HEIGHT = 70, 170
GRID_WIDTH, GRID_HEIGHT = 86, 186
CHARTS = np.array([23, 2, 9, 13], np.uint8)
JOINTS = np.random.default_rng(5).uniform(-0.6, 0.6, (17, 2)) * (BODY_WIDTH / 2, BODY_HEIGHT / 2)
"""Keypoints on the oval, in pixels from its centre."""
JOINT_JITTER = 1.5
"""Pixels, one standard deviation of each axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A clip of the oval: frames, the jittery output of a network, and the ground truth."""

    rgb_THW3: np.ndarray
    seen: list[PersonSurface]
    truth: list[PersonSurface]
    place_T2: np.ndarray


def pattern(seed: int, height: int, width: int, blur: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), blur)
    return np.clip(128 + noise / noise.std() * 45, 0, 255).astype(np.uint8)


def surface_at(
    place: np.ndarray, jitter_hw2: np.ndarray, slips_hw: np.ndarray, joint_jitter_172: np.ndarray
) -> PersonSurface:
    """The oval's surface with its centre at `place`: four charts from top to bottom, U across, V up in each.

    `jitter_hw2` shifts the sampled positions, in pixels; where `slips_hw`, the label is that of the next chart.
    """
    x0, y0 = int(place[0] - GRID_WIDTH / 2), int(place[1] - GRID_HEIGHT / 2)
    y, x = np.mgrid[y0 : y0 + GRID_HEIGHT, x0 : x0 + GRID_WIDTH].astype(np.float32)
    across = (x - place[0] + jitter_hw2[..., 0]) / BODY_WIDTH + 0.5
    down = (y - place[1] + jitter_hw2[..., 1]) / BODY_HEIGHT + 0.5
    inside = (across - 0.5) ** 2 + (down - 0.5) ** 2 < 0.25
    band = np.clip((down * 4).astype(int), 0, 3)
    labels = np.where(slips_hw, CHARTS[(band + 1) % 4], CHARTS[band]) * inside
    uv = np.stack([across, 1 - (down * 4) % 1]) * inside
    sure = np.full(labels.shape, 0.5, np.float32)
    joints = np.column_stack([place + JOINTS + joint_jitter_172, np.full(17, 0.8)])
    surface = PersonSurface(
        x0=x0,
        y0=y0,
        labels_hw=labels.astype(np.uint8),
        uv_2hw=uv.astype(np.float32),
        confidence_hw=sure,
        keypoint_K3=joints.astype(np.float32),
        mask_hw=inside,
    )
    surface.labels_hw.flags.writeable = surface.uv_2hw.flags.writeable = False  # as between processes
    return surface


def shot(steps_T2: np.ndarray, seed: int = 0) -> Shot:
    rng, joint_rng = np.random.default_rng(seed), np.random.default_rng(seed + 9)
    ground, body = pattern(seed + 1, HEIGHT, WIDTH), pattern(seed + 2, BODY_HEIGHT, BODY_WIDTH)
    place_T2 = np.array([90.0, 120.0]) + np.cumsum(steps_T2, axis=0)
    frames, seen, truth = [], [], []
    calm = np.zeros((GRID_HEIGHT, GRID_WIDTH, 2), np.float32)
    for place in place_T2:
        corner = place - np.array([BODY_WIDTH, BODY_HEIGHT]) / 2
        shift = np.array([[1, 0, corner[0]], [0, 1, corner[1]]])
        moved = cv2.warpAffine(body, shift, (WIDTH, HEIGHT))
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
        oval = ((x - place[0]) / BODY_WIDTH) ** 2 + ((y - place[1]) / BODY_HEIGHT) ** 2 < 0.25
        frame = np.where(oval[..., None], moved, ground).astype(np.float32) + rng.normal(0, 2, (HEIGHT, WIDTH, 1))
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
        jitter = cv2.GaussianBlur(rng.normal(0, 1, calm.shape).astype(np.float32), (0, 0), 3)
        slips = cv2.GaussianBlur(rng.normal(0, 1, calm.shape[:2]).astype(np.float32), (0, 0), 2)
        joints = joint_rng.normal(0, JOINT_JITTER, (17, 2))
        seen.append(surface_at(place, jitter / jitter.std() * 2.0, slips > slips.std() * 2, joints))
        truth.append(surface_at(place, calm, np.zeros(calm.shape[:2], bool), np.zeros((17, 2))))
    return Shot(rgb_THW3=np.stack(frames), seen=seen, truth=truth, place_T2=place_T2)


def chunk_of(rgb_THW3: np.ndarray, first: int = 0, still: bool = False) -> FrameChunk:
    count, height, width = rgb_THW3.shape[:3]
    info = VideoInfo(path="", width=width, height=height, still=still, rate=Fraction(30), time_base=Fraction(1, 30))
    return FrameChunk(rgb_THW3=rgb_THW3, pts_T=np.arange(first, first + count), first=first, video=info)


def people_of(count: int, ids: list[int] | None = None) -> People:
    """One person in each of `count` frames."""
    return People(
        frame_N=np.arange(count, dtype=np.int32),
        box_N4=np.zeros((count, 4), np.float32),
        score_N=np.ones(count, np.float32),
        id_N=np.array(ids if ids is not None else [1] * count, np.int32),
    )


STEADY = np.tile([[3.3, 0.4]], (24, 1))
FAST = np.tile([[9.7, 0.0]], (16, 1))
START = np.concatenate([np.zeros((8, 2)), np.tile([[6.3, 0.8]], (16, 1))])
