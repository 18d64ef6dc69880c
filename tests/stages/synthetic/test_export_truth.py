"""Exported scenes, read back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.command.cli import main
from pipeline.stage import Job, StageError
from stages.synthetic.export_truth import ExportTruth
from stages.synthetic.synthesize import Synthesize

JOB = Job(index=0, input="video", output=None, stem="video")


def packets(world, count, first=0):
    config = Synthesize.Config(world=world, count=count, first=first, height=96, width=128, seed=2)
    return [(frames, scene) for frames, _, _, scene in Synthesize(config)(JOB)]


def test_every_scene_is_read_back_exactly(tmp_path):
    stage = ExportTruth(ExportTruth.Config(folder=str(tmp_path / "new" / "truth")))
    made = packets("video", 2, first=30)
    for frames, scene in made:
        assert stage(JOB, frames, scene) is None
    folder = tmp_path / "new" / "truth"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"frame_00000{i}.{kind}" for i in range(2) for kind in ("npz", "png")
    ]
    for number, (_, scene) in enumerate(made):
        assert np.array_equal(cv2.imread(str(folder / f"frame_00000{number}.png"))[..., ::-1], scene.rgb_HW3)
        with np.load(folder / f"frame_00000{number}.npz", allow_pickle=False) as file:
            for name in ("label_HW", "uv_2HW", "instance_HW", "box_N4", "keypoint_N173", "depth_HW"):
                assert np.array_equal(file[name], getattr(scene, name))
            for name in ("track_N", "next_2HW", "previous_2HW", "next_seen_HW", "previous_seen_HW"):
                assert np.array_equal(file[name], getattr(scene.moving, name))


def test_images_have_no_flow_and_no_folder_means_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ((frames, scene),) = packets("val", 1)
    ExportTruth(ExportTruth.Config())(JOB, frames, scene)
    assert not list(tmp_path.iterdir())
    ExportTruth(ExportTruth.Config(folder="here"))(JOB, frames, scene)
    with np.load(tmp_path / "here" / "frame_000000.npz") as file:
        assert "next_2HW" not in file.files and "label_HW" in file.files


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "taken").write_text("in the way")
    ((frames, scene),) = packets("val", 1)
    with pytest.raises(StageError, match="taken/frame_000000: the scene cannot be written"):
        ExportTruth(ExportTruth.Config(folder=str(tmp_path / "taken")))(JOB, frames, scene)


def test_the_command_writes_a_clip_and_its_ground_truth(tmp_path):
    out, folder = tmp_path / "clip.mp4", tmp_path / "truth"
    settings = ["synthesize.world=video", "synthesize.count=3", "synthesize.height=96", "synthesize.width=128"]
    changes = [word for one in (*settings, f"export_truth.folder={folder}") for word in ("--set", one)]
    assert main(["-c", "synthetic", "--serial", "-o", str(out), "--style", "none", *changes]) == 0
    assert out.is_file() and len(list(folder.glob("*.npz"))) == len(list(folder.glob("*.png"))) == 3
