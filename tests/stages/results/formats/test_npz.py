"""Arrays written frame by frame and read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.structures import EmbeddedSurface
from pipeline.stage import StageError
from stages.payloads import Surfaces
from stages.results.export import ExportRaw
from stages.results.formats.npz import read_frame, read_stream
from tests.stages.results.formats.made_frames import (
    PEOPLE,
    SURFACES,
    VIDEO,
    export,
    frames_of,
    job_of,
    people_of,
    with_heads,
)

pytestmark = pytest.mark.quick

NOBODY = people_of([], [], [])


def test_instances_hold_exactly_the_documented_arrays(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    export({"instances": folder}, frames_of(3, first=122), stage=ExportRaw)
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
                assert file[f"labels_{i}"].dtype == np.uint8 and file[f"uv_{i}"].dtype == np.float32
                assert np.array_equal(file[f"labels_{i}"], surface.labels_hw)
                assert np.array_equal(file[f"uv_{i}"], surface.uv_2hw)
    assert SURFACES.people[1].uv_2hw.min() < 0 < 1 < SURFACES.people[1].uv_2hw.max()  # nothing was clamped


def test_embeddings_hold_maps_on_the_pixels_and_vertices(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    whole = SURFACES.people[0]
    vertex_hw = rng.integers(-1, 27554, whole.labels_hw.shape).astype(np.int32)
    maps = rng.standard_normal((18, 8, 8)).astype(np.float32)
    embedded = EmbeddedSurface(vertex_hw=vertex_hw, mesh="smpl_27554", embedding_ESS=maps[:16], coarse_2SS=maps[16:])
    people = people_of([0], [[whole.x0, whole.y0, 20, 30]], [-1])
    surfaces = Surfaces(people=(replace(whole, embedded=embedded),))
    export({"embeddings": tmp_path}, frames_of(1), people, surfaces, stage=ExportRaw)
    height, width = vertex_hw.shape
    with np.load(tmp_path / "frame_000000.npz", allow_pickle=False) as file:
        assert sorted(file.files) == ["boxes_N4", "coarse_0", "embedding_0", "scores_N", "vertex_0"]
        assert np.array_equal(file["vertex_0"], vertex_hw) and file["vertex_0"].dtype == np.int32
        for name, expected in (("embedding_0", maps[:16]), ("coarse_0", maps[16:])):
            planes = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in expected]
            assert file[name].dtype == np.float32
            assert np.abs(file[name] - np.stack(planes)).max() < 1e-5
    with pytest.raises(StageError, match="predicts charts, no embeddings"):
        export({"embeddings": tmp_path / "x"}, frames_of(1), people, Surfaces(people=(whole,)), stage=ExportRaw)


def test_instances_crop_surfaces_at_the_boxs_corner(tmp_path: Path) -> None:
    """Readers place a grid by its box: two rows above and one column to the left are cropped."""
    whole = SURFACES.people[1]
    people = people_of([0], [[whole.x0 + 1.5, whole.y0 + 2.5, 39, 40]], [-1])
    export({"instances": tmp_path}, frames_of(1), people, Surfaces(people=(whole,)), stage=ExportRaw)
    with np.load(tmp_path / "frame_000000.npz") as file:
        assert np.array_equal(file["labels_0"], whole.labels_hw[2:, 1:])
        assert np.array_equal(file["uv_0"], whole.uv_2hw[:, 2:, 1:])


def test_half_precision_coordinates_become_single_without_loss(tmp_path: Path) -> None:
    half = SURFACES.people[0].uv_2hw.astype(np.float16)
    people = people_of([0], [[-2, 3, 20, 30]], [-1])
    surfaces = Surfaces(people=(replace(SURFACES.people[0], uv_2hw=half),))
    export({"instances": tmp_path}, frames_of(1), people, surfaces, stage=ExportRaw)
    with np.load(tmp_path / "frame_000000.npz") as file:
        assert file["uv_0"].dtype == np.float32
        assert np.array_equal(file["uv_0"].astype(np.float16), half)


@pytest.mark.parametrize(
    ("still", "several", "name"),
    [(True, False, "walk.npz"), (True, True, "walk/walk.npz"), (False, True, "walk/frame_000000.npz")],
)
def test_images_are_named_by_stem_and_several_inputs_get_folders(
    tmp_path: Path, still: bool, several: bool, name: str
) -> None:
    frames = frames_of(1, video=replace(VIDEO, still=still))
    export({"instances": tmp_path}, frames, NOBODY, Surfaces(people=()), job=job_of(several=several), stage=ExportRaw)
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()] == [name]


def test_files_have_the_frames_number_in_the_source(tmp_path: Path) -> None:
    frames = frames_of(3, index=[250, 255, 260])
    export({"instances": tmp_path / "raw"}, frames, stage=ExportRaw)
    export({"surfaces": tmp_path / "steady"}, frames)
    names = [f"frame_000{i}.npz" for i in (250, 255, 260)]
    assert sorted(p.name for p in (tmp_path / "raw").iterdir()) == names
    assert sorted(p.name for p in (tmp_path / "steady").glob("*.npz")) == names
    assert [int(np.load(tmp_path / "steady" / name)["frame"]) for name in names] == [250, 255, 260]


def test_surfaces_are_read_unchanged_with_identity_and_confidence(tmp_path: Path) -> None:
    confidence = np.random.default_rng(5).random(SURFACES.people[2].labels_hw.shape).astype(np.float16)
    surfaces = Surfaces(people=(*SURFACES.people[:2], replace(SURFACES.people[2], confidence_hw=confidence)))
    export({"surfaces": tmp_path}, frames_of(3, first=5), PEOPLE, surfaces)
    video = read_stream(tmp_path)
    assert video == VIDEO
    for t, members in ((0, [0, 1]), (1, []), (2, [2])):
        result = read_frame(tmp_path / f"frame_{5 + t:06d}.npz", video)
        assert (result.index, result.pts) == (5 + t, 5 + t)
        assert np.array_equal(result.id_N, PEOPLE.id_N[members])
        assert np.array_equal(result.box_N4, PEOPLE.box_N4[members])
        assert np.array_equal(result.score_N, PEOPLE.score_N[members])
        for surface, person in zip(result.surfaces, members, strict=True):
            expected = surfaces.people[person]
            assert (surface.x0, surface.y0) == (expected.x0, expected.y0)
            assert np.array_equal(surface.labels_hw, expected.labels_hw)
            assert np.array_equal(surface.uv_2hw, expected.uv_2hw)
            assert (surface.confidence_hw is None) == (person != 2)
    assert np.array_equal(result.surfaces[0].confidence_hw, confidence)


def test_keypoints_and_masks_of_a_networks_heads_are_read_unchanged(tmp_path: Path) -> None:
    heads = with_heads(SURFACES.people[0], 3)
    surfaces = Surfaces(people=(heads, *SURFACES.people[1:]))
    export({"surfaces": tmp_path}, surfaces=surfaces)
    one, other = read_frame(tmp_path / "frame_000000.npz", read_stream(tmp_path)).surfaces
    assert one.keypoint_K3 is not None and one.keypoint_K3.dtype == np.float32
    assert np.array_equal(one.keypoint_K3, heads.keypoint_K3)
    assert one.mask_hw is not None and np.array_equal(one.mask_hw, heads.mask_hw)
    assert other.keypoint_K3 is None and other.mask_hw is None


def test_instances_crop_the_mask_as_the_surface(tmp_path: Path) -> None:
    whole = with_heads(SURFACES.people[1], 4)
    people = people_of([0], [[whole.x0 + 1.5, whole.y0 + 2.5, 39, 40]], [-1])
    export({"instances": tmp_path}, frames_of(1), people, Surfaces(people=(whole,)), stage=ExportRaw)
    with np.load(tmp_path / "frame_000000.npz") as file:
        assert whole.mask_hw is not None
        assert np.array_equal(file["mask_0"], whole.mask_hw[2:, 1:])
        assert np.array_equal(file["keypoints_0"], whole.keypoint_K3)


def test_bridged_people_are_read_as_bridged(tmp_path: Path) -> None:
    people = replace(PEOPLE, bridged_N=np.array([False, True, False]))
    export({"surfaces": tmp_path / "some"}, people=people)
    export({"surfaces": tmp_path / "none"})
    for folder, marked in (("some", [[False, True], [], [False]]), ("none", [[False, False], [], [False]])):
        video = read_stream(tmp_path / folder)
        results = [read_frame(tmp_path / folder / f"frame_{t:06d}.npz", video) for t in range(3)]
        assert [np.asarray(result.bridged_N).tolist() for result in results] == marked


def test_nearness_is_read_unchanged(tmp_path: Path) -> None:
    near_N = np.array([0.5, np.nan, 2.0], np.float32)
    export({"surfaces": tmp_path}, people=replace(PEOPLE, near_N=near_N))
    video = read_stream(tmp_path)
    results = [read_frame(tmp_path / f"frame_{t:06d}.npz", video) for t in range(3)]
    found_N = np.concatenate([np.asarray(result.near_N) for result in results])
    assert np.array_equal(found_N, near_N, equal_nan=True)


def test_the_stream_file_is_written_after_all_frames(tmp_path: Path) -> None:
    export({"surfaces": tmp_path})
    assert json.loads((tmp_path / "stream.json").read_text())["exported"] == 3
    with pytest.raises(StageError):
        export({"surfaces": tmp_path, "csv": tmp_path / "absent.jpg"})
    (tmp_path / "frame_000001.npz").unlink()
    (tmp_path / "frame_000001.npz").mkdir()
    with pytest.raises(StageError, match=r"frame_000001\.npz: the export cannot be written"):
        export({"surfaces": tmp_path})
    with pytest.raises(StageError, match="is no export of surfaces"):
        read_stream(tmp_path)


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("in the way")
    with pytest.raises(StageError, match=r"frame_000000\.npz: the export cannot be written"):
        export({"instances": tmp_path / "taken"}, stage=ExportRaw)


def test_a_second_run_writes_the_same_bytes(tmp_path: Path) -> None:
    export({"instances": tmp_path}, stage=ExportRaw)
    first = (tmp_path / "frame_000000.npz").read_bytes()
    export({"instances": tmp_path}, stage=ExportRaw)
    assert (tmp_path / "frame_000000.npz").read_bytes() == first
    assert not list(tmp_path.rglob("*.partial"))
