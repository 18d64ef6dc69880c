"""Files in the DensePose-COCO format: round trips, PoseTrack's variant, damage, and one real annotation."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from models.body.charts import COARSE_OF_CHART
from models.files.data_pickle import read_data_pickle
from models.metrics.instances import AnnotatedPoints
from pipeline.stage import StageError
from stages.annotations.coco_masks import decode_mask, encode_mask, run_lengths
from stages.annotations.densepose_coco import (
    DAMAGE_HANDLERS,
    AnnotatedImage,
    AnnotatedPerson,
    DenseSet,
    Skipped,
    read_dense_set,
    write_dense_set,
)


def masks(seed: int = 0) -> list[Any]:
    """Fourteen part masks, some of them empty lists, by pycocotools' own encoder."""
    rng = np.random.default_rng(seed)
    found: list[Any] = []
    for part in range(14):
        drawn = np.zeros((256, 256), np.uint8, order="F")
        drawn[part * 18 : part * 18 + 15, 40:200] = rng.integers(0, 2, (15, 160))
        rle = coco_mask.encode(drawn)
        found.append([] if part % 5 == 4 else {"size": rle["size"], "counts": rle["counts"].decode()})
    return found


def person(number: int, image: int, **changes: Any) -> dict[str, Any]:
    """An annotation like those of densepose_minival2014.json."""
    return {
        "id": number, "image_id": image, "category_id": 1, "iscrowd": 0, "area": 1234.5,
        "bbox": [10.5, 20.25, 100, 180],
        "segmentation": [[10.0, 20.0, 100.0, 20.0, 60.0, 190.5]], "keypoints": [0] * 51, "num_keypoints": 0,
        "dp_x": [0.0, 103.482706, 255.0], "dp_y": [1.5, 2, 254.9], "dp_I": [2.0, 24.0, 1.0], "dp_U": [0.0, 0.5, 1],
        "dp_V": [0.25, 0.125, 0.0626], "dp_masks": masks(number), **changes,
    }


def document() -> dict[str, Any]:
    plain = person(3, 2)
    for key in [key for key in plain if key.startswith("dp_")]:
        del plain[key]
    return {
        "info": {"year": 2017}, "licenses": [{"id": 4}], "categories": [{"id": 1, "name": "person"}],
        "images": [
            {"id": 1, "file_name": "a.jpg", "height": 240, "width": 320, "license": 4},
            {"id": 2, "file_name": "b.jpg", "height": 240, "width": 320, "license": 5},
        ],
        "annotations": [person(1, 1), person(2, 1, iscrowd=1), plain],
    }


def stored(folder: Path, content: Any) -> Path:
    path = folder / "densepose.json"
    path.write_text(json.dumps(content))
    return path


def test_a_round_trip_keeps_all_values(tmp_path: Path) -> None:
    source = document()
    read = read_dense_set(stored(tmp_path, source))
    write_dense_set(tmp_path / "again.json", read)
    assert json.loads((tmp_path / "again.json").read_text()) == source
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".partial")] == []


def test_fields_have_the_values_of_the_file(tmp_path: Path) -> None:
    read = read_dense_set(stored(tmp_path, document()))
    first, _, plain = read.people
    assert first.points is not None
    assert first.points.chart_M.tolist() == [2, 24, 1]
    assert first.points.x_M.tolist() == [0.0, 103.482706, 255.0]
    assert first.points.v_M.tolist() == [0.25, 0.125, 0.0626]
    assert first.box_4 == (10.5, 20.25, 100, 180)
    assert first.part_masks is not None
    assert [mask is None for mask in first.part_masks] == [part % 5 == 4 for part in range(14)]
    assert plain.points is None
    assert plain.part_masks is None
    assert (read.images[1].height, read.images[1].width) == (240, 320)


def test_vertices_of_embeddings_are_read_and_written(tmp_path: Path) -> None:
    source = document()
    source["annotations"][0] |= {"dp_vertex": [0, 27553, -1], "ref_model": "smpl_27554"}
    read = read_dense_set(stored(tmp_path, source))
    points, others = read.people[0].points, read.people[1].points
    assert points is not None and points.vertex_M is not None and others is not None
    assert (points.vertex_M.tolist(), points.mesh) == ([0, 27553, -1], "smpl_27554")
    assert (others.vertex_M, others.mesh) == (None, "")
    write_dense_set(tmp_path / "again.json", read)
    assert json.loads((tmp_path / "again.json").read_text()) == source
    few = points.only(np.array([2, 0]))
    assert few.vertex_M is not None and (few.vertex_M.tolist(), few.chart_M.tolist(), few.mesh) == (
        [-1, 0], [1, 2], "smpl_27554")  # fmt: skip


def tracked() -> dict[str, Any]:
    """Three frames of DensePose-PoseTrack, unordered and without image sizes; one person without a track."""
    images = [
        {"id": 10 + k, "file_name": f"images/v/{k}.jpg", "vid_id": "00001", "frame_id": 100 + k, "nframes": 3,
         "is_labeled": True, "has_no_densepose": False, "ignore_regions_x": [], "ignore_regions_y": []}
        for k in (2, 0, 1)
    ]
    people = [person(20 + k, 10 + k, track_id=7, bbox_head=[1, 2, 3, 4]) for k in (2, 0, 1)]
    people.append(person(30, 11, track_id=8))
    people.append(person(31, 11))
    return {"images": images, "annotations": people, "categories": []}


def test_people_of_posetrack_have_tracks(tmp_path: Path) -> None:
    read = read_dense_set(stored(tmp_path, tracked()))
    image = {one.id: (one.video, one.frame) for one in read.images}
    found = [(one.id, one.track, *image[one.image]) for one in read.people]
    assert found == [(22, 7, "00001", 102), (20, 7, "00001", 100), (21, 7, "00001", 101),
                     (30, 8, "00001", 101), (31, None, "00001", 101)]
    write_dense_set(tmp_path / "again.json", read)
    assert json.loads((tmp_path / "again.json").read_text()) == tracked()


def cut(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda record: record.__setitem__(key, record[key][:-1])


def put(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record.__setitem__(key, value)


def masked(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["dp_masks"][2].update(changes)


def embedded(vertices: list[float], mesh: str = "smpl_27554") -> Callable[[dict[str, Any]], None]:
    return lambda record: record.update(dp_vertex=vertices, ref_model=mesh)


DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no box": (lambda record: record.pop("bbox"), "has no bbox"),
    "no image number": (lambda record: record.pop("image_id"), "has no image_id"),
    "no such image": (put("image_id", 77), "image 77 is missing"),
    "one field missing": (lambda record: record.pop("dp_V"), "has no dp_V"),
    "one field shorter": (cut("dp_U"), "have different lengths"),
    "vertices of an animal": (embedded([5, 6, 7], "cat_5001"), "ref_model is 'cat_5001', none of smpl_27554"),
    "vertices of no mesh": (put("dp_vertex", [5, 6, 7]), "ref_model is None"),
    "a mesh without vertices": (put("ref_model", "smpl_27554"), "has no dp_vertex"),
    "fewer vertices than points": (embedded([5, 6]), "dp_vertex has 2 values instead of 3"),
    "a vertex beyond the mesh": (embedded([5, 27554, 7]), "dp_vertex holds a value that is no vertex of smpl_27554"),
    "half a vertex": (embedded([5, 6.5, 7]), "dp_vertex holds a value that is no vertex"),
    "not a number": (put("dp_x", [1.0, float("nan"), 2.0]), "dp_x holds a value that is not finite"),
    "infinite": (put("dp_V", [0.5, float("inf"), 0.2]), "dp_V holds a value that is not finite"),
    "text": (put("dp_y", [1.0, "2", 3.0]), "dp_y is not a list of numbers"),
    "null": (put("dp_y", None), "dp_y is not a list of numbers"),
    "no such chart": (put("dp_I", [2.0, 25.0, 1.0]), r"dp_I holds a value outside 1\.\.24"),
    "between charts": (put("dp_I", [2.0, 2.5, 1.0]), "dp_I holds a fractional value"),
    "point outside the box": (put("dp_y", [1.0, 300.0, 1.0]), "dp_y holds a value outside"),
    "beyond the chart": (put("dp_U", [0.5, 1.5, 0.1]), "dp_U holds a value outside"),
    "box outside": (put("bbox", [400.0, 20.0, 50.0, 50.0]), "box lies outside"),
    "box too large": (put("bbox", [0.0, 0.0, 400.0, 50.0]), "box lies outside"),
    "empty box": (put("bbox", [10.0, 20.0, 0.0, 50.0]), "box is 0×50"),
    "short box": (put("bbox", [10.0, 20.0, 50.0]), "bbox has 3 values instead of 4"),
    "box of nan": (put("bbox", [10.0, 20.0, float("nan"), 3.0]), "bbox holds a value that is not finite"),
    "box of a number beyond all floats": (put("bbox", [10.0, 20.0, 10**400, 3.0]), "int too large"),
    "thirteen masks": (cut("dp_masks"), "not 14 masks"),
    "mask cut short": (masked(counts="0"), "part mask 3 has runs of 0 pixels"),
    "mask of strange letters": (masked(counts="PÿX"), "part mask 3 has the character"),
    "mask unfinished": (masked(counts="PPo"), "part mask 3 ends inside a number"),
    "mask of another size": (masked(size=[256, 255]), "part mask 3 has runs"),
    "mask without size": (lambda record: record["dp_masks"][2].pop("size"), "part mask 3 has no size"),
    "mask of negative size": (masked(size=[-256, -256]), "part mask 3 has the size"),
    "broken segmentation": (put("segmentation", {"size": [240, 320], "counts": "11"}), "segmentation has runs of 2"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_record_is_reported_or_counted(tmp_path: Path, name: str) -> None:
    damage, expected = DAMAGE[name]
    source = document()
    damage(source["annotations"][0])
    path = stored(tmp_path, source)
    with pytest.raises(StageError, match=rf"densepose\.json: annotation 1: .*{expected}"):
        read_dense_set(path)
    skipped = Skipped()
    read = read_dense_set(path, skipped)
    assert [one.id for one in read.people] == [2, 3]
    assert len(skipped) == 1
    assert sum(skipped.counts().values()) == 1


def test_a_missing_image_is_reported_or_counted_with_its_people(tmp_path: Path) -> None:
    path = stored(tmp_path, document())
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(StageError, match=r"image 2: its file b\.jpg is missing"):
        read_dense_set(path, image_folder=tmp_path)
    skipped = Skipped()
    read = read_dense_set(path, skipped, tmp_path)
    assert [one.id for one in read.people] == [1, 2]
    assert skipped.counts() == {"its file b.jpg is missing": 1, "its image 2 is missing": 1}


def test_a_configuration_selects_the_handler_of_damage() -> None:
    assert isinstance(DAMAGE_HANDLERS["skip"](), Skipped)
    with pytest.raises(StageError, match="it broke"):
        DAMAGE_HANDLERS["refuse"]()(StageError("it broke"))


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '{"images": []}', '{"images": {}, "annotations": []}'])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "densepose.json"
    path.write_text(content)
    with pytest.raises(StageError, match=r"densepose\.json"):
        read_dense_set(path, Skipped())
    with pytest.raises(StageError, match="missing"):
        read_dense_set(tmp_path / "nothing.json")


def test_records_that_are_no_records_are_refused(tmp_path: Path) -> None:
    source = {"images": [3, {"id": True, "file_name": "a"}, {"id": 1}], "annotations": [None, [], "x", {}]}
    skipped = Skipped()
    read = read_dense_set(stored(tmp_path, source), skipped)
    assert (len(read.images), len(read.people), len(skipped)) == (0, 0, 7)


JUNK = (None, True, -1, 1e300, float("nan"), "", "ÿ", [], {}, [[]], {"size": [2, 2]}, 10**30)


def with_junk(node: Any, rng: np.random.Generator) -> Any:
    """The document with one value at a random place replaced by junk."""
    if isinstance(node, dict | list) and node and rng.random() < 0.85:
        key = list(node)[rng.integers(len(node))] if isinstance(node, dict) else rng.integers(len(node))
        node[key] = with_junk(node[key], rng)
        return node
    return JUNK[rng.integers(len(JUNK))]


def test_no_junk_is_accepted_or_crashes_the_reader(tmp_path: Path) -> None:
    """With any value replaced by junk the file is refused, or every person of it can be drawn."""
    source, refused = json.dumps(document()), 0
    for seed in range(200):
        path = stored(tmp_path, with_junk(json.loads(source), np.random.default_rng(seed)))
        skipped = Skipped()
        try:
            read = read_dense_set(path, skipped)
        except StageError:
            refused += 1
            continue
        refused += len(skipped) > 0
        for one in read.people:
            assert np.isfinite(one.box_4).all()
            for mask in one.part_masks or ():
                assert mask is None or decode_mask(mask).shape == (256, 256)
            if one.points is not None:
                assert {len(one.points.x_M), len(one.points.y_M), len(one.points.u_M)} == {len(one.points)}
                assert np.isfinite([one.points.x_M, one.points.y_M, one.points.u_M, one.points.v_M]).all()
    assert refused > 75


def test_run_lengths_equal_those_of_pycocotools() -> None:
    """Decoded masks equal the encoded ones, and the run lengths are right."""
    rng = np.random.default_rng(3)
    for share in (0.0, 0.001, 0.3, 1.0):
        drawn = np.asfortranarray(rng.random((97, 61)) < share, np.uint8)
        rle = coco_mask.encode(drawn)
        flat = drawn.ravel(order="F")
        change = np.flatnonzero(np.diff(flat)) + 1
        bounds = np.concatenate([[0], change, [flat.size]])
        expected = ([0] if flat[0] else []) + np.diff(bounds).tolist()
        assert run_lengths(rle["counts"]) == expected
        assert np.array_equal(decode_mask(encode_mask(drawn)), drawn)


def real_person(shared: Path) -> tuple[AnnotatedPerson, np.ndarray]:
    with (shared / "assets" / "gt" / "demo_dp_single_ann.pkl").open("rb") as file:
        real = read_data_pickle(file)
    height, width = real["ICrop"].shape[:2]
    points = AnnotatedPoints(
        x_M=real["x"] * 255 / width, y_M=real["y"] * 255 / height, chart_M=real["I"].astype(np.int64), u_M=real["U"],
        v_M=real["V"],
    )
    return AnnotatedPerson(id=1, image=1, box_4=(0.0, 0.0, float(width), float(height)), points=points), real["ICrop"]


def test_a_round_trip_of_the_real_annotation(shared: Path, tmp_path: Path) -> None:
    person, crop = real_person(shared)
    image = AnnotatedImage(id=1, file_name="crop.png", height=crop.shape[0], width=crop.shape[1])
    write_dense_set(tmp_path / "one.json", DenseSet(images=(image,), people=(person,)))
    points = read_dense_set(tmp_path / "one.json").people[0].points
    assert points is not None
    assert person.points is not None
    for name in ("x_M", "y_M", "chart_M", "u_M", "v_M"):
        assert np.array_equal(getattr(points, name), getattr(person.points, name))
    # Upright people: the head above the torso, the torso above the lower legs.
    coarse = COARSE_OF_CHART[points.chart_M]
    head, torso, shins = (points.y_M[np.isin(coarse, parts)].mean() for parts in ([14], [1], [8, 9]))
    assert head < torso < shins
    assert len(points) == 125


def test_writing_does_not_change_the_set(tmp_path: Path) -> None:
    """Writing changes nothing in the set that was read."""
    read = read_dense_set(stored(tmp_path, document()))
    before = copy.deepcopy([one.rest for one in read.people])
    write_dense_set(tmp_path / "again.json", read)
    assert [one.rest for one in read.people] == before
