"""The network's own result, written frame by frame and read back."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.stage import Job, StageError
from stages.export_instances import ExportInstances
from stages.payloads import FrameChunk, People, Surface, Surfaces, VideoInfo


def frames_of(count: int, first: int = 0, still: bool = False) -> FrameChunk:
    info = VideoInfo(path="walk.mp4", width=16, height=12, still=still, rate=None, time_base=Fraction(1, 25))
    return FrameChunk(rgb_THW3=np.zeros((count, 12, 16, 3), np.uint8), pts_T=np.arange(count), first=first, video=info)


def job_of(several: bool = False) -> Job:
    return Job(index=0, input="walk.mp4", output="out.mp4", stem="walk", several=several)


def surface_of(seed: int, height: int, width: int) -> Surface:
    rng = np.random.default_rng(seed)
    labels_hw = rng.integers(0, 25, (height, width), dtype=np.uint8)
    uv_2hw = rng.normal(0.5, 0.6, (2, height, width)).astype(np.float32) * (labels_hw > 0)
    return Surface(x0=-2, y0=3, labels_hw=labels_hw, uv_2hw=uv_2hw.astype(np.float32))


PEOPLE = People(
    frame_N=np.array([0, 0, 2], np.int32),
    box_N4=np.array([[-2.7, 3.9, 4.2, 9.1], [1 / 3, 0, 7, 8], [0, 1, 2, 3]], np.float32),
    score_N=np.array([0.99, 0.31, 0.5], np.float32),
    id_N=np.full(3, -1, np.int32),
)
SURFACES = Surfaces(people=(surface_of(1, 5, 6), surface_of(2, 8, 6), surface_of(3, 2, 2)))


def test_every_frame_has_its_file_with_the_exact_arrays(tmp_path: Path) -> None:
    stage = ExportInstances(ExportInstances.Config(folder=str(tmp_path / "deep" / "out")))
    assert stage(job_of(), frames_of(3, first=122), PEOPLE, SURFACES) is None
    folder = tmp_path / "deep" / "out"
    assert sorted(p.name for p in folder.iterdir()) == [f"frame_{i:06d}.npz" for i in (122, 123, 124)]
    for t, members in ((0, [0, 1]), (1, []), (2, [2])):
        with np.load(folder / f"frame_{122 + t:06d}.npz", allow_pickle=False) as file:
            kinds = [f"{kind}_{i}" for i in range(len(members)) for kind in ("labels", "uv")]
            assert sorted(file.files) == sorted(["boxes_N4", "scores_N", *kinds])
            assert file["boxes_N4"].dtype == file["scores_N"].dtype == np.float32
            assert file["boxes_N4"].shape == (len(members), 4)
            assert np.array_equal(file["boxes_N4"], PEOPLE.box_N4[members])
            assert np.array_equal(file["scores_N"], PEOPLE.score_N[members])
            for i, person in enumerate(members):
                surface = SURFACES.people[person]
                assert file[f"labels_{i}"].dtype == np.uint8
                assert file[f"uv_{i}"].dtype == np.float32
                assert np.array_equal(file[f"labels_{i}"], surface.labels_hw)
                assert np.array_equal(file[f"uv_{i}"], surface.uv_2hw)
    assert (
        float(SURFACES.people[1].uv_2hw.min()) < 0 < 1 < float(SURFACES.people[1].uv_2hw.max())
    )  # nothing was clamped


def test_half_precision_coordinates_become_single_without_loss(tmp_path: Path) -> None:
    half = SURFACES.people[0].uv_2hw.astype(np.float16)
    surface = Surface(x0=0, y0=0, labels_hw=SURFACES.people[0].labels_hw, uv_2hw=half)
    people = People(
        frame_N=PEOPLE.frame_N[:1], box_N4=PEOPLE.box_N4[:1], score_N=PEOPLE.score_N[:1], id_N=PEOPLE.id_N[:1]
    )
    ExportInstances(ExportInstances.Config(folder=str(tmp_path)))(
        job_of(), frames_of(1), people, Surfaces(people=(surface,))
    )
    with np.load(tmp_path / "frame_000000.npz") as file:
        assert file["uv_0"].dtype == np.float32
        assert np.array_equal(file["uv_0"].astype(np.float16), half)


@pytest.mark.parametrize(
    ("still", "several", "name"),
    [
        (True, False, "walk.npz"),
        (True, True, "walk/walk.npz"),
        (False, True, "walk/frame_000000.npz"),
    ],
)
def test_images_are_named_by_stem_and_several_inputs_get_folders(
    tmp_path: Path, still: bool, several: bool, name: str
) -> None:
    stage = ExportInstances(ExportInstances.Config(folder=str(tmp_path)))
    people = People(
        frame_N=np.zeros(0, np.int32),
        box_N4=np.zeros((0, 4), np.float32),
        score_N=np.zeros(0, np.float32),
        id_N=np.zeros(0, np.int32),
    )
    stage(job_of(several), frames_of(1, still=still), people, Surfaces(people=()))
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.npz")] == [name]
    assert not list(tmp_path.rglob("*.partial"))


def test_without_a_folder_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ExportInstances(ExportInstances.Config())(job_of(), frames_of(3), PEOPLE, SURFACES)
    assert not list(tmp_path.iterdir())


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("in the way")
    stage = ExportInstances(ExportInstances.Config(folder=str(tmp_path / "taken")))
    with pytest.raises(StageError, match=r"frame_000000\.npz: the export cannot be written"):
        stage(job_of(), frames_of(3), PEOPLE, SURFACES)


def test_a_second_run_replaces_whole_files(tmp_path: Path) -> None:
    stage = ExportInstances(ExportInstances.Config(folder=str(tmp_path)))
    stage(job_of(), frames_of(3), PEOPLE, SURFACES)
    first = (tmp_path / "frame_000000.npz").read_bytes()
    stage(job_of(), frames_of(3), PEOPLE, SURFACES)
    assert (tmp_path / "frame_000000.npz").read_bytes() == first
