"""Replay of a saved export: the same images as the run that saved it, without the network."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.command.cli import main
from pipeline.jobs.inputs import find_inputs, saved_inputs
from pipeline.stage import Job, StageError
from stages.payloads import Surfaces
from stages.results.replay import Replay
from tests.stages.results.formats.made_frames import PEOPLE, SURFACES, VIDEO, export, frames_of, people_of
from tests.stages.video.numbered_videos import numbered, write_video
from tests.stages.video.video_runs import decoded


def film(path: Path, frames: int, rate: int = 25) -> np.ndarray:
    """A lossless video of noise; returns its frames."""
    rgb = np.random.default_rng(2).integers(0, 256, (frames, VIDEO.height, VIDEO.width, 3), dtype=np.uint8)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = VIDEO.width, VIDEO.height, "bgr0"
        for picture in rgb:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return rgb


def saved(folder: Path, video: str, index: list[int]) -> Path:
    """An export of three frames of a video; the second has no people."""
    frames = frames_of(3, index=index, video=replace(VIDEO, path=video))
    export({"surfaces": folder}, replace(frames, pts_T=np.array(index, np.int64)))
    return folder


def job_on(folder: Path, output: Path | None = None) -> Job:
    return Job(index=0, input=str(folder), output=None if output is None else str(output), stem="saved")


def test_every_frame_gets_its_people(tmp_path: Path) -> None:
    rgb = film(tmp_path / "film.mkv", 12)
    folder = saved(tmp_path / "saved", str(tmp_path / "film.mkv"), [3, 6, 9])  # as decode.start and every chose
    ((frames, people, surfaces),) = list(Replay(Replay.Config())(job_on(folder)))
    assert np.array_equal(frames.rgb_THW3, rgb[[3, 6, 9]])
    assert [frames.source_index(t) for t in range(3)] == [3, 6, 9] and frames.first == 0
    assert people.frame_N.tolist() == PEOPLE.frame_N.tolist() and people.id_N.tolist() == PEOPLE.id_N.tolist()
    assert np.array_equal(people.box_N4, PEOPLE.box_N4) and np.array_equal(people.score_N, PEOPLE.score_N)
    for ours, given in zip(surfaces.people, SURFACES.people, strict=True):
        assert np.array_equal(ours.labels_hw, given.labels_hw) and np.array_equal(ours.uv_2hw, given.uv_2hw)


def test_without_the_video_on_black(tmp_path: Path) -> None:
    folder = saved(tmp_path / "saved", "gone.mp4", [0, 1, 2])
    ((frames, people, _),) = list(Replay(Replay.Config(video="black"))(job_on(folder)))
    assert not frames.rgb_THW3.any() and len(frames) == 3 and len(people) == 3
    assert frames.video.path == ""  # nor its sound


@pytest.mark.parametrize(
    ("frames", "rate", "sentence"),
    [
        (2, 25, "ends before frame 2 of the export"),
        (12, 10, "has no frame at 0.040 s"),
        (0, 25, "the video of this export does not exist"),
    ],
)
def test_another_video_is_refused(tmp_path: Path, frames: int, rate: int, sentence: str) -> None:
    folder = saved(tmp_path / "saved", str(tmp_path / "film.mkv"), [0, 1, 2])
    if frames:
        film(tmp_path / "film.mkv", frames, rate)
    with pytest.raises(StageError, match=sentence):
        list(Replay(Replay.Config())(job_on(folder)))


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    film(tmp_path / "film.mkv", 3)
    video = replace(VIDEO, path=str(tmp_path / "film.mkv"), width=100)
    export({"surfaces": tmp_path / "saved"}, frames_of(1, video=video), people_of([], [], []), Surfaces(people=()))
    with pytest.raises(StageError, match="has frames of 64×48, the export of 100×48"):
        list(Replay(Replay.Config())(job_on(tmp_path / "saved")))


def test_the_video_is_never_overwritten_and_other_folders_are_refused(tmp_path: Path) -> None:
    film(tmp_path / "film.mkv", 3)
    folder = saved(tmp_path / "saved", str(tmp_path / "film.mkv"), [0, 1, 2])
    with pytest.raises(StageError, match="the output would overwrite the video"):
        list(Replay(Replay.Config())(job_on(folder, tmp_path / "film.mkv")))
    with pytest.raises(StageError, match="is no export of surfaces"):
        list(Replay(Replay.Config())(job_on(tmp_path)))
    (folder / "frame_000009.npz").write_bytes(b"of an older export")
    with pytest.raises(StageError, match="holds 4 frames, but 3 were exported last"):
        list(Replay(Replay.Config())(job_on(folder)))
    (folder / "frame_000009.npz").unlink()
    (folder / "frame_000001.npz").write_bytes(b"junk")
    with pytest.raises(StageError, match=r"frame_000001\.npz: is no frame of an export"):
        list(Replay(Replay.Config())(job_on(folder)))
    (folder / "stream.json").write_text("{}")
    with pytest.raises(StageError, match="lacks or has invalid properties"):
        list(Replay(Replay.Config())(job_on(folder)))


def test_real_iuv_images_are_read_in_either_channel_order(shared: Path, tmp_path: Path) -> None:
    """Photos with IUV images from other tools: drawn and exported again, they have the same bytes."""
    real = shared / "assets/real_iuv"
    for photo, iuv, chart_first in (
        ("fb_densepose/demo_im.jpg", "fb_densepose/demo_im_IUV.png", False),
        ("fb_densepose/000000000785.jpg", "fb_densepose/000000000785_IUV_rgb.png", True),
        ("tex2shape/rp_lee_posed_004_30k.jpg", "tex2shape/rp_lee_posed_004_30k_IUV.png", False),
    ):
        job = replace(job_on(real / iuv), stem="again")
        ((frames, people, surfaces),) = list(Replay(Replay.Config(video=str(real / photo)))(job))
        assert frames.rgb_THW3.mean() > 20 and len(people) == 1
        export({"iuv": tmp_path}, frames, people, surfaces, job=job)
        given = cv2.imread(str(real / iuv))
        again = cv2.imread(str(tmp_path / "again.png"))
        assert np.array_equal(again, given[..., ::-1] if chart_first else given)


def test_an_iuv_video_is_drawn_over_its_video(tmp_path: Path) -> None:
    rgb = film(tmp_path / "film.mkv", 3)
    export({"iuv_video": tmp_path / "iuv.mkv", "iuv": tmp_path / "png"})
    stage = Replay(Replay.Config(video=str(tmp_path / "film.mkv")))
    ((frames, people, surfaces),) = list(stage(job_on(tmp_path / "iuv.mkv")))
    assert np.array_equal(frames.rgb_THW3, rgb)
    assert people.frame_N.tolist() == [0, 2]  # nobody is in the second
    export({"iuv": tmp_path / "again"}, frames, people, surfaces)
    for name in (f"frame_{i:06d}.png" for i in range(3)):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "png" / name).read_bytes()
    with pytest.raises(StageError, match="does not record what it was made from"):
        list(Replay(Replay.Config())(job_on(tmp_path / "iuv.mkv")))
    with pytest.raises(StageError, match=r"film\.mkv: is no IUV image"):
        list(Replay(Replay.Config())(job_on(tmp_path / "film.mkv")))


def test_an_iuv_video_begins_where_its_part_of_the_video_did(tmp_path: Path) -> None:
    """Frames 5, 6, 7 of twelve were processed (`decode.start=0.19`); the times of their video count from there."""
    rgb = film(tmp_path / "film.mkv", 12)
    given = frames_of(3, index=[5, 6, 7], video=replace(VIDEO, cut_start=Fraction(19, 100)))
    export({"iuv_video": tmp_path / "iuv.mkv", "iuv": tmp_path / "png"}, replace(given, pts_T=np.array([5, 6, 7])))
    with pytest.raises(StageError, match=r"has no frame at 0\.010 s"):  # the film's first frame, 10 ms after the cut
        list(Replay(Replay.Config(video=str(tmp_path / "film.mkv")))(job_on(tmp_path / "iuv.mkv")))
    stage = Replay(Replay.Config(video=str(tmp_path / "film.mkv"), start=0.19))
    ((frames, people, surfaces),) = list(stage(job_on(tmp_path / "iuv.mkv")))
    assert np.array_equal(frames.rgb_THW3, rgb[[5, 6, 7]])
    assert [frames.source_index(t) for t in range(3)] == [5, 6, 7]
    export({"iuv": tmp_path / "again"}, frames, people, surfaces)
    for name in ("frame_000005.png", "frame_000006.png", "frame_000007.png"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "png" / name).read_bytes()
    with pytest.raises(StageError, match=r"film\.mkv"):
        list(Replay(Replay.Config(video=str(tmp_path / "film.mkv"), start=9.0))(job_on(tmp_path / "iuv.mkv")))


@pytest.mark.parametrize("start", [None, 0.1])
def test_an_iuv_video_takes_times_and_pixel_aspect_of_its_video(tmp_path: Path, start: float | None) -> None:
    """So its sound is in time and people keep their shape, also where the clock of the video starts late."""
    pictures = [numbered(i) for i in range(9)]
    source = write_video(tmp_path / "film.mkv", pictures, pts=range(600, 609), aspect=Fraction(4, 3))
    (given,), _ = decoded(source, start=start)
    export({"iuv_video": tmp_path / "iuv.mkv"}, given, people_of([], [], []), Surfaces(people=()))
    stage = Replay(Replay.Config(video=str(source), start=start or 0))
    ((frames, _, _),) = list(stage(job_on(tmp_path / "iuv.mkv")))
    assert np.array_equal(frames.rgb_THW3, given.rgb_THW3) and np.array_equal(frames.pts_T, given.pts_T)
    assert frames.video.cut_start == given.video.cut_start and frames.video.sample_aspect == Fraction(4, 3)


@pytest.mark.parametrize(("number", "count"), [(785, 1), (872, 2)])
def test_real_results_are_read_and_exported_again(shared: Path, tmp_path: Path, number: int, count: int) -> None:
    """The challenge's own list over its photos: scores, boxes and the stored charts are read unchanged."""
    real = shared / "assets/real_iuv/fb_densepose"
    photo, listed = real / f"{number:012d}.jpg", real / "challenge2018_example_results.json"
    job = replace(job_on(listed), stem=f"{number:012d}")
    ((frames, people, surfaces),) = list(Replay(Replay.Config(video=str(photo)))(job))
    given = [entry for entry in json.loads(listed.read_text()) if entry["image_id"] == number]
    assert len(given) == len(people) == count and frames.rgb_THW3.mean() > 20
    export({"result_json": tmp_path / "r.json"}, frames, people, surfaces, job=job)
    again = json.loads((tmp_path / "r.json").read_text())
    for ours, theirs in zip(again, sorted(given, key=lambda entry: -entry["score"]), strict=True):
        assert ours["score"] == pytest.approx(theirs["score"], abs=1e-6)
        assert {key: ours[key] for key in ("image_id", "bbox", "uv_shape")} == {
            key: theirs[key] for key in ("image_id", "bbox", "uv_shape")
        }
        assert np.array_equal(stored(ours), stored(theirs))
    with pytest.raises(StageError, match="has no entry for the photo 'demo_im'"):
        list(Replay(Replay.Config(video=str(real / "demo_im.jpg")))(job_on(listed)))


def stored(entry: dict[str, Any]) -> np.ndarray:
    """The image in an entry."""
    return np.asarray(Image.open(BytesIO(base64.b64decode(entry["uv_data"]))))


def test_a_real_person_image_separates_people_of_an_iuv_image(shared: Path, tmp_path: Path) -> None:
    real = shared / "assets/real_iuv/fb_densepose"
    config = Replay.Config(video=str(real / "demo_im.jpg"), inds=str(real / "demo_im_INDS.png"))
    job = replace(job_on(real / "demo_im_IUV.png"), stem="again")
    ((frames, people, surfaces),) = list(Replay(config)(job))
    inds = cv2.imread(str(real / "demo_im_INDS.png"), cv2.IMREAD_UNCHANGED)
    assert people.id_N.tolist() == np.unique(inds[inds > 0]).tolist() == list(range(7, 20))
    for who, surface in zip(people.id_N, surfaces.people, strict=True):
        frame, grid = surface.windows(*inds.shape)
        assert np.array_equal(surface.labels_hw[grid] > 0, inds[frame] == who)
    export({"iuv": tmp_path}, frames, people, surfaces, job=job)
    assert np.array_equal(cv2.imread(str(tmp_path / "again.png")), cv2.imread(str(real / "demo_im_IUV.png")))


@pytest.mark.parametrize("kind", ["iuv", "coco", "result_json"])
def test_numbered_exports_are_drawn_over_their_frames(tmp_path: Path, kind: str) -> None:
    """Frames 3, 6 and 9 of a video of 12 were processed; frame 6 has no people."""
    rgb = film(tmp_path / "film.mkv", 12)
    given = frames_of(3, index=[3, 6, 9])
    target = tmp_path / ("iuv" if kind == "iuv" else "list.json")
    people = replace(PEOPLE, bridged_N=np.array([False, kind != "iuv", False]))
    export({kind: target, "inds": tmp_path / "inds"}, given, people)
    inds = str(tmp_path / "inds") if kind == "iuv" else None
    stage = Replay(Replay.Config(video=str(tmp_path / "film.mkv"), inds=inds))
    ((frames, again, surfaces),) = list(stage(job_on(target)))
    numbers = [frames.source_index(t) for t in range(len(frames))]
    assert numbers == ([3, 6, 9] if kind == "iuv" else list(range(12)))  # lists do not name empty frames
    assert np.array_equal(frames.rgb_THW3, rgb[numbers])
    assert [numbers[t] for t in again.frame_N] == [3, 3, 9]
    assert again.id_N.tolist() == ([3, 7, 7] if kind == "iuv" else [7, 3, 7])
    assert again.bridged().tolist() == [False, kind != "iuv", False]
    export({"iuv": tmp_path / "first", "inds": tmp_path / "first_inds"}, given)
    export({"iuv": tmp_path / "second", "inds": tmp_path / "second_inds"}, frames, again, surfaces)
    for name in ("frame_000003.png", "frame_000006.png", "frame_000009.png"):
        for folder in ("", "_inds"):
            first, second = (tmp_path / f"{which}{folder}" / name for which in ("first", "second"))
            assert first.read_bytes() == second.read_bytes()
    short = film(tmp_path / "short.mkv", 5)
    assert len(short) == 5
    if kind == "iuv":
        with pytest.raises(StageError, match=r"short\.mkv: has 1 of the export's 3 frames"):
            list(Replay(Replay.Config(video=str(tmp_path / "short.mkv")))(job_on(target)))
    with pytest.raises(StageError, match="has neither the times nor the size"):
        list(Replay(Replay.Config())(job_on(target)))


def test_an_iuv_video_of_a_part_finds_its_person_images(tmp_path: Path) -> None:
    """The video counts from 0, the images as their source: 3, 6, 9."""
    film(tmp_path / "film.mkv", 3)
    export({"iuv_video": tmp_path / "iuv.mkv", "inds": tmp_path / "inds"}, frames_of(3, index=[3, 6, 9]))
    config = Replay.Config(video=str(tmp_path / "film.mkv"), inds=str(tmp_path / "inds"))
    ((_, people, _),) = list(Replay(config)(job_on(tmp_path / "iuv.mkv")))
    assert people.frame_N.tolist() == [0, 0, 2] and people.id_N.tolist() == [3, 7, 7]
    (tmp_path / "inds" / "frame_000009.png").unlink()
    with pytest.raises(StageError, match="holds 2 images, fewer than the IUV video"):
        list(Replay(config)(job_on(tmp_path / "iuv.mkv")))


def test_other_files_are_refused(tmp_path: Path) -> None:
    rgb = film(tmp_path / "film.mkv", 3)
    assert len(rgb) == 3
    (tmp_path / "a.json").write_text('{"image_id": 1}')
    (tmp_path / "b.json").write_text('[{"image_id": 1, "bbox": [0, 0, 2, 2], "uv_data": "bm9uZQ=="}]')
    (tmp_path / "unnumbered").mkdir()
    (tmp_path / "unnumbered" / "a.png").write_bytes(b"")
    config = Replay.Config(video=str(tmp_path / "film.mkv"))
    for name, sentence in (
        ("a.json", "is no list of DensePose's results"),
        ("b.json", "has a damaged entry for image_id 1"),
        ("unnumbered", "holds no images whose names end in a frame's number"),
    ):
        with pytest.raises(StageError, match=sentence):
            list(Replay(config)(job_on(tmp_path / name)))


def test_a_folder_of_one_videos_images_is_one_input(tmp_path: Path) -> None:
    export({"iuv": tmp_path / "iuv"})
    (job,) = saved_inputs([str(tmp_path / "iuv")], str(tmp_path / "out.mp4"), overwrite=False).jobs
    assert job.input == str(tmp_path / "iuv")
    assert len(find_inputs([str(tmp_path / "iuv")], str(tmp_path / "out"), overwrite=False).jobs) == 3


def test_the_command_draws_the_same_frames_again_without_the_network(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run, on the export alone, decodes to the same frames as the run with the network."""
    monkeypatch.chdir(tmp_path)
    run = ["--serial", "--style", "parts", "--set", "encode.preset=ultrafast"]
    clip = str(root / "configs" / "demo_walk.mp4")
    export = ["--export", "surfaces=saved", "--set", "decode.start=1", "--set", "decode.end=1.2", "-o", "first.mp4"]
    for command in ([*run, clip, *export], [*run, "saved", "-c", "render", "-o", "second.mp4"]):
        assert main(command) == 0
    assert sorted(p.name for p in (tmp_path / "saved").glob("*.npz")) == [f"frame_{i:06d}.npz" for i in range(25, 30)]
    first, second = (
        [(f.pts, f.to_ndarray()) for f in av.open(str(tmp_path / n)).decode(video=0)]
        for n in ("first.mp4", "second.mp4")
    )
    assert len(first) == len(second) == 5
    for (pts, picture), (again, same) in zip(first, second, strict=True):
        assert pts == again and np.array_equal(picture, same)
