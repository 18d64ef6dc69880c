"""The source of synthetic scenes: ground truth as people and surfaces."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.command.cli import main
from pipeline.stage import Job, StageError
from stages.synthetic.synthesize import Synthesize, check_world_name

JOB = Job(index=0, input="train", output=None, stem="train")


def made(**settings):
    return list(Synthesize(Synthesize.Config(height=96, width=128, **settings))(JOB))


def test_packets_are_numbered_scenes():
    packets = made(first=5, count=4, seed=2)
    assert [frames.first for frames, *_ in packets] == [0, 1, 2, 3]
    assert [int(frames.pts_T[0]) for frames, *_ in packets] == [0, 1, 2, 3]
    again = made(first=6, count=1, seed=2)
    assert np.array_equal(again[0][0].rgb_THW3, packets[1][0].rgb_THW3)


def test_surfaces_placed_into_the_frame_are_the_label_map():
    for frames, people, surfaces, scene in made(count=8, seed=1):
        assert len(people) == len(surfaces) == len(scene.box_N4)
        label = np.zeros(frames.rgb_THW3.shape[1:3], np.uint8)
        uv = np.zeros((2, *label.shape), np.float32)
        for surface in surfaces.people:
            h, w = surface.labels_hw.shape
            window = (slice(surface.y0, surface.y0 + h), slice(surface.x0, surface.x0 + w))
            on = surface.labels_hw > 0
            label[window][on] = surface.labels_hw[on]
            for axis in (0, 1):
                uv[axis][window][on] = surface.uv_2hw[axis][on]
        assert np.array_equal(label, scene.label_HW)
        assert np.array_equal(uv, scene.uv_2HW.astype(np.float32))


def test_an_unknown_world_names_the_most_similar():
    with pytest.raises(StageError, match="train"):
        check_world_name("trian")


def test_videos_keep_identities_and_far_takes_no_backgrounds(tmp_path):
    packets = made(world="video", count=3, first=40, seed=3)
    seen = [set(people.id_N.tolist()) for _, people, _, _ in packets]
    assert seen[0] and seen[0] == seen[1] == seen[2]
    assert all(np.array_equal(people.id_N, scene.moving.track_N) for _, people, _, scene in packets)
    with pytest.raises(StageError, match="takes no backgrounds"):
        made(world="far", backgrounds=(str(tmp_path),))


def test_backgrounds_are_read_from_folders(tmp_path):
    with pytest.raises(StageError, match="no images"):
        made(count=1, backgrounds=(str(tmp_path),))
    cv2.imwrite(str(tmp_path / "green.png"), np.full((40, 50, 3), (0, 255, 0), np.uint8))
    assert len(made(count=2, backgrounds=(str(tmp_path),))) == 2


def test_ground_truth_can_be_rendered_and_written_as_a_video(tmp_path):
    """The real command, in one process: synthesize → render → encode."""
    out = tmp_path / "scenes.mp4"
    few = ["--set", "synthesize.count=5", "--set", "synthesize.world=val"]
    assert main(["-c", "synthetic", "--serial", "-o", str(out), "--style", "parts", *few]) == 0
    video = cv2.VideoCapture(str(out))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == 5 and frames[0].shape == (240, 320, 3)
