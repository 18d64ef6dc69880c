"""Temporal smoothing: less flicker of the surface from frame to frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal

import cv2
import numpy as np

from pipeline.stage import Stage
from stages.payloads import U8, FrameChunk, People, PersonSurface, Surfaces
from stages.people.fusion import estimate_from, fused_with_later, fused_with_past, warped_estimate
from stages.people.initial_flow import initial_flow
from stages.people.joint_fusion import JointEstimate, fused_along_flow, measured_joints
from stages.people.look_ahead import BufferedFrame, ChunkBuffer
from stages.people.optical_flow import DenseInverseSearch, FlowField, FlowSearch, PersonFlow
from stages.people.person_motion import coarse_motion
from stages.people.smoothing_state import (
    chunks_from_arrays,
    chunks_to_arrays,
    estimates_from_arrays,
    estimates_to_arrays,
    frames_from_arrays,
    frames_to_arrays,
    joints_from_arrays,
    joints_to_arrays,
)
from stages.people.surface_arrays import arrays_from_bytes, arrays_to_bytes
from stages.people.surface_estimate import EstimateLayers, SurfaceEstimate
from stages.people.upsampling import apply_estimate

NO_IMAGE = np.zeros((0, 0), np.uint8)


class Smooth(Stage):
    """Temporal smoothing: surfaces in, smoothed surfaces of the same frame out, `look_ahead` frames later.

    Optical flow warps the estimate of each person from frame to frame, where it is fused with the network's prediction
    (`stages.people.fusion`): the estimate of the past, and that of the next `look_ahead` frames. Single images, people
    without an identity, people in their first frame, and all people after a scene cut pass unchanged.
    """

    ordered = True
    accelerated = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How surfaces are smoothed.

        Attributes:
            kind: `flow`, or `none` to pass the network's surfaces.
            look_ahead: number of later frames that a frame waits for (0..8); 0 adds no delay, for live video.
            search: the flow search: `dis`, OpenCV's dense inverse search on the CPU, or `raft`, torchvision's network,
                which needs a GPU to be fast.
            raft_weights: torchvision's file of raft_small or raft_large.
        """

        kind: Literal["flow", "none"] = "flow"
        look_ahead: int = 0
        search: Literal["dis", "raft"] = "dis"
        raft_weights: str = ""

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 0 <= self.look_ahead <= 8:
                raise ValueError(f"look_ahead is {self.look_ahead}, must be from 0 to 8")

    @classmethod
    def uses_gpu(cls, config: Config) -> bool:
        """Only RAFT uses a GPU."""
        return config.kind == "flow" and config.search == "raft"

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises ModelError for weights of RAFT that cannot be read."""
        if cls.uses_gpu(config):
            from stages.people.raft import read_raft  # imports torch, which only this search needs

            read_raft(config.raft_weights)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A new stream. Raises ModelError for weights of RAFT that cannot be read."""
        super().__init__(config, threads=threads)
        self.flow = PersonFlow(flow_search(config, threads))
        self.chunks = ChunkBuffer()
        self.buffered: deque[BufferedFrame] = deque()
        self.estimates: dict[int, SurfaceEstimate] = {}
        self.joints: dict[int, JointEstimate] = {}
        self.before_HW: U8 = NO_IMAGE
        self.last_frame = -1

    def __call__(self, frames: FrameChunk, people: People, surfaces: Surfaces) -> Iterator[Surfaces]:
        """The smoothed surfaces of all chunks that are complete by now; their order and grids stay."""
        if frames.video.still or self.config.kind == "none":
            yield from self.flush()
            yield surfaces
            return
        self.chunks.add(surfaces, len(frames))
        for t in range(len(frames)):
            here = np.flatnonzero((people.frame_N == t) & (people.id_N >= 0)).tolist()
            given = {int(people.id_N[i]): (i, surfaces.people[i]) for i in here}
            self.buffered.append(self._fused_frame(frames, t, given))
            if len(self.buffered) > self.config.look_ahead:
                self._finish_oldest()
        yield from self.chunks.take_complete()

    def flush(self) -> Iterator[Surfaces]:
        """The chunks that still wait for later frames."""
        while self.buffered:
            self._finish_oldest()
        yield from self.chunks.take_complete()

    def blank(self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None) -> Surfaces | None:
        """The surfaces unchanged."""
        return surfaces

    def _fused_frame(self, frames: FrameChunk, t: int, given: dict[int, tuple[int, PersonSurface]]) -> BufferedFrame:
        """The people of the chunk's frame `t`, fused with the past; `self.estimates` becomes that of this frame."""
        frame, frame_HW3 = frames.first + t, frames.rgb_THW3[t]
        if frame != self.last_frame + 1 or frames.starts_shot(t):
            self.estimates = {}
        self.last_frame = frame
        now_HW = np.asarray(cv2.cvtColor(frame_HW3, cv2.COLOR_RGB2GRAY), np.uint8) if given else NO_IMAGE
        measured = {identity: estimate_from(surface) for identity, (_, surface) in given.items()}
        found = {identity: measured_joints(surface) for identity, (_, surface) in given.items()}
        joints = {identity: one for identity, one in found.items() if one is not None}
        joints_after: dict[int, JointEstimate] = {}
        estimates, fused, flow = dict(measured), {}, {}
        for identity, current in measured.items():
            past = self.estimates.get(identity)
            if past is None:
                continue
            to_past, from_past = self._flows(now_HW, current, past)
            if to_past is not None:
                self.chunks.add_motion(given[identity][0], coarse_motion(to_past, current.grid, past.grid))
                fused[identity] = fused_with_past(EstimateLayers.of(current), warped_estimate(past, to_past))
                estimates[identity] = fused[identity].packed(current.grid)
                if identity in joints and identity in self.joints:
                    grids = current.grid, past.grid
                    joints_after[identity] = fused_along_flow(joints[identity], self.joints[identity], to_past, *grids)
            if from_past is not None:
                flow[identity] = from_past
        self.estimates, self.joints, self.before_HW = estimates, joints | joints_after, now_HW
        return BufferedFrame(
            position={identity: position for identity, (position, _) in given.items()},
            measured=measured,
            fused=fused,
            flow=flow,
            joints=joints,
            fused_joints=joints_after,
        )

    def _flows(
        self, now_HW: U8, current: SurfaceEstimate, past: SurfaceEstimate
    ) -> tuple[FlowField | None, FlowField | None]:
        """Flow from a person's cells to those of the frame before, and back; the second only with look-ahead."""
        frames, grids, initial = (now_HW, self.before_HW), (current.grid, past.grid), initial_flow(current, past)
        if self.config.look_ahead:
            return self.flow.compute_both(*frames, *grids, initial) or (None, None)
        return self.flow.compute(*frames, *grids, initial), None

    def _finish_oldest(self) -> None:
        """Fuse the oldest frame with the later ones, and put the result into its chunk."""
        frame = self.buffered.popleft()
        for identity, position in frame.position.items():
            measured, fused, later = frame.measured[identity], frame.fused.get(identity), self._later(identity)
            if later is not None:
                fused = fused_with_later(fused or EstimateLayers.of(measured), later)
            if fused is not None:
                self.chunks.replace(position, apply_estimate(self.chunks.surface(position), measured, fused))
            joints = self._smoothed_joints(frame, identity)
            if joints is not None and joints is not frame.joints[identity]:
                surface = replace(self.chunks.surface(position), keypoint_K3=joints.keypoint_K3)
                self.chunks.replace(position, surface)
        self.chunks.finish_frame()

    def _later(self, identity: int) -> EstimateLayers | None:
        """A person's estimate from the buffered frames, warped back to the frame before them; None without any."""
        with_person = list(takewhile(lambda frame: identity in frame.flow, self.buffered))
        later: EstimateLayers | None = None
        for frame in reversed(with_person):
            estimate = frame.measured[identity]
            if later is not None:
                estimate = fused_with_later(EstimateLayers.of(estimate), later).packed(estimate.grid)
            later = warped_estimate(estimate, frame.flow[identity])
        return later

    def _smoothed_joints(self, frame: BufferedFrame, identity: int) -> JointEstimate | None:
        """A person's keypoints of the oldest frame, fused with those of other frames; None without any."""
        later = takewhile(lambda one: identity in one.flow, self.buffered)
        chain = list(takewhile(lambda one: identity in one.joints, [frame, *later]))
        if not chain:
            return None
        found = [one.joints[identity] for one in chain]
        found[0] = frame.fused_joints.get(identity, found[0])
        joints = found[-1]
        for own, here, there in zip(found[-2::-1], chain[-2::-1], chain[:0:-1], strict=True):
            grids = here.measured[identity].grid, there.measured[identity].grid
            joints = fused_along_flow(own, joints, there.flow[identity], *grids)
        return joints

    def state(self) -> bytes:
        """The last frame as a grey image, all estimates and the look-ahead buffer, exactly."""
        arrays = {
            "last_frame": np.array(self.last_frame),
            "before_HW": self.before_HW,
            **estimates_to_arrays("memory", self.estimates),
            **joints_to_arrays("joints", self.joints),
            **frames_to_arrays(self.buffered),
            **chunks_to_arrays(self.chunks),
        }
        return arrays_to_bytes(arrays)

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        arrays = arrays_from_bytes(state)
        self.last_frame, self.before_HW = int(arrays["last_frame"]), arrays["before_HW"]
        self.estimates = estimates_from_arrays("memory", arrays)
        self.joints = joints_from_arrays("joints", arrays)
        self.buffered, self.chunks = frames_from_arrays(arrays), chunks_from_arrays(arrays)


def flow_search(config: Smooth.Config, threads: int) -> FlowSearch:
    """The configured flow search. Raises ModelError for weights of RAFT that cannot be read."""
    if config.search == "dis":
        return DenseInverseSearch()
    from stages.people.raft import RaftSearch  # slow to import and seldom used

    return RaftSearch(config.raft_weights, threads=threads)
