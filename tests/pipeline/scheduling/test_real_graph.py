"""The product's own graph under both runners: the same decoded frames whatever the packets, credits and replicas.

The network's weights are random here, so that the test needs none; what it finds means nothing, and must be equal.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import yaml
from toy_runs import Run

import pipeline
from pipeline.configuration.config import RunConfig, load_config
from pipeline.jobs.inputs import find_inputs
from pipeline.stage import Job
from stages import STAGES
from tests.faults.kill_rounds import decoded


@pytest.fixture
def settings(weights: Path) -> list[str]:
    """Half a second of the clip, and two people in every frame, wherever the network sees them; they are steadied."""
    return [
        f"network.weights={weights}",
        "network.min_score=0.0001",
        "network.max_people=2",
        "track.confident_score=0",
        "decode.end=0.5",
        "threads=1",
    ]


@pytest.fixture
def clip(root: Path) -> str:
    return str(root / "configs" / "demo_walk.mp4")


Convert = Callable[..., Job]


def convert(run: Run, clip: str, settings: list[str], output: Path) -> Job:
    """Run the default configuration on a clip; its job."""
    config: RunConfig = load_config("video", settings, STAGES)
    inputs = find_inputs([clip], str(output), overwrite=True)
    metrics, receipts = run(config, list(inputs.jobs))
    assert metrics.streams[0].failure is None, metrics.streams[0].failure
    assert receipts[-1][1].path == str(output)
    return inputs.jobs[0]


def test_same_frames_whatever_the_runner_packets_credits_and_replicas(
    serially: Run, under_ray: Run, clip: str, settings: list[str], tmp_path: Path
) -> None:
    convert(serially, clip, settings, tmp_path / "serial.mp4")
    expected = decoded(tmp_path / "serial.mp4")
    ways = [
        (serially, ["decode.chunk=1"]),
        (under_ray, ["lanes.network.replicas=1", "credits=1"]),
        (under_ray, ["lanes.network.replicas=2", "credits=6", "decode.chunk=2"]),
    ]
    for number, (run, changes) in enumerate(ways):
        output = tmp_path / f"{number}.mp4"
        convert(run, clip, [*settings, *changes], output)
        assert decoded(output) == expected, changes


def test_frames_that_cannot_be_processed_go_through_where_allowed(
    serially: Run, clip: str, settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stages.people.densepose import DensePose

    whole = DensePose.__call__

    @functools.wraps(whole)
    def breaks(self, frames, people, features):
        if frames.first == 4:
            raise MemoryError("a frame too many")
        return whole(self, frames, people, features)

    monkeypatch.setattr(DensePose, "__call__", breaks)
    config = load_config("video", [*settings, "on_error=pass", "decode.chunk=4"], STAGES)
    inputs = find_inputs([clip], str(tmp_path / "out.mp4"), overwrite=True)
    metrics, receipts = serially(config, list(inputs.jobs))
    assert receipts[-1][1].frames == 13
    (sentence,) = metrics.streams[0].poisoned
    assert "frame 4: stage 'densepose' failed (MemoryError: a frame too many)" in sentence
    assert metrics.streams[0].people == 2 * 12  # of the packet 4..7 only one frame is unprocessed


def test_nothing_is_left_beside_the_result(serially: Run, clip: str, settings: list[str], tmp_path: Path) -> None:
    convert(serially, clip, [*settings, "encode.segment_frames=4"], tmp_path / "out.mp4")
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]


def test_the_python_interface_gives_the_frames_that_are_exported(
    serially: Run, clip: str, settings: list[str], tmp_path: Path
) -> None:
    changes = {key: yaml.safe_load(value) for key, value in (change.split("=") for change in settings)}
    frames = list(pipeline.run("video", clip, settings=changes))
    assert [frame.index for frame in frames] == list(range(13))  # 25 a second, before 0.5 s
    assert all(frame.overlay_HW3.shape == frame.rgb_HW3.shape for frame in frames)
    assert all(len(frame.people) == len(frame.surfaces) for frame in frames)


def test_a_single_image_gives_the_same_as_the_export(
    serially: Run, weights: Path, settings: list[str], clip: str, tmp_path: Path
) -> None:
    with av.open(clip) as file:
        rgb = next(file.decode(video=0)).to_ndarray(format="rgb24")
    shutil.copy(save_png(rgb, tmp_path / "still.png"), tmp_path / "input.png")
    graph = tmp_path / "one.yaml"
    graph.write_text("extends: video\nnetwork: {min_score: 0.0001, max_people: 2}\nthreads: 1\n")
    people, surfaces = pipeline.load(str(weights), str(graph))(rgb)
    stills = [change for change in settings if not change.startswith("decode")]
    convert(
        serially, str(tmp_path / "input.png"), [*stills, f"export_raw.to.instances={tmp_path}"], tmp_path / "out.png"
    )
    exported = np.load(tmp_path / "input.npz")
    assert np.array_equal(exported["boxes_N4"], people.box_N4)
    assert len(surfaces) == len(people) == 2
    for i, (one, box_4) in enumerate(zip(surfaces.people, people.box_N4, strict=True)):
        left, top = int(box_4[0]) - one.x0, int(box_4[1]) - one.y0
        assert np.array_equal(exported[f"labels_{i}"], one.labels_hw[top:, left:])


def save_png(rgb_HW3: np.ndarray, path: Path) -> Path:
    """Write an image without loss."""
    with av.open(str(path), "w", format="image2") as file:
        stream = file.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = rgb_HW3.shape[1], rgb_HW3.shape[0], "rgb24"
        for packet in stream.encode(av.VideoFrame.from_ndarray(rgb_HW3, format="rgb24")):
            file.mux(packet)
        file.mux(stream.encode())
    return path
